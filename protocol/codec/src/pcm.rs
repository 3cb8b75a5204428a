//! Plain samples: interleaved, signed, big-endian, 16 or 24 bits.

use bytes::Bytes;
use unisono_core::wire::control::{Codec, Format};

use crate::{
    Decode, Encode, Error, check_size,
    conceal::Concealer,
    packet_samples,
    sample::{to_float, to_int},
};

#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    bits: u32,
}

impl Encoder {
    /// For a valid format.
    pub(crate) fn new(format: &Format, bits: u32) -> Self {
        let bit_rate = format.rate * u32::from(format.channels) * bits;
        Self { format: Format { bit_rate, ..format.clone() }, bits }
    }
}

impl Encode for Encoder {
    fn format(&self) -> &Format {
        &self.format
    }

    fn encode(&mut self, interleaved: &[f32]) -> Result<Bytes, Error> {
        check_size(&self.format, interleaved.len())?;
        let mut bytes = Vec::with_capacity(interleaved.len() * bytes_in(self.bits));
        for sample in interleaved {
            let wide = to_int(*sample, self.bits).to_be_bytes();
            bytes.extend_from_slice(&wide[4 - bytes_in(self.bits)..]);
        }
        Ok(bytes.into())
    }

    fn reset(&mut self) {}
}

#[derive(Debug)]
pub(crate) struct Decoder {
    format: Format,
    bits: u32,
    concealer: Concealer,
}

impl Decoder {
    /// For a valid format.
    pub(crate) fn new(format: &Format, bits: u32) -> Self {
        let concealer = Concealer::new(format.rate, format.channels, format.packet_frames);
        Self { format: format.clone(), bits, concealer }
    }

    fn codec(&self) -> Codec {
        self.format.codec
    }
}

impl Decode for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Error> {
        check_size(&self.format, out.len())?;
        if packet.len() != packet_samples(&self.format) * bytes_in(self.bits) {
            return Err(Error::Damaged { codec: self.codec(), flaw: "it has another length" });
        }
        // Left-justified, so that the sign is where it belongs.
        let sample = |wide: [u8; 4]| to_float(i32::from_be_bytes(wide) >> (32 - self.bits), self.bits);
        if self.bits == 16 {
            out.iter_mut().zip(packet.as_chunks::<2>().0).for_each(|(out, [a, b])| *out = sample([*a, *b, 0, 0]));
        } else {
            out.iter_mut().zip(packet.as_chunks::<3>().0).for_each(|(out, [a, b, c])| *out = sample([*a, *b, *c, 0]));
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

const fn bytes_in(bits: u32) -> usize {
    bits as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(codec: Codec) -> Format {
        Format { codec, rate: 8_000, channels: 1, packet_frames: 20, lookahead: 0, bit_rate: 0, header: Vec::new() }
    }

    #[test]
    fn samples_are_big_endian() {
        let mut sound = [0.0; 20];
        sound[..4].copy_from_slice(&[0.5, -1.0, 1.0, 1.0 / 32_768.0]);
        let packet = Encoder::new(&format(Codec::Pcm16), 16).encode(&sound).unwrap();
        assert_eq!(packet[..8], [0x40, 0x00, 0x80, 0x00, 0x7f, 0xff, 0x00, 0x01]);
        let packet = Encoder::new(&format(Codec::Pcm24), 24).encode(&sound).unwrap();
        assert_eq!(packet[..12], [0x40, 0, 0, 0x80, 0, 0, 0x7f, 0xff, 0xff, 0x00, 0x01, 0x00]);
        let mut out = [0.0; 20];
        Decoder::new(&format(Codec::Pcm24), 24).decode(&packet, &mut out).unwrap();
        assert_eq!(out[..4], [0.5, -1.0, 1.0 - 2_f32.powi(-23), 1.0 / 32_768.0]);
    }
}
