//! Plain samples without a header, as they come through a pipe: bytes in, frames out. Nothing here reads or waits.

use std::{fmt, str::FromStr};

use symphonia::core::audio::Channels;
use unisono_core::units::SampleRate;

use crate::{Error, convert::Converter, downmix::Downmix};

/// How plain samples are laid out: `RATE:BITS:CHANNELS`, signed and little-endian, as in `48000:16:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFormat {
    rate: SampleRate,
    bits: u8,
    channels: u8,
}

/// A string that says no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format; write rate:bits:channels as in 48000:16:2 (16, 24 or 32 bits, 1 to 8 channels)")]
pub struct NoFormat(String);

impl RawFormat {
    /// What most programs write unless told otherwise.
    pub const CD_48: Self = Self { rate: SampleRate::HZ_48000, bits: 16, channels: 2 };

    /// Bytes in a frame.
    pub fn frame_len(self) -> usize {
        usize::from(self.bits / 8) * usize::from(self.channels)
    }

    /// Frames per second.
    pub const fn rate(self) -> SampleRate {
        self.rate
    }

    /// Bits in a sample: 16, 24 or 32.
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// Samples in a frame.
    pub const fn channels(self) -> u8 {
        self.channels
    }
}

impl FromStr for RawFormat {
    type Err = NoFormat;

    fn from_str(text: &str) -> Result<Self, NoFormat> {
        let parsed = || {
            let mut parts = text.split(':');
            let rate = SampleRate::new(parts.next()?.parse().ok()?)?;
            let bits = parts.next()?.parse().ok().filter(|bits| [16, 24, 32].contains(bits))?;
            let channels = parts.next()?.parse().ok().filter(|channels| (1..=8).contains(channels))?;
            parts.next().is_none().then_some(Self { rate, bits, channels })
        };
        parsed().ok_or_else(|| NoFormat(text.into()))
    }
}

impl fmt::Display for RawFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.rate.hertz(), self.bits, self.channels)
    }
}

/// Turns bytes into sound, at the rate and in the channels of a stream.
pub struct Raw {
    format: RawFormat,
    channels: usize,
    /// `None` when the rates are equal.
    converter: Option<Converter>,
    downmix: Downmix,
    /// The beginning of a frame.
    waiting: Vec<u8>,
    samples: Vec<f32>,
    mixed: Vec<f32>,
    given: usize,
}

impl Raw {
    /// From one format to another.
    ///
    /// # Errors
    /// When `channels` is neither 1 nor 2.
    pub fn new(format: RawFormat, rate: SampleRate, channels: u8) -> Result<Self, Error> {
        if !(1..=2).contains(&channels) {
            return Err(Error::Channels { channels });
        }
        let channels = usize::from(channels);
        let downmix = Downmix::new(&Channels::Discrete(format.channels.into()), channels);
        let converter = (format.rate != rate).then(|| Converter::new(format.rate.hertz(), rate.hertz(), channels));
        Ok(Self {
            format,
            channels,
            converter,
            downmix,
            waiting: Vec::new(),
            samples: Vec::new(),
            mixed: Vec::new(),
            given: 0,
        })
    }

    /// Takes bytes as they come; a frame may be cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.mixed.drain(..self.given);
        self.given = 0;
        self.waiting.extend_from_slice(bytes);
        let whole = self.waiting.len() / self.format.frame_len() * self.format.frame_len();
        self.samples.clear();
        let wide = usize::from(self.format.bits / 8);
        self.samples.extend(self.waiting[..whole].chunks_exact(wide).map(sample));
        self.waiting.drain(..whole);
        self.downmix.apply(&self.samples, &mut self.mixed);
    }

    /// Writes interleaved samples of what was pushed, full scale ±1, and says how many frames.
    pub fn pull(&mut self, out: &mut [f32]) -> usize {
        let waiting = &self.mixed[self.given..];
        if let Some(converter) = &mut self.converter {
            converter.push(waiting);
            self.given = self.mixed.len();
            return converter.read(out);
        }
        let count = waiting.len().min(out.len() / self.channels * self.channels);
        out[..count].copy_from_slice(&waiting[..count]);
        self.given += count;
        count / self.channels
    }

    /// No more comes: what the change of rate has kept for what would have followed can be pulled.
    pub fn finish(&mut self) {
        self.waiting.clear();
        if let Some(converter) = &mut self.converter {
            converter.finish();
        }
    }

    /// What comes next continues nothing: another program writes.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.mixed.clear();
        self.given = 0;
        if let Some(converter) = &mut self.converter {
            converter.restart(0);
        }
    }
}

/// A sample of two to four little-endian bytes.
fn sample(bytes: &[u8]) -> f32 {
    // Left-justified, so that the sign is where it belongs.
    let mut wide = [0; 4];
    wide[4 - bytes.len()..].copy_from_slice(bytes);
    i32::from_le_bytes(wide) as f32 / 2_147_483_648.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_as_it_is_written() {
        for text in ["48000:16:2", "44100:24:1", "96000:32:8"] {
            assert_eq!(text.parse::<RawFormat>().unwrap().to_string(), text);
        }
        for wrong in ["", "48000", "48000:16", "48000:16:2:1", "48000:8:2", "48000:16:9", "0:16:2", "fast:16:2"] {
            assert!(wrong.parse::<RawFormat>().is_err(), "{wrong:?}");
        }
        assert_eq!("48000:16:2".parse(), Ok(RawFormat::CD_48));
    }

    #[test]
    fn bytes_that_come_in_any_pieces_are_the_same_sound() {
        for (format, bytes, expected) in [
            ("48000:16:2", vec![0, 0x40, 0, 0x80, 0, 0xc0, 1, 0], vec![0.5, -1.0, -0.5, 1.0 / 32_768.0]),
            ("48000:24:2", vec![0, 0, 0x40, 0, 0, 0x80], vec![0.5, -1.0]),
            ("48000:32:1", vec![0, 0, 0, 0x40], vec![0.5, 0.5]),
        ] {
            for step in 1..=bytes.len() {
                let mut raw = Raw::new(format.parse().unwrap(), SampleRate::HZ_48000, 2).unwrap();
                let mut sound = Vec::new();
                for piece in bytes.chunks(step) {
                    raw.push(piece);
                    let mut out = [0.0; 16];
                    let frames = raw.pull(&mut out);
                    sound.extend_from_slice(&out[..frames * 2]);
                }
                assert_eq!(sound, expected, "{format} in steps of {step}");
            }
        }
    }

    #[test]
    fn another_rate_gives_as_many_frames_as_it_lasts() {
        let mut raw = Raw::new("44100:16:2".parse().unwrap(), SampleRate::HZ_48000, 2).unwrap();
        let mut frames = 0;
        let mut out = vec![0.0; 2 * 4_800];
        for _ in 0..100 {
            raw.push(&[0; 441 * 4]);
            frames += raw.pull(&mut out);
        }
        raw.finish();
        loop {
            let more = raw.pull(&mut out);
            if more == 0 {
                break;
            }
            frames += more;
        }
        assert_eq!(frames, 48_000);
    }

    #[test]
    fn what_another_program_writes_begins_with_its_own_first_frame() {
        let mut raw = Raw::new(RawFormat::CD_48, SampleRate::HZ_48000, 2).unwrap();
        raw.push(&[0, 0, 0]);
        raw.restart();
        raw.push(&[0, 0x40, 0, 0x40]);
        let mut out = [0.0; 4];
        assert_eq!((raw.pull(&mut out), out[0], out[1]), (1, 0.5, 0.5));
    }
}
