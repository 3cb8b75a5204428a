//! What a hub keeps so that it can send it again.

use std::collections::VecDeque;

use super::Packet;
use crate::units::{FrameCount, FramePosition};

/// The latest packets of one rendition, in the order of their positions.
#[derive(Debug)]
pub struct RepairRing {
    packets: VecDeque<Packet>,
    reach: FrameCount,
}

impl RepairRing {
    /// A ring that reaches so many frames back.
    pub const fn new(reach: FrameCount) -> Self {
        Self { packets: VecDeque::new(), reach }
    }

    /// Keeps a packet and lets go of those beyond the ring's reach. One that is not newer than all others is ignored.
    pub fn push(&mut self, packet: Packet) {
        let newest = packet.position();
        if self.packets.back().is_some_and(|last| last.position() >= newest) {
            return;
        }
        self.packets.push_back(packet);
        while self.packets.front().is_some_and(|first| first.position() + self.reach < newest) {
            self.packets.pop_front();
        }
    }

    /// The packet at a position, if it is still there.
    pub fn at(&self, position: FramePosition) -> Option<&Packet> {
        let index = self.packets.binary_search_by_key(&position, Packet::position).ok()?;
        self.packets.get(index)
    }

    /// The packets from a position on, oldest first.
    pub fn from(&self, position: FramePosition) -> impl Iterator<Item = &Packet> {
        let index = self.packets.partition_point(|packet| packet.position() < position);
        self.packets.range(index..)
    }

    /// The newest packet.
    pub fn newest(&self) -> Option<&Packet> {
        self.packets.back()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::ids::StreamId;

    #[test]
    fn a_ring_keeps_its_reach_and_no_more() {
        let mut ring = RepairRing::new(FrameCount(48_000));
        for i in 0..200 {
            ring.push(Packet::new(StreamId(1), FramePosition(i * 960), Bytes::from_static(b"x"), None).unwrap());
        }
        assert_eq!(ring.newest().unwrap().position(), FramePosition(199 * 960));
        assert_eq!(ring.from(FramePosition(0)).count(), 51);
        assert!(ring.at(FramePosition(149 * 960)).is_some());
        assert!(ring.at(FramePosition(148 * 960)).is_none());
        assert!(ring.at(FramePosition(960 * 150 + 1)).is_none());
    }

    #[test]
    fn a_joiner_gets_the_sound_from_the_first_packet_that_it_wants_on() {
        let mut ring = RepairRing::new(FrameCount(48_000));
        for position in [960, 1_920, 3_840, 2_880, 3_840] {
            ring.push(Packet::new(StreamId(1), FramePosition(position), Bytes::from_static(b"x"), None).unwrap());
        }
        // 2 880 came behind a newer one and is left out: positions in a ring only rise.
        let from = |position| ring.from(FramePosition(position)).map(|packet| packet.position().0).collect::<Vec<_>>();
        assert_eq!(from(961), [1_920, 3_840]);
        assert_eq!(from(1_920), [1_920, 3_840]);
        assert_eq!(from(3_841), []);
    }
}
