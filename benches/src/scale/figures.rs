//! Quantiles and lines.

/// The values below which given shares of all values lie; zeros when there are none.
pub fn quantiles<const N: usize>(values: &mut [f64], shares: [f64; N]) -> [f64; N] {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    shares.map(|share| values.get((values.len().saturating_sub(1) as f64 * share).round() as usize).map_or(0.0, |v| *v))
}

/// The straight line through points that leaves the least squares: where it begins, how it rises, and how much of what
/// there is to explain it explains, 1 being all.
pub fn line(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let slope = sum(&|p| (p.0 - x) * (p.1 - y)) / sum(&|p| (p.0 - x).powi(2));
    let start = y - slope * x;
    let left = sum(&|p| (p.1 - start - slope * p.0).powi(2));
    (start, slope, 1.0 - left / sum(&|p| (p.1 - y).powi(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_what_is_none_is_told_from_it() {
        let (start, slope, explained) = line(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]);
        assert!((start - 3.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9 && explained > 0.999_999);
        assert!(line(&[(1.0, 1.0), (2.0, 9.0), (3.0, 1.0)]).2 < 0.1);
    }

    #[test]
    fn quantiles_are_values_that_were_there() {
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(quantiles(&mut values, [0.0, 0.5, 0.99, 1.0]), [0.0, 50.0, 99.0, 100.0]);
        assert_eq!(quantiles(&mut [], [0.5]), [0.0]);
    }
}
