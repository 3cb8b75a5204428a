//! All rooms, on one thread of one core.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use tokio::{sync::watch, task::JoinSet, time};

use super::room::{Room, Seen, Shared};

/// The thread's own pulse.
const PULSE: Duration = Duration::from_millis(5);

/// What all rooms have seen.
#[derive(Debug, Default)]
pub struct AllSeen {
    /// By room.
    pub rooms: Vec<Seen>,
    /// How late the thread's own pulse was, in seconds: what it adds to the lateness of packets.
    pub lag: Vec<f64>,
}

/// Rooms that play.
#[derive(Debug)]
pub struct Rooms {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<anyhow::Result<AllSeen>>,
    count: usize,
}

impl Rooms {
    /// Starts so many rooms, all at once as after a power cut, on the core of this thread.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(count: usize, shared: Shared) -> anyhow::Result<Self> {
        let (shared, (stop, stopped)) = (Arc::new(shared), watch::channel(false));
        let known = Arc::clone(&shared);
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(count, known, stopped))
        };
        let thread = thread::Builder::new().name("rooms".into()).spawn(run)?;
        Ok(Self { shared, stop, thread, count })
    }

    /// Waits until the hub has let all of them in. Gives the seconds that it took.
    ///
    /// # Errors
    /// When some are still outside after so long.
    pub fn wait_for_all(&self, patience: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        while self.shared.admitted.load(Relaxed) < self.count {
            if begun.elapsed() > patience {
                bail!("only {} of {} rooms were let in", self.shared.admitted.load(Relaxed), self.count);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Lets what arrives count, or not.
    pub fn measure(&self, measuring: bool) {
        self.shared.measuring.store(measuring, Relaxed);
    }

    /// Ends all rooms.
    ///
    /// # Errors
    /// Why they could not play.
    pub fn end(self) -> anyhow::Result<AllSeen> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| anyhow!("the rooms' thread has panicked"))?
    }
}

async fn run(count: usize, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) -> anyhow::Result<AllSeen> {
    let seen = Arc::new(Mutex::new(AllSeen::default()));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let mut room = Room::new(number, Arc::clone(&shared)).with_context(|| format!("room {number}"))?;
        let (mut stopped, seen) = (stopped.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => {}
                () = room.play() => {}
            }
            seen.lock().unwrap_or_else(PoisonError::into_inner).rooms.push(room.seen);
        });
    }
    let mut pulse = time::interval(PULSE);
    let mut lag = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => break,
            planned = pulse.tick() => if shared.measuring.load(Relaxed) {
                lag.push(planned.elapsed().as_secs_f64());
            },
        }
    }
    while tasks.join_next().await.is_some() {}
    let mut seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    seen.lag = lag;
    Ok(seen)
}
