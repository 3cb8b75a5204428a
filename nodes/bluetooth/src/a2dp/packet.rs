//! The packets of a stream: an RTP header (RFC 3550), one byte of SBC's own (A2DP 1.3.2 section 4.3.4), and whole frames.

use unisono_codec::sbc::Config;
use unisono_core::time::Nanos;

/// Bytes before the frames.
pub const HEADER: usize = 13;

/// RTP version 2, without anything extra; then the dynamic payload type 96, which `BlueZ` and `PipeWire` send.
const VERSION: u8 = 0x80;
const PAYLOAD_TYPE: u8 = 96;

/// Frames are counted in four bits.
const MOST_FRAMES: usize = 15;

/// A packet lasts no longer than this: what is in it waits for it to be full.
const LONGEST: Nanos = Nanos::from_millis(20);

/// What each packet of a stream holds. Packets last equally long, whatever their bitpool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Frames of SBC.
    pub frames: u8,
    /// The greatest bitpool with which they fit.
    pub bitpool: u8,
}

impl Shape {
    /// As many frames of the wished bitpool as fit into a packet of `mtu` bytes and 20 ms. Where not even one fits, the
    /// bitpool is less; `None` when that does not help.
    pub fn new(config: &Config, mtu: u16, wish: u8) -> Option<Self> {
        let room = usize::from(mtu).checked_sub(HEADER)?;
        let wish = config.bitpool_within(wish);
        let bitpool = (config.min_bitpool..=wish).rev().find(|bitpool| config.frame_len(*bitpool) <= room)?;
        let short = LONGEST.as_nanos() / config.frame_duration().as_nanos().max(1);
        let frames = (room / config.frame_len(bitpool)).min(MOST_FRAMES).min(usize::try_from(short).ok()?.max(1));
        Some(Self { frames: u8::try_from(frames).ok()?, bitpool })
    }

    /// Frames of sound in a packet.
    pub const fn samples(self, config: &Config) -> usize {
        self.frames as usize * config.frame_samples()
    }
}

/// What counts the packets of a stream. It counts on when one is not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    sequence: u16,
    timestamp: u32,
}

impl Numbers {
    /// The header of the packet that is next.
    pub(super) fn header(self, frames: u8) -> [u8; HEADER] {
        let [a, b] = self.sequence.to_be_bytes();
        let [c, d, e, f] = self.timestamp.to_be_bytes();
        [VERSION, PAYLOAD_TYPE, a, b, c, d, e, f, 0, 0, 0, 1, frames]
    }

    /// Goes on to the packet after one of so many frames of sound.
    pub(super) fn advance(&mut self, samples: u32) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(samples);
    }
}

/// A packet as it arrives, for speakers of tests. It may come from anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Grows by one with each packet, and wraps.
    pub sequence: u16,
    /// Grows by the frames of sound in each, and wraps.
    pub timestamp: u32,
    /// Frames of SBC.
    pub frames: u8,
    /// Their bytes.
    pub payload: &'a [u8],
}

impl<'a> Received<'a> {
    /// Reads a packet that is not fragmented; `None` when it is anything else.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, payload) = bytes.split_first_chunk::<HEADER>()?;
        let [version, payload_type, a, b, c, d, e, f, _, _, _, _, frames] = *header;
        (version == VERSION && payload_type & 0x7f == PAYLOAD_TYPE && (1..=15).contains(&frames)).then_some(Self {
            sequence: u16::from_be_bytes([a, b]),
            timestamp: u32::from_be_bytes([c, d, e, f]),
            frames,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(bytes: [u8; 4]) -> Config {
        Config::from_bytes(bytes).unwrap()
    }

    #[test]
    fn a_packet_is_as_full_as_its_mtu_and_20_ms_allow() {
        let joint = config([0x21, 0x15, 2, 53]);
        for (mtu, frames) in [(672, 5), (335, 2), (895, 6), (1_021, 6), (u16::MAX, 6), (132, 1)] {
            assert_eq!(Shape::new(&joint, mtu, 53), Some(Shape { frames, bitpool: 53 }), "{mtu}");
        }
        assert_eq!(Shape::new(&joint, 672, 53).unwrap().samples(&joint), 640);
        let tiny = Shape::new(&joint, 100, 53).unwrap();
        assert!(tiny.frames == 1 && joint.frame_len(tiny.bitpool) + HEADER <= 100, "{tiny:?}");
        assert_eq!(Shape::new(&joint, 12, 53), None);
        assert_eq!(Shape::new(&joint, 20, 53), None);
        assert_eq!(Shape::new(&config([0x18, 0x89, 2, 29]), 672, 29).unwrap().frames, 15, "very short frames");
    }

    #[test]
    fn headers_are_those_of_the_specifications() {
        let mut numbers = Numbers { sequence: 0xfffe, timestamp: 0xffff_ff00 };
        numbers.advance(640);
        assert_eq!(numbers.header(5), [0x80, 0x60, 0xff, 0xff, 0, 0, 1, 0x80, 0, 0, 0, 1, 5]);
        numbers.advance(640);
        let bytes = numbers.header(5);
        let received = Received::read(&bytes).unwrap();
        assert_eq!((received.sequence, received.timestamp, received.frames), (0, 0x400, 5));
        assert!(received.payload.is_empty());
    }

    proptest! {
        #[test]
        fn packets_always_fit(bytes: [u8; 4], mtu: u16, wish: u8) {
            let Ok(config) = Config::from_bytes(bytes) else { return Ok(()) };
            if let Some(Shape { frames, bitpool }) = Shape::new(&config, mtu, wish) {
                prop_assert!((1..=15).contains(&frames) && bitpool == config.bitpool_within(bitpool));
                prop_assert!(HEADER + usize::from(frames) * config.frame_len(bitpool) <= usize::from(mtu));
            }
        }

        #[test]
        fn arbitrary_packets_are_read_or_refused(bytes in any::<Vec<u8>>()) {
            if let Some(received) = Received::read(&bytes) {
                prop_assert_eq!(received.payload.len() + HEADER, bytes.len());
            }
        }
    }
}
