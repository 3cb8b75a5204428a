//! How pure a sine is that was played, and how evenly it runs.
//!
//! Slow changes of its phase and level are taken out before purity is measured, and given as wow: a converter that is
//! steered is heard as the one or the other.

use realfft::{RealFftPlanner, num_complex::Complex};
use serde::Serialize;

use super::{
    statistics::{median, percentile},
    track::Track,
};

/// Seconds after the first sound that are left out: a player may find its place.
const SETTLING: f64 = 5.0;

/// Seconds at either end in which the filter that takes the tone out still rings.
const RINGING: usize = 3;

/// The filter passes everything within this of the tone, in hertz, with skirts of such a width.
const PASSES: f64 = 3.0;
const SKIRT: f64 = 0.7;

/// Nothing of the tone is further away.
const WIDEST: f64 = 12.0;

/// Phases a second from which wow is taken: it is what changes more slowly than `PASSES`.
const PHASES: usize = 10;

/// How well a sine was played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Purity {
    /// Its frequency at the nominal rate.
    pub hertz: f64,
    /// Seconds measured.
    pub seconds: usize,
    /// Signal to noise and distortion of the middle second, in decibels.
    pub sinad_median_db: f64,
    /// Of the worst second.
    pub sinad_worst_db: f64,
    /// How much its speed changes, root mean square, in parts per million.
    pub wow_rms_ppm: f64,
    /// At most.
    pub wow_max_ppm: f64,
}

/// Measures the longest run of a room between its first sound and `end`, in seconds of the true clock. `None` when there
/// is too little of it.
pub fn purity(room: &Track, nominal: u32, end: f64) -> Option<Purity> {
    let run = room.runs.iter().max_by(|a, b| a.seconds().total_cmp(&b.seconds()))?;
    let second = nominal as usize;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate at both ends")]
    let frame = |instant: f64| run.position(instant) as usize;
    let begin = frame(room.first_sound()?.max(run.start) + SETTLING);
    let seconds = frame(end).min(run.samples.len()).checked_sub(begin)? / second;
    let sound: Vec<f64> = run.samples[begin..].iter().take(seconds * second).map(|sample| f64::from(*sample)).collect();
    (seconds > 2 * RINGING).then(|| measure(&sound, second))
}

fn measure(sound: &[f64], second: usize) -> Purity {
    let seconds = sound.len() / second;
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, back) = (planner.plan_fft_forward(sound.len()), planner.plan_fft_inverse(sound.len()));
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut sound.to_vec(), &mut spectrum).expect("the buffers were made for this");
    let peak = (1..spectrum.len()).max_by(|a, b| spectrum[*a].norm().total_cmp(&spectrum[*b].norm())).unwrap_or(0);
    let hertz_per_bin = 1.0 / seconds as f64;
    for (bin, value) in spectrum.iter_mut().enumerate() {
        *value *= passed((bin as f64 - peak as f64) * hertz_per_bin);
    }
    for end in [0, sound.len() / 2] {
        spectrum[end].im = 0.0;
    }
    let wow = wow(&spectrum, peak, seconds);
    let mut carrier = back.make_output_vec();
    back.process(&mut spectrum, &mut carrier).expect("the buffers were made for this");
    let scale = 1.0 / sound.len() as f64;
    let ratios = (RINGING..seconds - RINGING).map(|number| {
        let range = number * second..(number + 1) * second;
        let (mut signal, mut rest) = (0.0, 0.0);
        for (sample, carrier) in sound[range.clone()].iter().zip(&carrier[range]) {
            signal += (carrier * scale).powi(2);
            rest += (sample - carrier * scale).powi(2);
        }
        10.0 * (signal / rest.max(1e-20)).log10()
    });
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    Purity {
        hertz: peak as f64 * hertz_per_bin,
        seconds: ratios.len(),
        sinad_median_db: median(&ratios),
        sinad_worst_db: percentile(&ratios, 0.0),
        wow_rms_ppm: (wow.iter().map(|ppm| ppm * ppm).sum::<f64>() / wow.len().max(1) as f64).sqrt(),
        wow_max_ppm: wow.iter().fold(0.0, |max, ppm| max.max(ppm.abs())),
    }
}

/// How much of what is so many hertz away from the tone is taken for it.
fn passed(away: f64) -> f64 {
    if away.abs() > WIDEST {
        return 0.0;
    }
    0.5 * (erf((PASSES - away) / SKIRT) + erf((PASSES + away) / SKIRT))
}

/// By how many parts per million the tone is faster than its usual speed, `PHASES` times a second.
fn wow(spectrum: &[Complex<f64>], peak: usize, seconds: usize) -> Vec<f64> {
    let hertz_per_bin = 1.0 / seconds as f64;
    let bins: Vec<usize> =
        (0..spectrum.len()).filter(|bin| bin.abs_diff(peak) as f64 * hertz_per_bin <= WIDEST).collect();
    // The tone as it is around its own frequency: few enough frequencies to add them up.
    let phase = |number: usize| {
        let turn = core::f64::consts::TAU * number as f64 / (PHASES * seconds) as f64;
        let sum: Complex<f64> =
            bins.iter().map(|bin| spectrum[*bin] * Complex::from_polar(1.0, turn * (*bin as f64 - peak as f64))).sum();
        sum.arg()
    };
    let phases: Vec<f64> = (RINGING * PHASES..(seconds - RINGING) * PHASES).map(phase).collect();
    let turns = phases.windows(2).map(|pair| {
        let turn = pair[1] - pair[0];
        turn - core::f64::consts::TAU * (turn / core::f64::consts::TAU).round()
    });
    let turns: Vec<f64> = turns.collect();
    let usual = median(&turns);
    let hertz = peak as f64 / seconds as f64;
    let radians = core::f64::consts::TAU * hertz / PHASES as f64;
    turns.iter().map(|turn| (turn - usual) / radians * 1e6).collect()
}

/// The error function by its series, which is good to 10⁻⁷ where the function is not 1 to that.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * core::f64::consts::FRAC_2_SQRT_PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::analysis::track::Run;

    /// A sine whose speed changes by so many parts per million in the middle, and noise at so many decibels below it.
    fn played(hertz: f64, step_ppm: f64, noise_db: f64) -> Track {
        let mut random = fastrand::Rng::with_seed(4);
        let (mut phase, mut samples) = (0.0_f64, Vec::new());
        for frame in 0..40 * 48_000 {
            let speed = if frame < 22 * 48_000 { 1.0 } else { 1.0 + step_ppm * 1e-6 };
            // A uniform number of ±1 is 4.77 dB below full scale, a sine 3.01 dB.
            let noise = (random.f64() * 2.0 - 1.0) * 10_f64.powf((noise_db + 1.76) / 20.0);
            #[expect(clippy::cast_possible_truncation, reason = "as recordings are read")]
            samples.push(((phase.sin() + noise) * 0.7) as f32);
            phase = (phase + core::f64::consts::TAU * hertz / 48_000.0 * speed) % core::f64::consts::TAU;
        }
        Track { runs: vec![Run { start: 0.0, rate: 48_000.0, samples }] }
    }

    #[test]
    fn a_pure_tone_is_pure() {
        for hertz in [997.0, 10_000.0, 997.0399] {
            let found = purity(&played(hertz, 0.0, -300.0), 48_000, 39.9).unwrap();
            assert!(found.sinad_worst_db > 140.0 && found.wow_max_ppm < 0.01, "{found:?}");
            assert!((found.hertz - hertz).abs() < 0.05, "{found:?}");
        }
    }

    #[test]
    fn noise_is_measured_and_a_small_change_of_speed_is_seen() {
        let found = purity(&played(997.0, 0.0, -90.0), 48_000, 39.9).unwrap();
        assert!((found.sinad_median_db - 90.0).abs() < 0.3, "{found:?}");
        // In the middle of what is measured: half of it is off by all of it.
        let found = purity(&played(997.0, 0.1, -300.0), 48_000, 39.9).unwrap();
        assert!((found.wow_max_ppm - 0.1).abs() < 0.02 && found.wow_rms_ppm > 0.05, "{found:?}");
        // In that second it is two tones.
        assert!(found.sinad_worst_db > 110.0, "{found:?}");
    }
}
