//! What the node plays on its own, as the packets and anchors that a hub would send: sound is pushed in, commands for
//! the rooms come out. Times are the node's clock; nothing here reads or waits.

use std::collections::VecDeque;

use bytes::Bytes;
use unisono_codec::{Encode, Step};
use unisono_core::{
    playout::timing::LEADS,
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Play, Timeline},
    units::{Drift, FramePosition, SampleRate},
    wire::{control::Codec, ids::StreamId},
};

use crate::room::RoomCommand;

/// Samples in a frame.
pub(super) const CHANNELS: usize = 2;

/// Frames in a packet, 20 ms. Runs begin at multiples of it.
const PACKET: u64 = 960;

/// Sound is handed over so long before it is heard: a disk may take that long to answer.
const AHEAD: Nanos = Nanos::from_millis(500);

/// An anchor is to be known so long before it counts, beyond what the rooms have written to their devices.
const ANNOUNCE: Nanos = Nanos::from_millis(60);

/// The first sound of a run is there so long before an anchor has to be told: a room that is slow to start has it, too.
const HEAD_START: Nanos = Nanos::from_millis(120);

/// With so much of it there, sound begins.
const PREROLL: Nanos = Nanos::from_millis(100);

/// Whoever drives this looks at least so often.
pub(super) const TURN: Nanos = Nanos::from_millis(20);

/// No hub counts so far in the time of one connection.
const STREAM: StreamId = StreamId(u16::MAX);

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// It plays, or waits for sound to play.
    Playing,
    /// It goes on where it was.
    Paused,
    /// Nothing is in it.
    Stopped,
}

/// Where a piece begins.
#[derive(Clone, Debug)]
struct Mark {
    position: i64,
    title: String,
}

/// A run of the timeline that has been announced.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    anchor: Anchor,
    /// The end of all there is has been announced, for then.
    ends: Option<Timestamp<HubClock>>,
}

/// Plays sound that is pushed into it. Positions are frames of one stream and only rise.
pub(super) struct Deck {
    encoder: Box<dyn Encode>,
    rate: SampleRate,
    latency: Nanos,
    timeline: Timeline,
    sequence: u32,
    run_number: u32,
    run: Option<Run>,
    playback: Playback,
    /// Interleaved sound that was not heard yet; where its first frame lies, and where the next packet begins.
    tape: VecDeque<f32>,
    start: u64,
    sent: u64,
    marks: VecDeque<Mark>,
    /// Nothing follows what is on the tape.
    is_over: bool,
    /// Until then something may still be heard of the last run.
    silent_from: Timestamp<HubClock>,
    commands: VecDeque<RoomCommand>,
}

impl Deck {
    /// An empty one, for rooms whose slowest output adds `latency`.
    ///
    /// # Errors
    /// When the codec refuses the rate, which PCM does for none that an output has.
    pub(super) fn new(rate: SampleRate, latency: Nanos) -> Result<Self, unisono_codec::Error> {
        let step = Step { codec: Codec::Pcm24, bit_rate: 0 };
        let packet = u32::try_from(PACKET).unwrap_or(u32::MAX);
        Ok(Self {
            encoder: unisono_codec::encoder(step, rate, 2, packet)?,
            rate,
            latency,
            timeline: Timeline::new(rate),
            sequence: 0,
            run_number: 0,
            run: None,
            playback: Playback::Stopped,
            tape: VecDeque::new(),
            start: 0,
            sent: 0,
            marks: VecDeque::new(),
            is_over: false,
            silent_from: Timestamp::from_nanos(i64::MIN),
            commands: VecDeque::new(),
        })
    }

    /// The slowest output adds so much now.
    pub(super) const fn set_latency(&mut self, latency: Nanos) {
        self.latency = latency;
    }

    /// The rooms are there: they are told of the stream. What was playing goes on.
    pub(super) fn open(&mut self) {
        self.timeline = Timeline::new(self.rate);
        let origin = Timestamp::from_nanos(0);
        let clock = Mapping::new(origin, Timestamp::from_nanos(0), Drift::ZERO);
        let format = self.encoder.format().clone();
        let (stream, timeline, continues) = (STREAM, self.timeline, None);
        let start = RoomCommand::Start { stream, format, timeline, continues, clock: Some(clock) };
        self.commands.extend([RoomCommand::Clock(clock), start]);
    }

    /// The rooms are gone. What has not been heard is kept.
    pub(super) fn close(&mut self, now: Timestamp<NodeClock>) {
        self.cut(now);
        self.commands.clear();
    }

    /// Plays what is on the tape and what follows.
    pub(super) const fn play(&mut self) {
        self.playback = Playback::Playing;
    }

    /// Stops for a while; [`Self::play`] goes on with the next frame.
    pub(super) fn pause(&mut self, now: Timestamp<NodeClock>) {
        if self.playback == Playback::Playing {
            self.cut(now);
            self.playback = Playback::Paused;
        }
    }

    /// Ends what plays. The tape is empty afterwards.
    pub(super) fn stop(&mut self, now: Timestamp<NodeClock>) {
        self.cut(now);
        self.empty();
        self.playback = Playback::Stopped;
    }

    /// Goes to the beginning of the next piece. Says whether that is on the tape already; otherwise the tape is empty, and
    /// what is pushed next is to be the next piece.
    pub(super) fn next(&mut self, now: Timestamp<NodeClock>) -> bool {
        self.cut(now);
        let here = signed(self.start);
        let Some(mark) = self.marks.iter().find(|mark| mark.position > here) else {
            self.empty();
            return false;
        };
        let frames = usize::try_from(mark.position - here).unwrap_or(0);
        self.tape.drain(..(frames * CHANNELS).min(self.tape.len()));
        self.start = self.start.saturating_add(frames as u64);
        self.forget_marks(self.start);
        true
    }

    /// How many frames are to be pushed now.
    pub(super) fn wants(&self, now: Timestamp<NodeClock>) -> usize {
        if self.playback != Playback::Playing || self.is_over {
            return 0;
        }
        let ahead = AHEAD + self.latency;
        let to = match &self.run {
            Some(run) => self.heard_at(run, hub_time(now) + ahead),
            None => self.start + self.rate.frames_in(ahead).0,
        };
        usize::try_from(to.saturating_sub(self.end())).unwrap_or(0)
    }

    /// Takes interleaved sound.
    pub(super) fn push(&mut self, interleaved: &[f32]) {
        self.tape.extend(interleaved);
    }

    /// What is pushed next is the beginning of another piece.
    pub(super) fn mark(&mut self, title: String) {
        self.marks.push_back(Mark { position: signed(self.end()), title });
    }

    /// Nothing follows.
    pub(super) const fn finish(&mut self) {
        self.is_over = true;
    }

    /// Does what is due. To be called after sound was pushed, and at least every [`TURN`].
    pub(super) fn advance(&mut self, now: Timestamp<NodeClock>) {
        if self.playback != Playback::Playing {
            return;
        }
        let frames = (self.tape.len() / CHANNELS) as u64;
        if self.run.is_none() && (frames >= self.rate.frames_in(PREROLL).0 || self.is_over && frames > 0) {
            self.begin(now);
        }
        let Some(run) = self.run else {
            if self.is_over {
                self.end_all();
            }
            return;
        };
        self.send();
        match run.ends {
            Some(ends) if ends <= hub_time(now) => return self.end_all(),
            Some(_) => {}
            None if self.is_over => self.announce_end(run),
            None if self.instant_of(run, self.end()) <= hub_time(now) + self.announce() + TURN * 2 => self.run_dry(run),
            None => {}
        }
        self.drop_heard(now);
    }

    /// What to tell the rooms next.
    pub(super) fn poll_command(&mut self) -> Option<RoomCommand> {
        self.commands.pop_front()
    }

    /// What it does.
    pub(super) const fn playback(&self) -> Playback {
        self.playback
    }

    /// What is heard now: its title, and where in it that is.
    pub(super) fn heard(&self, now: Timestamp<NodeClock>) -> Option<(&str, Nanos)> {
        if self.playback == Playback::Stopped {
            return None;
        }
        let heard = signed(self.run.as_ref().map_or(self.start, |run| self.heard_at(run, hub_time(now))));
        let mark = self.marks.iter().rev().find(|mark| mark.position <= heard).or(self.marks.front())?;
        Some((&mark.title, self.rate.span_of((heard - mark.position).max(0))))
    }

    /// Begins a run with the first frame of the tape.
    fn begin(&mut self, now: Timestamp<NodeClock>) {
        let first = self.sent.max(self.start).next_multiple_of(PACKET);
        let shift = signed(first) - signed(self.start);
        self.marks.iter_mut().for_each(|mark| mark.position += shift);
        (self.start, self.sent) = (first, first);
        self.run_number += 1;
        let at = (hub_time(now) + self.announce() + HEAD_START).max(self.silent_from);
        let play = Play { run: self.run_number, position: FramePosition(first), drift_ppb: 0 };
        let anchor = self.announce_anchor(at, Some(play));
        self.run = Some(Run { first, anchor, ends: None });
    }

    /// Sends every packet that is whole.
    fn send(&mut self) {
        while self.sent + PACKET <= self.end() {
            self.send_one();
        }
    }

    fn send_one(&mut self) {
        let from = usize::try_from(self.sent - self.start).unwrap_or(usize::MAX).saturating_mul(CHANNELS);
        let mut samples: Vec<f32> = self.tape.iter().skip(from).take(PACKET_SAMPLES).copied().collect();
        samples.resize(PACKET_SAMPLES, 0.0);
        // It refuses nothing that is as long as a packet.
        let payload = self.encoder.encode(&samples).unwrap_or_else(|_| Bytes::new());
        self.commands.push_back(RoomCommand::Packet(STREAM, FramePosition(self.sent), payload));
        self.sent += PACKET;
    }

    /// Says when the last frame will have been heard.
    fn announce_end(&mut self, run: Run) {
        if self.sent < self.end() {
            self.send_one();
        }
        let ends = self.instant_of(run, self.end());
        self.announce_anchor(ends, None);
        self.silent_from = ends;
        self.run = Some(Run { ends: Some(ends), ..run });
    }

    /// The sound did not come in time: silence, until there is enough of it again.
    fn run_dry(&mut self, run: Run) {
        if self.sent < self.end() {
            self.send_one();
        }
        let ends = self.instant_of(run, self.end());
        self.announce_anchor(ends, None);
        self.silent_from = ends;
        self.start = self.end();
        self.tape.clear();
        self.forget_marks(self.start);
        self.run = None;
    }

    /// Ends the run as soon as every room can know. The first frame on the tape is the first that was not heard.
    fn cut(&mut self, now: Timestamp<NodeClock>) {
        let Some(run) = self.run.take() else { return };
        let end = self.end();
        let played = hub_time(now) + self.announce() - run.anchor.at;
        // A frame's beginning, so that the next run goes on with a whole one.
        let played = if played > Nanos::ZERO { self.rate.frames_in(played).0 + 1 } else { 0 };
        let cut = (run.first + played).min(end).max(self.start);
        let silent_from = self.instant_of(run, cut);
        self.announce_anchor(silent_from, None);
        self.silent_from = silent_from;
        let heard = usize::try_from(cut - self.start).unwrap_or(0) * CHANNELS;
        self.tape.drain(..heard.min(self.tape.len()));
        self.start = cut;
        self.forget_marks(cut);
    }

    fn empty(&mut self) {
        self.start = self.end();
        self.tape.clear();
        self.marks.clear();
        self.is_over = false;
    }

    fn end_all(&mut self) {
        self.run = None;
        self.empty();
        self.playback = Playback::Stopped;
    }

    fn drop_heard(&mut self, now: Timestamp<NodeClock>) {
        let Some(run) = &self.run else { return };
        let heard = self.heard_at(run, hub_time(now)).min(self.sent).min(self.end());
        let frames = usize::try_from(heard.saturating_sub(self.start)).unwrap_or(0);
        self.tape.drain(..frames * CHANNELS);
        self.start += frames as u64;
        self.forget_marks(self.start);
    }

    /// Of the pieces that have begun by then only the last counts.
    fn forget_marks(&mut self, position: u64) {
        while self.marks.get(1).is_some_and(|mark| mark.position <= signed(position)) {
            self.marks.pop_front();
        }
    }

    fn announce_anchor(&mut self, at: Timestamp<HubClock>, play: Option<Play>) -> Anchor {
        self.sequence += 1;
        let anchor = Anchor { sequence: self.sequence, at, play };
        self.timeline.insert(anchor);
        self.commands.push_back(RoomCommand::Timeline(STREAM, self.timeline));
        anchor
    }

    /// How long before it counts an anchor is to be told.
    fn announce(&self) -> Nanos {
        ANNOUNCE + LEADS.give_up + self.latency
    }

    /// The frame behind the last on the tape.
    fn end(&self) -> u64 {
        self.start + (self.tape.len() / CHANNELS) as u64
    }

    /// What a run has heard at an instant; its first frame before it has begun.
    fn heard_at(&self, run: &Run, at: Timestamp<HubClock>) -> u64 {
        run.first + self.rate.frames_in((at - run.anchor.at).max(Nanos::ZERO)).0
    }

    fn instant_of(&self, run: Run, position: u64) -> Timestamp<HubClock> {
        self.timeline.instant_within(&run.anchor, FramePosition(position))
    }
}

/// Samples in a packet.
const PACKET_SAMPLES: usize = 1_920;
const _: () = assert!(PACKET_SAMPLES as u64 == PACKET * CHANNELS as u64);

/// A node that stands alone is its own hub.
const fn hub_time(now: Timestamp<NodeClock>) -> Timestamp<HubClock> {
    Timestamp::from_nanos(now.as_nanos())
}

fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
