//! A recording, made by a thread of its own: the audio thread only puts samples and marks into rings.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::errno::Errno;
use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};
use unisono_core::{time::Nanos, units::SampleRate};

use super::{CHANNELS, Gone};
use crate::vital::vital;

/// A card that erases a block, or a disk that wakes up, holds its writer for about as long.
const SLACK: Nanos = Nanos::from_secs(2);

/// Often enough that the rings stay nearly empty; seldom enough to cost nothing.
const POLL: Duration = Duration::from_millis(20);

/// No more than this is lost when the process is killed.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// Runs start and end at most every few milliseconds, and the writer comes by every 20.
const MARKS: usize = 256;

/// What happened at an instant of the clock that the converter runs on, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A run of frames starts with frame `first` of the recording.
    Started { first: u64, at: i64 },
    /// The run ended with so many of its frames emitted.
    Ended { at: i64, emitted: u64, written: u64 },
}

/// Where a recording goes. Called on the writer's thread only.
pub(super) trait Medium: Send + 'static {
    /// Appends interleaved samples.
    fn write(&mut self, samples: &[f32]) -> io::Result<()>;
    /// Notes when they were emitted.
    fn mark(&mut self, mark: Mark) -> io::Result<()>;
    /// Makes what was written readable by others, even if nothing comes after it.
    fn checkpoint(&mut self) -> io::Result<()>;
}

/// The audio thread's end. Dropping it waits until all is written.
pub(super) struct Tape {
    samples: HeapProd<f32>,
    marks: HeapProd<Mark>,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ending: AtomicBool,
    /// The error number that ended the writer.
    failed: AtomicI32,
}

impl Tape {
    /// Starts the writer.
    pub(super) fn start(medium: impl Medium, rate: SampleRate) -> io::Result<Self> {
        let slack = usize::try_from(rate.frames_in(SLACK).0).unwrap_or(usize::MAX) * usize::from(CHANNELS);
        let (samples, samples_out) = HeapRb::new(slack).split();
        let (marks, marks_out) = HeapRb::new(MARKS).split();
        let shared = Arc::new(Shared::default());
        let writer = Writer { medium, samples: samples_out, marks: marks_out, shared: Arc::clone(&shared) };
        let writer = thread::Builder::new().name(String::from("recorder")).spawn(vital(move || writer.run()))?;
        Ok(Self { samples, marks, shared, writer: Some(writer) })
    }

    /// Appends as many whole frames as there is room for, and gives how many samples that made. Real-time.
    pub(super) fn push(&mut self, samples: &[f32]) -> usize {
        let frame = usize::from(CHANNELS);
        let room = samples.len().min(self.samples.vacant_len()) / frame * frame;
        self.samples.push_slice(&samples[..room])
    }

    /// Notes when samples were emitted. Real-time.
    pub(super) fn mark(&mut self, mark: Mark) {
        // A ring that is full of marks belongs to a writer that has hung: the samples will say so.
        let _ = self.marks.try_push(mark);
    }

    /// Frames that there is room for, unless the writer has failed. Real-time.
    pub(super) fn room(&self) -> Result<u32, Gone> {
        match Errno::from_raw(self.shared.failed.load(Ordering::Relaxed)) {
            Errno::ENOSPC | Errno::EDQUOT => Err(Gone::DiskFull),
            Errno::EFBIG => Err(Gone::FileFull),
            errno if errno as i32 == 0 => {
                Ok(u32::try_from(self.samples.vacant_len() / usize::from(CHANNELS)).unwrap_or(u32::MAX))
            }
            errno => Err(Gone::System { call: "writing the recording", errno: errno as i32 }),
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Release);
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            // It reports by `failed`; a panic of it has been printed.
            let _ = writer.join();
        }
    }
}

struct Writer<M> {
    medium: M,
    samples: HeapCons<f32>,
    marks: HeapCons<Mark>,
    shared: Arc<Shared>,
}

impl<M: Medium> Writer<M> {
    fn run(mut self) {
        if let Err(error) = self.write_until_the_end() {
            self.shared.failed.store(error.raw_os_error().unwrap_or(Errno::EIO as i32), Ordering::Relaxed);
        }
    }

    fn write_until_the_end(&mut self) -> io::Result<()> {
        let mut chunk = [0.0; 4_096];
        let mut checkpoint = Instant::now();
        loop {
            // Asked before the rings are emptied: what was put in before the end is in them.
            let ending = self.shared.ending.load(Ordering::Acquire);
            while let Some(mark) = self.marks.try_pop() {
                self.medium.mark(mark)?;
            }
            loop {
                let count = self.samples.pop_slice(&mut chunk);
                if count == 0 {
                    break;
                }
                self.medium.write(&chunk[..count])?;
            }
            if ending || checkpoint.elapsed() >= CHECKPOINT {
                self.medium.checkpoint()?;
                checkpoint = Instant::now();
            }
            if ending {
                return Ok(());
            }
            thread::park_timeout(POLL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Takes so many samples, then fails as it is told.
    struct Paper {
        written: Arc<Mutex<Vec<f32>>>,
        room: usize,
        error: Errno,
    }

    impl Medium for Paper {
        fn write(&mut self, samples: &[f32]) -> io::Result<()> {
            let mut written = self.written.lock().unwrap();
            written.extend_from_slice(samples);
            if written.len() > self.room { Err(self.error.into()) } else { Ok(()) }
        }

        fn mark(&mut self, _: Mark) -> io::Result<()> {
            Ok(())
        }

        fn checkpoint(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_that_was_pushed_is_on_the_medium_once_it_is_dropped() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let paper = Paper { written: Arc::clone(&written), room: usize::MAX, error: Errno::EIO };
        let mut tape = Tape::start(paper, SampleRate::HZ_48000).unwrap();
        let samples: Vec<f32> = (0..30_000).map(|n: u16| f32::from(n)).collect();
        for part in samples.chunks(998) {
            assert_eq!(tape.push(part), part.len());
        }
        drop(tape);
        assert_eq!(*written.lock().unwrap(), samples);
    }

    #[test]
    fn a_medium_that_is_full_or_broken_is_told_apart() {
        for (error, gone) in [
            (Errno::ENOSPC, Gone::DiskFull),
            (Errno::EFBIG, Gone::FileFull),
            (Errno::EIO, Gone::System { call: "writing the recording", errno: Errno::EIO as i32 }),
        ] {
            let mut tape =
                Tape::start(Paper { written: Arc::default(), room: 100, error }, SampleRate::HZ_48000).unwrap();
            while tape.room().is_ok() {
                tape.push(&[0.0; 64]);
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(tape.room(), Err(gone));
        }
    }
}
