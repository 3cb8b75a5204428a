//! A recording in a WAV file, paced by the node's clock at exactly the nominal rate: a converter with 0 ppm.
//!
//! Samples are 32-bit floats: what the room was given, to the bit. The header is brought up to date every second, so
//! the file can be read while it grows and after the process was killed. When the output runs empty the file has a cut
//! there, not a silence.

use std::{fs, io, path::Path};

use hound::{SampleFormat, WavSpec, WavWriter};
use nix::errno::Errno;
use unisono_core::{
    playout::DacReading,
    time::{Nanos, NodeClock, Timestamp},
    units::{Drift, SampleRate},
};

use super::{
    CHANNELS, Fault, OpenError, Output, PositionSource, Quality, Room, clock, frames_of,
    pace::Pace,
    saturating_u32,
    tape::{Mark, Medium, Tape},
};

/// What the 32-bit sizes of the format hold, less the header.
const MAX_DATA_BYTES: u64 = 0xFFFF_FFFF - 4_096;

/// A WAV file as an output.
pub(super) struct WavOutput {
    rate: SampleRate,
    pace: Pace<NodeClock>,
    tape: Tape,
}

impl WavOutput {
    /// Creates the file; one that exists is overwritten.
    pub(super) fn create(path: &Path, rate: SampleRate) -> Result<Self, OpenError> {
        let start = || -> io::Result<Tape> { Tape::start(WavFile::create(path, rate)?, rate) };
        let tape = start().map_err(|error| OpenError::from_io(format!("file:{}", path.display()), &error))?;
        Ok(Self { rate, pace: Pace::new(rate, Drift::ZERO, 1), tape })
    }

    fn room_at(&mut self, now: Timestamp<NodeClock>) -> Result<Room, Fault> {
        let tape = self.tape.room()?;
        let room = self.pace.room(now).map_err(|_| Fault::Underrun)?;
        Ok(Room { writable: room.writable.min(tape), ..room })
    }
}

impl Output for WavOutput {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn room(&mut self) -> Result<Room, Fault> {
        self.room_at(clock::raw_now())
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        let now = clock::raw_now();
        let frames = saturating_u32(frames_of(interleaved).0).min(self.room_at(now)?.writable);
        self.tape.push(&interleaved[..frames as usize * usize::from(CHANNELS)]);
        self.pace.write(frames, now);
        Ok(frames)
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        self.tape.room()?;
        let at = clock::raw_now();
        let played = self.pace.position(at).map_err(|_| Fault::Underrun)?;
        Ok(played.map(|played| DacReading { played, at }))
    }

    fn quality(&self) -> Quality {
        Quality { source: PositionSource::Model, uncertainty: Nanos::ZERO }
    }
}

struct WavFile {
    writer: WavWriter<io::BufWriter<fs::File>>,
    bytes: u64,
}

impl WavFile {
    fn create(path: &Path, rate: SampleRate) -> io::Result<Self> {
        let spec = WavSpec {
            channels: u16::from(CHANNELS),
            sample_rate: rate.hertz(),
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let mut writer = WavWriter::create(path, spec).map_err(to_io)?;
        // A file without a single sample is already one that can be read, and a full disk is noticed here.
        writer.flush().map_err(to_io)?;
        Ok(Self { writer, bytes: 0 })
    }
}

impl Medium for WavFile {
    fn write(&mut self, samples: &[f32]) -> io::Result<()> {
        self.bytes += size_of_val(samples) as u64;
        if self.bytes > MAX_DATA_BYTES {
            self.checkpoint()?;
            return Err(Errno::EFBIG.into());
        }
        samples.iter().try_for_each(|&sample| self.writer.write_sample(sample).map_err(to_io))
    }

    fn mark(&mut self, _: Mark) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(to_io)
    }
}

fn to_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}
