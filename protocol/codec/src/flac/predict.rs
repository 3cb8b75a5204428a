//! Predictors: what is left of sound when each sample is guessed from those before it, and the way back.
//!
//! All sums wrap. An encoder never lets them; a damaged packet may, and makes noise then instead of a panic.

/// The most samples that a linear predictor looks back here. RFC 9639 section 7 keeps to it at 48 kHz.
pub(crate) const MAX_ORDER: usize = 12;

/// The coefficients of the fixed predictors (RFC 9639 section 9.2.5), for the latest sample first.
const FIXED: [&[i32]; 5] = [&[], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]];

/// A weighted sum of the samples before, shifted right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Predictor {
    /// The weight of the latest sample comes first.
    pub(crate) coefficients: Vec<i32>,
    /// Bits to the right.
    pub(crate) shift: u32,
}

impl Predictor {
    /// A polynomial through the last `order` samples, 0 to 4.
    pub(crate) fn fixed(order: usize) -> Option<Self> {
        Some(Self { coefficients: FIXED.get(order)?.to_vec(), shift: 0 })
    }

    pub(crate) fn order(&self) -> usize {
        self.coefficients.len()
    }

    /// What is left of the samples after the first `order()` ones; `None` when it does not fit.
    pub(crate) fn residual(&self, samples: &[i32]) -> Option<Vec<i32>> {
        samples
            .windows(self.order() + 1)
            .map(|window| {
                let (sample, past) = window.split_last()?;
                // -2^31 has no place in a residual (RFC 9639 section 9.2.7.3).
                i32::try_from(i64::from(*sample) - self.predict(past)).ok().filter(|left| *left != i32::MIN)
            })
            .collect()
    }

    /// Turns what is left back into samples. The first `order()` are samples already.
    pub(crate) fn restore(&self, samples: &mut [i32]) {
        for i in self.order()..samples.len() {
            let (past, rest) = samples.split_at_mut(i);
            #[expect(clippy::cast_possible_truncation, reason = "wraps, see above")]
            let predicted = self.predict(&past[i - self.order()..]) as i32;
            rest[0] = rest[0].wrapping_add(predicted);
        }
    }

    /// Guesses the sample behind `past`, which holds as many as there are coefficients.
    fn predict(&self, past: &[i32]) -> i64 {
        let products =
            past.iter().rev().zip(&self.coefficients).map(|(sample, weight)| i64::from(*sample) * i64::from(*weight));
        products.fold(0, i64::wrapping_add) >> self.shift
    }
}

/// Finds linear predictors. Made once for a block size.
#[derive(Debug)]
pub(crate) struct Analysis {
    window: Vec<f64>,
    weighted: Vec<f64>,
}

impl Analysis {
    pub(crate) fn new(block: usize) -> Self {
        Self { window: tukey(block), weighted: vec![0.0; block] }
    }

    /// The predictor that makes a block of samples of `depth` bits cheapest, its coefficients in `precision` bits.
    /// `None` when there is nothing to predict.
    pub(crate) fn predictor(&mut self, samples: &[i32], depth: u32, precision: u32) -> Option<Predictor> {
        for ((weighted, window), sample) in self.weighted.iter_mut().zip(&self.window).zip(samples) {
            *weighted = f64::from(*sample) * window;
        }
        let autocorrelation: [f64; MAX_ORDER + 1] = core::array::from_fn(|lag| {
            self.weighted.iter().zip(self.weighted.iter().skip(lag)).map(|(a, b)| a * b).sum()
        });
        let found = levinson_durbin(&autocorrelation);
        let frames = samples.len() as f64;
        // A Laplacian of this variance costs so many bits a sample; a coefficient and its warm-up sample cost, too.
        let cost = |order: usize, error: f64| {
            let bits = 0.5 * (error.max(1.0) / frames).log2() + 0.5;
            bits.max(0.0) * frames + order as f64 * f64::from(depth + precision)
        };
        let (_, best) = found
            .iter()
            .enumerate()
            .filter(|(i, _)| i + 1 < samples.len())
            .map(|(i, (error, coefficients))| (cost(i + 1, *error), &coefficients[..=i]))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        quantize(best, precision)
    }
}

/// Flat in the middle, a quarter of a cosine period at each end.
fn tukey(block: usize) -> Vec<f64> {
    let edge = (block / 4).max(1);
    (0..block)
        .map(|i| {
            let from_edge = i.min(block - 1 - i).min(edge);
            0.5 - 0.5 * (core::f64::consts::PI * (from_edge as f64 + 0.5) / (edge as f64 + 0.5)).cos()
        })
        .collect()
}

/// For each order from 1 on, the energy that is left and the coefficients; fewer when the sound is predicted wholly.
fn levinson_durbin(autocorrelation: &[f64; MAX_ORDER + 1]) -> Vec<(f64, [f64; MAX_ORDER])> {
    let mut found = Vec::with_capacity(MAX_ORDER);
    let mut coefficients = [0.0; MAX_ORDER];
    let mut error = autocorrelation[0];
    for order in 0..MAX_ORDER {
        if error <= 0.0 {
            break;
        }
        let known: f64 = (0..order).map(|i| coefficients[i] * autocorrelation[order - i]).sum();
        let reflection = (autocorrelation[order + 1] - known) / error;
        let previous = coefficients;
        coefficients[order] = reflection;
        for i in 0..order {
            coefficients[i] = previous[i] - reflection * previous[order - 1 - i];
        }
        error *= 1.0 - reflection * reflection;
        found.push((error, coefficients));
    }
    found
}

/// Integers of `precision` bits; what each loses to rounding is passed on to the next.
fn quantize(coefficients: &[f64], precision: u32) -> Option<Predictor> {
    let largest = coefficients.iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    if !(largest.is_finite() && largest > 0.0) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of a finite float")]
    let exponent = largest.log2().floor() as i32 + 1;
    let shift = u32::try_from(precision.cast_signed() - 1 - exponent).ok()?.min(15);
    let limit = f64::from(1_u32 << (precision - 1));
    let mut carried = 0.0;
    let coefficients = coefficients
        .iter()
        .map(|weight| {
            let exact = weight * f64::from(1_u32 << shift) + carried;
            let rounded = exact.round().clamp(-limit, limit - 1.0);
            carried = exact - rounded;
            #[expect(clippy::cast_possible_truncation, reason = "held within the limit")]
            let weight = rounded as i32;
            weight
        })
        .collect();
    Some(Predictor { coefficients, shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_restores_the_samples() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..200 {
            let samples: Vec<i32> = (0..100).map(|_| random.i32(-(1 << 24)..1 << 24)).collect();
            let order = random.usize(1..=MAX_ORDER);
            let coefficients = (0..order).map(|_| random.i32(-(1 << 10)..1 << 10)).collect();
            let predictors = (0..=4).filter_map(Predictor::fixed).chain([Predictor { coefficients, shift: 10 }]);
            for predictor in predictors {
                let residual = predictor.residual(&samples).unwrap();
                let mut restored = samples[..predictor.order()].to_vec();
                restored.extend(residual);
                predictor.restore(&mut restored);
                assert_eq!(restored, samples);
            }
        }
    }

    #[test]
    fn a_tone_is_predicted_to_almost_nothing() {
        let samples: Vec<i32> = (0..960)
            .map(|i| {
                #[expect(clippy::cast_possible_truncation, reason = "below 2^22")]
                let sample = (f64::from(i) * 0.3).sin().mul_add(4e6, 0.5) as i32;
                sample
            })
            .collect();
        let predictor = Analysis::new(960).predictor(&samples, 24, 15).unwrap();
        let left = predictor.residual(&samples).unwrap();
        let largest = left.iter().map(|left| left.abs()).max().unwrap();
        assert!(largest < 4_000, "{largest}");
    }

    #[test]
    fn silence_and_extremes_have_no_predictor_that_overflows() {
        assert_eq!(Analysis::new(960).predictor(&[0; 960], 24, 15), None);
        let square: Vec<i32> = (0..960).map(|i| if i / 7 % 2 == 0 { (1 << 24) - 1 } else { -(1 << 24) }).collect();
        if let Some(predictor) = Analysis::new(960).predictor(&square, 25, 15) {
            let _ = predictor.residual(&square);
        }
    }

    #[test]
    fn what_was_made_to_overflow_wraps() {
        Predictor { coefficients: vec![i32::MAX; 32], shift: 0 }.restore(&mut [i32::MIN; 100]);
        let mut samples = [i32::MAX; 3];
        Predictor { coefficients: vec![1], shift: 0 }.restore(&mut samples);
        assert_eq!(samples, [i32::MAX, -2, i32::MAX - 2]);
    }

    #[test]
    fn a_residual_that_no_frame_can_hold_is_none() {
        let doubled = Predictor { coefficients: vec![2], shift: 0 };
        assert_eq!(doubled.residual(&[1 << 30, 1]), Some(vec![i32::MIN + 1]));
        assert_eq!(doubled.residual(&[1 << 30, 0]), None);
        assert_eq!(doubled.residual(&[1 << 30, -5]), None);
    }
}
