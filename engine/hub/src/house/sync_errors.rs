//! How far from its group a room was each time that its node has said so, counted by size: between two readings of a
//! gauge a room may be out of time and in again.

use unisono_core::{time::Nanos, wire::control::Evidence};

/// The sizes that are told apart, in nanoseconds: from what no converter says of itself to what everybody hears. Alerts
/// ask for 2 ms, and two rooms sound as one up to 5 ms.
const BOUNDS_NS: [i64; BOUNDS] = [
    1_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
];

const BOUNDS: usize = 14;

/// Errors without their sign, by what they rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncErrors {
    /// A room's output has one kind of evidence; it may be given another output.
    by_evidence: Vec<(Evidence, SyncErrorCounts)>,
}

/// How many errors there were of each size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncErrorCounts {
    /// Those up to each bound and above the one before.
    up_to: [u64; BOUNDS],
    /// All of them.
    pub count: u64,
    sum_ns: u64,
}

impl SyncErrors {
    /// A node has said how far one of its rooms is from its group.
    pub(super) fn add(&mut self, error: Nanos, evidence: Evidence) {
        if matches!(evidence, Evidence::Nothing | Evidence::Other(_)) {
            return;
        }
        let place = self.by_evidence.iter().position(|(known, _)| *known == evidence).unwrap_or_else(|| {
            self.by_evidence.push((evidence, SyncErrorCounts::default()));
            self.by_evidence.len() - 1
        });
        let counts = &mut self.by_evidence[place].1;
        let size = error.as_nanos().saturating_abs();
        if let Some(bucket) = BOUNDS_NS.iter().position(|bound| size <= *bound) {
            counts.up_to[bucket] += 1;
        }
        counts.count += 1;
        counts.sum_ns = counts.sum_ns.saturating_add(size.unsigned_abs());
    }

    /// What was counted, by evidence.
    pub fn iter(&self) -> impl Iterator<Item = (Evidence, &SyncErrorCounts)> {
        self.by_evidence.iter().map(|(evidence, counts)| (*evidence, counts))
    }
}

impl SyncErrorCounts {
    /// All of them together, in seconds.
    pub fn sum_s(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// Each bound in seconds, and how many errors were no larger.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS_NS.iter().zip(self.up_to).scan(0, |so_far, (bound, count)| {
            *so_far += count;
            Some((*bound as f64 / 1e9, *so_far))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_size_whatever_their_sign() {
        let mut errors = SyncErrors::default();
        for micros in [0, -1, 1, -3_000, 150_000] {
            errors.add(Nanos::from_micros(micros), Evidence::Device);
        }
        errors.add(Nanos::new(i64::MIN), Evidence::Model);
        errors.add(Nanos::ZERO, Evidence::Nothing);
        let of: Vec<_> = errors.iter().collect();
        assert_eq!(of.iter().map(|(evidence, _)| *evidence).collect::<Vec<_>>(), [Evidence::Device, Evidence::Model]);
        let (device, model) = (of[0].1, of[1].1);
        let up_to = |limit: f64| device.cumulative().find(|(bound, _)| *bound >= limit).map(|(_, count)| count);
        assert_eq!((up_to(1e-6), up_to(2e-3), up_to(5e-3), up_to(0.1)), (Some(3), Some(3), Some(4), Some(4)));
        assert_eq!((device.count, model.count), (5, 1));
        assert!((device.sum_s() - 0.153_002).abs() < 1e-12);
        assert_eq!(model.cumulative().last(), Some((0.1, 0)));
    }
}
