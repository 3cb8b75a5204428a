//! What a node does about gaps.

use std::{collections::BTreeMap, ops};

use bytes::{Bytes, BytesMut};

use super::gaps::Gaps;
use crate::{
    time::{Nanos, NodeClock, Timestamp},
    units::FramePosition,
    wire::{
        ids::StreamId,
        media::MediaHeader,
        nack::{MAX_ENTRIES, Missing, Nack},
    },
};

/// A packet may be overtaken by so much before it counts as missing. A Wi-Fi hop keeps the order of a flow; where
/// something does not, it costs a request that was not needed.
const REORDER_ALLOWANCE: Nanos = Nanos::from_millis(2);

/// How much longer than one and a half usual round trips an answer takes: both ends wake up, and other stations send.
const ANSWER_ALLOWANCE: Nanos = Nanos::from_millis(4);

/// Packets remembered behind the newest, 10 s at 10 ms.
const WINDOW: u64 = 1_024;

/// Unfinished packets held at once; each holds at most 32 fragments.
const MAX_ASSEMBLIES: usize = 64;

/// What a node has counted of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverCounts {
    /// Packets that arrived whole, repaired ones included.
    pub received: u64,
    /// Packets of which something did not arrive the first time.
    pub lost: u64,
    /// Lost packets that arrived whole after all.
    pub repaired: u64,
    /// Requests sent.
    pub requests: u64,
}

impl ReceiverCounts {
    /// What was counted since it stood at `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            received: self.received - earlier.received,
            lost: self.lost - earlier.lost,
            repaired: self.repaired - earlier.repaired,
            requests: self.requests - earlier.requests,
        }
    }
}

impl ops::Add for ReceiverCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            lost: self.lost + other.lost,
            repaired: self.repaired + other.repaired,
            requests: self.requests + other.requests,
        }
    }
}

/// A packet that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its position.
    pub position: FramePosition,
    /// The codec's bytes.
    pub payload: Bytes,
}

#[derive(Debug)]
struct Assembly {
    fragments: Vec<Option<Bytes>>,
}

/// Puts the fragments of one rendition together, notices what is missing and asks for it.
#[derive(Debug)]
pub struct Receiver {
    stream: StreamId,
    packet_frames: u64,
    /// Packets before this one are not missed.
    floor: u64,
    /// The newest packet that arrived or was expected.
    newest: Option<u64>,
    /// Bit `n % WINDOW` tells whether that packet of the window arrived.
    whole: Box<[u64; (WINDOW / 64) as usize]>,
    gaps: Gaps,
    assemblies: BTreeMap<u64, Assembly>,
    counts: ReceiverCounts,
}

impl Receiver {
    /// For a rendition whose format was validated; packets before `start` are not missed.
    pub fn new(stream: StreamId, packet_frames: u32, start: FramePosition) -> Self {
        let packet_frames = u64::from(packet_frames.max(1));
        let floor = start.0 / packet_frames;
        Self {
            stream,
            packet_frames,
            floor,
            newest: floor.checked_sub(1),
            whole: Box::new([0; (WINDOW / 64) as usize]),
            gaps: Gaps::default(),
            assemblies: BTreeMap::new(),
            counts: ReceiverCounts::default(),
        }
    }

    /// Takes a datagram of this stream. Gives the packets that it completed, the earlier one first.
    pub fn handle(&mut self, now: Timestamp<NodeClock>, header: &MediaHeader, payload: &Bytes) -> Vec<Arrived> {
        let packet = header.position.0 / self.packet_frames;
        if !header.position.0.is_multiple_of(self.packet_frames) || self.is_old(packet) {
            return Vec::new();
        }
        let mut arrived = Vec::new();
        let previous_len = usize::from(header.previous_len);
        if previous_len > 0
            && let Some(previous) = packet.checked_sub(1)
            && !self.is_old(previous)
        {
            self.expect_up_to(previous, now);
            arrived.extend(self.complete(previous, payload.slice(..previous_len)));
        }
        self.expect_up_to(packet, now);
        if self.is_whole(packet) {
            return arrived;
        }
        self.hear(now);
        let payload = payload.slice(previous_len..);
        if header.fragments == 1 {
            arrived.extend(self.complete(packet, payload));
        } else if let Some(payload) = self.assemble(packet, header, payload, now) {
            arrived.extend(self.complete(packet, payload));
        }
        arrived
    }

    /// Tells that something has come from the hub, if only a clock packet: requests get through again.
    pub fn hear(&mut self, now: Timestamp<NodeClock>) {
        self.gaps.hear(now);
    }

    /// The first position of which nothing has been noticed yet; `None` before the first packet.
    pub fn next(&self) -> Option<FramePosition> {
        self.newest.map(|newest| FramePosition(newest.saturating_add(1).saturating_mul(self.packet_frames)))
    }

    /// Tells that everything up to a position should have come by now: what is not there is missing, even when nothing
    /// came after it.
    pub fn expect(&mut self, now: Timestamp<NodeClock>, position: FramePosition) {
        let packet = position.0 / self.packet_frames;
        if self.newest.is_some_and(|newest| packet < newest) {
            return;
        }
        self.expect_up_to(packet, now);
        if !self.is_whole(packet) && packet >= self.floor {
            self.gaps.miss(packet, now);
        }
    }

    /// Forgets gaps before a position: what plays has jumped over them.
    pub fn forget_before(&mut self, position: FramePosition) {
        let packet = position.0 / self.packet_frames;
        self.gaps.forget_before(packet);
        self.assemblies = self.assemblies.split_off(&packet);
        self.floor = self.floor.max(packet);
        if let Some(before) = packet.checked_sub(1).filter(|before| self.newest.is_none_or(|newest| newest < *before)) {
            self.open_up_to(before);
        }
    }

    /// The request that is due, if one is. `deadline` says until when a packet is of use, `None` for one that is part of
    /// nothing that plays: a run that was replaced before it began leaves such, and nobody misses them. `rtt` is a usual
    /// round trip.
    pub fn poll_nack(
        &mut self,
        now: Timestamp<NodeClock>,
        rtt: Nanos,
        deadline: impl Fn(FramePosition) -> Option<Timestamp<NodeClock>>,
    ) -> Option<Nack> {
        let frames = self.packet_frames;
        let left = |packet: u64| deadline(FramePosition(packet * frames)).map(|deadline| deadline - now);
        let due = self.gaps.take_due(now, rtt + rtt / 2 + ANSWER_ALLOWANCE, MAX_ENTRIES, left);
        self.counts.lost += due.lost;
        if due.packets.is_empty() {
            return None;
        }
        self.counts.requests += 1;
        let missing = due.packets.iter().map(|packet| Missing {
            position: FramePosition(packet * frames),
            fragments: self.assemblies.get(packet).map_or(u32::MAX, Assembly::missing),
        });
        Some(Nack { stream: self.stream, missing: missing.collect() })
    }

    /// When [`Self::poll_nack`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        self.gaps.poll_timeout()
    }

    /// The oldest packet that is missing.
    pub fn oldest_missing(&self) -> Option<FramePosition> {
        self.gaps.oldest().map(|packet| FramePosition(packet * self.packet_frames))
    }

    /// What was counted so far.
    pub const fn counts(&self) -> ReceiverCounts {
        self.counts
    }

    fn complete(&mut self, packet: u64, payload: Bytes) -> Option<Arrived> {
        if self.is_whole(packet) || payload.is_empty() {
            return None;
        }
        let (word, bit) = slot(packet);
        self.whole[word] |= bit;
        self.assemblies.remove(&packet);
        self.counts.received += 1;
        self.counts.repaired += u64::from(self.gaps.fill(packet));
        Some(Arrived { position: FramePosition(packet * self.packet_frames), payload })
    }

    fn assemble(
        &mut self,
        packet: u64,
        header: &MediaHeader,
        payload: Bytes,
        now: Timestamp<NodeClock>,
    ) -> Option<Bytes> {
        let fragments = usize::from(header.fragments);
        if self.assemblies.len() >= MAX_ASSEMBLIES && !self.assemblies.contains_key(&packet) {
            self.assemblies.pop_first();
        }
        let assembly = self.assemblies.entry(packet).or_insert_with(|| Assembly { fragments: vec![None; fragments] });
        if assembly.fragments.len() != fragments {
            return None;
        }
        assembly.fragments[usize::from(header.fragment)] = Some(payload);
        if assembly.missing() == 0 {
            let mut whole = BytesMut::new();
            for fragment in assembly.fragments.iter().flatten() {
                whole.extend_from_slice(fragment);
            }
            return Some(whole.freeze());
        }
        // The last fragment went by, so what lies before it is missing.
        if header.fragment + 1 == header.fragments {
            self.miss(packet, now);
        }
        None
    }

    /// Everything before `packet` that has not come is missing; the window moves up to it.
    fn expect_up_to(&mut self, packet: u64, now: Timestamp<NodeClock>) {
        let Some(newest) = self.newest else {
            self.newest = Some(packet);
            return;
        };
        if packet <= newest {
            return;
        }
        self.open_up_to(packet);
        for passed in newest.max(packet.saturating_sub(WINDOW / 2))..packet {
            if !self.is_whole(passed) {
                self.miss(passed, now);
            }
        }
    }

    /// Moves the window up to a packet behind the newest: of those that it now reaches none has come.
    fn open_up_to(&mut self, packet: u64) {
        let first = self.newest.map_or(0, |newest| newest.saturating_add(1));
        for passed in first.max(packet.saturating_sub(WINDOW - 1))..=packet {
            let (word, bit) = slot(passed);
            self.whole[word] &= !bit;
        }
        self.newest = Some(packet);
    }

    fn miss(&mut self, packet: u64, now: Timestamp<NodeClock>) {
        if packet < self.floor {
            return;
        }
        self.gaps.miss(packet, now + REORDER_ALLOWANCE);
    }

    fn is_whole(&self, packet: u64) -> bool {
        let (word, bit) = slot(packet);
        self.newest.is_some_and(|newest| packet <= newest) && !self.is_old(packet) && self.whole[word] & bit != 0
    }

    fn is_old(&self, packet: u64) -> bool {
        self.newest.is_some_and(|newest| packet.saturating_add(WINDOW) <= newest)
    }
}

impl Assembly {
    fn missing(&self) -> u32 {
        (0..).zip(&self.fragments).filter(|(_, fragment)| fragment.is_none()).fold(0, |mask, (n, _)| mask | 1 << n)
    }
}

fn slot(packet: u64) -> (usize, u64) {
    let within = packet % WINDOW;
    (usize::try_from(within / 64).unwrap_or(0), 1 << (within % 64))
}
