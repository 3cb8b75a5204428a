//! What the next frames of an output hold.
//!
//! There is no feedback from how full a buffer is. The rate is fed forward from two measured clocks (the hub's against
//! the node's, the converter's against the node's); a slow trim takes out what phase error remains. Frames are never
//! dropped or repeated to be in time: the resampler reads the stream a few millionths faster or slower.
//!
//! Real-time: no allocation, no lock, no system call.

use core::ops::Range;

use crate::{
    playout::{
        DacClock, DacReading,
        latency::Latency,
        timing::{BUFFER, COARSE, COARSE_TURN, TURN},
    },
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::{Phase, Segment, Timeline},
    units::{Drift, FramePosition, OutputPosition, SampleRate},
};

/// A start, a stop and a gap are faded over so long: short enough not to blunt an attack, long enough not to click.
const FADE: Nanos = Nanos::from_millis(5);

/// A jump is faded across for so long, in which both places are heard.
const CROSSFADE: Nanos = Nanos::from_millis(10);

/// The phase error falls by this time constant while the clocks are still being learned, and by a longer one later: what
/// the estimates then still move is noise, and following it would be heard as wow. It grows with the time for which the
/// clocks have been known, and starts over when one turns out to be wrong by more than noise.
const TRIM_TIME: (f64, f64) = (5.0, 30.0);
const TRIM_GROWTH: f64 = 0.25;
const NOISE: Nanos = Nanos::from_micros(150);

/// An error of more seconds than this is taken out faster in proportion, down to the shortest time: it is more than what
/// is learned in between.
const LARGE: f64 = 25e-6;
const SHORTEST_TRIM_TIME: f64 = 2.0;

/// The most that the trim adds to the measured rates: 0.35 cent, and 200 µs a second.
const MAX_TRIM: f64 = 200e-6;

/// The rate follows its target by this time constant, so that no step of it can be heard.
const RATE_TIME: f64 = 1.0;

/// A larger error than this is not a matter of rates, and is jumped over: the device lost frames, or a clock was stepped.
const RESYNC_LIMIT: Nanos = Nanos::from_millis(2);

/// Frames of the stream that the resampler reads either side of a position.
pub const RESAMPLER_REACH: u64 = 32;

/// Sound that has been decoded and not been played: one unbroken run of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The run of anchors that it belongs to.
    pub run: u32,
    /// Its first frame.
    pub start: FramePosition,
    /// The frame behind its last.
    pub end: FramePosition,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Write so many silent frames.
    Silence {
        /// How many.
        frames: u32,
    },
    /// Drop what is queued of `run` before a position (all of it when its run is older), then ask again.
    Discard {
        /// The run that is played; blocks of older runs are useless.
        run: u32,
        /// The first position that is still of use.
        before: FramePosition,
    },
    /// Ask again soon: the sound is not there yet, and the device can wait for it.
    Wait,
    /// Resample so many frames.
    Play {
        /// How many.
        frames: u32,
        /// Where in the stream the first of them lies.
        start: Phase,
        /// How far the position moves from frame to frame, less one.
        excess: f64,
        /// What the sound fades across from: it is mixed in, and the rest is the share of what is read at `start`.
        leaving: Option<Leaving>,
        /// The fade's gain at the first frame and behind the last; a straight line between.
        gain: (f32, f32),
    },
}

/// A place in the stream that the sound leaves for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaving {
    /// Where the first frame of it lies; the position moves as that of the sound does.
    pub start: Phase,
    /// Its share at the first frame and behind the last; a straight line between.
    pub share: (f32, f32),
}

/// How an output is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlayoutStatus {
    /// Whether sound is put out.
    pub playing: bool,
    /// Whether the converter's clock is known.
    pub device_known: bool,
    /// How far the frames now written will be ahead of (positive) or behind the group; what is still to be followed of a
    /// change of the latency behind the converter is in it.
    pub sync_error: Nanos,
    /// For how long before it is heard sound must be there, beyond what the device holds: what lies behind the
    /// converter, and while a change of that is followed, the larger of what was and what is.
    pub output_latency: Nanos,
    /// How far what is known of the converter may be off, if its own counter is right.
    pub device_uncertainty: Nanos,
    /// The converter's rate against the node's clock.
    pub dac_drift: Drift,
    /// The rate at which the stream is read, against nominal.
    pub read_drift: Drift,
    /// Times the sound stopped because nothing was queued.
    pub starved: u64,
    /// Times the sound had to jump to be in time.
    pub resyncs: u64,
    /// How far ahead of (positive) or behind the group it was before the last of them.
    pub jumped: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Playing {
    run: u32,
    phase: Phase,
    excess: f64,
    /// The part of it, as a factor, that is to be heard at once: what the anchor asks for, and the pace.
    known: f64,
    /// How much faster it is read because the latency behind the converter has changed.
    pace: f64,
    /// Output frames since the fade-in began.
    since_start: u64,
    /// The fade's gain behind the last frame.
    gain: f32,
    /// Frames since it was to jump, for as long as it waits for the sound that it is to jump to.
    waiting: u64,
    /// Where it was before it jumped, and the frames for which that is still heard.
    leaving: Option<(Phase, u64)>,
    /// Frames left of a fade-out behind which it starts anew.
    ending: Option<u64>,
}

impl Playing {
    const fn new(run: u32, phase: Phase, known: f64, ratio: f64) -> Self {
        let excess = ratio * known - 1.0;
        Self {
            run,
            phase,
            excess,
            known,
            pace: 0.0,
            since_start: 0,
            gain: 0.0,
            waiting: 0,
            leaving: None,
            ending: None,
        }
    }

    /// How far it is ahead of (positive) or behind where it should be.
    fn error(&self, wanted: Phase, stream_rate: SampleRate) -> Nanos {
        Nanos::from_secs_f64(self.phase.distance_from(wanted) / f64::from(stream_rate.hertz()))
    }
}

/// Decides what one output plays. Owned by the audio thread.
#[derive(Clone, Debug)]
pub struct Playout {
    output_rate: SampleRate,
    dac: DacClock,
    clock: Option<Mapping<NodeClock, HubClock>>,
    timeline: Option<Timeline>,
    latency: Latency,
    written: OutputPosition,
    /// From where on the clocks have been known, to within noise.
    settled: OutputPosition,
    playing: Option<Playing>,
    /// Frames left of a fade-out that was asked for.
    stopping: Option<u64>,
    /// Another output goes on with what plays.
    retired: bool,
    status: PlayoutStatus,
}

impl Playout {
    /// For an output that runs at `output_rate`, and adds `output_latency` behind the converter.
    pub fn new(output_rate: SampleRate, output_latency: Nanos) -> Self {
        Self {
            output_rate,
            dac: DacClock::new(output_rate),
            clock: None,
            timeline: None,
            latency: Latency::new(output_latency),
            written: OutputPosition(0),
            settled: OutputPosition(0),
            playing: None,
            stopping: None,
            retired: false,
            status: PlayoutStatus::default(),
        }
    }

    /// Takes the mapping to the hub's clock as it is known now.
    pub fn set_clock(&mut self, clock: Mapping<NodeClock, HubClock>) {
        let before = self.clock.replace(clock).zip(self.dac.instant_of(self.written));
        if before.is_none_or(|(before, at)| clock.ahead_of(&before, at).abs() > NOISE) {
            self.settled = self.written;
        }
    }

    /// Takes what lies behind the converter as it is now. Up to 25 ms of a change are slewed, at up to 0.5 %; what is
    /// larger is jumped over, in a crossfade of 10 ms from one place in the stream to the other. Where the sound to jump to
    /// is not there, because it has not come within 60 ms or is not kept any more, that is a fade out, a jump and a fade
    /// in. What is beyond [`MAX_OUTPUT_LATENCY`](super::timing::MAX_OUTPUT_LATENCY) is not made up for: the room is late by so much.
    pub fn set_output_latency(&mut self, latency: Nanos) {
        self.latency.set(latency);
    }

    /// Takes the timeline of what is to be played. Call only while [`Self::is_silent`] when it is another stream's.
    pub fn set_timeline(&mut self, timeline: Timeline) {
        self.timeline = Some(timeline);
        self.stopping = None;
    }

    /// Ends what is played, with a fade.
    pub fn stop(&mut self) {
        self.stopping = Some(self.fade_frames());
        if self.playing.is_none() {
            self.timeline = None;
        }
    }

    /// Fades out, and stays silent whatever is to be played, for another output goes on with it; or plays again.
    pub fn set_retired(&mut self, retired: bool) {
        self.retired = retired;
    }

    /// Goes on with what another output played, which is silent or lost: its clock and timeline hold, and its counts go
    /// on. What is known of the converter is this one's own.
    pub fn take_over(&mut self, from: &Self) {
        (self.clock, self.timeline, self.stopping) = (from.clock, from.timeline, None);
        (self.status.starved, self.status.resyncs) = (from.status.starved, from.status.resyncs);
        self.playing = None;
    }

    /// The device was opened anew or lost what was in it: its positions start from zero.
    pub fn device_restarted(&mut self) {
        self.dac.reset();
        self.written = OutputPosition(0);
        self.settled = OutputPosition(0);
        self.playing = None;
    }

    /// Takes what the converter says of itself.
    pub fn observe(&mut self, reading: DacReading) {
        self.dac.observe(reading);
    }

    /// Frames handed to the device since it was opened.
    pub const fn written(&self) -> OutputPosition {
        self.written
    }

    /// Whether nothing is being put out.
    pub const fn is_silent(&self) -> bool {
        self.playing.is_none()
    }

    /// How the output is doing.
    pub fn status(&self) -> PlayoutStatus {
        let output_rate = f64::from(self.output_rate.hertz());
        let stream_rate = self.timeline.map_or(output_rate, |timeline| f64::from(timeline.rate().hertz()));
        let read = self.playing.map_or(0.0, |playing| (1.0 + playing.excess) * output_rate / stream_rate - 1.0);
        PlayoutStatus {
            playing: self.playing.is_some(),
            device_known: self.dac.is_known(),
            device_uncertainty: self.dac.uncertainty(),
            dac_drift: self.dac.drift(),
            read_drift: Drift::from_ratio(read),
            output_latency: self.latency.reach(),
            ..self.status
        }
    }

    /// How long to rest before the next turn: at an irregular time within this.
    pub fn rest(&self) -> Range<Nanos> {
        // Readings lie half a step below the edge on average.
        let is_fine = self.dac.is_known() && self.dac.spread() * 2 < COARSE;
        if is_fine { TURN } else { COARSE_TURN }
    }

    /// What the next frames hold, at most `frames` of them. `queued` is the sound at the front of the queue; `urgent`
    /// says that the device cannot wait. The frames of [`Step::Silence`] and [`Step::Play`] count as written.
    pub fn plan(&mut self, frames: u32, queued: Option<Queued>, urgent: bool) -> Step {
        let frames = frames.max(1);
        if self.playing.is_none() {
            self.latency.settle();
            if self.retired {
                return self.silence(frames);
            }
        }
        let (Some(clock), Some(timeline), Some(emitted)) =
            (self.clock, self.timeline, self.dac.instant_of(self.written))
        else {
            return self.silence(frames);
        };
        let heard = clock.forward(emitted + self.latency.allowed());
        let Some(segment) = timeline.segment_at(heard) else {
            return self.silence_until(timeline.next_after(heard).map(|next| next.at), heard, frames);
        };
        let Some(play) = segment.anchor.play else {
            return self.silence_until(segment.next.map(|next| next.at), heard, frames);
        };
        let wanted = timeline.phase_within(&segment.anchor, heard);
        let ratio = self.fed_forward(clock, timeline.rate());
        let announced = 1.0 + f64::from(play.drift_ppb) * 1e-9;
        let mut playing = self.follow(play.run, wanted, ratio, announced, frames, timeline.rate());
        let (mut segment, mut heard) = (segment, heard);
        let may_leave = self.playing.is_some() && playing.ending.is_none() && playing.leaving.is_none();
        if may_leave && self.retired {
            playing.ending = Some(self.fade_frames());
        } else if may_leave && self.latency.is_jump() {
            let at = clock.forward(emitted + self.latency.wanted());
            let there = timeline.segment_at(at).filter(|there| there.anchor.play.is_some_and(|it| it.run == play.run));
            let to = there.map(|there| timeline.phase_within(&there.anchor, at));
            if let (true, Some(there)) = (self.jump(&mut playing, queued, to, frames), there) {
                (segment, heard) = (there, at);
                self.latency.settle();
            }
        } else if may_leave && playing.error(wanted, timeline.rate()).abs() > RESYNC_LIMIT {
            self.jump(&mut playing, queued, Some(wanted), frames);
        }
        self.with_queue(playing, play.run, segment, heard, queued, frames, urgent)
    }

    /// Stream frames to a frame of this converter that keep pace with the hub's clock.
    fn fed_forward(&self, clock: Mapping<NodeClock, HubClock>, stream_rate: SampleRate) -> f64 {
        f64::from(stream_rate.hertz()) * (1.0 + clock.drift().excess()) / self.dac.frames_per_second()
    }

    /// Moves the rate towards where it should be, or starts in phase when nothing was playing.
    fn follow(
        &mut self,
        run: u32,
        wanted: Phase,
        ratio: f64,
        announced: f64,
        frames: u32,
        stream_rate: SampleRate,
    ) -> Playing {
        let fresh = Playing::new(run, wanted, announced, ratio);
        let Some(mut playing) = self.playing.filter(|playing| playing.run == run) else {
            self.playing = None;
            self.status.sync_error = -Nanos::from_secs_f64(self.latency.late());
            return fresh;
        };
        let error_now = playing.error(wanted, stream_rate);
        let error = error_now.as_secs_f64();
        self.status.sync_error = Nanos::from_secs_f64(error - self.latency.late());
        if error_now.abs() > NOISE {
            self.settled = self.written;
        }
        let rate = f64::from(self.output_rate.hertz());
        let settled = (self.written.0 - self.settled.0) as f64 / rate;
        let trim_time = (TRIM_GROWTH * settled).clamp(TRIM_TIME.0, TRIM_TIME.1);
        let trim_time = (trim_time / (error.abs() / LARGE).max(1.0)).max(SHORTEST_TRIM_TIME);
        let seconds = f64::from(frames) / rate;
        if !self.latency.is_jump() {
            playing.pace = self.latency.pace(playing.pace, seconds);
        }
        // What the hub announces and what the latency asks for is to be heard at once; what was measured only smoothly.
        let known = announced * (1.0 + playing.pace);
        playing.excess = (1.0 + playing.excess) * (known / playing.known) - 1.0;
        playing.known = known;
        let trim = if error_now.abs() > RESYNC_LIMIT { 0.0 } else { (-error / trim_time).clamp(-MAX_TRIM, MAX_TRIM) };
        let target = ratio * known - 1.0 + trim;
        playing.excess += (target - playing.excess) * (seconds / RATE_TIME).min(1.0);
        playing
    }

    /// Begins to fade across to where the sound should be, and says so; or begins a fade-out before it. It waits a while
    /// for the sound.
    fn jump(&mut self, playing: &mut Playing, queued: Option<Queued>, to: Option<Phase>, frames: u32) -> bool {
        // With less than this behind it the sound would run dry at once.
        let reach = (self.crossfade_frames() + RESAMPLER_REACH + 2 * u64::from(frames)) as f64;
        let held = queued.filter(|queued| queued.run == playing.run).zip(to);
        let has_come = held.is_some_and(|(held, to)| {
            Phase::at(held.end) > to.advanced_by(reach) && Phase::at(held.end) > playing.phase.advanced_by(reach)
        });
        let is_kept = held.is_some_and(|(held, to)| Phase::at(held.start).advanced_by(RESAMPLER_REACH as f64) <= to);
        let to = to.filter(|_| has_come && is_kept);
        if to.is_none() && !has_come && playing.waiting < self.output_frames(BUFFER) {
            playing.waiting += u64::from(frames);
            return false;
        }
        playing.waiting = 0;
        self.status.resyncs += 1;
        self.status.jumped = self.status.sync_error;
        if let Some(to) = to {
            playing.leaving = Some((playing.phase, self.crossfade_frames()));
            playing.phase = to;
        } else {
            playing.ending = Some(self.fade_frames());
            // Should the fade have to wait for its last sound, it is the same one still.
            if let Some(playing_on) = &mut self.playing {
                playing_on.ending = playing.ending;
            }
        }
        to.is_some()
    }

    #[expect(clippy::too_many_arguments, reason = "one decision, taken apart for the reader")]
    fn with_queue(
        &mut self,
        mut playing: Playing,
        run: u32,
        segment: Segment,
        heard: Timestamp<HubClock>,
        queued: Option<Queued>,
        frames: u32,
        urgent: bool,
    ) -> Step {
        let first = playing.phase.frame();
        let until_end = self.frames_until_end(run, &segment, heard);
        // Silence in place of sound ends where the run does: the next one is heard from its first frame on.
        let quiet = u32::try_from(until_end).unwrap_or(u32::MAX).min(frames);
        let Some(queued) = queued else { return self.starve(quiet, urgent) };
        let reach = FramePosition(first.0.saturating_sub(RESAMPLER_REACH));
        if queued.run != run {
            return if queued.run < run { Step::Discard { run, before: reach } } else { self.starve(quiet, true) };
        }
        if queued.end <= reach {
            return Step::Discard { run, before: reach };
        }
        // A run may begin, and sound may come back after a gap, in the middle of these frames.
        if queued.start > first && self.playing.is_none() {
            #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
            let ahead = (queued.start.distance_from(first) as f64 / (1.0 + playing.excess)) as i64;
            return self.silence(u32::try_from(ahead).unwrap_or(u32::MAX).clamp(1, quiet));
        }
        let pace = 1.0 + playing.excess;
        let readable_from = |phase| {
            let readable = Phase::at(queued.end).distance_from(phase) - RESAMPLER_REACH as f64 - 1.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            let readable = (readable / pace).max(0.0) as u64;
            readable
        };
        let mut readable = readable_from(playing.phase);
        if let Some((leaving, _)) = playing.leaving {
            match readable_from(leaving) {
                0 if urgent => playing.leaving = None,
                left => readable = readable.min(left),
            }
        }
        if readable < u64::from(frames) && !urgent {
            return Step::Wait;
        }
        if readable == 0 {
            return self.starve(quiet, urgent);
        }
        let ends_in = until_end.min(self.stopping.unwrap_or(u64::MAX)).min(playing.ending.unwrap_or(u64::MAX));
        let left = if readable < u64::from(frames) { ends_in.min(readable) } else { ends_in };
        let step = self.play(playing, left, readable.min(u64::from(frames)));
        // The last frames of a run, which the resampler cannot read without those behind them, are not missed.
        if self.playing.is_none() && ends_in - left > 2 * RESAMPLER_REACH {
            self.status.starved += 1;
        }
        step
    }

    /// Plays at most `frames`, of which there are `left` before the sound ends.
    fn play(&mut self, mut playing: Playing, left: u64, frames: u64) -> Step {
        let fade = self.fade_frames();
        let mut frames = frames.min(left);
        // One straight line of gain a step: stop at the knees.
        if playing.since_start < fade {
            frames = frames.min(fade - playing.since_start);
        }
        if left > fade {
            frames = frames.min(left - fade);
        }
        if let Some((_, left)) = playing.leaving {
            frames = frames.min(left);
        }
        let frames = frames.max(1);
        let gain = |since: u64, left: u64| {
            let ratio = |n: u64| if n >= fade { 1.0 } else { n as f32 / fade as f32 };
            ratio(since).min(ratio(left))
        };
        let start = playing.phase;
        let excess = playing.excess;
        let from = playing.gain;
        playing.since_start += frames;
        playing.gain = gain(playing.since_start, left.saturating_sub(frames));
        let to = playing.gain;
        playing.phase = start.advanced_by(frames as f64 * (1.0 + excess));
        let leaving = playing.leaving.map(|(start, left)| {
            let share = |left: u64| left as f32 / self.crossfade_frames() as f32;
            Leaving { start, share: (share(left), share(left.saturating_sub(frames))) }
        });
        playing.leaving = playing.leaving.and_then(|(start, left)| {
            let left = left.checked_sub(frames).filter(|left| *left > 0)?;
            Some((start.advanced_by(frames as f64 * (1.0 + excess)), left))
        });
        playing.ending = playing.ending.map(|ending| ending.saturating_sub(frames));
        self.latency.advance(playing.pace, frames as f64 / self.dac.frames_per_second());
        self.written.0 += frames;
        self.playing = (left > frames).then_some(playing);
        if let Some(stopping) = &mut self.stopping {
            *stopping = stopping.saturating_sub(frames);
            if self.playing.is_none() {
                self.timeline = None;
                self.stopping = None;
            }
        }
        Step::Play { frames: u32::try_from(frames).unwrap_or(1), start, excess, leaving, gain: (from, to) }
    }

    /// Output frames until the run ends; none of it when the next anchor continues the run.
    fn frames_until_end(&self, run: u32, segment: &Segment, heard: Timestamp<HubClock>) -> u64 {
        match segment.next {
            Some(next) if next.play.is_none_or(|play| play.run != run) => self.output_frames(next.at - heard).max(1),
            _ => u64::MAX,
        }
    }

    fn starve(&mut self, frames: u32, urgent: bool) -> Step {
        if !urgent {
            return Step::Wait;
        }
        if self.playing.is_some() {
            self.status.starved += 1;
        }
        self.silence(frames)
    }

    fn silence_until(&mut self, until: Option<Timestamp<HubClock>>, heard: Timestamp<HubClock>, frames: u32) -> Step {
        let left = until.map_or(u64::MAX, |until| self.output_frames(until - heard)).max(1);
        self.silence(u32::try_from(left).unwrap_or(u32::MAX).min(frames))
    }

    fn silence(&mut self, frames: u32) -> Step {
        self.playing = None;
        if self.stopping.take().is_some() {
            self.timeline = None;
        }
        self.written.0 += u64::from(frames);
        Step::Silence { frames }
    }

    fn output_frames(&self, span: Nanos) -> u64 {
        self.output_rate.frames_in(span).0
    }

    fn fade_frames(&self) -> u64 {
        self.output_frames(FADE).max(1)
    }

    fn crossfade_frames(&self) -> u64 {
        self.output_frames(CROSSFADE).max(1)
    }
}
