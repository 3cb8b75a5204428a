//! A packet of sound, cut into datagrams.

use bytes::Bytes;

use crate::{
    units::FramePosition,
    wire::{
        ids::StreamId,
        media::{HEADER_LEN, MAX_FRAGMENTS, MAX_PAYLOAD, MediaHeader},
    },
};

/// One encoded packet as the datagrams that carry it. The same bytes go to every node.
#[derive(Clone, Debug)]
pub struct Packet {
    header: MediaHeader,
    payload: Bytes,
    datagrams: Vec<Bytes>,
}

impl Packet {
    /// Cuts a payload into datagrams. With `previous` the payload of the packet before rides along, when both fit one
    /// datagram. `None` when the payload is empty or larger than [`MAX_FRAGMENTS`] datagrams.
    pub fn new(stream: StreamId, position: FramePosition, payload: Bytes, previous: Option<&Packet>) -> Option<Self> {
        let fragments = u8::try_from(payload.len().div_ceil(MAX_PAYLOAD)).ok()?;
        if fragments == 0 || fragments > MAX_FRAGMENTS {
            return None;
        }
        let previous = previous
            .map(|packet| &packet.payload)
            .filter(|previous| fragments == 1 && previous.len() + payload.len() <= MAX_PAYLOAD);
        let previous_len = previous.map_or(0, |previous| u16::try_from(previous.len()).unwrap_or(0));
        let header = MediaHeader { repair: false, stream, fragment: 0, fragments, previous_len, position };
        let datagrams = (0..fragments)
            .zip(payload.chunks(MAX_PAYLOAD))
            .map(|(fragment, chunk)| {
                let mut bytes = Vec::with_capacity(HEADER_LEN + usize::from(previous_len) + chunk.len());
                bytes.extend_from_slice(&MediaHeader { fragment, ..header }.encode());
                bytes.extend_from_slice(previous.map_or(&[], |previous| &previous[..]));
                bytes.extend_from_slice(chunk);
                Bytes::from(bytes)
            })
            .collect();
        Some(Self { header, payload, datagrams })
    }

    /// The packet's position.
    pub const fn position(&self) -> FramePosition {
        self.header.position
    }

    /// Whether the packet before rides along.
    pub const fn carries_previous(&self) -> bool {
        self.header.previous_len > 0
    }

    /// The datagrams as they are sent the first time.
    pub fn datagrams(&self) -> &[Bytes] {
        &self.datagrams
    }

    /// The datagrams named by a mask, as they are sent again: marked, and without the previous packet.
    pub fn repairs(&self, fragments: u32) -> impl Iterator<Item = Bytes> + '_ {
        (0..self.header.fragments)
            .zip(self.payload.chunks(MAX_PAYLOAD))
            .filter(move |(fragment, _)| fragments & (1 << fragment) != 0)
            .map(|(fragment, chunk)| {
                let header = MediaHeader { repair: true, fragment, previous_len: 0, ..self.header };
                Bytes::from([&header.encode()[..], chunk].concat())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_packet_is_cut_and_a_repair_sends_only_what_is_missing() {
        let payload = Bytes::from(vec![7; MAX_PAYLOAD * 2 + 1]);
        let packet = Packet::new(StreamId(1), FramePosition(960), payload, None).unwrap();
        assert_eq!(packet.datagrams().len(), 3);
        let repairs: Vec<Bytes> = packet.repairs(0b101).collect();
        let headers: Vec<MediaHeader> = repairs.iter().map(|bytes| MediaHeader::parse(bytes).unwrap().0).collect();
        assert_eq!(headers.iter().map(|header| header.fragment).collect::<Vec<_>>(), [0, 2]);
        assert!(headers.iter().all(|header| header.repair && header.fragments == 3));
        assert_eq!(MediaHeader::parse(&repairs[1]).unwrap().1, [7]);
    }

    #[test]
    fn packets_that_no_datagrams_can_carry_are_refused() {
        let too_large = Bytes::from(vec![0; MAX_PAYLOAD * usize::from(MAX_FRAGMENTS) + 1]);
        assert!(Packet::new(StreamId(1), FramePosition(0), too_large, None).is_none());
        assert!(Packet::new(StreamId(1), FramePosition(0), Bytes::new(), None).is_none());
    }

    #[test]
    fn the_previous_packet_rides_along_when_both_fit() {
        let small = Packet::new(StreamId(1), FramePosition(0), Bytes::from_static(b"one"), None).unwrap();
        let next = Packet::new(StreamId(1), FramePosition(480), Bytes::from_static(b"two"), Some(&small)).unwrap();
        let (header, payload) = MediaHeader::parse(&next.datagrams()[0]).unwrap();
        assert_eq!((header.previous_len, payload), (3, &b"onetwo"[..]));
        assert!(next.carries_previous() && !small.carries_previous());
        let large = Packet::new(StreamId(1), FramePosition(960), vec![1; MAX_PAYLOAD].into(), Some(&next)).unwrap();
        assert_eq!(MediaHeader::parse(&large.datagrams()[0]).unwrap().0.previous_len, 0);
    }
}
