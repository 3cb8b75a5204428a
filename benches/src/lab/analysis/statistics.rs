//! Percentiles.

use serde::Serialize;

/// Of some figures, without their signs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half are below.
    pub p50: f64,
    /// 95 of 100 are below.
    pub p95: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// How many there are.
    pub count: usize,
}

impl Spread {
    /// `None` when there are no figures.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sizes: Vec<f64> = figures.into_iter().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let max = *sizes.last()?;
        let at = |share| percentile(&sizes, share);
        Some(Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max, count: sizes.len() })
    }
}

/// Of sorted figures, the one that a share of them is below, interpolated; 0 of none.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = place as usize;
    sorted[below] + (sorted[(below + 1).min(last)] - sorted[below]) * place.fract()
}

/// The middle one; 0 of none.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_sizes() {
        let spread = Spread::of((-50..=50).map(f64::from)).unwrap();
        assert_eq!((spread.p50, spread.max, spread.count), (25.0, 50.0, 101));
        assert_eq!(Spread::of([]), None);
    }
}
