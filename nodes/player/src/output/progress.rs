//! Notices a device that runs and emits nothing: one that hung, or whose sound server did.

use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// The slowest counters move every 10 ms, and a sound server may sleep for some hundred; a person waits no longer.
const STALL_LIMIT: Nanos = Nanos::from_secs(2);

/// Watches a counter that should move. Real-time.
#[derive(Debug, Default)]
pub(super) struct Progress {
    last: Option<(i128, Timestamp<NodeClock>)>,
}

impl Progress {
    /// Takes the counter of a running device, and says whether it has been stuck for too long.
    pub(super) fn is_stalled(&mut self, counter: i128, now: Timestamp<NodeClock>) -> bool {
        match self.last {
            Some((last, since)) if last == counter => now - since > STALL_LIMIT,
            _ => {
                self.last = Some((counter, now));
                false
            }
        }
    }

    /// The device starts over.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_device_that_hangs_is_noticed_and_a_slow_one_is_not() {
        let mut progress = Progress::default();
        for millis in (0..60_000).step_by(5) {
            assert!(!progress.is_stalled(i128::from(millis / 500), at(millis)), "a counter that moves twice a second");
        }
        assert!(!progress.is_stalled(119, at(61_400)));
        assert!(progress.is_stalled(119, at(61_600)));
        progress.reset();
        assert!(!progress.is_stalled(119, at(70_000)));
    }
}
