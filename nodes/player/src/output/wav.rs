//! A recording in a WAV file, paced by the node's clock at exactly the nominal rate: a converter with 0 ppm.
//!
//! Samples are 32-bit floats: what the room was given, to the bit. The header is brought up to date every second, so
//! the file can be read while it grows, after the process was killed and when the disk is full. When the output runs
//! empty the file has a cut there, not a silence.
//!
//! No file is ever overwritten: where there is one the recording goes into the next free one beside it, `NAME-2.wav`,
//! `NAME-3.wav` and so on. So an output that is opened again leaves what it has recorded before as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hound::{SampleFormat, WavSpec, WavWriter};
use nix::errno::Errno;
use tracing::info;
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

/// Recordings of one name. Somebody should look after them by then.
const MAX_FILES: u32 = 999;

/// A WAV file as an output.
pub(super) struct WavOutput {
    rate: SampleRate,
    pace: Pace<NodeClock>,
    tape: Tape,
}

impl WavOutput {
    /// Creates the file, or the next free one beside it.
    pub(super) fn create(path: &Path, rate: SampleRate) -> Result<Self, OpenError> {
        let start = || -> io::Result<Tape> {
            let (file, created) = in_new_file(path, |file| WavFile::start(io::BufWriter::new(file), rate))?;
            if created != path {
                info!("{} exists; this recording goes to {}", path.display(), created.display());
            }
            Tape::start(file, rate)
        };
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

/// Starts something in a file that was not there before, and gives its path. When that fails no file is left behind.
fn in_new_file<T>(path: &Path, start: impl FnOnce(fs::File) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let mut number = 1;
    loop {
        let path = numbered(path, number);
        match fs::File::create_new(&path) {
            Ok(file) => {
                let started = start(file).inspect_err(|_| {
                    // An empty file is no harm, only untidy.
                    let _ = fs::remove_file(&path);
                })?;
                return Ok((started, path));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_FILES => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// `NAME.wav`, `NAME-2.wav`, `NAME-3.wav` and so on.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let (Some(stem), Some(extension), 2..) = (path.file_stem(), path.extension(), number) else { return path.into() };
    let mut name = stem.to_owned();
    name.push(format!("-{number}."));
    name.push(extension);
    path.with_file_name(name)
}

struct WavFile<W: io::Write + io::Seek> {
    writer: WavWriter<W>,
    bytes: u64,
}

impl<W: io::Write + io::Seek> WavFile<W> {
    fn start(writer: W, rate: SampleRate) -> io::Result<Self> {
        let spec = WavSpec {
            channels: u16::from(CHANNELS),
            sample_rate: rate.hertz(),
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let mut writer = WavWriter::new(writer, spec).map_err(to_io)?;
        // A file without a single sample is already one that can be read, and a full disk is noticed here.
        writer.flush().map_err(to_io)?;
        Ok(Self { writer, bytes: 0 })
    }
}

impl<W: io::Write + io::Seek + Send + 'static> Medium for WavFile<W> {
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, MutexGuard};

    use hound::WavReader;

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;

    /// A file on a disk that holds so many bytes.
    #[derive(Clone)]
    struct Disk {
        file: Arc<Mutex<io::Cursor<Vec<u8>>>>,
        size: usize,
    }

    impl Disk {
        fn file(&self) -> MutexGuard<'_, io::Cursor<Vec<u8>>> {
            self.file.lock().unwrap()
        }
    }

    impl io::Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut file = self.file();
            let left = self.size - usize::try_from(file.position()).unwrap();
            if left == 0 && !bytes.is_empty() {
                return Err(Errno::ENOSPC.into());
            }
            file.write(&bytes[..bytes.len().min(left)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl io::Seek for Disk {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.file().seek(to)
        }
    }

    #[test]
    fn a_recording_that_a_full_disk_cuts_off_can_be_read_to_its_last_checkpoint() {
        let disk = Disk { file: Arc::default(), size: 100_003 };
        let mut file = WavFile::start(io::BufWriter::new(disk.clone()), RATE).unwrap();
        let chunk: Vec<f32> = (0..4_096_u16).map(f32::from).collect();
        let mut checkpointed = 0;
        let error = loop {
            let written = file.write(&chunk).and_then(|()| file.checkpoint());
            match written {
                Ok(()) => checkpointed += chunk.len(),
                Err(error) => break error,
            }
        };
        drop(file);
        assert_eq!(error.raw_os_error(), Some(Errno::ENOSPC as i32));
        let bytes = disk.file().get_ref().clone();
        assert_eq!(bytes.len(), disk.size);
        let read: Vec<f32> =
            WavReader::new(io::Cursor::new(bytes)).unwrap().into_samples().map(Result::unwrap).collect();
        assert!(checkpointed > 0 && read == chunk.repeat(checkpointed / chunk.len()));
    }

    #[test]
    fn a_disk_without_room_for_a_header_gets_no_file() {
        let folder = std::env::temp_dir().join(format!("unisono-wav-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("room.wav");
        let full = Disk { file: Arc::default(), size: 10 };
        let started = in_new_file(&path, |_| WavFile::start(io::BufWriter::new(full), RATE).map(|_| ()));
        assert_eq!(started.unwrap_err().raw_os_error(), Some(Errno::ENOSPC as i32));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);

        for number in 1..=MAX_FILES {
            assert_eq!(in_new_file(&path, |_| Ok(())).unwrap().1, numbered(&path, number));
        }
        let error = in_new_file(&path, |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let line = OpenError::from_io("file:room.wav".into(), &error).to_string();
        assert!(line.contains("exists already; "), "{line}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn numbers_come_before_the_extension() {
        for (number, expected) in
            [(1, "/a.b/my room.x.WAV"), (2, "/a.b/my room.x-2.WAV"), (31, "/a.b/my room.x-31.WAV")]
        {
            assert_eq!(numbered(Path::new("/a.b/my room.x.WAV"), number), Path::new(expected));
        }
    }
}
