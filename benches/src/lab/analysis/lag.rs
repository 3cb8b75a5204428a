//! Where one piece of sound is in another, between frames.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

/// Steps of Newton's method: each doubles the digits, and the first guess is within half a frame.
const REFINEMENTS: usize = 5;

/// Correlates pieces of fixed lengths.
pub struct Correlator {
    /// Fades the needle in and out. With sharp edges, what lies there would pull the top of the correlation by up to 0.1 µs.
    taper: Vec<f32>,
    haystack: usize,
    size: usize,
    forward: Arc<dyn RealToComplex<f64>>,
    back: Arc<dyn ComplexToReal<f64>>,
}

/// Where it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The first frame, from the first of the haystack.
    pub frame: f64,
    /// The correlation coefficient: 1 is equal but for the volume.
    pub likeness: f64,
}

impl Correlator {
    /// For pieces of `needle` frames, looked for in pieces of `haystack` frames.
    pub fn new(needle: usize, haystack: usize) -> Self {
        // The lags at which the needle lies whole in the haystack do not wrap around.
        let size = haystack.max(needle).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        Self {
            taper: hann(needle),
            haystack,
            size,
            forward: planner.plan_fft_forward(size),
            back: planner.plan_fft_inverse(size),
        }
    }

    /// Where the needle is most like a part of the haystack, to less than a thousandth of a frame for noise; `None` for
    /// silence, and for pieces of other lengths.
    pub fn find(&self, needle: &[f32], haystack: &[f32]) -> Option<Place> {
        if needle.len() != self.taper.len() || haystack.len() != self.haystack || needle.len() > haystack.len() {
            return None;
        }
        let faded: Vec<f32> = needle.iter().zip(&self.taper).map(|(sample, taper)| sample * taper).collect();
        let mut product = self.spectrum(&faded);
        product
            .iter_mut()
            .zip(self.spectrum(haystack))
            .for_each(|(needle, haystack)| *needle = needle.conj() * haystack);
        // The ends of a product of two real signals' spectra are real but for rounding.
        for end in [0, self.size / 2] {
            product[end].im = 0.0;
        }
        let mut correlation = self.back.make_output_vec();
        self.back.process(&mut product.clone(), &mut correlation).ok()?;
        let lags = &correlation[..=haystack.len() - needle.len()];
        let (best, top) = lags.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let (ours, theirs) = (self.energy(needle), self.energy(&haystack[best..best + needle.len()]));
        if ours <= 0.0 || theirs <= 0.0 {
            return None;
        }
        let likeness = top / self.size as f64 / (ours * theirs).sqrt();
        Some(Place { frame: best as f64 + self.refine(&product, best), likeness })
    }

    /// As the taper weighs it.
    fn energy(&self, sound: &[f32]) -> f64 {
        sound.iter().zip(&self.taper).map(|(sample, taper)| f64::from(*sample).powi(2) * f64::from(*taper)).sum()
    }

    fn spectrum(&self, sound: &[f32]) -> Vec<Complex<f64>> {
        let mut input = self.forward.make_input_vec();
        input.iter_mut().zip(sound).for_each(|(input, sample)| *input = f64::from(*sample));
        let mut output = self.forward.make_output_vec();
        self.forward.process(&mut input, &mut output).expect("the buffers were made for this");
        output
    }

    /// How far the top of the correlation is from the frame at which it is largest: the correlation is band-limited, so
    /// its spectrum says what it and its derivatives are at any fraction of a frame.
    fn refine(&self, product: &[Complex<f64>], best: usize) -> f64 {
        let step = core::f64::consts::TAU / self.size as f64;
        let mut offset = 0.0_f64;
        for _ in 0..REFINEMENTS {
            let turn = Complex::from_polar(1.0, step * (best as f64 + offset));
            let (mut phase, mut slope, mut curve) = (Complex::new(1.0, 0.0), 0.0, 0.0);
            for (bin, value) in product.iter().enumerate() {
                let (bin, turned) = (bin as f64, value * phase);
                slope -= bin * turned.im;
                curve -= bin * bin * turned.re;
                phase *= turn;
            }
            if curve >= 0.0 {
                return offset;
            }
            offset = (offset - slope / (curve * step)).clamp(-1.0, 1.0);
        }
        offset
    }
}

fn hann(length: usize) -> Vec<f32> {
    let step = core::f32::consts::TAU / length as f32;
    (0..length).map(|number| 0.5 - 0.5 * (step * (number as f32 + 0.5)).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::analysis::waves::Waves;

    #[test]
    fn noise_is_found_between_frames() {
        let seed = fastrand::u64(..);
        let waves = Waves::new(seed);
        let correlator = Correlator::new(4_096, 13_696);
        for offset in [0.0, 0.25, 0.4999, -0.31] {
            let needle = waves.sampled((3_000.0 + offset) / 48_000.0, 1.0 / 48_000.0, 4_096);
            let haystack = waves.sampled(0.0, 1.0 / 48_000.0, 13_696);
            let place = correlator.find(&needle, &haystack).unwrap();
            assert!((place.frame - 3_000.0 - offset).abs() < 2e-3, "seed {seed}: {offset} found as {place:?}");
            // It is that of the nearest whole frame.
            assert!(place.likeness > 0.6, "seed {seed}: {place:?}");
        }
    }
}
