//! Plain samples from standard input or a FIFO, read only when they are wanted: whoever writes waits otherwise.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, OpenOptionsExt},
    },
    path::Path,
};

use nix::{
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tracing::warn;
use unisono_core::units::SampleRate;
use unisono_media::{Raw, RawFormat};

use super::source::Read;

/// Bytes read at once.
const READ: usize = 8 * 1024;

/// A pipe with sound in it.
pub(super) struct Pipe {
    file: File,
    raw: Raw,
    /// A FIFO: when one writer goes another may come.
    is_fifo: bool,
    /// What to call it.
    name: String,
    is_named: bool,
    /// The writer has gone: what is left comes out, and then nothing.
    is_ending: bool,
    /// Something was read since the last writer went.
    has_read: bool,
    is_over: bool,
}

impl Pipe {
    /// Standard input.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn stdin(format: RawFormat, rate: SampleRate) -> io::Result<Self> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Self::new(file, false, "standard input".into(), format, rate)
    }

    /// A FIFO. Nobody need write to it yet.
    ///
    /// # Errors
    /// When it is none, or may not be read.
    pub(super) fn fifo(path: &Path, format: RawFormat, rate: SampleRate) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Err(io::Error::other("it is no FIFO; make one with mkfifo"));
        }
        Self::new(file, true, path.display().to_string(), format, rate)
    }

    fn new(file: File, is_fifo: bool, name: String, format: RawFormat, rate: SampleRate) -> io::Result<Self> {
        let raw = Raw::new(format, rate, 2).map_err(io::Error::other)?;
        Ok(Self { file, raw, is_fifo, name, is_named: false, is_ending: false, has_read: false, is_over: false })
    }

    /// What is there.
    pub(super) fn read(&mut self, out: &mut [f32]) -> Read {
        if !self.is_named {
            self.is_named = true;
            return Read::Piece(self.name.clone());
        }
        loop {
            let frames = self.raw.pull(out);
            if frames > 0 {
                return Read::Frames(frames);
            }
            if self.is_ending && self.is_fifo {
                self.raw.restart();
                (self.is_ending, self.has_read) = (false, false);
                return Read::Nothing;
            }
            if self.is_ending || self.is_over {
                self.is_over = true;
                return Read::Over;
            }
            match self.read_bytes() {
                Ok(true) => {}
                Ok(false) => return Read::Nothing,
                Err(error) => {
                    warn!("{}: {error}", self.name);
                    self.is_over = true;
                }
            }
        }
    }

    /// Reads what is there without waiting; `false` when there is nothing.
    fn read_bytes(&mut self) -> io::Result<bool> {
        let mut ready = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::ZERO)? == 0 {
            return Ok(false);
        }
        let mut bytes = [0; READ];
        match self.file.read(&mut bytes) {
            Ok(0) if self.is_fifo && !self.has_read => Ok(false),
            Ok(0) => {
                self.raw.finish();
                self.is_ending = true;
                Ok(true)
            }
            Ok(count) => {
                self.has_read = true;
                self.raw.push(&bytes[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    /// All that is there.
    fn frames(pipe: &mut Pipe) -> (usize, Read) {
        let (mut frames, mut out) = (0, [0.0; 960]);
        loop {
            match pipe.read(&mut out) {
                Read::Frames(read) => frames += read,
                Read::Piece(_) => {}
                end => return (frames, end),
            }
        }
    }

    #[test]
    fn writers_of_a_fifo_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut pipe = Pipe::fifo(&path, RawFormat::CD_48, SampleRate::HZ_48000).unwrap();
        assert_eq!(frames(&mut pipe), (0, Read::Nothing));
        for _ in 0..3 {
            let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
            assert_eq!(frames(&mut pipe), (0, Read::Nothing));
            // Half a frame too much.
            writer.write_all(&[7; 4 * 1_000 + 2]).unwrap();
            assert_eq!(frames(&mut pipe), (1_000, Read::Nothing));
            drop(writer);
            assert_eq!(frames(&mut pipe), (0, Read::Nothing));
        }
    }

    #[test]
    fn what_a_second_writer_writes_is_heard_at_any_rate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut pipe = Pipe::fifo(&path, "44100:16:2".parse().unwrap(), SampleRate::HZ_48000).unwrap();
        for _ in 0..2 {
            let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
            writer.write_all(&[7; 4 * 4_410]).unwrap();
            let (soon, _) = frames(&mut pipe);
            assert!(soon > 2_000, "{soon} frames while it writes");
            drop(writer);
            assert_eq!(frames(&mut pipe), (4_800 - soon, Read::Nothing));
        }
    }

    #[test]
    fn whoever_writes_more_than_is_wanted_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut pipe = Pipe::fifo(&path, RawFormat::CD_48, SampleRate::HZ_48000).unwrap();
        let mut writer = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        let mut written = 0;
        while let Ok(count) = writer.write(&[7; 4_096]) {
            written += count;
        }
        pipe.read(&mut [0.0; 2]);
        assert_eq!(pipe.read(&mut [0.0; 960]), Read::Frames(480));
        let more = writer.write(&[7; 256 * 1_024]).unwrap_or(0);
        assert!(more <= READ, "it took {more} bytes of {written}, for 1920");
    }

    #[test]
    fn a_file_is_no_fifo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music");
        std::fs::write(&path, "").unwrap();
        let said = Pipe::fifo(&path, RawFormat::CD_48, SampleRate::HZ_48000).map(drop).unwrap_err().to_string();
        assert!(said.contains("mkfifo"), "{said}");
    }

    #[test]
    fn the_end_of_standard_input_is_the_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(reader));
        let mut pipe = Pipe::new(file, false, "input".into(), RawFormat::CD_48, SampleRate::HZ_48000).unwrap();
        assert_eq!(frames(&mut pipe), (0, Read::Nothing));
        writer.write_all(&[1; 400]).unwrap();
        assert_eq!(frames(&mut pipe), (100, Read::Nothing));
        drop(writer);
        assert_eq!(frames(&mut pipe), (0, Read::Over));
        assert_eq!(frames(&mut pipe), (0, Read::Over));
    }
}
