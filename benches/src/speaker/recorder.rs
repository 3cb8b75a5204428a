//! The recording of a speaker, in the format of `benches/lab/labdac.c`.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::Path,
};

use super::emission::Emitted;

/// PREFIX.raw and PREFIX.log.
#[derive(Debug)]
pub(super) struct Recorder {
    raw: BufWriter<File>,
    log: File,
    /// Frames in the file.
    frames: u64,
    /// Where in the file the run began that is under way.
    run: Option<u64>,
}

impl Recorder {
    pub(super) fn create(prefix: &Path) -> io::Result<Self> {
        let open = |suffix: &str| {
            let mut path = OsString::from(prefix);
            path.push(suffix);
            OpenOptions::new().write(true).create(true).truncate(true).open(path)
        };
        let raw = BufWriter::with_capacity(BUFFER, open(".raw")?);
        Ok(Self { raw, log: open(".log")?, frames: 0, run: None })
    }

    /// Writes down what a converter did that takes so many frames a second.
    pub(super) fn write(&mut self, emitted: &Emitted, rate: u32) -> io::Result<()> {
        match emitted {
            Emitted::Begin { at, ppm } => {
                self.run = Some(self.frames);
                writeln!(self.log, "seg {} {at} {rate} {ppm:.6} S16_LE 2", self.frames)
            }
            Emitted::Frames(sound) => {
                self.frames += sound.len() as u64 / 2;
                sound.iter().try_for_each(|sample| self.raw.write_all(&sample.to_le_bytes()))
            }
            Emitted::End { at } => {
                self.raw.flush()?;
                let frames = self.frames - self.run.take().unwrap_or(self.frames);
                writeln!(self.log, "stop {at} {frames} {frames}")
            }
        }
    }
}

/// A third of a second: the folder may be on another machine, where each call takes its time.
const BUFFER: usize = 64 * 1024;
