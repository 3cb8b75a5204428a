//! The thread that sends probes, for as long as a connection lasts.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, Thread},
};

use unisono_core::{
    clock::{Pace, Prober, SendToken},
    time::{NodeClock, Timestamp},
};
use unisono_transport::{ClockSender, clock};

use crate::vital::vital;

/// Probes that may wait for the session to take note of them. It does when it hears of the hub's clock, and needs none
/// that are older.
const WAITING: usize = 256;

/// What is known of it. It ends with the channel that it sends on.
pub(super) struct Probes {
    shared: Arc<Shared>,
    told: Pace,
    thread: Thread,
}

struct Shared {
    pace: Mutex<Pace>,
    sent: Mutex<VecDeque<(SendToken, Timestamp<NodeClock>)>>,
}

impl Probes {
    /// Starts it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(prober: Prober, pace: Pace, channel: &Arc<ClockSender<NodeClock>>) -> io::Result<Self> {
        let sent = Mutex::new(VecDeque::with_capacity(WAITING));
        let (shared, channel) = (Arc::new(Shared { pace: Mutex::new(pace), sent }), Arc::downgrade(channel));
        let its = Arc::clone(&shared);
        let handle = thread::Builder::new().name("probes".into()).spawn(vital(move || run(prober, &its, &channel)))?;
        Ok(Self { shared, told: pace, thread: handle.thread().clone() })
    }

    /// How often they are to go out from now on.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        if std::mem::replace(&mut self.told, pace) != pace {
            *lock(&self.shared.pace) = pace;
            self.thread.unpark();
        }
    }

    /// What has been sent since this was asked last, and when: all that can have been answered.
    pub(super) fn sent(&self) -> VecDeque<(SendToken, Timestamp<NodeClock>)> {
        std::mem::take(&mut lock(&self.shared.sent))
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}

fn run(mut prober: Prober, shared: &Shared, channel: &Weak<ClockSender<NodeClock>>) {
    while let Some(channel) = channel.upgrade() {
        let (now, pace) = (clock::now(), *lock(&shared.pace));
        if let Some((probe, token)) = prober.poll_transmit(now, pace) {
            // Held until it is noted that it was sent: its answer may be there before.
            let mut sent = lock(&shared.sent);
            // What the socket has no room for is not sent later: it would say nothing by then.
            if let Ok(at) = channel.send(&probe.encode()) {
                if sent.len() == WAITING {
                    sent.pop_front();
                }
                sent.push_back((token, at));
            }
        }
        drop(channel);
        if let Some(at) = prober.poll_timeout(pace) {
            thread::park_timeout((at - clock::now()).to_duration());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
