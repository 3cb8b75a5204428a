//! One band as a filter.
//!
//! The response is that of the *Cookbook formulae for audio equalizer biquad filter coefficients* (R. Bristow-Johnson), so
//! that settings which others have measured mean here what they mean there. The structure is a state variable filter with
//! trapezoidal integrators (A. Simper, *Linear trapezoidal integrated SVF*): what it keeps is the sound at two points of the
//! filter, whatever its coefficients are, so that a changed band goes on from there. The direct forms keep numbers that mean
//! nothing to other coefficients; at 20 Hz they would be heard as a thump hundreds of times as large.

use core::f64::consts::PI;

use unisono_core::{
    sound::{Band, BandKind},
    units::SampleRate,
};

/// Samples in a frame.
pub(super) const CHANNELS: usize = 2;

/// The bilinear transform knows nothing of what lies beyond half of the rate.
const HIGHEST: f64 = 0.49;

/// What is quieter than this (400 dB down) is nothing. It would end as numbers so small that a processor is slow with them.
const NOTHING: f64 = 1e-20;

/// What is larger was no sound.
const ABSURD: f64 = 1e15;

/// A filter of second order and what it keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    a1: f64,
    a2: f64,
    a3: f64,
    /// Of the sound itself, of what its band pass and what its low pass give.
    m0: f64,
    m1: f64,
    m2: f64,
    kept: [[f64; 2]; CHANNELS],
}

impl Section {
    /// Lets everything pass.
    pub(super) const OPEN: Self =
        Self { a1: 1.0, a2: 0.0, a3: 0.0, m0: 1.0, m1: 0.0, m2: 0.0, kept: [[0.0; 2]; CHANNELS] };

    /// For a band at a rate; `None` for one that changes nothing. Real-time.
    pub(super) fn new(band: &Band, rate: SampleRate) -> Option<Self> {
        if band.kind.has_gain() && band.gain.value() == 0.0 {
            return None;
        }
        let hertz = f64::from(rate.hertz());
        let g = (PI * (band.frequency.value() / hertz).min(HIGHEST)).tan();
        let (a, q) = (10_f64.powf(band.gain.value() / 40.0), band.q.value());
        let (g, k, m0, m1, m2) = match band.kind {
            BandKind::Peak => (g, 1.0 / (q * a), 1.0, (a * a - 1.0) / (q * a), 0.0),
            BandKind::LowShelf => (g / a.sqrt(), 1.0 / q, 1.0, (a - 1.0) / q, a * a - 1.0),
            BandKind::HighShelf => (g * a.sqrt(), 1.0 / q, a * a, (1.0 - a) * a / q, 1.0 - a * a),
            BandKind::LowPass => (g, 1.0 / q, 0.0, 0.0, 1.0),
            BandKind::HighPass => (g, 1.0 / q, 1.0, -1.0 / q, -1.0),
            BandKind::Notch => (g, 1.0 / q, 1.0, -1.0 / q, 0.0),
            BandKind::Other(_) => return None,
        };
        let a1 = 1.0 / (1.0 + g * (g + k));
        Some(Self { a1, a2: g * a1, a3: g * g * a1, m0, m1, m2, kept: [[0.0; 2]; CHANNELS] })
    }

    /// Goes on from what another one has kept. Real-time.
    pub(super) const fn go_on_from(&mut self, other: &Self) {
        self.kept = other.kept;
    }

    /// One frame. Real-time.
    pub(super) fn pass(&mut self, frame: &mut [f64; CHANNELS]) {
        for (sample, [band, low]) in frame.iter_mut().zip(&mut self.kept) {
            let high = *sample - *low;
            let v1 = self.a1 * *band + self.a2 * high;
            let v2 = *low + self.a2 * *band + self.a3 * high;
            *band = 2.0 * v1 - *band;
            *low = 2.0 * v2 - *low;
            *sample = self.m0 * *sample + self.m1 * v1 + self.m2 * v2;
        }
    }

    /// Forgets what is nothing any more, and all of it when it was no sound: a number that is none would stay for ever.
    /// Real-time.
    pub(super) fn tidy(&mut self) {
        for kept in self.kept.as_flattened_mut() {
            if kept.abs() < NOTHING {
                *kept = 0.0;
            }
        }
        if !self.kept.as_flattened().iter().all(|kept| kept.abs() < ABSURD) {
            self.forget();
        }
    }

    /// Begins anew. Real-time.
    pub(super) const fn forget(&mut self) {
        self.kept = [[0.0; 2]; CHANNELS];
    }
}
