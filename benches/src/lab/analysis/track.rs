//! A recording as sound on the true clock.

use std::path::Path;

use crate::lab::recording::Recording;

/// Runs shorter than this, in seconds, are no more than an attempt to begin.
const SHORTEST: f64 = 0.25;

/// Below this root mean square (−66 dB) a block of sound is silence: far below the material, far above rounding.
const SILENCE: f64 = 5e-4;

/// Seconds in a block that is silent or not.
const BLOCK: f64 = 0.01;

/// What a room emitted.
#[derive(Clone, Debug)]
pub struct Track {
    /// Unbroken runs, in the order of time.
    pub runs: Vec<Run>,
}

/// An unbroken run of frames, one channel.
#[derive(Clone, Debug)]
pub struct Run {
    /// When the first was emitted, in seconds of the true clock.
    pub start: f64,
    /// Frames a second of the true clock.
    pub rate: f64,
    /// The frames, full scale ±1.
    pub samples: Vec<f32>,
}

impl Track {
    /// Reads a recording, in which nothing may be missing from its start.
    ///
    /// # Errors
    /// When it is not there, or of another kind.
    pub fn read(prefix: &Path) -> anyhow::Result<Self> {
        let recording = Recording::read(prefix)?;
        let runs = recording.runs.iter().enumerate().map(|(index, run)| {
            let samples = recording.mono(index)?;
            Ok(Run { start: run.seconds_of(0.0), rate: run.frames_per_nano * 1e9, samples })
        });
        let runs: anyhow::Result<Vec<Run>> = runs.collect();
        Ok(Self { runs: runs?.into_iter().filter(|run| run.seconds() > SHORTEST).collect() })
    }

    /// The run that is under way at an instant.
    pub fn at(&self, instant: f64) -> Option<&Run> {
        self.runs.iter().find(|run| (0.0..run.samples.len() as f64).contains(&run.position(instant)))
    }

    /// When the first sound is emitted that is no silence.
    pub fn first_sound(&self) -> Option<f64> {
        self.runs.iter().find_map(|run| {
            let frame = run.samples.iter().position(|sample| f64::from(sample.abs()) > SILENCE)?;
            Some(run.instant(frame as f64))
        })
    }

    /// The share of the time between two instants in which nothing is emitted, or silence.
    pub fn silent_share(&self, from: f64, to: f64) -> f64 {
        let sounding: usize = self.runs.iter().map(|run| run.sounding_blocks(from, to)).sum();
        let blocks = ((to - from) / BLOCK).floor();
        // At the ends of runs a block may be cut in two.
        ((blocks - sounding as f64) / blocks.max(1.0)).max(0.0)
    }
}

impl Run {
    /// Where it is at an instant, in frames.
    pub fn position(&self, instant: f64) -> f64 {
        (instant - self.start) * self.rate
    }

    /// When a frame is emitted.
    pub fn instant(&self, position: f64) -> f64 {
        self.start + position / self.rate
    }

    /// How long it is.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / self.rate
    }

    /// So many frames from one on; `None` when they are not all there.
    pub fn piece(&self, first: i64, frames: usize) -> Option<&[f32]> {
        let first = usize::try_from(first).ok()?;
        self.samples.get(first..first.checked_add(frames)?)
    }

    /// So many frames from one on, with silence where there are none.
    pub fn padded(&self, first: i64, frames: usize) -> Vec<f32> {
        let at = |frame: i64| usize::try_from(frame).ok().and_then(|frame| self.samples.get(frame)).copied();
        (first..).take(frames).map(|frame| at(frame).unwrap_or(0.0)).collect()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate at both ends")]
    fn sounding_blocks(&self, from: f64, to: f64) -> usize {
        let last = self.samples.len();
        let first = (self.position(from).ceil() as usize).min(last);
        let end = (self.position(to).floor() as usize).clamp(first, last);
        let blocks = self.samples[first..end].chunks_exact((self.rate * BLOCK) as usize);
        blocks.filter(|block| energy(block) > SILENCE * SILENCE * block.len() as f64).count()
    }
}

/// The sum of squares.
fn energy(sound: &[f32]) -> f64 {
    sound.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_silence() {
        let mut samples = vec![0.1_f32; 96_000];
        samples[24_000..28_800].fill(0.0);
        let track = Track { runs: vec![Run { start: 100.0, rate: 48_000.0, samples }] };
        assert!((track.silent_share(100.0, 102.0) - 0.05).abs() < 1e-9);
        // What comes after the end is silent, too.
        assert!((track.silent_share(101.0, 103.0) - 0.5).abs() < 1e-9);
        assert_eq!(track.first_sound(), Some(100.0));
    }
}
