//! The packets of an A2DP stream with SBC: RTP (RFC 3550), then one byte for SBC (A2DP 1.3, section 4.3.4), then frames.

/// A packet that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Counts packets.
    pub sequence: u16,
    /// Counts frames of sound: of the packet's first.
    pub timestamp: u32,
    /// How many SBC frames are in it.
    pub count: usize,
    /// The SBC frames, one behind the other.
    pub frames: &'a [u8],
}

/// RTP's header without sources or extension.
const RTP: usize = 12;

/// The version in RTP's first byte; padding, extension and sources are not for A2DP.
const PLAIN: u8 = 0x80;

impl<'a> Packet<'a> {
    /// Reads a packet; `None` when it is no such packet, or its only SBC frame came in pieces.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(RTP)?;
        let (sbc, frames) = rest.split_first()?;
        let (in_pieces, count) = (sbc & 0x80 != 0, usize::from(sbc & 0x0f));
        if head[0] != PLAIN || in_pieces || count == 0 || frames.is_empty() {
            return None;
        }
        let sequence = u16::from_be_bytes([head[2], head[3]]);
        let timestamp = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        Some(Self { sequence, timestamp, count, frames })
    }
}

/// Notices packets that are missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gaps {
    expected: Option<u16>,
}

impl Gaps {
    /// How many are missing before this one. One that came before, or far ahead, begins anew: nothing is missing then.
    pub fn before(&mut self, sequence: u16) -> u16 {
        /// Five seconds of packets of the shortest kind; a gap is shorter, and what is longer another stream.
        const LONGEST: u16 = 2_000;
        let gap = self.expected.map_or(0, |expected| sequence.wrapping_sub(expected));
        self.expected = Some(sequence.wrapping_add(1));
        if gap <= LONGEST { gap } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_as_it_is_on_the_air() {
        let bytes = [0x80, 0x60, 0x12, 0x34, 0, 1, 2, 3, 0, 0, 0, 1, 0x05, 0x9c, 0xbd];
        let packet = Packet::read(&bytes).unwrap();
        assert_eq!(packet, Packet { sequence: 0x1234, timestamp: 0x1_0203, count: 5, frames: &[0x9c, 0xbd] });
        for length in 0..=RTP + 1 {
            assert_eq!(Packet::read(&bytes[..length]), None);
        }
        for (at, byte) in [(0, 0x90), (12, 0x85), (12, 0x00)] {
            let mut other = bytes;
            other[at] = byte;
            assert_eq!(Packet::read(&other), None, "byte {at} is {byte:#x}");
        }
    }

    #[test]
    fn every_missing_packet_is_counted_once() {
        let mut gaps = Gaps::default();
        let counted = [65_533, 65_534, 1, 2, 2, 3, 40_000, 40_001].map(|sequence| gaps.before(sequence));
        assert_eq!(counted, [0, 0, 2, 0, 0, 0, 0, 0]);
    }
}
