//! A writer, a reader and their crystals, in virtual time.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::{Drift, SampleRate},
};

use crate::live::{
    discipline::{Line, MOST},
    input::DELAY,
    pace::Pace,
};

/// Lines are read at this rate, so that half an hour takes seconds.
const RATE: u32 = 8_000;

/// Frames of the source beside one of the line: its crystal is heard at 48 kHz.
const FINER: u64 = 6;

/// What is read at once.
const BLOCK: usize = 160;

/// Readers are late by up to so much, in seconds.
const READ_JITTER: f64 = 0.006;

/// How it writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) ppm: f64,
    pub(super) piece_s: f64,
    pub(super) jitter_s: f64,
    /// One piece of a hundred is late by up to so much.
    pub(super) late_s: f64,
    pub(super) is_eager: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self { ppm: 0.0, piece_s: 0.02, jitter_s: 0.0, late_s: 0.0, is_eager: false }
    }
}

/// What was seen since one began to watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Blocks without sound.
    pub(super) silent: u32,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) mean: f64,
    /// How far the rate was off, root mean square.
    pub(super) wow_ppm: f64,
    /// The largest step between two samples.
    pub(super) step: f32,
    blocks: u32,
    square: f64,
}

impl Seen {
    const NOTHING: Self =
        Self { silent: 0, least: f64::INFINITY, most: 0.0, mean: 0.0, wow_ppm: 0.0, step: 0.0, blocks: 0, square: 0.0 };
}

pub(super) struct World {
    writer: Writer,
    random: fastrand::Rng,
    pace: Pace,
    line: Line,
    /// Seconds by the hub's clock.
    now: f64,
    /// The piece that comes next: when it is made by the writer's crystal, and when it comes.
    made: f64,
    comes: f64,
    read_at: f64,
    due: f64,
    written: u64,
    seen: Seen,
    is_heard: bool,
    last: f32,
    heard: Vec<f32>,
    first: Option<f64>,
}

/// The sample of a frame: a tone, exact in what a wave of 16 bits can hold.
fn sample(frame: u64) -> f32 {
    let phase = std::f64::consts::TAU * 200.0 * frame as f64 / f64::from(RATE);
    #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
    let rounded = (phase.sin() * 16_384.0).round() as f32;
    rounded / 32_768.0
}

impl World {
    pub(super) fn new(writer: Writer) -> Self {
        let rate = SampleRate::new(RATE).unwrap();
        let fine = SampleRate::new(RATE * u32::try_from(FINER).unwrap()).unwrap();
        Self {
            writer,
            random: fastrand::Rng::with_seed(11),
            pace: Pace::new(fine),
            line: Line::new(rate, 1, DELAY),
            now: 5.0,
            made: 5.0,
            comes: 5.0,
            read_at: 5.0,
            due: 5.0,
            written: 0,
            seen: Seen::NOTHING,
            is_heard: false,
            last: 0.0,
            heard: Vec::new(),
            first: None,
        }
    }

    fn instant(&self) -> Timestamp<HubClock> {
        Timestamp::from_nanos(7_000_000_000) + Nanos::from_secs_f64(self.now)
    }

    /// Lets so many seconds go by.
    pub(super) fn run(&mut self, seconds: f64) {
        let until = self.now + seconds;
        while self.now < until {
            if self.writer.is_eager {
                self.write_eagerly();
            }
            if !self.writer.is_eager && self.comes <= self.read_at {
                self.now = self.comes;
                self.write_piece();
            } else {
                self.now = self.read_at;
                self.read();
            }
        }
    }

    /// Nothing is written for so long, and nothing later for that.
    pub(super) fn pause(&mut self, seconds: f64) {
        let until = self.now + seconds;
        self.made = until;
        self.comes = until;
        while self.read_at < until {
            self.now = self.read_at;
            self.read();
        }
    }

    /// Nothing comes for so long, and then all at once.
    pub(super) fn stall(&mut self, seconds: f64) {
        self.comes = self.now + seconds;
    }

    /// So much more comes at once than was to come.
    pub(super) fn pile_up(&mut self, seconds: f64) {
        let until = self.made - seconds;
        while self.made > until {
            self.push(self.writer.piece_s);
            self.made -= self.writer.piece_s;
        }
        self.made = self.now;
    }

    fn write_piece(&mut self) {
        self.push(self.writer.piece_s);
        self.made += self.writer.piece_s / (1.0 + self.writer.ppm * 1e-6);
        let late = if self.random.f64() < 0.01 { self.random.f64() * self.writer.late_s } else { 0.0 };
        let comes = self.made + self.random.f64() * self.writer.jitter_s + late;
        self.comes = comes.max(self.comes);
    }

    fn push(&mut self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
        let frames = (seconds * f64::from(RATE)).round() as u64;
        let samples: Vec<f32> = (self.written..self.written + frames).map(sample).collect();
        self.written += frames;
        let now = self.instant();
        self.pace.arrived(now, frames * FINER);
        self.line.push(now, &samples);
    }

    /// As much as is taken.
    fn write_eagerly(&mut self) {
        let most = if self.pace.is_eager() { DELAY + Nanos::from_millis(100) } else { MOST };
        let room = self.line.room(most);
        if room < 40 || !self.line.is_read(self.instant(), Nanos::from_secs(1)) && self.written > 0 {
            self.pace.held_back();
            return;
        }
        let samples: Vec<f32> = (self.written..self.written + room as u64).map(sample).collect();
        self.written += room as u64;
        self.line.push(self.instant(), &samples);
    }

    fn read(&mut self) {
        let mut out = [0.0; BLOCK];
        let (now, drift, is_eager) = (self.instant(), self.pace.drift(), self.pace.is_eager());
        self.is_heard = self.line.read(now, drift, is_eager, &mut out);
        self.due += BLOCK as f64 / f64::from(RATE);
        self.read_at = self.due + self.random.f64() * READ_JITTER;
        if self.is_heard && self.first.is_none() {
            self.first = Some(self.now);
        }
        let seen = &mut self.seen;
        seen.blocks += 1;
        seen.silent += u32::from(!self.is_heard);
        let held = self.line.held();
        seen.least = seen.least.min(held);
        seen.most = seen.most.max(held);
        seen.mean += (held - seen.mean) / f64::from(seen.blocks);
        seen.square += (self.line.excess() * 1e6 - self.writer.ppm).powi(2);
        seen.wow_ppm = (seen.square / f64::from(seen.blocks)).sqrt();
        for sample in out {
            seen.step = seen.step.max((sample - self.last).abs());
            self.last = sample;
        }
        if self.writer.is_eager {
            self.heard.extend(out);
        }
    }

    /// Forgets what was seen.
    pub(super) fn watch(&mut self) {
        self.seen = Seen::NOTHING;
        self.heard.clear();
    }

    pub(super) const fn seen(&self) -> Seen {
        self.seen
    }

    pub(super) fn held(&self) -> f64 {
        self.line.held()
    }

    pub(super) fn underruns(&self) -> u64 {
        self.line.underruns()
    }

    pub(super) const fn is_heard(&self) -> bool {
        self.is_heard
    }

    pub(super) fn drift_ppm(&self) -> Option<f64> {
        self.pace.drift().map(Drift::ppm)
    }

    /// Whether all that was heard is what was written, bit for bit.
    pub(super) fn is_exact(&self) -> bool {
        // The tone comes again every 40 frames.
        let from = (0..40)
            .find(|from| self.heard.first() == Some(&sample(*from)) && self.heard.get(1) == Some(&sample(from + 1)));
        from.is_some_and(|from| self.heard.iter().zip(from..).all(|(heard, frame)| *heard == sample(frame % 40)))
    }

    /// How long after the first piece something is heard.
    pub(super) fn first_heard(&mut self) -> Nanos {
        let from = self.now;
        while self.first.is_none() {
            self.run(0.01);
        }
        Nanos::from_secs_f64(self.first.unwrap_or(from) - from)
    }
}
