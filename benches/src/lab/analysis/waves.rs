//! Sound for tests that can be sampled at any instant, so that what is measured is known exactly.

use std::fmt;

use realfft::num_complex::Complex;

/// Many sines of unrelated frequencies: nearly noise.
pub(super) struct Waves {
    seed: u64,
    /// Radians a second, and radians.
    waves: Vec<(f64, f64)>,
}

impl Waves {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let wave = |_| ((200.0 + random.f64() * 18_000.0) * core::f64::consts::TAU, random.f64() * 6.3);
        Self { seed, waves: (0..100).map(wave).collect() }
    }

    /// So many samples, the first at an instant, `step` seconds apart.
    pub(super) fn sampled(&self, first: f64, step: f64, count: usize) -> Vec<f32> {
        let mut sum = vec![0.0; count];
        for (speed, phase) in &self.waves {
            let turn = Complex::from_polar(1.0, speed * step);
            let mut at = Complex::from_polar(0.015, speed * first + phase);
            for sum in &mut sum {
                *sum += at.im;
                at *= turn;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "as recordings are read")]
        sum.into_iter().map(|sample| sample as f32).collect()
    }
}

impl fmt::Display for Waves {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "seed {}", self.seed)
    }
}
