//! What the three sides of a stream know in common: the audio thread, the sender and the service. Atomics, and one lock
//! that no real-time thread waits for.

use std::sync::{
    Mutex, PoisonError, TryLockError,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering},
};

use super::{Wish, counters::Counting, position::Position, socket::Socket};
use crate::Failure;

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counting: Counting,
    /// Frames that the sender has taken.
    pub(super) position: Position,
    /// The sender has ended the run.
    ended_run: AtomicBool,
    /// The writer's run, and the frame since the beginning with which it begins.
    run: AtomicU32,
    first: AtomicU64,
    /// Nobody writes any more.
    feed_dropped: AtomicBool,
    /// Why it is over: the place in [`Failure::ALL`], from one.
    failure: AtomicU16,
    /// The sender has gone.
    over: AtomicBool,
    wish: AtomicU8,
    /// A socket to go on with.
    next: Mutex<Option<Socket>>,
}

impl Shared {
    /// Ends the stream for good: what is said first stays.
    pub(super) fn fail(&self, failure: Failure) {
        let place = Failure::ALL.iter().position(|known| *known == failure);
        let code = place.and_then(|place| u16::try_from(place + 1).ok()).unwrap_or(u16::MAX);
        let _ = self.failure.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Why it is over.
    pub(super) fn failure(&self) -> Option<Failure> {
        let place = usize::from(self.failure.load(Ordering::Acquire)).checked_sub(1)?;
        Some(Failure::ALL.get(place).copied().unwrap_or(Failure::Other))
    }

    pub(super) fn drop_feed(&self) {
        self.feed_dropped.store(true, Ordering::Release);
    }

    /// Whether the sender has nothing more to do.
    pub(super) fn is_finished(&self) -> bool {
        self.feed_dropped.load(Ordering::Acquire) || self.failure.load(Ordering::Acquire) != 0
    }

    /// The sender has gone.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// The sender has run out of frames.
    pub(super) fn end_run(&self) {
        self.counting.underrun();
        self.ended_run.store(true, Ordering::Release);
    }

    /// Whether the run has ended; says so once.
    pub(super) fn take_end_of_run(&self) -> bool {
        self.ended_run.load(Ordering::Relaxed) && self.ended_run.swap(false, Ordering::AcqRel)
    }

    /// The writer's next run begins with frame `first`.
    pub(super) fn begin_run(&self, run: u32, first: u64) {
        self.first.store(first, Ordering::Relaxed);
        self.run.store(run, Ordering::Release);
    }

    /// The writer's run, and its first frame.
    pub(super) fn run(&self) -> (u32, u64) {
        let run = self.run.load(Ordering::Acquire);
        (run, self.first.load(Ordering::Relaxed))
    }

    pub(super) fn wish(&self, wish: Wish) {
        self.wish.store(wish as u8, Ordering::Release);
    }

    pub(super) fn wished(&self) -> Wish {
        match self.wish.load(Ordering::Acquire) {
            0 => Wish::None,
            1 => Wish::Suspend,
            2 => Wish::Disconnect,
            _ => Wish::Resume,
        }
    }

    /// Gives the sender a socket.
    pub(super) fn give(&self, socket: Socket) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }

    /// Takes the socket that was given, if nobody is giving one this moment. Real-time: it does not wait.
    pub(super) fn take(&self) -> Option<Socket> {
        match self.next.try_lock() {
            Ok(mut next) => next.take(),
            Err(TryLockError::Poisoned(next)) => next.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_failed_with_first_stays_and_every_failure_can_be_told() {
        for failure in Failure::ALL {
            let shared = Shared::default();
            assert_eq!((shared.failure(), shared.is_finished()), (None, false));
            shared.fail(*failure);
            shared.fail(Failure::Other);
            assert_eq!((shared.failure(), shared.is_finished()), (Some(*failure), true));
        }
    }
}
