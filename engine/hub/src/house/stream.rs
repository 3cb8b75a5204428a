//! What a group plays, as packets: renditions, rings, and when each packet leaves.

use std::{collections::BTreeSet, ops::RangeInclusive};

use bytes::Bytes;
use unisono_codec::Step;
use unisono_core::{
    playout::timing::MAX_OUTPUT_LATENCY,
    repair::{Packet, RepairRing},
    time::{HubClock, Nanos, Timestamp},
    timeline::{Anchor, Phase, Play, Timeline},
    units::{FrameCount, FramePosition, SampleRate},
    wire::{
        control::{Codec, Format},
        ids::StreamId,
    },
};

use super::{ConnectionId, EntryId, RoomId, departures::spread, lead::Lead, reading::Reading};

/// Runs begin at multiples of 20 ms at 48 kHz, so that renditions with packets of 10 and 20 ms share them.
pub(super) const GRID: u64 = 960;

/// The steps of Opus, in bits per second: transparent to nearly everyone, to most, and still music.
const OPUS_STEPS: [u32; 3] = [192_000, 128_000, 64_000];

/// Below this a lost packet cannot be asked for in time, so each packet carries the one before it as well.
const REDUNDANT_BELOW: Nanos = Nanos::from_millis(150);

/// What a margin may be.
pub const MARGINS: RangeInclusive<Nanos> = Nanos::from_millis(60)..=Nanos::from_millis(5_000);

/// How streams are made unless a group says otherwise.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Frames per second of every stream.
    pub rate: SampleRate,
    /// Samples in a frame.
    pub channels: u8,
    /// How long a packet may be on its way or be asked for again, within [`MARGINS`].
    pub margin: Nanos,
    /// The codec for nodes that can decode it.
    pub codec: Codec,
    /// Bits per second of Opus.
    pub opus_bit_rate: u32,
}

impl StreamSettings {
    /// The steps that a node with these codecs can be sent, best first: the hub's choice if the node can decode it, else
    /// the node's own first choice, and Opus at fewer bits below it.
    pub fn ladder(&self, codecs: &[Codec]) -> Vec<Step> {
        let known = |codec: &&Codec| !matches!(codec, Codec::Other(_));
        let codec = if codecs.contains(&self.codec) {
            self.codec
        } else {
            codecs.iter().find(known).copied().unwrap_or(Codec::Pcm16)
        };
        let best = Step { codec, bit_rate: self.opus_bit_rate };
        let lossless = codec != Codec::Opus;
        let lower = OPUS_STEPS.iter().filter(|rate| lossless || **rate < self.opus_bit_rate);
        let lower = lower.filter(|_| codecs.contains(&Codec::Opus));
        core::iter::once(best).chain(lower.map(|rate| Step { codec: Codec::Opus, bit_rate: *rate })).collect()
    }

    /// How packets of a step are made for a stream that is sent `lead` before it is heard. Short packets where latency
    /// is short, and where long ones would be many fragments.
    ///
    /// # Errors
    /// When the codec cannot do this rate, number of channels or bit rate.
    pub fn format(&self, step: Step, lead: Nanos) -> Result<Format, unisono_codec::Error> {
        let short = lead < REDUNDANT_BELOW || step.codec != Codec::Opus || step.bit_rate > 256_000;
        let packet_frames = if short { self.rate.hertz() / 100 } else { self.rate.hertz() / 50 };
        let encoder = unisono_codec::encoder(step, self.rate, self.channels, packet_frames)?;
        Ok(encoder.format().clone())
    }
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            rate: SampleRate::HZ_48000,
            channels: 2,
            margin: Nanos::from_millis(300),
            codec: Codec::Opus,
            opus_bit_rate: 192_000,
        }
    }
}

/// A decoder of any codec has warmed up by then (Opus takes 80 ms).
const SWITCH_WARM_UP: Nanos = Nanos::from_millis(100);

/// So much of the old rendition is sent beyond where the new one begins: it is faded into that.
const SWITCH_OVERLAP: Nanos = Nanos::from_millis(40);

/// One rendition, for whoever encodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionPlan {
    /// Its name on the wire.
    pub stream: StreamId,
    /// How its packets are coded.
    pub format: Format,
}

/// One codec at one step.
#[derive(Debug)]
pub(super) struct Rendition {
    pub(super) plan: RenditionPlan,
    ring: RepairRing,
    next: FramePosition,
    subscribers: BTreeSet<(ConnectionId, RoomId)>,
}

impl Rendition {
    pub(super) const fn ring(&self) -> &RepairRing {
        &self.ring
    }

    pub(super) fn is_sent_to(&self, connection: ConnectionId) -> bool {
        self.subscribers.iter().any(|(id, _)| *id == connection)
    }

    /// The connections that it goes to, each once.
    pub(super) fn connections(&self) -> Vec<ConnectionId> {
        let mut connections: Vec<ConnectionId> = self.subscribers.iter().map(|(id, _)| *id).collect();
        connections.dedup();
        connections
    }

    pub(super) const fn subscribers(&self) -> &BTreeSet<(ConnectionId, RoomId)> {
        &self.subscribers
    }

    /// Over how long before it is due a packet leaves.
    pub(super) fn spread(&self) -> Nanos {
        let Format { packet_frames, rate, .. } = self.plan.format;
        let packet = Nanos::from_secs(packet_frames.into()) / i64::from(rate.max(1));
        spread(self.subscribers.len(), packet)
    }

    /// The packet whose turn it is; the one behind it is next.
    fn take(&mut self) -> (StreamId, FramePosition) {
        let position = self.next;
        self.next += FrameCount(u64::from(self.plan.format.packet_frames));
        (self.plan.stream, position)
    }

    fn align(&self, position: FramePosition) -> FramePosition {
        let frames = u64::from(self.plan.format.packet_frames);
        FramePosition(position.0.div_ceil(frames) * frames)
    }
}

/// A room that goes over from one rendition to another.
#[derive(Clone, Copy, Debug)]
struct Switch {
    connection: ConnectionId,
    room: RoomId,
    from: StreamId,
    /// The first packet of the old rendition that the room does not need any more.
    until: FramePosition,
    /// When the new one is heard for certain.
    over_at: Timestamp<HubClock>,
}

/// What one group plays.
#[derive(Debug)]
pub(super) struct Stream {
    timeline: Timeline,
    lead: Lead,
    sequence: u32,
    run: u32,
    /// Where the run began.
    origin: FramePosition,
    reading: Reading,
    renditions: Vec<Rendition>,
    switches: Vec<Switch>,
    /// Where the source ends, once that is known.
    end: Option<FramePosition>,
    /// When what plays has ended in every room.
    over_at: Option<Timestamp<HubClock>>,
}

impl Stream {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            timeline: Timeline::new(rate),
            lead: Lead::new(Nanos::ZERO),
            sequence: 0,
            run: 0,
            origin: FramePosition(0),
            reading: Reading::new(FramePosition(0), EntryId::default(), 0),
            renditions: Vec::new(),
            switches: Vec::new(),
            end: None,
            over_at: None,
        }
    }

    pub(super) const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Which run of anchors plays, or played last.
    pub(super) const fn run(&self) -> u32 {
        self.run
    }

    /// What of the queue has been read, and where in the stream that is.
    pub(super) const fn reading(&self) -> &Reading {
        &self.reading
    }

    pub(super) const fn reading_mut(&mut self) -> &mut Reading {
        &mut self.reading
    }

    /// Whether it is settled when all is over.
    pub(super) const fn is_ending(&self) -> bool {
        self.over_at.is_some()
    }

    /// When all is over, once that is settled.
    pub(super) const fn over_at(&self) -> Option<Timestamp<HubClock>> {
        self.over_at
    }

    /// The position at which it is settled that all is over; `None` when it ends at an instant, or not.
    pub(super) const fn end_position(&self) -> Option<FramePosition> {
        self.end
    }

    /// When what is heard at a position begins; at the end of all, when that comes.
    pub(super) fn begins(&self, position: FramePosition) -> Option<Timestamp<HubClock>> {
        self.timeline.instant_of(position).or_else(|| self.over_at.filter(|_| self.end == Some(position)))
    }

    /// Whether no packet has been asked for that holds anything from a position on, or will be within `time`.
    pub(super) fn is_unsent(&self, now: Timestamp<HubClock>, position: FramePosition, time: Nanos) -> bool {
        let from = FramePosition(position.0 / GRID * GRID);
        let is_time = |rendition: &Rendition| {
            let at = self.begins(from);
            at.is_some_and(|at| self.lead.leaves(at - rendition.spread()) >= now + time)
        };
        self.renditions.iter().all(|rendition| rendition.next <= from && is_time(rendition))
    }

    /// When the entry that is heard next begins; `None` when it is not known yet.
    pub(super) fn next_turn(&self) -> Option<Timestamp<HubClock>> {
        self.timeline.instant_of(self.reading.next()?.position)
    }

    /// How long before it is heard a packet is sent, or is to be soon.
    pub(super) const fn lead(&self) -> Nanos {
        self.lead.wanted()
    }

    /// How long before it is heard a packet has been sent for some time: what nodes are told.
    pub(super) fn settled_lead(&self) -> Nanos {
        self.lead.settled()
    }

    /// When a packet is to have left for every room.
    pub(super) fn due_at(&self, position: FramePosition) -> Option<Timestamp<HubClock>> {
        Some(self.lead.leaves(self.timeline.instant_of(position)?))
    }

    pub(super) fn rendition(&self, stream: StreamId) -> Option<&Rendition> {
        self.renditions.iter().find(|rendition| rendition.plan.stream == stream)
    }

    pub(super) fn renditions(&self) -> &[Rendition] {
        &self.renditions
    }

    /// The rendition in a format, if there is one.
    pub(super) fn rendition_in(&self, format: &Format) -> Option<StreamId> {
        self.renditions.iter().find(|rendition| rendition.plan.format == *format).map(|found| found.plan.stream)
    }

    /// The position at which what plays or will play began.
    pub(super) const fn begins_at(&self) -> FramePosition {
        self.origin
    }

    /// Adds a rendition; its first packet is the first that is to be sent from an instant on.
    pub(super) fn add_rendition(&mut self, plan: RenditionPlan, from: Timestamp<HubClock>) {
        let rate = self.timeline.rate();
        // The lead may grow by as much as an output can be slow.
        let reach = rate.frames_in(self.lead.wanted() + MAX_OUTPUT_LATENCY + Nanos::from_secs(1));
        let heard = self.timeline.phase_at(from + self.lead.at(from)).map_or(self.origin, Phase::frame);
        let mut rendition =
            Rendition { plan, ring: RepairRing::new(reach), next: FramePosition(0), subscribers: BTreeSet::new() };
        rendition.next = rendition.align(heard.max(self.origin));
        self.renditions.push(rendition);
    }

    pub(super) fn subscribe(&mut self, stream: StreamId, connection: ConnectionId, room: RoomId) {
        if let Some(rendition) = self.renditions.iter_mut().find(|rendition| rendition.plan.stream == stream) {
            rendition.subscribers.insert((connection, room));
        }
    }

    /// Takes rooms off the stream. A rendition that nobody plays is kept: somebody may come back to it.
    pub(super) fn unsubscribe(&mut self, leaves: impl Fn(ConnectionId, RoomId) -> bool) {
        self.switches.retain(|switch| !leaves(switch.connection, switch.room));
        for rendition in &mut self.renditions {
            rendition.subscribers.retain(|(connection, room)| !leaves(*connection, *room));
        }
    }

    /// Has a room go over to a rendition that is ready from `from` on. Gives the position of the first packet that is to
    /// be heard of it; those before only warm its decoder up. `None` when nothing plays that could go on.
    pub(super) fn switch(
        &mut self,
        to: StreamId,
        connection: ConnectionId,
        room: RoomId,
        from: Timestamp<HubClock>,
    ) -> Option<FramePosition> {
        let heard = self.timeline.phase_at(from + self.lead.wanted())?.frame();
        let rate = self.timeline.rate();
        let position = self.rendition(to)?.align(heard + rate.frames_in(SWITCH_WARM_UP));
        let until = position + rate.frames_in(SWITCH_OVERLAP);
        let over_at = self.timeline.instant_of(until)?.max(from) + SWITCH_OVERLAP;
        let playing = self.renditions.iter().filter(|rendition| rendition.subscribers.contains(&(connection, room)));
        let old = playing.map(|rendition| rendition.plan.stream).find(|stream| *stream != to)?;
        self.switches.push(Switch { connection, room, from: old, until, over_at });
        self.subscribe(to, connection, room);
        Some(position)
    }

    /// Whether a room is going over to another rendition.
    pub(super) fn is_switching(&self, connection: ConnectionId) -> bool {
        self.switches.iter().any(|switch| switch.connection == connection)
    }

    /// Ends the switches that are over. Gives the rooms that have left a rendition by that.
    pub(super) fn settle(&mut self, now: Timestamp<HubClock>) -> Vec<(ConnectionId, RoomId, StreamId)> {
        let over = self.switches.extract_if(.., |switch| switch.over_at <= now);
        let over: Vec<_> = over.map(|switch| (switch.connection, switch.room, switch.from)).collect();
        for (connection, room, stream) in &over {
            let old = self.renditions.iter_mut().find(|rendition| rendition.plan.stream == *stream);
            if let Some(old) = old {
                old.subscribers.remove(&(*connection, *room));
            }
        }
        over
    }

    /// Removes the renditions that nobody plays while somebody plays another. Gives their names.
    pub(super) fn prune(&mut self) -> Vec<StreamId> {
        if self.renditions.iter().all(|rendition| rendition.subscribers.is_empty()) {
            return Vec::new();
        }
        let unused = self.renditions.extract_if(.., |rendition| rendition.subscribers.is_empty());
        unused.map(|rendition| rendition.plan.stream).collect()
    }

    /// The connections that a packet goes to, each once.
    pub(super) fn receivers(&self, rendition: &Rendition, position: FramePosition) -> Vec<ConnectionId> {
        let stream = rendition.plan.stream;
        let is_through = |connection: &ConnectionId| {
            let mut switches = self.switches.iter();
            switches.any(|switch| switch.connection == *connection && switch.from == stream && switch.until <= position)
        };
        rendition.connections().into_iter().filter(|connection| !is_through(connection)).collect()
    }

    /// Whether each packet carries the one before it.
    pub(super) fn is_redundant(&self) -> bool {
        self.lead.wanted() < REDUNDANT_BELOW
    }

    /// Sends packets earlier, from now on more and more, for a room whose output is slower than those that there were.
    /// What is heard stays as it is.
    pub(super) fn lead_at_least(&mut self, now: Timestamp<HubClock>, lead: Nanos) {
        self.lead.grow(now, lead);
    }

    /// Whether packets have just come to leave as early as they are to.
    pub(super) fn settle_lead(&mut self, now: Timestamp<HubClock>) -> bool {
        self.lead.settle(now)
    }

    /// Begins a run: what is heard from `at` on is an entry from `source_frame` on. What was planned for later is
    /// void. Gives the position of its first frame.
    pub(super) fn begin(
        &mut self,
        at: Timestamp<HubClock>,
        lead: Nanos,
        entry: EntryId,
        source_frame: u64,
    ) -> (u32, FramePosition, Anchor) {
        let (run, position, anchor) = self.start_run(at, Lead::new(lead));
        self.reading = Reading::new(position, entry, source_frame);
        (run, position, anchor)
    }

    /// As [`Self::begin`], but an entry from its start, and what is right of that which plays is heard until then. The
    /// first packet leaves at `from`: where that leaves it less time than it is to have, those behind it catch up.
    pub(super) fn begin_behind(
        &mut self,
        at: Timestamp<HubClock>,
        from: Timestamp<HubClock>,
        lead: Nanos,
        entry: EntryId,
    ) -> (u32, FramePosition, Anchor) {
        let spread = self.renditions.iter().map(Rendition::spread).max().unwrap_or(Nanos::ZERO);
        let mut growing = Lead::new((at - spread - from).min(lead));
        growing.grow(from, lead);
        let (run, position, anchor) = self.start_run(at, growing);
        self.reading.go_on_with(entry, position);
        (run, position, anchor)
    }

    fn start_run(&mut self, at: Timestamp<HubClock>, lead: Lead) -> (u32, FramePosition, Anchor) {
        let sent = self.renditions.iter().map(|rendition| rendition.next.0).max().unwrap_or(0);
        let position = FramePosition((sent.max(self.origin.0 + 1)).div_ceil(GRID) * GRID);
        self.lead = lead;
        self.run += 1;
        self.origin = position;
        self.end = None;
        self.over_at = None;
        for rendition in &mut self.renditions {
            rendition.next = rendition.align(position);
        }
        let anchor = self.anchor(at, Some(Play { run: self.run, position, drift_ppb: 0 }));
        (self.run, position, anchor)
    }

    /// Everything is over at an instant.
    pub(super) fn close_at(&mut self, at: Timestamp<HubClock>) {
        self.over_at = Some(at);
    }

    /// Ends what plays at an instant. Gives the anchor, and the entry and its frame that would have been heard then: the
    /// last when it is over by then.
    pub(super) fn cut(&mut self, at: Timestamp<HubClock>) -> (Anchor, Option<(EntryId, u64)>) {
        let source_frame = self.source_frame_at(at).or_else(|| self.reading.source_frame_of(self.end?));
        self.end = None;
        self.over_at = None;
        (self.anchor(at, None), source_frame)
    }

    /// The source ends at a position of a run; when that is heard, all is over.
    pub(super) fn end(&mut self, run: u32, position: FramePosition) -> Option<Anchor> {
        if run != self.run || self.end.is_some() {
            return None;
        }
        let at = self.timeline.instant_of(position)?;
        self.end = Some(position);
        self.over_at = Some(at);
        Some(self.anchor(at, None))
    }

    /// What was settled of the end is so no longer: the run goes on.
    pub(super) fn go_on(&mut self) -> Option<Anchor> {
        (self.end, self.over_at) = (None, None);
        let run = self.timeline.iter().filter(|anchor| anchor.play.is_some()).last().copied()?;
        Some(self.anchor(run.at, run.play))
    }

    /// Whether what plays has ended in every room.
    pub(super) fn is_over(&self, now: Timestamp<HubClock>) -> bool {
        self.over_at.is_some_and(|at| at <= now)
    }

    /// The entry and its frame that are heard at an instant; `None` when none is.
    pub(super) fn source_frame_at(&self, at: Timestamp<HubClock>) -> Option<(EntryId, u64)> {
        let heard = self.timeline.phase_at(at).and_then(|phase| self.reading.source_frame_of(phase.frame()));
        // Not begun yet, while what played before may still be heard: it will be heard from its start.
        let begins = || self.timeline.iter().any(|anchor| anchor.at > at && anchor.play.is_some());
        heard.or_else(|| begins().then(|| self.reading.first()))
    }

    /// The packets whose time to leave has come.
    pub(super) fn due(&mut self, now: Timestamp<HubClock>) -> Vec<(StreamId, FramePosition)> {
        let mut due = Vec::new();
        for i in 0..self.renditions.len() {
            while self.leaves_at(&self.renditions[i]).is_some_and(|at| at <= now) {
                due.push(self.renditions[i].take());
            }
        }
        due
    }

    /// The packets of what is heard until an instant that have not left.
    pub(super) fn due_for(&mut self, until: Timestamp<HubClock>) -> Vec<(StreamId, FramePosition)> {
        let until = self.over_at.map_or(until, |over| over.min(until));
        let Some(last) = self.timeline.phase_at(until - Nanos::new(1)).map(Phase::frame) else { return Vec::new() };
        let mut due = Vec::new();
        for i in 0..self.renditions.len() {
            // What a codec has looked ahead to comes out of the packet behind.
            let last = last + FrameCount(u64::from(self.renditions[i].plan.format.lookahead));
            while self.renditions[i].next <= last && self.leaves_at(&self.renditions[i]).is_some() {
                due.push(self.renditions[i].take());
            }
        }
        due
    }

    /// Keeps a packet. Gives it, and the one before when that is to be sent along and has no room within it.
    pub(super) fn keep(
        &mut self,
        stream: StreamId,
        position: FramePosition,
        payload: Bytes,
    ) -> Option<(Packet, Option<Packet>)> {
        let redundant = self.is_redundant();
        let rendition = self.renditions.iter_mut().find(|rendition| rendition.plan.stream == stream)?;
        let previous = rendition
            .ring
            .newest()
            .filter(|previous| redundant && previous.position() + rendition.plan.format.packet() == position);
        let packet = Packet::new(stream, position, payload, previous)?;
        let previous = previous.filter(|_| !packet.carries_previous()).cloned();
        rendition.ring.push(packet.clone());
        Some((packet, previous))
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp<HubClock>> {
        let packets = self.renditions.iter().filter_map(|rendition| self.leaves_at(rendition));
        let switches = self.switches.iter().map(|switch| switch.over_at);
        let turns = self.next_turn().into_iter().chain(self.reading.ask_at());
        packets.chain(self.over_at).chain(self.lead.grown_at()).chain(switches).chain(turns).min()
    }

    /// When a rendition's next packet is to leave; `None` when nothing is to be sent.
    fn leaves_at(&self, rendition: &Rendition) -> Option<Timestamp<HubClock>> {
        // A codec's look-ahead still has to be pushed out behind the source's end.
        let end = self.end.map(|end| end + FrameCount(u64::from(rendition.plan.format.lookahead)));
        if end.is_some_and(|end| rendition.next >= end) {
            return None;
        }
        let last = self.timeline.segments().filter(|segment| segment.anchor.play.is_some()).last()?;
        let at = self.timeline.instant_within(&last.anchor, rendition.next);
        let cut = self.end.is_none() && last.next.is_some_and(|next| at >= next.at);
        (!cut).then_some(self.lead.leaves(at - rendition.spread()))
    }

    fn anchor(&mut self, at: Timestamp<HubClock>, play: Option<Play>) -> Anchor {
        self.sequence += 1;
        let anchor = Anchor { sequence: self.sequence, at, play };
        self.timeline.insert(anchor);
        anchor
    }
}
