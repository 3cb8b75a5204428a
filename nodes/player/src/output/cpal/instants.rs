//! From cpal's instants to the node's clock. What cpal counts from, and on which clock, is its own affair and differs
//! between systems, so its clock is read next to the node's again and again.

use ::cpal::StreamInstant;
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use crate::output::clock::Bracketed;

/// Readings to choose from: half a second's. Over so short a time two crystals 100 ppm apart drift by 50 µs.
const RECENT: usize = 16;

/// How far the node's clock is ahead of cpal's.
#[derive(Debug, Default)]
pub(super) struct Instants {
    recent: [Option<Ahead>; RECENT],
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Ahead {
    by: Nanos,
    uncertainty: Nanos,
}

impl Instants {
    /// Takes a reading of cpal's clock.
    pub(super) fn observe(&mut self, now: Bracketed<StreamInstant>) {
        let ahead = Ahead { by: now.at - on_its_own(now.value), uncertainty: now.uncertainty };
        self.recent[self.next] = Some(ahead);
        self.next = (self.next + 1) % RECENT;
    }

    /// What the node's clock reads at an instant of cpal's, and how far that can be off: by the tightest of the recent
    /// readings. `None` before the first.
    pub(super) fn on_node_clock(&self, instant: StreamInstant) -> Option<(Timestamp<NodeClock>, Nanos)> {
        let best = self.recent.iter().flatten().min_by_key(|ahead| ahead.uncertainty)?;
        Some((on_its_own(instant) + best.by, best.uncertainty))
    }
}

/// cpal's count of nanoseconds, as if it were the node's.
fn on_its_own(instant: StreamInstant) -> Timestamp<NodeClock> {
    Timestamp::from_nanos(i64::try_from(instant.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(cpal: u64, node: i64, uncertainty: i64) -> Bracketed<StreamInstant> {
        let at = Timestamp::from_nanos(node);
        Bracketed { value: StreamInstant::from_nanos(cpal), at, uncertainty: Nanos::new(uncertainty) }
    }

    #[test]
    fn the_tightest_recent_reading_counts() {
        let mut instants = Instants::default();
        assert!(instants.on_node_clock(StreamInstant::ZERO).is_none());
        instants.observe(reading(1_000, 5_001_500, 700));
        instants.observe(reading(2_000, 5_002_010, 20));
        instants.observe(reading(3_000, 5_004_000, 900));
        let later = StreamInstant::from_nanos(10_000);
        assert_eq!(instants.on_node_clock(later), Some((Timestamp::from_nanos(5_010_010), Nanos::new(20))));
        for n in 0..16 {
            instants.observe(reading(10_000 + n, 5_010_050, 100));
        }
        let (_, uncertainty) = instants.on_node_clock(later).unwrap();
        assert_eq!(uncertainty, Nanos::new(100), "an old one is forgotten, however tight");
    }
}
