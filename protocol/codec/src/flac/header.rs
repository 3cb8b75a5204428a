//! The header of a frame (RFC 9639 section 9.1).

use super::{Flaw, crc::crc8};

/// How the channels of a frame are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// Each for itself.
    Independent {
        /// How many there are, 1 to 8.
        channels: u8,
    },
    /// Left, then left less right.
    LeftSide,
    /// Left less right, then right.
    SideRight,
    /// Half the sum, then left less right.
    MidSide,
}

impl Assignment {
    pub(crate) const fn channels(self) -> u8 {
        match self {
            Self::Independent { channels } => channels,
            Self::LeftSide | Self::SideRight | Self::MidSide => 2,
        }
    }

    /// The channel that is a difference, and so has one bit more.
    pub(crate) const fn side(self) -> Option<usize> {
        match self {
            Self::Independent { .. } => None,
            Self::SideRight => Some(0),
            Self::LeftSide | Self::MidSide => Some(1),
        }
    }
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Samples in each channel.
    pub(crate) frames: u32,
    /// How the channels are coded.
    pub(crate) assignment: Assignment,
    /// Bits in a sample; `None` is what STREAMINFO says.
    pub(crate) depth: Option<u32>,
}

impl Header {
    /// The header's bytes. The frame number is always 0: the datagram around the frame says where it belongs, and so
    /// equal sound makes equal packets on every hub.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let channels = match self.assignment {
            Assignment::Independent { channels } => channels - 1,
            Assignment::LeftSide => 8,
            Assignment::SideRight => 9,
            Assignment::MidSide => 10,
        };
        let depth = DEPTHS.iter().position(|depth| *depth == self.depth).unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, reason = "an index below 8")]
        let depth = depth as u8;
        let [_, _, high, low] = (self.frames - 1).to_be_bytes();
        // A fixed block size, given in 16 bits; the rate is in STREAMINFO.
        let mut bytes = vec![0xff, 0xf8, 0x70, channels << 4 | depth << 1, 0, high, low];
        bytes.push(crc8(&bytes));
        bytes
    }

    /// Takes the header off a frame.
    pub(crate) fn split_from(frame: &[u8]) -> Result<(Self, &[u8]), Flaw> {
        let [0xff, second, sizes, channels, number, ..] = *frame else { return Err(Flaw("it does not begin a frame")) };
        if second & 0xfe != 0xf8 || channels & 1 != 0 {
            return Err(Flaw("it does not begin a frame"));
        }
        // The frame number is coded like a character of UTF-8, in up to 7 bytes; here it means nothing.
        let number_length = match number.leading_ones() {
            0 => 1,
            ones @ 2..=7 => ones as usize,
            _ => return Err(Flaw("its frame number cannot be read")),
        };
        let mut at = 4 + number_length;
        let mut field = |length: usize| {
            let bytes = frame.get(at..at + length).ok_or(Flaw("its header ends early"))?;
            at += length;
            Ok(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        };
        let frames = match sizes >> 4 {
            0 => return Err(Flaw("its block size is reserved")),
            1 => 192,
            code @ 2..=5 => 576 << (code - 2),
            6 => field(1)? + 1,
            7 => field(2)? + 1,
            code => 256 << (code - 8),
        };
        match sizes & 0x0f {
            12 => drop(field(1)?),
            13 | 14 => drop(field(2)?),
            15 => return Err(Flaw("its rate is reserved")),
            _ => {}
        }
        let assignment = match channels >> 4 {
            code @ 0..=7 => Assignment::Independent { channels: code + 1 },
            8 => Assignment::LeftSide,
            9 => Assignment::SideRight,
            10 => Assignment::MidSide,
            _ => return Err(Flaw("its channels are reserved")),
        };
        let code = usize::from(channels >> 1 & 7);
        let depth = DEPTHS[code];
        if code != 0 && depth.is_none() {
            return Err(Flaw("its bit depth is reserved"));
        }
        let (header, rest) = frame.split_at_checked(at).ok_or(Flaw("its header ends early"))?;
        match rest.split_first() {
            Some((crc, rest)) if *crc == crc8(header) => Ok((Self { frames, assignment, depth }, rest)),
            _ => Err(Flaw("the checksum of its header is wrong")),
        }
    }
}

/// Bits in a sample, by code.
const DEPTHS: [Option<u32>; 8] = [None, Some(8), Some(12), None, Some(16), Some(20), Some(24), Some(32)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_were_written() {
        let assignments = [Assignment::LeftSide, Assignment::SideRight, Assignment::MidSide]
            .into_iter()
            .chain((1..=8).map(|channels| Assignment::Independent { channels }));
        for assignment in assignments {
            for (frames, depth) in [(20, Some(16)), (960, Some(24)), (65_535, None)] {
                let header = Header { frames, assignment, depth };
                let mut bytes = header.to_bytes();
                bytes.push(42);
                assert_eq!(Header::split_from(&bytes), Ok((header, &[42][..])));
            }
        }
    }

    #[test]
    fn the_frame_of_the_rfc_is_understood() {
        // RFC 9639 appendix D.1.
        let header = [0xff, 0xf8, 0x69, 0x18, 0x00, 0x00, 0xbf, 0x03];
        let expected = Header { frames: 1, assignment: Assignment::Independent { channels: 2 }, depth: Some(16) };
        assert_eq!(Header::split_from(&header), Ok((expected, &[0x03][..])));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let bytes = Header { frames: 960, assignment: Assignment::MidSide, depth: Some(24) }.to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut broken = bytes.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::split_from(&broken).is_err(), "bit {bit}");
        }
    }
}
