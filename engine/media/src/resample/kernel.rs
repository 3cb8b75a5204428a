//! A windowed sinc, computed once in 64 bits and kept in 32, one row of taps for each of so many phases.
//!
//! Between two phases the taps are interpolated by a cubic (Lagrange) through four rows. With 256 phases what that
//! misses is 180 dB down; the window decides how good the kernel is.

use core::f64::consts::PI;

use super::TAPS;

/// What the window holds back, in decibels. Above this the rounding of 32-bit samples is louder.
const ATTENUATION: f64 = 140.0;

/// The taps of a low-pass filter at every fraction of a frame; half of them, less one, are on samples before the one in
/// whose frame the phase lies.
#[derive(Debug)]
pub(super) struct Kernel {
    /// From one phase before 0 to one phase after 1.
    rows: Box<[[f32; TAPS]]>,
}

impl Kernel {
    /// The cutoff is the Nyquist frequency, so the kernel is 1 at its centre and 0 at every other whole frame: at phase 0
    /// samples pass unchanged.
    pub(super) fn new(phases: usize) -> Self {
        let half = (TAPS / 2) as f64;
        // Kaiser's formula for the shape of his window.
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let peak = bessel(beta);
        let at = |tap: usize, row: usize| {
            let distance = tap as f64 - (half - 1.0) - (row as f64 - 1.0) / phases as f64;
            let inside = 1.0 - (distance / half).powi(2);
            if inside < 0.0 { 0.0 } else { sinc(distance) * bessel(beta * inside.sqrt()) / peak }
        };
        let row = |row: usize| -> [f64; TAPS] { core::array::from_fn(|tap| at(tap, row)) };
        let rows: Vec<[f64; TAPS]> = (0..phases + 3).map(row).collect();
        // At 0 Hz the gain is exactly 1; it is off by what the window lets through.
        let gain = phases as f64 / rows[1..=phases].iter().flatten().sum::<f64>();
        #[expect(clippy::cast_possible_truncation, reason = "rounded to 32 bits, as said")]
        let mut rows: Box<[[f32; TAPS]]> = rows.iter().map(|row| row.map(|tap| (tap * gain) as f32)).collect();
        for (row, centre) in [(1, TAPS / 2 - 1), (phases + 1, TAPS / 2)] {
            rows[row] = [0.0; TAPS];
            rows[row][centre] = 1.0;
        }
        Self { rows }
    }

    pub(super) fn memory(&self) -> &[f32] {
        self.rows.as_flattened()
    }

    /// The taps at `phase + between` phases into a frame, where `phase` is less than there are phases and `between` is 0
    /// to 1; or where the next frame begins. Real-time: no allocation, no lock, no system call.
    #[inline(always)]
    pub(super) fn at(&self, phase: usize, between: f32) -> [f32; TAPS] {
        if between == 0.0 {
            return self.rows[phase + 1];
        }
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| &self.rows[phase + i]);
        let (x, y, z) = (between + 1.0, between - 1.0, between - 2.0);
        let weights = [-between * y * z / 6.0, x * y * z / 2.0, -x * between * z / 2.0, x * between * y / 6.0];
        core::array::from_fn(|tap| {
            (weights[0] * a[tap] + weights[1] * b[tap]) + (weights[2] * c[tap] + weights[3] * d[tap])
        })
    }
}

/// The sums of the products with several channels, in an order that the compiler can do in parallel. Real-time.
#[inline(always)]
pub(super) fn dots<const FUSED: bool, const N: usize>(taps: &[f32; TAPS], channels: [&[f32; TAPS]; N]) -> [f32; N] {
    let mut sums = [[0.0; LANES]; N];
    let channels = channels.map(|samples| samples.as_chunks::<LANES>().0);
    for (number, taps) in taps.as_chunks::<LANES>().0.iter().enumerate() {
        for (sums, samples) in sums.iter_mut().zip(channels) {
            for ((sum, tap), sample) in sums.iter_mut().zip(taps).zip(samples[number]) {
                *sum = multiply_add::<FUSED>(*tap, sample, *sum);
            }
        }
    }
    // The compiler would do all of the above in pairs, because that is how it ends.
    core::hint::black_box(sums).map(|sums| {
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    })
}

/// `a * b + c`; rounded once where a processor can do it at once, which is `FUSED`, and would take long everywhere else.
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Sums that grow side by side: a vector of eight, or two of four.
const LANES: usize = 8;

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
        let mut delta = [0.0; TAPS];
        delta[31] = 1.0;
        assert_eq!(Kernel::new(256).at(0, 0.0), delta);
    }

    #[test]
    fn the_last_phase_ends_where_the_next_frame_begins() {
        let mut delta = [0.0; TAPS];
        delta[32] = 1.0;
        assert_eq!(Kernel::new(256).at(256, 0.0), delta);
    }

    #[test]
    fn taps_between_phases_lie_on_the_curve() {
        let (coarse, fine) = (Kernel::new(256), Kernel::new(1024));
        for phase in 0..1024 {
            #[expect(clippy::cast_precision_loss, reason = "below 4")]
            let between = (phase % 4) as f32 / 4.0;
            for (a, b) in coarse.at(phase / 4, between).iter().zip(fine.at(phase, 0.0)) {
                assert!((a - b).abs() < 2e-7, "{a} and {b} at phase {phase}");
            }
        }
    }

    #[test]
    fn constant_sound_keeps_its_level() {
        let kernel = Kernel::new(64);
        for phase in 0..64 {
            for [sum] in [dots::<false, 1>, dots::<true, 1>].map(|dots| dots(&kernel.at(phase, 0.3), [&[1.0; TAPS]])) {
                assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            }
        }
    }
}
