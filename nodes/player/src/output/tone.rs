//! A tone to try an output with: pips of 997 Hz at −20 dBFS, left, right, both, then a pause.
//!
//! 997 Hz shares no factor with any sampling rate, so every step of a converter is used; a fade keeps clicks out, so
//! that one that is heard is the output's.

use core::f64::consts::TAU;
use std::{thread, time::Duration};

use unisono_core::{
    playout::DacClock,
    time::Nanos,
    units::{Drift, SampleRate},
};

use super::{BUFFER, Fault, Gone, OpenError, OutputSpec, Quality, clock, open};

const HERTZ: f64 = 997.0;

/// −20 dBFS: clearly heard, nobody is startled.
const AMPLITUDE: f64 = 0.1;

/// A pip and the pause behind it.
const BEAT: Nanos = Nanos::from_millis(500);
const PIP: Nanos = Nanos::from_millis(300);
const FADE: Nanos = Nanos::from_millis(20);

/// An output that still holds sound after so long beyond the tone's length will not let go of it.
const OVERTIME: Nanos = Nanos::from_secs(10);

/// The pips, frame by frame, without end.
#[derive(Clone, Debug)]
pub struct TestTone {
    rate: SampleRate,
    frame: u64,
}

impl TestTone {
    /// At a rate, from the beginning.
    pub const fn new(rate: SampleRate) -> Self {
        Self { rate, frame: 0 }
    }
}

impl Iterator for TestTone {
    type Item = [f32; 2];

    fn next(&mut self) -> Option<[f32; 2]> {
        let frames = |span| self.rate.frames_in(span).0;
        let (beat, pip, fade) = (frames(BEAT), frames(PIP), frames(FADE));
        let (number, within) = (self.frame / beat % 4, self.frame % beat);
        self.frame += 1;
        if within >= pip || number == 3 {
            return Some([0.0; 2]);
        }
        let edge = within.min(pip - within).min(fade) as f64 / fade as f64;
        let envelope = 0.5 - 0.5 * (edge * TAU / 2.0).cos();
        let phase = within as f64 * HERTZ / f64::from(self.rate.hertz());
        #[expect(clippy::cast_possible_truncation, reason = "a sample")]
        let sample = (AMPLITUDE * envelope * (phase * TAU).sin()) as f32;
        Some(match number {
            0 => [sample, 0.0],
            1 => [0.0, sample],
            _ => [sample, sample],
        })
    }
}

/// What came of a test tone.
#[derive(Clone, Copy, Debug)]
pub struct TonePlayed {
    /// Times the output ran empty.
    pub underruns: u32,
    /// How fast the converter ran against the node's clock; after a few seconds good to some ppm.
    pub drift: Drift,
    /// How far its positions scattered.
    pub spread: Nanos,
    /// What they rest on.
    pub quality: Quality,
}

/// Why a test tone was not played to its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ToneError {
    /// The output could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The output was lost meanwhile.
    #[error("{output}: {gone}")]
    Gone {
        /// The output.
        output: OutputSpec,
        /// Why.
        gone: Gone,
    },
}

/// Plays the test tone through an output at 48 kHz, waits until all of it is out, and tells how the output did. It
/// blocks this thread and is meant for a person who waits for it.
///
/// # Errors
///
/// [`ToneError`] when the output cannot be opened or is lost.
pub fn test_tone(spec: &OutputSpec, length: Duration) -> Result<TonePlayed, ToneError> {
    let rate = SampleRate::HZ_48000;
    let mut output = open(spec, rate)?;
    let lost = |gone| ToneError::Gone { output: spec.clone(), gone };
    let mut tone = TestTone::new(rate);
    let mut left = rate.frames_in(length.into()).0;
    // Silence behind it pushes its last frame out.
    let mut silence = rate.frames_in(BUFFER * 4).0;
    let mut dac = DacClock::new(rate);
    let mut played = TonePlayed { underruns: 0, drift: Drift::ZERO, spread: Nanos::ZERO, quality: output.quality() };
    let give_up = clock::raw_now() + length.into() + OVERTIME;
    let mut random = fastrand::Rng::with_seed(0);
    let mut frames = Vec::new();
    while left > 0 || silence > 0 {
        thread::sleep(Duration::from_micros(random.u64(4_000..6_000)));
        if clock::raw_now() > give_up {
            return Err(lost(Gone::Stalled));
        }
        let mut step = || {
            if let Some(reading) = output.position()? {
                dac.observe(reading);
            }
            let writable = u64::from(output.room()?.writable);
            let (sounding, silent) = (left.min(writable), silence.min(writable - left.min(writable)));
            frames.clear();
            frames.extend(tone.by_ref().take(usize::try_from(sounding).unwrap_or(0)).flatten());
            frames.resize(frames.len() + 2 * usize::try_from(silent).unwrap_or(0), 0.0);
            output.write(&frames)?;
            (left, silence) = (left - sounding, silence - silent);
            Ok(())
        };
        match step() {
            Ok(()) => {}
            Err(Fault::Underrun) => {
                played.underruns += 1;
                dac.reset();
            }
            Err(Fault::Gone(gone)) => return Err(lost(gone)),
        }
        played.quality = output.quality();
    }
    Ok(TonePlayed { drift: dac.drift(), spread: dac.spread(), ..played })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pips_are_left_right_both_and_none_at_minus_20_dbfs_without_a_click() {
        let frames: Vec<[f32; 2]> = TestTone::new(SampleRate::HZ_48000).take(4 * 24_000).collect();
        let peak = |beat: usize, channel: usize| {
            frames[beat * 24_000..][..24_000].iter().map(|frame| frame[channel].abs()).fold(0.0, f32::max)
        };
        for (beat, [left, right]) in [[true, false], [false, true], [true, true], [false, false]].iter().enumerate() {
            for (channel, sounds) in [left, right].into_iter().enumerate() {
                let expected = if *sounds { 0.1 } else { 0.0 };
                assert!((peak(beat, channel) - expected).abs() < 1e-3, "beat {beat}, channel {channel}");
            }
        }
        // The steepest step of the sine itself, and nothing steeper.
        let steepest = 0.1 * (TAU * HERTZ / 48_000.0) * 1.01;
        for pair in frames.windows(2) {
            assert!(f64::from((pair[1][0] - pair[0][0]).abs()) <= steepest);
        }
    }

    #[test]
    fn a_model_plays_it_to_its_end() {
        let spec = "model:ppm=40".parse().unwrap();
        let played = test_tone(&spec, Duration::from_millis(300)).unwrap();
        assert_eq!(played.quality.source, crate::output::PositionSource::Model);
        let error = test_tone(&"file:/no/such/folder/x.wav".parse().unwrap(), Duration::ZERO).unwrap_err();
        assert!(matches!(error, ToneError::Open(_)), "{error}");
    }
}
