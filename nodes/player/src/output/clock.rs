//! The node's clock, read where an output needs it. Both clocks are read through the C library, so that a preloaded one
//! can give a process a crystal of its own.
//!
//! Real-time: the kernel answers from memory that it shares with every process.

use nix::time::{ClockId, clock_gettime};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// `CLOCK_MONOTONIC`: the same instants as the node's clock, but slewed by NTP.
#[derive(Clone, Copy, Debug)]
pub(super) enum Monotonic {}

/// A value that held at some instant within `uncertainty` of `at`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bracketed<T> {
    pub(super) value: T,
    pub(super) at: Timestamp<NodeClock>,
    pub(super) uncertainty: Nanos,
}

/// Now, on the node's clock: `CLOCK_MONOTONIC_RAW`.
pub(super) fn raw_now() -> Timestamp<NodeClock> {
    Timestamp::from_nanos(read(ClockId::CLOCK_MONOTONIC_RAW))
}

/// Now, on `CLOCK_MONOTONIC`.
pub(super) fn monotonic_now() -> Timestamp<Monotonic> {
    Timestamp::from_nanos(read(ClockId::CLOCK_MONOTONIC))
}

/// Reads something between two readings of the node's clock. The tightest of three attempts: a thread may be
/// interrupted in any one of them.
pub(super) fn bracketed<T>(mut take: impl FnMut() -> T) -> Bracketed<T> {
    let mut attempt = || {
        let before = raw_now();
        let value = take();
        let half = (raw_now() - before) / 2;
        Bracketed { value, at: before + half, uncertainty: half }
    };
    let mut best = attempt();
    for _ in 0..2 {
        let next = attempt();
        if next.uncertainty < best.uncertainty {
            best = next;
        }
    }
    best
}

/// Zero if the system has no such clock; every Linux since 2.6.28 has.
fn read(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec().saturating_mul(1_000_000_000).saturating_add(time.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn a_reading_that_was_interrupted_is_not_the_one_that_counts() {
        let mut attempt = 0;
        let reading = bracketed(|| {
            attempt += 1;
            if attempt == 1 {
                thread::sleep(Duration::from_millis(50));
            }
            (attempt, raw_now())
        });
        assert!(reading.value.0 > 1);
        assert!((reading.value.1 - reading.at).abs() <= reading.uncertainty + Nanos::new(1));
    }
}
