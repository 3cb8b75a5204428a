//! What a modelled converter emitted: PREFIX.raw holds the frames, PREFIX.log the instant of each unbroken run of them
//! (see `benches/lab/labdac.c`).

use std::{ffi::OsString, fs, path::Path};

use anyhow::{Context, anyhow, bail};

/// All that a converter emitted.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The frames as they were written.
    pub bytes: Vec<u8>,
    /// The unbroken runs.
    pub runs: Vec<Run>,
}

/// An unbroken run of frames.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where in the recording it begins, in frames.
    pub first: u64,
    /// When its first frame was emitted: nanoseconds of `CLOCK_MONOTONIC`.
    pub start: i64,
    /// How fast it ran.
    pub frames_per_nano: f64,
    /// How the frames are kept: ALSA's name of the format, and the channels.
    pub format: String,
    /// Frames emitted and written, once it has ended.
    pub end: Option<(u64, u64)>,
}

impl Recording {
    /// Reads both files.
    ///
    /// # Errors
    /// When they are not there, or not of this kind.
    pub fn read(prefix: &Path) -> anyhow::Result<Self> {
        let named = |suffix: &str| {
            let mut path = OsString::from(prefix);
            path.push(suffix);
            path
        };
        let bytes = fs::read(named(".raw")).with_context(|| format!("{}.raw", prefix.display()))?;
        let log = fs::read_to_string(named(".log")).with_context(|| format!("{}.log", prefix.display()))?;
        let mut runs: Vec<Run> = Vec::new();
        // Whoever records may be writing a line just now.
        let complete = log.rfind('\n').map_or("", |end| &log[..end]);
        for line in complete.lines() {
            let field: Vec<&str> = line.split(' ').collect();
            match (field.as_slice(), runs.last_mut()) {
                (["seg", first, start, rate, ppm, format, channels], _) => runs.push(Run {
                    first: first.parse()?,
                    start: start.parse()?,
                    frames_per_nano: rate.parse::<f64>()? * 1e-9 * (1.0 + ppm.parse::<f64>()? * 1e-6),
                    format: format!("{format} {channels}"),
                    end: None,
                }),
                (["stop", _, emitted, written], Some(run)) if run.end.is_none() => {
                    run.end = Some((emitted.parse()?, written.parse()?));
                }
                _ => bail!("{}.log: {line:?} is not to be understood", prefix.display()),
            }
        }
        Ok(Self { bytes, runs })
    }

    /// Every sample of a recording that is kept as `FLOAT_LE`.
    pub fn floats(&self) -> Vec<f32> {
        self.bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The mean of a run's two channels, full scale ±1, as far as it was emitted.
    ///
    /// # Errors
    /// When the frames are kept in another way than [`Run::format`] says for two channels of one of ALSA's usual formats.
    pub fn mono(&self, index: usize) -> anyhow::Result<Vec<f32>> {
        let run = self.runs.get(index).ok_or_else(|| anyhow!("there is no run {index}"))?;
        match run.format.as_str() {
            "S16_LE 2" => self.mean(index, |bytes| f32::from(i16::from_le_bytes(bytes)) / 32_768.0),
            "S24_LE 2" => self.mean(index, |bytes| (i32::from_le_bytes(bytes) << 8) as f32 / 2_147_483_648.0),
            "S32_LE 2" => self.mean(index, |bytes| i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0),
            "FLOAT_LE 2" => self.mean(index, f32::from_le_bytes),
            other => bail!("no recording of {other} can be read"),
        }
    }

    fn mean<const WIDTH: usize>(&self, index: usize, sample: fn([u8; WIDTH]) -> f32) -> anyhow::Result<Vec<f32>> {
        let run = &self.runs[index];
        let (samples, _) = self.bytes.as_chunks::<WIDTH>();
        let held = (samples.len() / 2) as u64;
        let next = self.runs.get(index + 1).map_or(held, |next| next.first);
        let end = run.end.map_or(next, |(emitted, _)| next.min(run.first + emitted)).min(held);
        let range = usize::try_from(run.first.min(end))? * 2..usize::try_from(end)? * 2;
        let frames = samples[range].as_chunks::<2>().0.iter();
        Ok(frames.map(|[left, right]| f32::midpoint(sample(*left), sample(*right))).collect())
    }
}

impl Run {
    /// When a frame of the run was emitted, in seconds of `CLOCK_MONOTONIC` since its first.
    pub fn seconds_of(&self, frame: f64) -> f64 {
        self.start as f64 * 1e-9 + frame / self.frames_per_nano * 1e-9
    }
}
