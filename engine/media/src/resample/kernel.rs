//! A windowed sinc, computed once in 64 bits and kept in 32, one row of taps for each of so many phases.
//!
//! Between two phases the taps are interpolated by a cubic (Lagrange) through four rows. With 256 phases what that
//! misses is 180 dB down; the window decides how good the kernel is.

use core::f64::consts::PI;

/// What the window holds back, in decibels. Above this the rounding of 32-bit samples is louder.
const ATTENUATION: f64 = 140.0;

/// The taps of a low-pass filter at every fraction of a frame; half of them, less one, are on samples before the one in
/// whose frame the phase lies.
#[derive(Debug)]
pub(super) struct Kernel {
    taps: usize,
    /// From one phase before 0 to one phase after 1.
    rows: Box<[f32]>,
}

impl Kernel {
    /// `taps` is a multiple of 16. The cutoff is the Nyquist frequency, so the kernel is 1 at its centre and 0 at every
    /// other whole frame: at phase 0 samples pass unchanged.
    pub(super) fn new(taps: usize, phases: usize) -> Self {
        let half = (taps / 2) as f64;
        // Kaiser's formula for the shape of his window.
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let peak = bessel(beta);
        let at = |tap: usize, row: usize| {
            let distance = tap as f64 - (half - 1.0) - (row as f64 - 1.0) / phases as f64;
            let inside = 1.0 - (distance / half).powi(2);
            if inside < 0.0 { 0.0 } else { sinc(distance) * bessel(beta * inside.sqrt()) / peak }
        };
        let mut rows: Vec<f64> = (0..phases + 3).flat_map(|row| (0..taps).map(move |tap| at(tap, row))).collect();
        // At 0 Hz the gain is exactly 1; it is off by what the window lets through.
        let sum: f64 = rows[taps..taps * (phases + 1)].iter().sum();
        rows.iter_mut().for_each(|tap| *tap *= phases as f64 / sum);
        for (row, centre) in [(1, taps / 2 - 1), (phases + 1, taps / 2)] {
            let whole = &mut rows[row * taps..][..taps];
            whole.fill(0.0);
            whole[centre] = 1.0;
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounded to 32 bits, as said")]
        let rows = rows.into_iter().map(|tap| tap as f32).collect();
        Self { taps, rows }
    }

    pub(super) const fn memory(&self) -> &[f32] {
        &self.rows
    }

    /// The taps at `phase + between` phases into a frame, where `phase` is less than there are phases and `between` is 0
    /// to 1. They may be written to `scratch`, which holds as many. Real-time: no allocation, no lock, no system call.
    #[inline(always)]
    pub(super) fn at<'a>(&'a self, phase: usize, between: f32, scratch: &'a mut [f32]) -> &'a [f32] {
        let row = |i: usize| &self.rows[(phase + i) * self.taps..][..self.taps];
        if between == 0.0 {
            return row(1);
        }
        let (x, y, z) = (between + 1.0, between - 1.0, between - 2.0);
        let weights = [-between * y * z / 6.0, x * y * z / 2.0, -x * between * z / 2.0, x * between * y / 6.0];
        let [a, b, c, d] = core::array::from_fn(row);
        let scratch = &mut scratch[..self.taps];
        for ((((tap, a), b), c), d) in scratch.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *tap = (weights[0] * a + weights[1] * b) + (weights[2] * c + weights[3] * d);
        }
        scratch
    }
}

/// The sum of the products, in an order that the compiler can do in parallel. Real-time.
#[inline(always)]
pub(super) fn dot(taps: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (taps, samples) in taps.as_chunks::<LANES>().0.iter().zip(samples.as_chunks::<LANES>().0) {
        for ((sum, tap), sample) in sums.iter_mut().zip(taps).zip(samples) {
            *sum += tap * sample;
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            sums[i] += sums[i + width];
        }
    }
    sums[0]
}

/// Sums that grow side by side: four vectors of four, enough to keep both multipliers of a small ARM core busy.
const LANES: usize = 16;

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function of order 0, which makes the Kaiser window.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_a_delta_at_whole_frames() {
        let kernel = Kernel::new(64, 256);
        let mut scratch = [0.0; 64];
        let mut delta = [0.0; 64];
        delta[31] = 1.0;
        assert_eq!(kernel.at(0, 0.0, &mut scratch), delta);
    }

    #[test]
    fn taps_between_phases_lie_on_the_curve() {
        let (coarse, fine) = (Kernel::new(64, 256), Kernel::new(64, 1024));
        let (mut scratch, mut other) = ([0.0; 64], [0.0; 64]);
        for phase in 0..1024 {
            #[expect(clippy::cast_precision_loss, reason = "below 4")]
            let between = (phase % 4) as f32 / 4.0;
            let interpolated = coarse.at(phase / 4, between, &mut scratch);
            let exact = fine.at(phase, 0.0, &mut other);
            for (a, b) in interpolated.iter().zip(exact) {
                assert!((a - b).abs() < 2e-7, "{a} and {b} at phase {phase}");
            }
        }
    }

    #[test]
    fn constant_sound_keeps_its_level() {
        for taps in [64, 192] {
            let kernel = Kernel::new(taps, 64);
            let mut scratch = vec![0.0; taps];
            for phase in 0..64 {
                let sum = dot(kernel.at(phase, 0.3, &mut scratch), &vec![1.0; taps]);
                assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            }
        }
    }
}
