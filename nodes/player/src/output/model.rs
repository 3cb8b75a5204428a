//! A converter that is only computed, for machines without a sound card and for tests.
//!
//! It runs on `CLOCK_MONOTONIC`, while positions are given on the node's clock, `CLOCK_MONOTONIC_RAW`: the two stand for
//! the two crystals of a real node. Tests give a process a node clock of its own (`benches/lab/labclock.c`) and leave
//! `CLOCK_MONOTONIC` alone, so `t0` in the recordings of several processes is on one clock and they can be compared.
//! (`labclock` with `mono=1` moves it; use `labdac`, which asks the kernel, for such a run.)
//!
//! A recording is PREFIX.raw and PREFIX.log in the format of `benches/lab/labdac.c`.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use unisono_core::{
    playout::DacReading,
    time::{Nanos, Timestamp},
    units::{Drift, SampleRate},
};

use super::{
    CHANNELS, Fault, Gone, ModelSpec, OpenError, Output, OutputSpec, PositionSource, Quality, Room,
    clock::{self, Monotonic},
    frames_of,
    pace::{Empty, Pace},
    saturating_u32,
    tape::{Mark, Medium, Tape},
};

/// A modelled converter as an output.
pub(super) struct ModelOutput {
    rate: SampleRate,
    pace: Pace<Monotonic>,
    recording: Option<Recording>,
    uncertainty: Nanos,
}

struct Recording {
    tape: Tape,
    /// The frame of the file with which this run begins.
    first: u64,
}

impl ModelOutput {
    /// Opens a model, and its recording if it has one: an existing one is continued.
    pub(super) fn open(spec: &ModelSpec, rate: SampleRate) -> Result<Self, OpenError> {
        let rate = spec.rate.unwrap_or(rate);
        let record = |prefix: &PathBuf| -> io::Result<Recording> {
            let (files, first) = RawFiles::append_to(prefix, rate, spec.drift)?;
            Ok(Recording { tape: Tape::start(files, rate)?, first })
        };
        let recording = spec.record.as_ref().map(record).transpose();
        let recording =
            recording.map_err(|error| OpenError::from_io(OutputSpec::Model(spec.clone()).to_string(), &error))?;
        let pace = Pace::new(rate, spec.drift, spec.quantum);
        Ok(Self { rate, pace, recording, uncertainty: Nanos::ZERO })
    }

    fn room_at(&mut self, now: Timestamp<Monotonic>) -> Result<Room, Fault> {
        let tape = self.tape_room()?;
        let room = self.pace.room(now).map_err(|empty| self.ran_empty(empty))?;
        Ok(Room { writable: room.writable.min(tape), ..room })
    }

    fn tape_room(&self) -> Result<u32, Gone> {
        self.recording.as_ref().map_or(Ok(u32::MAX), |recording| recording.tape.room())
    }

    fn ran_empty(&mut self, empty: Empty) -> Fault {
        if let Some(recording) = &mut self.recording {
            recording.first += empty.written;
            recording.tape.mark(Mark::Ended { at: empty.at, emitted: empty.written, written: empty.written });
        }
        Fault::Underrun
    }
}

impl Output for ModelOutput {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn room(&mut self) -> Result<Room, Fault> {
        self.room_at(clock::monotonic_now())
    }

    fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
        let now = clock::monotonic_now();
        let frames = saturating_u32(frames_of(interleaved).0).min(self.room_at(now)?.writable);
        let starts = self.pace.write(frames, now);
        if let Some(recording) = &mut self.recording {
            recording.tape.push(&interleaved[..frames as usize * usize::from(CHANNELS)]);
            if starts {
                recording.tape.mark(Mark::Started { first: recording.first, at: now.as_nanos() });
            }
        }
        Ok(frames)
    }

    fn position(&mut self) -> Result<Option<DacReading>, Fault> {
        self.tape_room()?;
        let reading = clock::bracketed(clock::monotonic_now);
        self.uncertainty = reading.uncertainty;
        let played = self.pace.position(reading.value).map_err(|empty| self.ran_empty(empty))?;
        Ok(played.map(|played| DacReading { played, at: reading.at }))
    }

    fn quality(&self) -> Quality {
        Quality { source: PositionSource::Model, uncertainty: self.uncertainty }
    }
}

impl Drop for ModelOutput {
    fn drop(&mut self) {
        let now = clock::monotonic_now();
        let end = match self.pace.position(now) {
            Ok(Some(played)) => (now.as_nanos(), played.0, self.pace.written()),
            Ok(None) => return,
            Err(empty) => (empty.at, empty.written, empty.written),
        };
        if let Some(recording) = &mut self.recording {
            recording.tape.mark(Mark::Ended { at: end.0, emitted: end.1, written: end.2 });
        }
    }
}

struct RawFiles {
    raw: BufWriter<File>,
    log: File,
    /// The part of a log line that is the same for every run.
    converter: String,
}

impl RawFiles {
    /// Opens both files, and gives the number of frames that are in them already.
    fn append_to(prefix: &Path, rate: SampleRate, drift: Drift) -> io::Result<(Self, u64)> {
        let open = |suffix: &str| {
            let mut path = OsString::from(prefix);
            path.push(suffix);
            OpenOptions::new().append(true).create(true).open(path)
        };
        let (raw, log) = (open(".raw")?, open(".log")?);
        let frame_bytes = size_of::<f32>() as u64 * u64::from(CHANNELS);
        let frames = raw.metadata()?.len() / frame_bytes;
        // A process that was killed may have left half a frame.
        raw.set_len(frames * frame_bytes)?;
        let converter = format!("{} {:.6} FLOAT_LE {CHANNELS}", rate.hertz(), drift.ppm());
        Ok((Self { raw: BufWriter::new(raw), log, converter }, frames))
    }
}

impl Medium for RawFiles {
    fn write(&mut self, samples: &[f32]) -> io::Result<()> {
        samples.iter().try_for_each(|sample| self.raw.write_all(&sample.to_le_bytes()))
    }

    fn mark(&mut self, mark: Mark) -> io::Result<()> {
        match mark {
            Mark::Started { first, at } => writeln!(self.log, "seg {first} {at} {}", self.converter),
            Mark::Ended { at, emitted, written } => writeln!(self.log, "stop {at} {emitted} {written}"),
        }
    }

    fn checkpoint(&mut self) -> io::Result<()> {
        self.raw.flush()
    }
}
