//! A node asks for what is missing. Travels in a QUIC datagram.

use super::{Error, Reader, ids::StreamId};
use crate::units::FramePosition;

/// First byte of a request for repair.
pub const KIND: u8 = 0x20;

/// Packets named in one request; what is beyond goes into the next.
pub const MAX_ENTRIES: usize = 64;

const HEADER_LEN: usize = 8;
const ENTRY_LEN: usize = 12;

/// A packet of which something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The packet's position.
    pub position: FramePosition,
    /// Bit `n` is set when fragment `n` is missing; all bits are when nothing of the packet has arrived.
    pub fragments: u32,
}

/// A request for repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nack {
    /// The rendition that the packets belong to.
    pub stream: StreamId,
    /// What is missing, at most [`MAX_ENTRIES`].
    pub missing: Vec<Missing>,
}

impl Nack {
    /// The request as it stands on the wire; entries beyond [`MAX_ENTRIES`] are left out.
    pub fn encode(&self) -> Vec<u8> {
        let entries = &self.missing[..self.missing.len().min(MAX_ENTRIES)];
        let mut bytes = Vec::with_capacity(HEADER_LEN + ENTRY_LEN * entries.len());
        bytes.push(KIND);
        bytes.push(u8::try_from(entries.len()).expect("at most MAX_ENTRIES"));
        bytes.extend_from_slice(&self.stream.0.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for entry in entries {
            bytes.extend_from_slice(&entry.position.0.to_be_bytes());
            bytes.extend_from_slice(&entry.fragments.to_be_bytes());
        }
        bytes
    }

    /// Reads a request; bytes behind the entries are ignored.
    ///
    /// # Errors
    /// When it is short, of another kind, or names too many packets.
    pub fn parse(datagram: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(datagram);
        let kind = reader.u8()?;
        if kind != KIND {
            return Err(Error::Kind(kind));
        }
        let count = usize::from(reader.u8()?);
        if count > MAX_ENTRIES {
            return Err(Error::Field("count"));
        }
        let stream = StreamId(reader.u16()?);
        reader.array::<4>()?;
        let missing = (0..count)
            .map(|_| Ok(Missing { position: FramePosition(reader.u64()?), fragments: reader.u32()? }))
            .collect::<Result<_, Error>>()?;
        Ok(Self { stream, missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_these_bytes_both_ways() {
        let nack =
            Nack { stream: StreamId(7), missing: vec![Missing { position: FramePosition(960), fragments: u32::MAX }] };
        let bytes = [0x20, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x03, 0xc0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(nack.encode(), bytes);
        assert_eq!(Nack::parse(&bytes), Ok(nack));
        assert_eq!(Nack::parse(&bytes[..19]), Err(Error::TooShort));
        assert_eq!(Nack::parse(&[0x20, 65, 0, 7]), Err(Error::Field("count")));
    }
}
