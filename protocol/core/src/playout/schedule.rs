//! Which packet to decode next, and when to stop waiting for it.

use std::collections::BTreeMap;

use crate::{
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::{Segment, Timeline},
    units::{FrameCount, FramePosition},
    wire::control::Format,
};

/// How long before it is heard a block of sound must leave the decoder.
#[derive(Clone, Copy, Debug)]
pub struct Leads {
    /// A packet that is there is decoded so early.
    pub ready: Nanos,
    /// A packet that is missing is given up so late: the device's buffer and a little more.
    pub give_up: Nanos,
}

/// Packets kept behind and ahead: 5 s of latency, twice, at 10 ms.
const MAX_PACKETS: usize = 1_024;

/// Missing packets in a row that are made up by the decoder. Beyond 100 ms concealment is a drone, and silence is
/// better.
const MAX_CONCEALED_MS: u64 = 100;

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decode<T> {
    /// Nothing until this instant, or until something new arrives.
    Wait(Option<Timestamp<NodeClock>>),
    /// Nothing until this instant: the next packet is there, and it is too early for it.
    Early(Timestamp<NodeClock>),
    /// Start the decoder over: the next packet does not continue the last one.
    Reset,
    /// Decode this packet only for what it teaches the decoder.
    Warm(T),
    /// Decode this packet; its first output frame is `output` of `run`.
    Packet {
        /// The packet.
        payload: T,
        /// The run that the sound belongs to.
        run: u32,
        /// The position of the first frame that the decoder puts out; may lie before the run's start.
        output: i64,
    },
    /// The packet is missing: make up its sound.
    Conceal {
        /// The run that the sound belongs to.
        run: u32,
        /// The position of the first frame to make up.
        output: i64,
    },
    /// The packet is missing and nothing is made up for it: silence, or it is too late.
    Skip,
}

/// The packets of one rendition, in the order in which they are to be decoded.
#[derive(Debug)]
pub struct DecodeSchedule<T> {
    format: Format,
    leads: Leads,
    /// Packets that an Opus or similar decoder wants before the first one that is heard.
    warm_up: u64,
    timeline: Timeline,
    clock: Option<Mapping<NodeClock, HubClock>>,
    /// Taken off every instant: what the output adds behind the converter.
    output_latency: Nanos,
    packets: BTreeMap<u64, T>,
    /// The packet that is next, and the run that it belongs to.
    cursor: Option<(u32, u64)>,
    /// Packets before this one only warm the decoder up.
    audible_from: u64,
    /// Nothing before this packet is heard, whatever the time is.
    not_before: u64,
    needs_reset: bool,
    missing_in_a_row: u64,
    concealed: u64,
    /// Silent frames since the last packet: counted once the stream has gone on, since a hub that is gone sends none.
    silent: u64,
    late: u64,
}

impl<T> DecodeSchedule<T> {
    /// For a rendition whose format was validated.
    pub fn new(format: Format, timeline: Timeline, leads: Leads, warm_up_packets: u64) -> Self {
        Self {
            format,
            leads,
            warm_up: warm_up_packets,
            timeline,
            clock: None,
            output_latency: Nanos::ZERO,
            packets: BTreeMap::new(),
            cursor: None,
            audible_from: 0,
            not_before: 0,
            needs_reset: true,
            missing_in_a_row: 0,
            concealed: 0,
            silent: 0,
            late: 0,
        }
    }

    /// The position of the first frame that the next packet's decoder puts out; `None` before anything is to be heard.
    pub fn next_output(&self) -> Option<i64> {
        self.cursor.map(|(_, next)| self.output_of(next))
    }

    /// How the packets are coded.
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// Takes the mapping to the hub's clock as it is known now. A clock that was stepped wants another schedule.
    pub fn set_clock(&mut self, clock: Mapping<NodeClock, HubClock>) {
        self.clock = Some(clock);
    }

    /// Has nothing heard before the packet at a position: it goes on with the sound of another rendition.
    pub fn set_not_before(&mut self, position: FramePosition) {
        self.not_before = position.0 / self.frames();
    }

    /// Takes a new timeline.
    pub fn set_timeline(&mut self, timeline: Timeline) {
        self.timeline = timeline;
    }

    /// Takes what the output adds behind the converter: a speaker's delay, a trim.
    pub fn set_output_latency(&mut self, latency: Nanos) {
        self.output_latency = latency;
    }

    /// Takes a packet. One that has been decoded or given up already is late and dropped.
    pub fn insert(&mut self, position: FramePosition, payload: T) {
        let packet = position.0 / self.frames();
        // Before the cursor, within the reach of any repair: late. Further back it can only be a jump to come.
        if self.cursor.is_some_and(|(_, next)| packet < next && next - packet < 256) {
            self.late += 1;
            return;
        }
        if self.packets.len() >= MAX_PACKETS {
            self.packets.pop_first();
        }
        self.packets.insert(packet, payload);
    }

    /// Says what to do at `now`. Call again until it says to wait.
    pub fn poll(&mut self, now: Timestamp<NodeClock>) -> Decode<T> {
        let Some(clock) = self.clock else { return Decode::Wait(None) };
        let hub_now = clock.forward(now + self.output_latency);
        loop {
            let Some((segment, run)) = self.current_segment(hub_now) else {
                let next = self.timeline.next_after(hub_now);
                let wake = next.map(|anchor| clock.backward(anchor.at) - self.leads.ready - self.output_latency);
                return Decode::Wait(wake.map(|wake| wake.max(now + Nanos::from_millis(1))));
            };
            let Some((_, next)) = self.cursor.filter(|(of, _)| *of == run) else {
                self.enter(&segment, run, hub_now);
                continue;
            };
            if self.needs_reset {
                self.needs_reset = false;
                return Decode::Reset;
            }
            return self.poll_packet(next, run, &segment, clock, now);
        }
    }

    /// Frames made up, or left silent before a packet came again, because their packet was missing.
    pub const fn concealed(&self) -> u64 {
        self.concealed
    }

    /// Packets that came after they were given up.
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// The sound that has arrived without a gap from the cursor on.
    pub fn buffered(&self) -> FrameCount {
        let Some((_, next)) = self.cursor else { return FrameCount(0) };
        let contiguous = self.packets.range(next..).zip(next..).take_while(|((have, _), want)| **have == *want).count();
        FrameCount(contiguous as u64 * self.frames())
    }

    fn poll_packet(
        &mut self,
        next: u64,
        run: u32,
        segment: &Segment,
        clock: Mapping<NodeClock, HubClock>,
        now: Timestamp<NodeClock>,
    ) -> Decode<T> {
        let output = self.output_of(next);
        let heard = |frame: i64| {
            let frame = FramePosition(u64::try_from(frame).unwrap_or(0));
            clock.backward(self.timeline.instant_within(&segment.anchor, frame)) - self.output_latency
        };
        let frames = i64::try_from(self.frames()).unwrap_or(i64::MAX);
        let (begins, ends) = (heard(output), heard(output.saturating_add(frames)));
        let audible = next >= self.audible_from;
        if let Some(payload) = self.packets.remove(&next) {
            if audible && now < begins - self.leads.ready {
                self.packets.insert(next, payload);
                return Decode::Early(begins - self.leads.ready);
            }
            self.advance(run, next);
            self.missing_in_a_row = 0;
            self.concealed += core::mem::take(&mut self.silent);
            return if audible { Decode::Packet { payload, run, output } } else { Decode::Warm(payload) };
        }
        let give_up_at = begins - self.leads.give_up;
        if audible && now < give_up_at {
            return Decode::Wait(Some(give_up_at));
        }
        self.advance(run, next);
        if !audible {
            return Decode::Skip;
        }
        self.missing_in_a_row += 1;
        let limit = MAX_CONCEALED_MS * u64::from(self.format.rate) / 1_000 / self.frames();
        if self.missing_in_a_row > limit.max(1) || now > ends || output < 0 {
            // What follows does not continue what was decoded last.
            self.needs_reset = true;
            self.silent += self.frames();
            return Decode::Skip;
        }
        self.concealed += self.frames();
        Decode::Conceal { run, output }
    }

    /// The segment to decode for: the one that governs now, or the next once this one's packets are all decoded.
    fn current_segment(&self, hub_now: Timestamp<HubClock>) -> Option<(Segment, u32)> {
        let horizon = hub_now + self.leads.ready;
        let mut found = None;
        for segment in self.timeline.segments() {
            let Some(play) = segment.anchor.play else {
                continue;
            };
            let over = segment.next.is_some_and(|next| next.at <= hub_now);
            if over || segment.anchor.at > horizon || self.is_decoded(&segment, play.run) {
                continue;
            }
            found = Some((segment, play.run));
            break;
        }
        found
    }

    /// Whether every packet of a segment that has an end has been taken.
    fn is_decoded(&self, segment: &Segment, run: u32) -> bool {
        let (Some(next_anchor), Some((of, next))) = (segment.next, self.cursor) else { return false };
        let end = self.timeline.phase_within(&segment.anchor, next_anchor.at).frame();
        // Runs only rise: who is in the next one already is through with this one, though it is still heard.
        of > run || of == run && self.output_of(next) > i64::try_from(end.0).unwrap_or(i64::MAX)
    }

    /// Moves the cursor to where a run is to be heard from: its start, or what is heard soon when that has passed.
    fn enter(&mut self, segment: &Segment, run: u32, hub_now: Timestamp<HubClock>) {
        let soon = hub_now + self.leads.give_up;
        let from = self.timeline.phase_within(&segment.anchor, soon.max(segment.anchor.at)).frame();
        // The resampler looks half its length back; a packet more gives it that.
        let audible = (from.0 + u64::from(self.format.lookahead)).saturating_sub(64) / self.frames();
        let start = segment.anchor.play.map_or(0, |play| play.position.0 / self.frames());
        self.audible_from = audible.max(start).max(self.not_before);
        let first = self.audible_from.saturating_sub(self.warm_up);
        // Packets of the past can only be of use while they warm the decoder up.
        self.packets = self.packets.split_off(&first);
        let first = self.packets.keys().next().map_or(self.audible_from, |have| (*have).min(self.audible_from));
        self.cursor = Some((run, first));
        self.needs_reset = true;
        self.missing_in_a_row = 0;
    }

    fn advance(&mut self, run: u32, packet: u64) {
        self.cursor = Some((run, packet + 1));
    }

    fn output_of(&self, packet: u64) -> i64 {
        let position = i64::try_from(packet.saturating_mul(self.frames())).unwrap_or(i64::MAX);
        position.saturating_sub(i64::from(self.format.lookahead))
    }

    fn frames(&self) -> u64 {
        u64::from(self.format.packet_frames.max(1))
    }
}
