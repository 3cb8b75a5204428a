//! A live input: a thread that takes what its port has, and hands it to whoever listens.
//!
//! It takes it whether anybody listens or not, as fast as it would be heard: so a writer never stands still for want of
//! a listener, and whoever begins to listen hears what is written then.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tracing::{info, warn};
use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::{Drift, SampleRate},
};

use super::{
    clock,
    discipline::{Line, MOST},
    listener::LiveSource,
    pace::Pace,
    port::{Got, Port},
};
use crate::{Error, Raw, RawFormat};

/// Sound is heard so long after it was written, beyond what the stream takes: a few pieces of the usual writers.
pub const DELAY: Nanos = Nanos::from_millis(100);

/// The port is asked so often whether there is something.
const WAIT: Duration = Duration::from_millis(50);

/// Where there is no room the writer waits so long.
const FULL: Duration = Duration::from_millis(10);

/// Less room than this is none, in frames.
const LEAST_ROOM: usize = 240;

/// What does not work is tried again so often.
const RETRY: Duration = Duration::from_secs(1);

/// Bytes that are read at once.
const READ: usize = 16 * 1024;

/// Of a writer that waits for us so much more than the delay is held.
const IN_HAND: Nanos = Nanos::from_millis(100);

/// A listener that has read nothing for so long is away.
const AWAY: Nanos = Nanos::from_secs(1);

/// After so long without a sound it is silent.
const SILENT: Nanos = Nanos::from_secs(1);

/// Softer than this is no sound: a bit of 16.
const SOUND: f32 = 1.0 / 32_768.0;

/// What a live input does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not work; [`Status::problem`] says why.
    Failed,
    /// Sound comes.
    Playing,
    /// Somebody writes, but silence or nothing.
    Silent,
    /// Nobody writes.
    Waiting,
}

/// How a live input is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// What it does.
    pub state: State,
    /// Why it does not work, in one line.
    pub problem: Option<String>,
    /// How much faster than this machine's clock its crystal runs, in parts per million; `None` while that is not known,
    /// and for a writer that writes as fast as it is read.
    pub drift_ppm: Option<f64>,
    /// How often sound was late, so that there was a gap.
    pub underruns: u64,
}

/// A live input that runs until it is dropped.
pub struct Input {
    name: String,
    format: RawFormat,
    rate: SampleRate,
    channels: u8,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    ears: Mutex<Ears>,
    closed: AtomicBool,
}

/// Who listens, and what is known of who writes.
struct Ears {
    pace: Pace,
    lines: Vec<Arc<Mutex<Line>>>,
    /// What would be held if somebody listened, in seconds, and when that was so.
    unheard: f64,
    at: Option<Timestamp<HubClock>>,
    has_writer: bool,
    sounded: Option<Timestamp<HubClock>>,
    problem: Option<String>,
    /// Of listeners that have gone.
    underruns: u64,
}

impl Input {
    pub(super) fn start(
        name: &str,
        format: RawFormat,
        (rate, channels): (SampleRate, u8),
        port: Box<dyn Port>,
        problem: Option<String>,
    ) -> Result<Self, Error> {
        if let Some(problem) = &problem {
            warn!("{name}: {problem}");
        }
        let raw = Raw::new(format, rate, channels)?;
        let ears = Ears {
            pace: Pace::new(format.rate()),
            lines: Vec::new(),
            unheard: 0.0,
            at: None,
            has_writer: false,
            sounded: None,
            problem,
            underruns: 0,
        };
        let shared = Arc::new(Shared { ears: Mutex::new(ears), closed: AtomicBool::new(false) });
        let reader = Reader {
            name: name.into(),
            format,
            rate,
            channels,
            port,
            raw,
            shared: Arc::clone(&shared),
            odd: 0,
            taken: 0,
        };
        let thread = thread::Builder::new().name("input".into()).spawn(move || reader.run());
        thread.map_err(|error: io::Error| Error::Input { name: name.into(), reason: error.to_string() })?;
        Ok(Self { name: name.into(), format, rate, channels, shared })
    }

    /// Begins to listen. What is written from now on is heard.
    pub fn listen(&self) -> LiveSource {
        let line = Line::new(self.rate, self.channels.into(), DELAY);
        let line = Arc::new(Mutex::new(line));
        self.shared.lock().lines.push(Arc::clone(&line));
        LiveSource::new(&self.name, self.format, Arc::clone(&self.shared), line)
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let now = clock::now();
        let ears = self.shared.lock();
        let sounds = ears.sounded.is_some_and(|at| now - at < SILENT);
        let state = match (&ears.problem, ears.has_writer) {
            (Some(_), _) => State::Failed,
            (None, true) if sounds => State::Playing,
            (None, true) => State::Silent,
            (None, false) => State::Waiting,
        };
        let heard: u64 = ears.lines.iter().map(|line| locked(line).underruns()).sum();
        Status {
            state,
            problem: ears.problem.clone(),
            drift_ppm: ears.pace.drift().map(Drift::ppm),
            underruns: ears.underruns + heard,
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for a listener.
    pub(super) fn read(&self, line: &Mutex<Line>, out: &mut [f32]) {
        let (drift, is_eager) = {
            let ears = self.lock();
            (ears.pace.drift(), ears.pace.is_eager())
        };
        locked(line).read(clock::now(), drift, is_eager, out);
    }

    /// A listener has gone.
    pub(super) fn leave(&self, line: &Arc<Mutex<Line>>) {
        let mut ears = self.lock();
        ears.lines.retain(|other| !Arc::ptr_eq(other, line));
        ears.underruns += locked(line).underruns();
    }
}

pub(super) fn locked(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ears {
    /// Frames that those who listen can take.
    fn room(&mut self, now: Timestamp<HubClock>, rate: SampleRate) -> usize {
        let most = if self.pace.is_eager() { DELAY + IN_HAND } else { MOST };
        let elapsed = self.at.map_or(0.0, |at| (now - at).as_secs_f64());
        self.at = Some(now);
        self.unheard = (self.unheard - elapsed).max(0.0);
        let unheard = rate.frames_in(most - Nanos::from_secs_f64(self.unheard)).0;
        let mut room = None;
        for line in &self.lines {
            let mut line = locked(line);
            if line.is_read(now, AWAY) {
                room = Some(room.unwrap_or(usize::MAX).min(line.room(most)));
            } else {
                line.clear();
            }
        }
        room.unwrap_or_else(|| usize::try_from(unheard).unwrap_or(0))
    }

    fn push(&mut self, now: Timestamp<HubClock>, rate: SampleRate, frames: usize, samples: &[f32]) {
        self.unheard += frames as f64 / f64::from(rate.hertz());
        if samples.iter().any(|sample| sample.abs() > SOUND) {
            self.sounded = Some(now);
        }
        for line in &self.lines {
            locked(line).push(now, samples);
        }
    }

    fn let_go(&mut self) {
        self.lines.iter().for_each(|line| locked(line).let_go());
    }
}

/// What the thread has.
struct Reader {
    name: String,
    format: RawFormat,
    rate: SampleRate,
    channels: u8,
    port: Box<dyn Port>,
    raw: Raw,
    shared: Arc<Shared>,
    /// Bytes of a frame that is not whole.
    odd: usize,
    /// Frames since all that was there was taken.
    taken: u64,
}

impl Reader {
    fn run(mut self) {
        let mut bytes = vec![0; READ];
        let mut samples = vec![0.0; READ];
        while !self.shared.closed.load(Ordering::Relaxed) {
            let room = self.shared.lock().room(clock::now(), self.rate);
            if room < LEAST_ROOM {
                self.taken = 0;
                self.shared.lock().pace.held_back();
                thread::sleep(FULL);
                continue;
            }
            // No more of it than makes as many frames at the stream's rate.
            let frames = room as u64 * u64::from(self.format.rate().hertz()) / u64::from(self.rate.hertz());
            let most = usize::try_from(frames).unwrap_or(READ).max(1) * self.format.frame_len();
            match self.port.read(&mut bytes[..most.min(READ)], WAIT) {
                Got::Bytes(count) => self.take(&bytes[..count], &mut samples),
                Got::Nothing => self.nothing(),
                Got::Gone => self.part(),
                Got::Lost => {
                    let mut ears = self.shared.lock();
                    ears.pace.restart();
                    ears.underruns += 1;
                }
                Got::Failed(problem) => self.fail(problem),
            }
        }
    }

    fn take(&mut self, bytes: &[u8], samples: &mut [f32]) {
        let is_all = !self.port.has_more();
        let now = clock::now();
        let whole = (self.odd + bytes.len()) / self.format.frame_len();
        self.odd = (self.odd + bytes.len()) % self.format.frame_len();
        self.taken += whole as u64;
        self.raw.push(bytes);
        let mut ears = self.shared.lock();
        ears.problem = None;
        ears.has_writer = true;
        if is_all {
            ears.pace.arrived(now, self.taken);
            self.taken = 0;
        }
        loop {
            let frames = self.raw.pull(samples);
            if frames == 0 {
                return;
            }
            ears.push(now, self.rate, frames, &samples[..frames * usize::from(self.channels)]);
        }
    }

    /// It works, and nobody writes.
    fn nothing(&mut self) {
        let mut ears = self.shared.lock();
        ears.pace.caught_up();
        if ears.problem.take().is_some() {
            info!("{} works", self.name);
        }
    }

    /// The writer has gone; another will begin with a frame of its own.
    fn part(&mut self) {
        self.raw.restart();
        (self.odd, self.taken) = (0, 0);
        let mut ears = self.shared.lock();
        ears.has_writer = false;
        ears.pace.forget(self.format.rate());
        ears.let_go();
    }

    fn fail(&mut self, problem: String) {
        self.part();
        {
            let mut ears = self.shared.lock();
            if ears.problem.as_ref() != Some(&problem) {
                warn!("{}: {problem}", self.name);
                ears.problem = Some(problem);
            }
        }
        thread::sleep(RETRY);
    }
}
