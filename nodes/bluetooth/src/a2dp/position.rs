//! How far the sender has come, told to the audio thread without a lock.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

use unisono_core::time::{NodeClock, Timestamp};

/// Written by the sender, read by the audio thread. A version that is odd, or that has changed, says that what was read
/// is of two writings.
#[derive(Debug, Default)]
pub(super) struct Position {
    version: AtomicU32,
    run: AtomicU32,
    frames: AtomicU64,
    at: AtomicI64,
}

impl Position {
    /// So many frames of a run were taken when it was that time. Real-time; from one thread only.
    pub(super) fn publish(&self, run: u32, frames: u64, at: Timestamp<NodeClock>) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.run.store(run, Ordering::Relaxed);
        self.frames.store(frames, Ordering::Relaxed);
        self.at.store(at.as_nanos(), Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// What was published last, with its run; `None` when that is going on this moment. Real-time: it never waits.
    pub(super) fn read(&self) -> Option<(u32, u64, Timestamp<NodeClock>)> {
        let version = self.version.load(Ordering::Acquire);
        let run = self.run.load(Ordering::Relaxed);
        let frames = self.frames.load(Ordering::Relaxed);
        let at = self.at.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let same = version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version;
        same.then_some((run, frames, Timestamp::from_nanos(at)))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn what_is_read_was_written_together() {
        let position = Arc::new(Position::default());
        let writer = Arc::clone(&position);
        let writing = thread::spawn(move || {
            for number in 1..=200_000_u32 {
                writer.publish(number, u64::from(number) * 7, Timestamp::from_nanos(i64::from(number) * 11));
            }
        });
        let mut last = 0;
        while last < 200_000 {
            if let Some((run, frames, at)) = position.read() {
                assert_eq!((frames, at.as_nanos()), (u64::from(run) * 7, i64::from(run) * 11));
                assert!(run >= last);
                last = run;
            }
        }
        writing.join().unwrap();
    }
}
