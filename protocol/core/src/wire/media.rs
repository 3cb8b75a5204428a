//! A piece of sound: one packet of a stream, or a fragment of one, in a QUIC datagram.

use super::{Error, Reader, ids::StreamId};
use crate::units::FramePosition;

/// First byte of a media datagram.
pub const KIND: u8 = 0x10;

/// Bytes before the payload.
pub const HEADER_LEN: usize = 16;

/// Payload bytes in one datagram. With this header, QUIC's own and its tag, it fits a path of 1200 bytes, which QUIC
/// requires of every path, so that the same bytes serve every node.
pub const MAX_PAYLOAD: usize = 1_120;

/// Fragments of one packet. 32 of them carry 10 ms of eight channels at 96 kHz and 32 bits.
pub const MAX_FRAGMENTS: u8 = 32;

/// Set in a datagram that answers a request for repair.
const FLAG_REPAIR: u8 = 0x01;

/// What stands before the payload of a media datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHeader {
    /// Sent because a node asked for it again.
    pub repair: bool,
    /// The rendition that the packet belongs to.
    pub stream: StreamId,
    /// Which fragment of the packet this is, from zero.
    pub fragment: u8,
    /// How many fragments the packet has, 1 to [`MAX_FRAGMENTS`].
    pub fragments: u8,
    /// How many bytes at the start of the payload are the *previous* packet of the stream, carried once more; zero
    /// when it is not. Only unfragmented packets do so.
    pub previous_len: u16,
    /// The first frame that went into the packet's encoder.
    pub position: FramePosition,
}

impl MediaHeader {
    /// The header as it stands on the wire.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = KIND;
        bytes[1] = if self.repair { FLAG_REPAIR } else { 0 };
        bytes[2..4].copy_from_slice(&self.stream.0.to_be_bytes());
        bytes[4] = self.fragment;
        bytes[5] = self.fragments;
        bytes[6..8].copy_from_slice(&self.previous_len.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.position.0.to_be_bytes());
        bytes
    }

    /// Splits a datagram into header and payload.
    ///
    /// # Errors
    /// When it is short, of another kind, or its fields contradict each other.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), Error> {
        let mut reader = Reader::new(datagram);
        let kind = reader.u8()?;
        if kind != KIND {
            return Err(Error::Kind(kind));
        }
        let flags = reader.u8()?;
        let header = Self {
            repair: flags & FLAG_REPAIR != 0,
            stream: StreamId(reader.u16()?),
            fragment: reader.u8()?,
            fragments: reader.u8()?,
            previous_len: reader.u16()?,
            position: FramePosition(reader.u64()?),
        };
        let payload = reader.rest();
        if !(1..=MAX_FRAGMENTS).contains(&header.fragments) || header.fragment >= header.fragments {
            return Err(Error::Field("fragment"));
        }
        if usize::from(header.previous_len) > payload.len() || (header.previous_len > 0 && header.fragments > 1) {
            return Err(Error::Field("previous"));
        }
        if payload.is_empty() {
            return Err(Error::TooShort);
        }
        Ok((header, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_these_bytes_both_ways() {
        let header = MediaHeader {
            repair: true,
            stream: StreamId(0x0203),
            fragment: 1,
            fragments: 3,
            previous_len: 0,
            position: FramePosition(0x0102_0304_0506_0708),
        };
        let bytes = [0x10, 0x01, 0x02, 0x03, 0x01, 0x03, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08];
        assert_eq!(header.encode(), bytes);
        let datagram = [&bytes[..], b"sound"].concat();
        assert_eq!(MediaHeader::parse(&datagram), Ok((header, &b"sound"[..])));
    }

    #[test]
    fn contradictions_are_refused() {
        let good = MediaHeader {
            repair: false,
            stream: StreamId(1),
            fragment: 0,
            fragments: 1,
            previous_len: 2,
            position: FramePosition(0),
        };
        let datagram = |header: MediaHeader, payload: &[u8]| [&header.encode()[..], payload].concat();
        assert!(MediaHeader::parse(&datagram(good, b"abc")).is_ok());
        for bad in [
            datagram(MediaHeader { fragments: 0, ..good }, b"abc"),
            datagram(MediaHeader { fragments: 33, ..good }, b"abc"),
            datagram(MediaHeader { fragment: 1, ..good }, b"abc"),
            datagram(MediaHeader { fragments: 2, ..good }, b"abc"),
            datagram(good, b"a"),
            datagram(MediaHeader { previous_len: 0, ..good }, b""),
            vec![KIND; 5],
            vec![0x11; 40],
            vec![],
        ] {
            assert!(MediaHeader::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
