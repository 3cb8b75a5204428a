//! What a group plays, as packets: renditions, rings, and when each packet leaves.

use std::collections::BTreeSet;

use bytes::Bytes;
use unisono_codec::Step;
use unisono_core::{
    repair::{Packet, RepairRing},
    time::{HubClock, Nanos, Timestamp},
    timeline::{Anchor, Phase, Play, Timeline},
    units::{FrameCount, FramePosition, SampleRate},
    wire::{
        control::{Codec, Format},
        ids::StreamId,
    },
};

use super::{ConnectionId, RoomId, departures::spread};

/// Runs begin at multiples of 20 ms at 48 kHz, so that renditions with packets of 10 and 20 ms share them.
pub(super) const GRID: u64 = 960;

/// How streams are made unless a group says otherwise.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Frames per second of every stream.
    pub rate: SampleRate,
    /// Samples in a frame.
    pub channels: u8,
    /// How long a packet may be on its way or be asked for again, 60 ms to 5 s.
    pub margin: Nanos,
    /// The codec for nodes that can decode it.
    pub codec: Codec,
    /// Bits per second of Opus.
    pub opus_bit_rate: u32,
}

impl StreamSettings {
    /// How packets of a codec are made for a stream that is sent `lead` before it is heard. Short packets where latency
    /// is short, and where long ones would be many fragments.
    ///
    /// # Errors
    /// When the codec cannot do this rate, number of channels or bit rate.
    pub fn format(&self, codec: Codec, lead: Nanos) -> Result<Format, unisono_codec::Error> {
        let short = lead < Nanos::from_millis(150) || codec != Codec::Opus || self.opus_bit_rate > 256_000;
        let packet_frames = if short { self.rate.hertz() / 100 } else { self.rate.hertz() / 50 };
        let step = Step { codec, bit_rate: self.opus_bit_rate };
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

    fn align(&self, position: FramePosition) -> FramePosition {
        let frames = u64::from(self.plan.format.packet_frames);
        FramePosition(position.0.div_ceil(frames) * frames)
    }
}

/// Where a run of the stream came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    position: FramePosition,
    source_frame: u64,
}

/// What one group plays.
#[derive(Debug)]
pub(super) struct Stream {
    timeline: Timeline,
    lead: Nanos,
    sequence: u32,
    run: u32,
    origin: Origin,
    renditions: Vec<Rendition>,
    /// Where the source ends, once that is known.
    end: Option<FramePosition>,
    /// When what plays has ended in every room.
    over_at: Option<Timestamp<HubClock>>,
}

impl Stream {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            timeline: Timeline::new(rate),
            lead: Nanos::ZERO,
            sequence: 0,
            run: 0,
            origin: Origin { position: FramePosition(0), source_frame: 0 },
            renditions: Vec::new(),
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

    /// How long before it is heard a packet is sent.
    pub(super) const fn lead(&self) -> Nanos {
        self.lead
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
        self.origin.position
    }

    /// Adds a rendition; its first packet is the first that is still to be sent of what plays.
    pub(super) fn add_rendition(&mut self, plan: RenditionPlan, now: Timestamp<HubClock>) {
        let rate = self.timeline.rate();
        let reach = rate.frames_in(self.lead + Nanos::from_secs(2));
        let heard = self.timeline.phase_at(now + self.lead).map_or(self.origin.position, Phase::frame);
        let mut rendition =
            Rendition { plan, ring: RepairRing::new(reach), next: FramePosition(0), subscribers: BTreeSet::new() };
        rendition.next = rendition.align(heard.max(self.origin.position));
        self.renditions.push(rendition);
    }

    pub(super) fn subscribe(&mut self, stream: StreamId, connection: ConnectionId, room: RoomId) {
        if let Some(rendition) = self.renditions.iter_mut().find(|rendition| rendition.plan.stream == stream) {
            rendition.subscribers.insert((connection, room));
        }
    }

    /// Takes rooms off the stream. A rendition that nobody plays is kept: somebody may come back to it.
    pub(super) fn unsubscribe(&mut self, leaves: impl Fn(ConnectionId, RoomId) -> bool) {
        for rendition in &mut self.renditions {
            rendition.subscribers.retain(|(connection, room)| !leaves(*connection, *room));
        }
    }

    /// Sends packets earlier for a room whose output is slower than those that there were. What is heard stays as it is.
    pub(super) fn lead_at_least(&mut self, lead: Nanos) {
        self.lead = self.lead.max(lead);
    }

    /// Begins a run: what is heard from `at` on is the source from `source_frame` on. What was planned for later is
    /// void. Gives the position of its first frame.
    pub(super) fn begin(
        &mut self,
        at: Timestamp<HubClock>,
        lead: Nanos,
        source_frame: u64,
    ) -> (u32, FramePosition, Anchor) {
        let sent = self.renditions.iter().map(|rendition| rendition.next.0).max().unwrap_or(0);
        let position = FramePosition((sent.max(self.origin.position.0 + 1)).div_ceil(GRID) * GRID);
        self.lead = lead;
        self.run += 1;
        self.origin = Origin { position, source_frame };
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

    /// Ends what plays at an instant. Gives the anchor, and the frame of the source that would have been heard then:
    /// its last when it is over by then.
    pub(super) fn cut(&mut self, at: Timestamp<HubClock>) -> (Anchor, Option<u64>) {
        let source_frame = self.source_frame_at(at).or_else(|| self.source_frame_of(self.end?));
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

    /// Whether what plays has ended in every room.
    pub(super) fn is_over(&self, now: Timestamp<HubClock>) -> bool {
        self.over_at.is_some_and(|at| at <= now)
    }

    /// The frame of the source that is heard at an instant; `None` when none is.
    pub(super) fn source_frame_at(&self, at: Timestamp<HubClock>) -> Option<u64> {
        let heard = self.timeline.phase_at(at).and_then(|phase| self.source_frame_of(phase.frame()));
        // Not begun yet, while what played before may still be heard: it will be heard from its start.
        let begins = || self.timeline.iter().any(|anchor| anchor.at > at && anchor.play.is_some());
        heard.or_else(|| begins().then_some(self.origin.source_frame))
    }

    /// The packets whose time to leave has come.
    pub(super) fn due(&mut self, now: Timestamp<HubClock>) -> Vec<(StreamId, FramePosition)> {
        let mut due = Vec::new();
        for i in 0..self.renditions.len() {
            while self.leaves_at(&self.renditions[i]).is_some_and(|at| at <= now) {
                let rendition = &mut self.renditions[i];
                due.push((rendition.plan.stream, rendition.next));
                rendition.next += FrameCount(u64::from(rendition.plan.format.packet_frames));
            }
        }
        due
    }

    /// Keeps a packet and gives the datagrams that carry it.
    pub(super) fn keep(&mut self, stream: StreamId, position: FramePosition, payload: Bytes) -> Option<Packet> {
        let redundant = self.lead < Nanos::from_millis(150);
        let rendition = self.renditions.iter_mut().find(|rendition| rendition.plan.stream == stream)?;
        let previous = rendition
            .ring
            .newest()
            .filter(|previous| redundant && previous.position() + rendition.plan.format.packet() == position);
        let packet = Packet::new(stream, position, payload, previous)?;
        rendition.ring.push(packet.clone());
        Some(packet)
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp<HubClock>> {
        let packets = self.renditions.iter().filter_map(|rendition| self.leaves_at(rendition));
        packets.chain(self.over_at).min()
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
        (!cut).then_some(at - self.lead - rendition.spread())
    }

    /// The frame of the source that a position of the run holds; `None` for what was before the run.
    fn source_frame_of(&self, position: FramePosition) -> Option<u64> {
        let frames = position.0.checked_sub(self.origin.position.0)?;
        Some(self.origin.source_frame + frames)
    }

    fn anchor(&mut self, at: Timestamp<HubClock>, play: Option<Play>) -> Anchor {
        self.sequence += 1;
        let anchor = Anchor { sequence: self.sequence, at, play };
        self.timeline.insert(anchor);
        anchor
    }
}
