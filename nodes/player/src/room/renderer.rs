//! From blocks to the frames that go to a converter. Real-time throughout: no allocation, no lock, no system call.

use std::ops::Range;

use unisono_core::{
    playout::{DacReading, Leaving, Playout, PlayoutStatus, Queued, RESAMPLER_REACH, Step},
    time::Nanos,
    units::{FramePosition, Gain, SampleRate},
};
use unisono_media::resample::Resampler;

use super::{
    audio::AudioOrder,
    block::{Block, CHANNELS, Played},
    chunk::Sound,
    line::Line,
    shape::Shape,
};
use crate::realtime::memory;

/// Frames that the resampler holds at most: what the decoder runs ahead, and what is kept behind; at 48 kHz 0.68 s.
const HELD_FRAMES: usize = 32_768;

/// Frames that were heard and are kept, 150 ms at 48 kHz, for a speaker that turns out to be by so much less late: the
/// sound then fades across to what was heard. Speakers are 100 to 250 ms late, and 150 is what is taken for granted.
const KEPT_FRAMES: u64 = 7_200;

/// Frames of what the sound fades across from that are read at once.
const PIECE: usize = 480;

/// What came of a call to [`Renderer::render`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendered {
    /// So many frames are to be written.
    Frames(usize),
    /// The sound is not there yet and the device can wait for it.
    Wait,
}

/// Turns blocks into frames. Owned by the audio thread.
pub(super) struct Renderer {
    played: Played,
    playout: Playout,
    resampler: Resampler,
    /// Which stream is played, and which waits for the old one to fade out.
    generation: u32,
    next: Option<(u32, unisono_core::timeline::Timeline)>,
    run: u32,
    pending: Option<Box<Block>>,
    shape: Shape,
    /// How loud the room is to be, and how long it takes until it is.
    gain: Gain,
    ramp: Option<Nanos>,
    /// For what the sound fades across from.
    leaving: [f32; PIECE * CHANNELS],
}

/// Where the output has another share in the volume than before, samples follow within this.
const RAMP: Nanos = Nanos::from_millis(30);

impl Renderer {
    pub(super) fn new(played: Played, rate: SampleRate, latency: Nanos) -> Self {
        Self {
            played,
            playout: Playout::new(rate, latency),
            resampler: Resampler::new(CHANNELS, HELD_FRAMES),
            generation: 0,
            next: None,
            run: 0,
            pending: None,
            shape: Shape::new(rate),
            gain: Gain::SILENT,
            ramp: None,
            leaving: [0.0; PIECE * CHANNELS],
        }
    }

    /// Keeps what this reads and writes in memory. Not real-time.
    pub(super) fn lock_memory(&self) {
        self.resampler.memory().chain([&self.leaving[..]]).for_each(memory::lock);
    }

    pub(super) fn obey(&mut self, order: AudioOrder) {
        match order {
            AudioOrder::Start { generation, timeline } => self.next = Some((generation, timeline)),
            AudioOrder::Timeline(timeline) => match &mut self.next {
                Some((_, next)) => *next = timeline,
                None => self.playout.set_timeline(timeline),
            },
            AudioOrder::Stop => {
                self.next = None;
                self.playout.stop();
            }
            AudioOrder::Gain(gain, ramp) => (self.gain, self.ramp) = (gain, Some(ramp)),
            AudioOrder::Sound(sound) => self.shape.set(&sound),
            AudioOrder::Beep => self.shape.beep(),
            AudioOrder::Clock(mapping) => self.playout.set_clock(mapping),
        }
    }

    /// Takes what lies behind the converter now.
    pub(super) fn set_output_latency(&mut self, latency: Nanos) {
        self.playout.set_output_latency(latency);
    }

    /// Fades out, and stays silent until another output goes on; or goes on after all.
    pub(super) fn set_retired(&mut self, retired: bool) {
        self.playout.set_retired(retired);
    }

    /// Whether nothing is heard, a beep neither.
    pub(super) fn is_silent(&self) -> bool {
        self.playout.is_silent() && !self.shape.is_beeping()
    }

    /// Goes on with the sound on another output. What was known of the converter before is left with the line.
    pub(super) fn go_over(&mut self, line: &mut Line) {
        line.playout.take_over(&self.playout);
        core::mem::swap(&mut self.playout, &mut line.playout);
        self.shape.set_rate(line.rate());
        // Nothing is heard yet, and what the output before did about the volume is not to be heard on this one.
        self.ramp = Some(Nanos::ZERO);
        self.scale(line.output.take_gain(self.gain));
    }

    pub(super) fn device_restarted(&mut self) {
        self.playout.device_restarted();
    }

    pub(super) fn status(&self) -> PlayoutStatus {
        self.playout.status()
    }

    /// How long the audio thread may rest between two turns.
    pub(super) fn rest(&self) -> Range<Nanos> {
        self.playout.rest()
    }

    /// Gives up what was decoded: there is nothing to play it on.
    pub(super) fn drain(&mut self) {
        while let Some(block) = self.pending.take().or_else(|| self.played.take_full()) {
            self.played.give_back(block);
        }
        self.resampler.clear();
        self.shape.hush();
    }

    /// Moves blocks into the resampler as long as each continues the one before.
    fn take_blocks(&mut self) {
        while let Some(block) = self.pending.take().or_else(|| self.played.take_full()) {
            let age = block.generation.wrapping_sub(self.generation).cast_signed();
            if age < 0 {
                self.played.give_back(block);
                continue;
            }
            let empty = self.resampler.end() == self.resampler.start();
            let continues = block.run == self.run && block.start == self.resampler.end();
            let held = self.resampler.end().distance_from(self.resampler.start());
            let frames = block.samples().len() / CHANNELS;
            let fits = usize::try_from(held).unwrap_or(0) + frames <= HELD_FRAMES;
            if age > 0 || !(empty || continues) || !fits {
                self.pending = Some(block);
                return;
            }
            self.run = block.run;
            self.resampler.push(block.start, block.samples());
            self.played.give_back(block);
        }
    }

    /// Mixes what the sound fades across from into what it fades to.
    fn mix_in(&mut self, leaving: Leaving, excess: f64, out: &mut [f32]) {
        let frames = (out.len() / CHANNELS) as f32;
        let (from, to) = leaving.share;
        let mut at = leaving.start;
        for (number, piece) in out.chunks_mut(PIECE * CHANNELS).enumerate() {
            let old = &mut self.leaving[..piece.len()];
            let read = self.resampler.read(at, excess, old);
            old[read * CHANNELS..].fill(0.0);
            at = at.advanced_by((piece.len() / CHANNELS) as f64 * (1.0 + excess));
            let pairs = piece.chunks_exact_mut(CHANNELS).zip(old.chunks_exact(CHANNELS));
            for (frame, (new, old)) in (number * PIECE..).zip(pairs) {
                let share = from + (to - from) * frame as f32 / frames;
                new.iter_mut().zip(old).for_each(|(new, old)| *new += (old - *new) * share);
            }
        }
    }

    fn discard(&mut self, run: u32, before: FramePosition) {
        if self.run < run || self.resampler.end() <= before {
            self.resampler.clear();
        } else {
            self.resampler.discard_before(before);
        }
    }
}

impl Sound for Renderer {
    fn gain(&self) -> Gain {
        self.gain
    }

    fn scale(&mut self, samples: Gain) {
        self.shape.volume.move_to(samples, self.ramp.take().unwrap_or(RAMP));
    }

    fn observe(&mut self, reading: DacReading) {
        self.playout.observe(reading);
    }

    fn render(&mut self, out: &mut [f32], urgent: bool) -> Rendered {
        if let Some((generation, timeline)) = self.next
            && self.playout.is_silent()
        {
            self.next = None;
            self.generation = generation;
            self.resampler.clear();
            self.run = 0;
            self.playout.set_timeline(timeline);
        }
        let wanted = u32::try_from(out.len() / CHANNELS).unwrap_or(u32::MAX);
        // A discard is followed by another question; more than this many in a row can wait for the next turn.
        for _ in 0..64 {
            self.take_blocks();
            let queued = (self.resampler.end() > self.resampler.start()).then(|| Queued {
                run: self.run,
                start: self.resampler.start(),
                end: self.resampler.end(),
            });
            match self.playout.plan(wanted, queued, urgent) {
                Step::Wait => return Rendered::Wait,
                Step::Discard { run, before } => self.discard(run, before),
                Step::Silence { frames } => {
                    let frames = usize::try_from(frames).unwrap_or(0);
                    let out = &mut out[..frames * CHANNELS];
                    out.fill(0.0);
                    self.shape.pass_silence(out);
                    return Rendered::Frames(frames);
                }
                Step::Play { frames, start, excess, leaving, gain } => {
                    let frames = usize::try_from(frames).unwrap_or(0);
                    let out = &mut out[..frames * CHANNELS];
                    let read = self.resampler.read(start, excess, out);
                    out[read * CHANNELS..].fill(0.0);
                    if let Some(leaving) = leaving {
                        self.mix_in(leaving, excess, out);
                    }
                    self.shape.pass(out, |out| fade(out, gain));
                    let first = leaving.map_or(start, |leaving| leaving.start.min(start));
                    let keep = first.advanced_by(frames as f64 * (1.0 + excess)).frame();
                    let before = keep.0.saturating_sub(RESAMPLER_REACH + KEPT_FRAMES);
                    self.resampler.discard_before(FramePosition(before));
                    return Rendered::Frames(frames);
                }
            }
        }
        Rendered::Wait
    }
}

/// A straight line from one gain to another.
fn fade(out: &mut [f32], (from, to): (f32, f32)) {
    if (from, to) == (1.0, 1.0) {
        return;
    }
    let frames = (out.len() / CHANNELS) as f32;
    for (i, frame) in out.chunks_exact_mut(CHANNELS).enumerate() {
        let gain = from + (to - from) * i as f32 / frames;
        frame.iter_mut().for_each(|sample| *sample *= gain);
    }
}

/// How loud the room is, on its way to how loud it is to be.
pub(super) struct Volume {
    gain: f32,
    target: f32,
    /// How much it changes with each of the frames that are left.
    step: f32,
    left: usize,
    rate: SampleRate,
}

impl Volume {
    pub(super) const fn silent(rate: SampleRate) -> Self {
        Self { gain: 0.0, target: 0.0, step: 0.0, left: 0, rate }
    }

    pub(super) const fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
    }

    /// On its way there already it goes on.
    fn move_to(&mut self, gain: Gain, ramp: Nanos) {
        if gain.factor() == self.target {
            return;
        }
        self.target = gain.factor();
        self.left = usize::try_from(self.rate.frames_in(ramp).0).unwrap_or(0).max(1);
        self.step = (self.target - self.gain) / self.left as f32;
    }

    pub(super) fn apply(&mut self, out: &mut [f32]) {
        if self.left == 0 {
            if self.gain != 1.0 {
                out.iter_mut().for_each(|sample| *sample *= self.gain);
            }
            return;
        }
        for frame in out.chunks_exact_mut(CHANNELS) {
            self.advance(1);
            frame.iter_mut().for_each(|sample| *sample *= self.gain);
        }
    }

    pub(super) fn advance(&mut self, frames: usize) {
        self.left = self.left.saturating_sub(frames);
        self.gain = if self.left == 0 { self.target } else { self.gain + self.step * frames as f32 };
    }
}
