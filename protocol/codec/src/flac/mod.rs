//! FLAC (RFC 9639), one frame in each packet and no container.
//!
//! Frames are written by this module rather than by a library for two things that make a third of the size: low bits
//! that no sample uses are left out, since sound of 16 bits is common in a stream of 24; and Rice parameters go beyond
//! 14, without which loud sound of 24 bits is not compressed at all. They are read by it so that no packet can panic.
//!
//! | module | what is in it |
//! |---|---|
//! | `stream_info` | the header of a stream |
//! | `header` | the header of a frame |
//! | `subframe` | one channel |
//! | `predict` | predictors, and how to find a good one |
//! | `rice` | what they leave |
//! | `bits`, `crc` | bits and checksums |

mod bits;
mod crc;
mod header;
mod predict;
mod rice;
mod stream_info;
mod subframe;

use bytes::Bytes;
use unisono_core::wire::control::{Codec, Format};

use self::{
    bits::{BitReader, BitWriter},
    crc::crc16,
    header::{Assignment, Header},
    predict::Analysis,
    subframe::Subframe,
};
use crate::{
    Decode, Encode, Error, check_size,
    conceal::Concealer,
    sample::{to_float, to_int},
};

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flaw(&'static str);

/// Bits in a sample: as many as a float of full scale carries.
const DEPTH: u32 = 24;

#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    analysis: Analysis,
    /// Samples by channel; with two channels, half the sum and the difference behind them.
    channels: Vec<Vec<i32>>,
}

impl Encoder {
    /// For a valid format whose header and bit rate are yet to be filled in.
    pub(crate) fn new(format: &Format) -> Self {
        let header = stream_info::write(format, DEPTH);
        // Loud noise cannot be compressed, so that the wire must be able to carry this.
        let bit_rate = format.rate * u32::from(format.channels) * DEPTH;
        let frames = format.packet_frames as usize;
        let planes = if format.channels == 2 { 4 } else { usize::from(format.channels) };
        Self {
            format: Format { bit_rate, header, ..*format },
            analysis: Analysis::new(frames),
            channels: vec![vec![0; frames]; planes],
        }
    }
}

impl Encode for Encoder {
    fn format(&self) -> &Format {
        &self.format
    }

    fn encode(&mut self, interleaved: &[f32]) -> Result<Bytes, Error> {
        check_size(&self.format, interleaved.len())?;
        for (i, frame) in interleaved.chunks_exact(usize::from(self.format.channels)).enumerate() {
            for (plane, sample) in self.channels.iter_mut().zip(frame) {
                plane[i] = to_int(*sample, DEPTH);
            }
        }
        if let [left, right, mid, side] = self.channels.as_mut_slice()
            && self.format.channels == 2
        {
            for (((left, right), mid), side) in left.iter().zip(right.iter()).zip(mid).zip(side) {
                *mid = (left + right) >> 1;
                *side = left - right;
            }
        }
        let mut planes = self.channels.iter().enumerate().map(|(i, samples)| {
            let is_side = self.format.channels == 2 && i == 3;
            Subframe::cheapest(samples, DEPTH + u32::from(is_side), &mut self.analysis)
        });
        let (assignment, subframes) = if self.format.channels == 2
            && let (Some(left), Some(right), Some(mid), Some(side)) =
                (planes.next(), planes.next(), planes.next(), planes.next())
        {
            cheapest_pair(left, right, mid, side)
        } else {
            (Assignment::Independent { channels: self.format.channels }, planes.collect())
        };
        let mut out = BitWriter::default();
        for byte in (Header { frames: self.format.packet_frames, assignment, depth: Some(DEPTH) }).to_bytes() {
            out.put(u32::from(byte), 8);
        }
        subframes.iter().for_each(|subframe| subframe.write(&mut out));
        out.align();
        out.put(u32::from(crc16(out.bytes())), 16);
        Ok(out.into_bytes().into())
    }

    fn reset(&mut self) {}
}

/// Two of the four that make up the stereo sound.
fn cheapest_pair<'a>(
    left: Subframe<'a>,
    right: Subframe<'a>,
    mid: Subframe<'a>,
    side: Subframe<'a>,
) -> (Assignment, Vec<Subframe<'a>>) {
    let independent = left.bits + right.bits;
    let (left_side, side_right, mid_side) = (left.bits + side.bits, side.bits + right.bits, mid.bits + side.bits);
    let least = independent.min(left_side).min(side_right).min(mid_side);
    if least == independent {
        (Assignment::Independent { channels: 2 }, vec![left, right])
    } else if least == mid_side {
        (Assignment::MidSide, vec![mid, side])
    } else if least == left_side {
        (Assignment::LeftSide, vec![left, side])
    } else {
        (Assignment::SideRight, vec![side, right])
    }
}

#[derive(Debug)]
pub(crate) struct Decoder {
    format: Format,
    depth: u32,
    channels: Vec<Vec<i32>>,
    concealer: Concealer,
}

impl Decoder {
    /// For a valid format.
    pub(crate) fn new(format: &Format) -> Result<Self, Error> {
        Ok(Self {
            format: format.clone(),
            depth: stream_info::read(format)?,
            channels: vec![vec![0; format.packet_frames as usize]; usize::from(format.channels)],
            concealer: Concealer::new(format.rate, format.channels, format.packet_frames),
        })
    }

    /// Reads a frame into `channels`, and gives the bits in its samples.
    fn read(&mut self, packet: &[u8]) -> Result<u32, Flaw> {
        let (frame, crc) = packet.split_last_chunk().ok_or(Flaw("it ends early"))?;
        if crc16(frame) != u16::from_be_bytes(*crc) {
            return Err(Flaw("its checksum is wrong"));
        }
        let (header, rest) = Header::split_from(frame)?;
        if header.frames != self.format.packet_frames || header.assignment.channels() != self.format.channels {
            return Err(Flaw("it is not of its stream"));
        }
        let depth = header.depth.unwrap_or(self.depth);
        if depth > DEPTH {
            return Err(Flaw("it has more bits than its stream"));
        }
        let mut from = BitReader::new(rest);
        for (i, samples) in self.channels.iter_mut().enumerate() {
            let one_more = u32::from(header.assignment.side() == Some(i));
            subframe::read(&mut from, depth + one_more, samples)?;
        }
        if let [first, second] = self.channels.as_mut_slice() {
            for (first, second) in first.iter_mut().zip(second) {
                (*first, *second) = left_and_right(header.assignment, *first, *second);
            }
        }
        Ok(depth)
    }
}

impl Decode for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Error> {
        check_size(&self.format, out.len())?;
        let depth = self.read(packet).map_err(|Flaw(flaw)| Error::Damaged { codec: Codec::Flac, flaw })?;
        // Only a frame that was made to harm has samples beyond its depth.
        let full_scale = 1 << (depth - 1);
        for (i, frame) in out.chunks_exact_mut(self.channels.len()).enumerate() {
            for (sample, plane) in frame.iter_mut().zip(&self.channels) {
                *sample = to_float(plane[i].clamp(-full_scale, full_scale - 1), depth);
            }
        }
        self.concealer.learn(out);
        Ok(())
    }

    fn conceal(&mut self, out: &mut [f32]) {
        self.concealer.conceal(out);
    }

    fn reset(&mut self) {
        self.concealer.reset();
    }
}

/// Two samples as they are heard. Wraps when they are damaged.
const fn left_and_right(assignment: Assignment, first: i32, second: i32) -> (i32, i32) {
    match assignment {
        Assignment::Independent { .. } => (first, second),
        Assignment::LeftSide => (first, first.wrapping_sub(second)),
        Assignment::SideRight => (first.wrapping_add(second), second),
        Assignment::MidSide => {
            // The sum's lowest bit was lost when it was halved; the difference has the same.
            let sum = first.wrapping_shl(1) | (second & 1);
            (sum.wrapping_add(second) >> 1, sum.wrapping_sub(second) >> 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stereo frame of 20 samples with the right checksums around what `body` writes.
    fn frame(assignment: Assignment, depth: u32, frames: u32, body: impl Fn(&mut BitWriter)) -> Vec<u8> {
        let mut out = BitWriter::default();
        let header = Header { frames, assignment, depth: Some(depth) };
        header.to_bytes().iter().for_each(|byte| out.put(u32::from(*byte), 8));
        body(&mut out);
        out.align();
        out.put(u32::from(crc16(out.bytes())), 16);
        out.into_bytes()
    }

    fn decoded(frame: &[u8]) -> Result<Vec<f32>, &'static str> {
        let mut format = Format {
            codec: Codec::Flac,
            rate: 8_000,
            channels: 2,
            packet_frames: 20,
            lookahead: 0,
            bit_rate: 0,
            header: Vec::new(),
        };
        format.header = stream_info::write(&format, DEPTH);
        let mut out = vec![0.0; 40];
        match Decoder::new(&format).unwrap().decode(frame, &mut out) {
            Ok(()) => Ok(out),
            Err(Error::Damaged { flaw, .. }) => Err(flaw),
            Err(other) => panic!("{other}"),
        }
    }

    /// A channel that stays at one value.
    fn constant(out: &mut BitWriter, value: i32, depth: u32) {
        out.put(0, 8);
        out.put_signed(value, depth);
    }

    const INDEPENDENT: Assignment = Assignment::Independent { channels: 2 };

    #[test]
    fn frames_of_another_stream_are_refused() {
        let silence = |depth: u32| move |out: &mut BitWriter| (0..2).for_each(|_| constant(out, 0, depth));
        assert_eq!(decoded(&frame(INDEPENDENT, 24, 20, silence(24))), Ok(vec![0.0; 40]));
        assert_eq!(decoded(&frame(INDEPENDENT, 16, 20, silence(16))), Ok(vec![0.0; 40]));
        assert_eq!(decoded(&frame(INDEPENDENT, 24, 21, silence(24))), Err("it is not of its stream"));
        assert_eq!(decoded(&frame(INDEPENDENT, 32, 20, silence(32))), Err("it has more bits than its stream"));
        let mono = Assignment::Independent { channels: 1 };
        assert_eq!(decoded(&frame(mono, 24, 20, silence(24))), Err("it is not of its stream"));
    }

    #[test]
    fn samples_beyond_full_scale_are_cut_off() {
        let loud = frame(Assignment::MidSide, 24, 20, |out| {
            constant(out, (1 << 23) - 1, 24);
            constant(out, (1 << 24) - 1, 25);
        });
        assert_eq!(decoded(&loud).unwrap()[..2], [1.0 - 2_f32.powi(-23), 0.0]);
    }

    #[test]
    fn channels_that_make_no_sense_are_refused() {
        let begun_with = |bits: &'static [(u32, u32)]| {
            decoded(&frame(INDEPENDENT, 24, 20, |out| {
                bits.iter().for_each(|(value, bits)| out.put(*value, *bits));
                (0..100).for_each(|_| out.put(u32::MAX, 32));
            }))
        };
        assert_eq!(begun_with(&[(1, 1)]), Err("it holds what is no channel"));
        assert_eq!(begun_with(&[(2 << 1, 8)]), Err("its predictor is reserved"));
        // All of the 24 bits are said to be unused.
        assert_eq!(begun_with(&[(1, 8), (0, 23), (1, 1)]), Err("its samples have no bits"));
        // A linear predictor of one coefficient: its precision is reserved, then its shift is negative.
        assert_eq!(begun_with(&[(32 << 1, 8), (0, 24), (15, 4)]), Err("its predictor is reserved"));
        assert_eq!(begun_with(&[(32 << 1, 8), (0, 24), (9, 4), (16, 5)]), Err("its predictor is reserved"));
        // One of 32 coefficients, and 20 samples.
        assert_eq!(begun_with(&[(63 << 1, 8)]), Err("it is shorter than its predictor"));
        // No prediction: its residual in a reserved code, in eight parts, in parts of no length.
        assert_eq!(begun_with(&[(8 << 1, 8), (2, 2)]), Err("its residual is coded in a reserved way"));
        assert_eq!(begun_with(&[(8 << 1, 8), (0, 2), (3, 4)]), Err("its partitions do not fill it"));
        assert_eq!(begun_with(&[(8 << 1, 8), (0, 2), (15, 4)]), Err("its partitions do not fill it"));
        // Four samples of warm-up in a partition of two and a half.
        assert_eq!(
            begun_with(&[(12 << 1, 8), (0, 32), (0, 32), (0, 32), (0, 2), (3, 4)]),
            Err("its partitions do not fill it")
        );
    }
}
