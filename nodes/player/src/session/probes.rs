//! The thread that sends probes, for as long as a connection lasts.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, Thread},
};

use crate::vital::vital;
use unisono_core::{
    clock::{Pace, Prober, SendToken},
    time::{NodeClock, Timestamp},
};
use unisono_transport::{ClockSender, clock};

/// What is known of it. It ends with the channel that it sends on.
pub(super) struct Probes {
    pace: Arc<Mutex<Pace>>,
    told: Pace,
    thread: Thread,
    sent: Receiver<(SendToken, Timestamp<NodeClock>)>,
}

impl Probes {
    /// Starts it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(prober: Prober, pace: Pace, channel: &Arc<ClockSender<NodeClock>>) -> io::Result<Self> {
        let (tell, sent) = mpsc::channel();
        let (shared, channel) = (Arc::new(Mutex::new(pace)), Arc::downgrade(channel));
        let its_pace = Arc::clone(&shared);
        let handle = thread::Builder::new()
            .name("probes".into())
            .spawn(vital(move || run(prober, &its_pace, &channel, &tell)))?;
        Ok(Self { pace: shared, told: pace, thread: handle.thread().clone(), sent })
    }

    /// How often they are to go out from now on.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        if std::mem::replace(&mut self.told, pace) != pace {
            *lock(&self.pace) = pace;
            self.thread.unpark();
        }
    }

    /// What has been sent since this was asked last, and when.
    pub(super) fn sent(&self) -> impl Iterator<Item = (SendToken, Timestamp<NodeClock>)> {
        self.sent.try_iter()
    }
}

fn run(
    mut prober: Prober,
    pace: &Mutex<Pace>,
    channel: &Weak<ClockSender<NodeClock>>,
    tell: &Sender<(SendToken, Timestamp<NodeClock>)>,
) {
    while let Some(channel) = channel.upgrade() {
        let (now, pace) = (clock::now(), *lock(pace));
        if let Some((probe, token)) = prober.poll_transmit(now, pace)
            // What the socket has no room for is not sent later: it would say nothing by then.
            && let Ok(at) = channel.send(&probe.encode())
            && tell.send((token, at)).is_err()
        {
            return;
        }
        drop(channel);
        if let Some(at) = prober.poll_timeout(pace) {
            thread::park_timeout((at - clock::now()).to_duration());
        }
    }
}

fn lock(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}
