//! What two ends agree on: the four bytes of A2DP 1.3.2 section 4.3.2.

use core::fmt;

use unisono_core::{
    time::Nanos,
    units::{FrameCount, SampleRate},
};

use super::Error;

/// How channels are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelMode {
    /// One channel.
    Mono,
    /// Two channels, each with a bitpool of its own.
    Dual,
    /// Two channels that share a bitpool.
    Stereo,
    /// The same, sum and difference where that takes fewer bits.
    Joint,
}

/// Blocks in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blocks {
    /// 4.
    Four,
    /// 8.
    Eight,
    /// 12.
    Twelve,
    /// 16: the fewest headers.
    Sixteen,
}

/// Frequency bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subbands {
    /// 4.
    Four,
    /// 8.
    Eight,
}

/// By which rule bits are given to subbands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allocation {
    /// For the least error.
    Snr,
    /// For the least error that is heard.
    Loudness,
}

/// A configuration of SBC: everything but the bitpool is fixed, and that stays within a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// 16, 32, 44.1 or 48 kHz; SBC has no other.
    pub rate: SampleRate,
    /// How channels are coded.
    pub mode: ChannelMode,
    /// Blocks in a frame.
    pub blocks: Blocks,
    /// Frequency bands.
    pub subbands: Subbands,
    /// How bits are given to them.
    pub allocation: Allocation,
    /// The least bitpool that a frame may have, from 2.
    pub min_bitpool: u8,
    /// The greatest, up to 250 and [`Self::bitpool_limit`].
    pub max_bitpool: u8,
}

/// The four rates, in the order of libsbc's numbers.
const RATES: [u32; 4] = [16_000, 32_000, 44_100, 48_000];

impl Config {
    /// Reads the four bytes of a configuration, in which each choice is made: one bit of each group is set.
    ///
    /// # Errors
    /// [`Error::Configuration`] when it is not, or the bitpools are out of the specification's range.
    pub fn from_bytes(bytes: [u8; 4]) -> Result<Self, Error> {
        let [choices, more, min_bitpool, max_bitpool] = bytes;
        let refused = |flaw| Error::Configuration { flaw };
        let hertz = match choices >> 4 {
            8 => 16_000,
            4 => 32_000,
            2 => 44_100,
            1 => 48_000,
            _ => return Err(refused("it names no rate, or several")),
        };
        let config = Self {
            rate: SampleRate::new(hertz).ok_or(refused("it names no rate"))?,
            mode: match choices & 0x0f {
                8 => ChannelMode::Mono,
                4 => ChannelMode::Dual,
                2 => ChannelMode::Stereo,
                1 => ChannelMode::Joint,
                _ => return Err(refused("it names no channel mode, or several")),
            },
            blocks: match more >> 4 {
                8 => Blocks::Four,
                4 => Blocks::Eight,
                2 => Blocks::Twelve,
                1 => Blocks::Sixteen,
                _ => return Err(refused("it names no number of blocks, or several")),
            },
            subbands: match more >> 2 & 3 {
                2 => Subbands::Four,
                1 => Subbands::Eight,
                _ => return Err(refused("it names no number of subbands, or several")),
            },
            allocation: match more & 3 {
                2 => Allocation::Snr,
                1 => Allocation::Loudness,
                _ => return Err(refused("it names no allocation, or several")),
            },
            min_bitpool,
            max_bitpool,
        };
        config.check()?;
        Ok(config)
    }

    /// The four bytes of this configuration. A rate that SBC has not has no bit.
    pub fn to_bytes(self) -> [u8; 4] {
        let rate = self.rate_number().map_or(0, |number| 8 >> number);
        let mode = match self.mode {
            ChannelMode::Mono => 8,
            ChannelMode::Dual => 4,
            ChannelMode::Stereo => 2,
            ChannelMode::Joint => 1,
        };
        let blocks = 8_u8 >> self.blocks as u8;
        let subbands = 2_u8 >> self.subbands as u8;
        let allocation = match self.allocation {
            Allocation::Snr => 2,
            Allocation::Loudness => 1,
        };
        [rate << 4 | mode, blocks << 4 | subbands << 2 | allocation, self.min_bitpool, self.max_bitpool]
    }

    /// Refuses what the specification does not know.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.rate_number().is_none() {
            return Err(Error::Configuration { flaw: "it is 16, 32, 44.1 or 48 kHz" });
        }
        if self.min_bitpool < 2 || self.min_bitpool > self.max_bitpool || self.max_bitpool > 250 {
            return Err(Error::Configuration {
                flaw: "bitpools are 2 to 250, and the least is not above the greatest",
            });
        }
        if self.min_bitpool > self.bitpool_limit() {
            return Err(Error::Configuration { flaw: "its least bitpool is more than its subbands can take" });
        }
        Ok(())
    }

    /// The greatest bitpool that this coding has a use for: 16 bits for each subband, of both channels where they share.
    pub const fn bitpool_limit(self) -> u8 {
        let shared = match self.mode {
            ChannelMode::Mono | ChannelMode::Dual => 16 * self.subbands.count(),
            ChannelMode::Stereo | ChannelMode::Joint => 32 * self.subbands.count(),
        };
        #[expect(clippy::cast_possible_truncation, reason = "no more than 250")]
        if shared < 250 { shared as u8 } else { 250 }
    }

    /// The nearest bitpool that a frame of this configuration may have.
    pub fn bitpool_within(self, bitpool: u8) -> u8 {
        bitpool.min(self.max_bitpool).min(self.bitpool_limit()).max(self.min_bitpool)
    }

    /// Bytes of a frame with such a bitpool.
    pub const fn frame_len(self, bitpool: u8) -> usize {
        let (blocks, subbands, channels) = (self.blocks.count(), self.subbands.count(), self.channels() as usize);
        let bits = match self.mode {
            ChannelMode::Mono | ChannelMode::Dual => blocks * channels * bitpool as usize,
            ChannelMode::Stereo => blocks * bitpool as usize,
            ChannelMode::Joint => subbands + blocks * bitpool as usize,
        };
        4 + subbands * channels / 2 + bits.div_ceil(8)
    }

    /// Frames of sound (one sample of each channel) in a frame of SBC.
    pub const fn frame_samples(self) -> usize {
        self.blocks.count() * self.subbands.count()
    }

    /// How long a frame lasts.
    pub fn frame_duration(self) -> Nanos {
        self.rate.duration_of(FrameCount(self.frame_samples() as u64))
    }

    /// Bits per second with such a bitpool.
    pub fn bit_rate(self, bitpool: u8) -> u32 {
        let bits = self.frame_len(bitpool) as u64 * 8 * u64::from(self.rate.hertz());
        u32::try_from(bits / self.frame_samples() as u64).unwrap_or(u32::MAX)
    }

    /// 1 or 2.
    pub const fn channels(self) -> u8 {
        match self.mode {
            ChannelMode::Mono => 1,
            ChannelMode::Dual | ChannelMode::Stereo | ChannelMode::Joint => 2,
        }
    }

    /// By how much what a decoder gives lags what an encoder was given: the length of the filters, 73 frames with eight
    /// subbands and 37 with four.
    pub const fn delay(self) -> FrameCount {
        FrameCount(9 * self.subbands.count() as u64 + 1)
    }

    /// libsbc's number of the rate, which is also the order of the bits.
    pub(super) fn rate_number(self) -> Option<u8> {
        RATES.iter().zip(0..).find(|(hertz, _)| **hertz == self.rate.hertz()).map(|(_, number)| number)
    }
}

impl Blocks {
    /// How many they are.
    pub const fn count(self) -> usize {
        4 + 4 * self as usize
    }
}

impl Subbands {
    /// How many they are.
    pub const fn count(self) -> usize {
        4 + 4 * self as usize
    }
}

impl fmt::Display for ChannelMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Mono => "mono",
            Self::Dual => "dual channel",
            Self::Stereo => "stereo",
            Self::Joint => "joint stereo",
        })
    }
}

impl fmt::Display for Config {
    /// As a person reads it: `SBC 48000 Hz joint stereo, bitpool 2 to 51`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, mode, min_bitpool, max_bitpool, .. } = self;
        write!(out, "SBC {rate} {mode}, bitpool {min_bitpool} to {max_bitpool}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        // What BlueZ, PipeWire and bluez-alsa agree on with speakers, and the lengths that sbcinfo tells of such frames.
        for (bytes, text, length, bit_rate) in [
            ([0x11, 0x15, 2, 51], "SBC 48000 Hz joint stereo, bitpool 2 to 51", 115, 345_000),
            ([0x21, 0x15, 2, 53], "SBC 44100 Hz joint stereo, bitpool 2 to 53", 119, 327_993),
            ([0x24, 0x15, 2, 38], "SBC 44100 Hz dual channel, bitpool 2 to 38", 164, 452_025),
            ([0x18, 0x15, 2, 29], "SBC 48000 Hz mono, bitpool 2 to 29", 66, 198_000),
        ] {
            let config = Config::from_bytes(bytes).unwrap();
            assert_eq!(config.to_bytes(), bytes);
            assert_eq!(config.to_string(), text);
            assert_eq!(config.frame_len(config.max_bitpool), length);
            assert_eq!(config.bit_rate(config.max_bitpool), bit_rate);
            assert_eq!((config.frame_samples(), config.delay()), (128, FrameCount(73)));
        }
    }

    #[test]
    fn whatever_bytes_are_accepted_come_back() {
        let mut accepted = 0;
        for choices in 0..=255 {
            for more in 0..=255 {
                let bytes = [choices, more, 2, 53];
                if let Ok(config) = Config::from_bytes(bytes) {
                    assert_eq!(config.to_bytes(), bytes);
                    assert!(config.frame_len(config.bitpool_limit()) <= super::super::MAX_FRAME);
                    assert!(config.frame_samples() * usize::from(config.channels()) <= super::super::MAX_SAMPLES);
                    accepted += 1;
                }
            }
        }
        assert_eq!(accepted, 4 * 4 * 4 * 2 * 2);
        for [min, max] in [[0, 53], [1, 53], [54, 53], [2, 251], [65, 250]] {
            assert!(Config::from_bytes([0x28, 0x19, min, max]).is_err(), "{min} to {max}");
        }
    }
}
