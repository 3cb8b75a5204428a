//! What a stream has come to, for whoever watches it.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use serde::Serialize;
use unisono_core::time::Nanos;

/// What a stream has come to since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Packets that went out.
    pub packets: u64,
    /// Packets that the socket had no room for.
    pub dropped: u64,
    /// Packets that were left out because they were far too late.
    pub skipped: u64,
    /// Packets that went out more than half of their length late.
    pub late: u64,
    /// Times that there was no sound to take in the middle of a run.
    pub underruns: u64,
    /// The bitpool of the last packet.
    pub bitpool: u8,
    /// The greatest bitpool that is used with this speaker.
    pub bitpool_most: u8,
    /// How much sound was waiting in the socket before the last packet, in nanoseconds.
    pub queue: Nanos,
    /// The most that ever waited there, in nanoseconds.
    pub queue_most: Nanos,
    /// How long a packet took last until the adapter had sent it, in nanoseconds, where kernel, `BlueZ` and adapter say so.
    pub link: Option<Nanos>,
}

/// The same while it is counted, by the sender alone.
#[derive(Debug, Default)]
pub(super) struct Counting {
    packets: AtomicU64,
    dropped: AtomicU64,
    skipped: AtomicU64,
    late: AtomicU64,
    underruns: AtomicU64,
    bitpool: AtomicU8,
    bitpool_most: AtomicU8,
    queue: AtomicI64,
    queue_most: AtomicI64,
    /// One more than the nanoseconds; 0 where nobody says.
    link: AtomicI64,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    SentLate,
    Dropped,
    Skipped,
}

impl Counting {
    pub(super) fn begin(&self, bitpool_most: u8) {
        self.bitpool_most.store(bitpool_most, Ordering::Relaxed);
        self.bitpool.store(bitpool_most, Ordering::Relaxed);
    }

    pub(super) fn packet(&self, outcome: Outcome) {
        let add = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Sent => add(&self.packets),
            Outcome::SentLate => {
                add(&self.late);
                add(&self.packets)
            }
            Outcome::Dropped => add(&self.dropped),
            Outcome::Skipped => add(&self.skipped),
        };
    }

    pub(super) fn underrun(&self) {
        self.underruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn bitpool(&self, bitpool: u8) {
        self.bitpool.store(bitpool, Ordering::Relaxed);
    }

    pub(super) fn queue(&self, queue: Nanos) {
        self.queue.store(queue.as_nanos(), Ordering::Relaxed);
        self.queue_most.fetch_max(queue.as_nanos(), Ordering::Relaxed);
    }

    pub(super) fn link(&self, took: Option<Nanos>) {
        self.link.store(took.map_or(0, |took| took.as_nanos() + 1), Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counters {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let span = |span: &AtomicI64| Nanos::new(span.load(Ordering::Relaxed));
        Counters {
            packets: count(&self.packets),
            dropped: count(&self.dropped),
            skipped: count(&self.skipped),
            late: count(&self.late),
            underruns: count(&self.underruns),
            bitpool: self.bitpool.load(Ordering::Relaxed),
            bitpool_most: self.bitpool_most.load(Ordering::Relaxed),
            queue: span(&self.queue),
            queue_most: span(&self.queue_most),
            link: Some(span(&self.link)).filter(|link| *link > Nanos::ZERO).map(|link| link - Nanos::new(1)),
        }
    }
}
