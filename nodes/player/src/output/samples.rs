//! From f32 frames to the bytes that a device takes.
//!
//! 24 and 32 bit are rounded to the nearest step: at 24 bit the rounding is 144 dB down, below the noise of every
//! converter. 16 bit is dithered (TPDF, ±1 step), because there it is heard in a fade; a sample that 16 bit holds
//! exactly passes as it is, so that silence stays silent and 16-bit material at full volume stays bit-exact.
//!
//! Real-time.

/// The sample formats that are written, little-endian, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// 32 bit.
    S32,
    /// 24 bit in the low bytes of 32.
    S24,
    /// 24 bit in three bytes.
    S24Packed,
    /// 32-bit float, full scale ±1.
    Float,
    /// 16 bit.
    S16,
}

impl Format {
    /// Bytes in a sample.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::S32 | Self::S24 | Self::Float => 4,
            Self::S24Packed => 3,
            Self::S16 => 2,
        }
    }
}

/// Converts stereo frames to a device's format and channels.
#[derive(Debug)]
pub(super) struct Encoder {
    format: Format,
    channels: usize,
    dither: fastrand::Rng,
}

impl Encoder {
    /// For a device with so many channels: one gets the mean of left and right, more than two get silence in the rest.
    pub(super) fn new(format: Format, channels: usize) -> Self {
        Self { format, channels: channels.max(1), dither: fastrand::Rng::with_seed(0x0005_D17E) }
    }

    /// Bytes in a frame of the device.
    pub(super) const fn frame_bytes(&self) -> usize {
        self.format.width() * self.channels
    }

    /// Converts as many whole frames as both sides hold, and gives how many bytes that made.
    pub(super) fn encode(&mut self, stereo: &[f32], bytes: &mut [u8]) -> usize {
        let width = self.format.width();
        let frame_bytes = self.frame_bytes();
        let mut made = 0;
        for (frame, place) in stereo.chunks_exact(2).zip(bytes.chunks_exact_mut(frame_bytes)) {
            for (channel, place) in place.chunks_exact_mut(width).enumerate() {
                let sample = match channel {
                    0 if self.channels == 1 => 0.5 * (frame[0] + frame[1]),
                    0 | 1 => frame[channel],
                    _ => 0.0,
                };
                self.put(sample, place);
            }
            made += frame_bytes;
        }
        made
    }

    fn put(&mut self, sample: f32, place: &mut [u8]) {
        match self.format {
            Format::S32 => place.copy_from_slice(&quantised(sample, 31).to_le_bytes()),
            Format::S24 => place.copy_from_slice(&quantised(sample, 23).to_le_bytes()),
            Format::S24Packed => place.copy_from_slice(&quantised(sample, 23).to_le_bytes()[..3]),
            Format::Float => place.copy_from_slice(&sample.to_le_bytes()),
            Format::S16 => {
                let steps = f64::from(sample) * f64::from(1 << 15);
                let dither = if steps.fract() == 0.0 { 0.0 } else { self.triangle() };
                place.copy_from_slice(&to_integer(steps + dither, 15).to_le_bytes()[..2]);
            }
        }
    }

    /// Two steps wide, centred.
    fn triangle(&mut self) -> f64 {
        self.dither.f64() - self.dither.f64()
    }
}

fn quantised(sample: f32, bits: u32) -> i32 {
    to_integer(f64::from(sample) * f64::from(1_u32 << bits), bits)
}

/// At this size the last bit of a float is 1, so that adding it rounds. (To [`f64::round`] is a call where a processor
/// has no instruction for it.)
const WHOLE: f64 = 1.5 * (1_u64 << 52) as f64;

/// The nearest integer that fits, of two the even one; what is not a number is silent.
#[expect(clippy::cast_possible_truncation, reason = "the lower half of the bits is what is wanted")]
fn to_integer(steps: f64, bits: u32) -> i32 {
    let full = f64::from(1_u32 << bits);
    let held = if steps.is_nan() { 0.0 } else { steps.clamp(-full, full - 1.0) };
    (held + WHOLE).to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: Format, channels: usize, stereo: &[f32]) -> Vec<u8> {
        let mut encoder = Encoder::new(format, channels);
        let mut bytes = vec![0xEE; stereo.len() / 2 * encoder.frame_bytes()];
        assert_eq!(encoder.encode(stereo, &mut bytes), bytes.len());
        bytes
    }

    #[test]
    fn every_16_bit_sample_passes_bit_exact_through_every_integer_format() {
        let stereo: Vec<f32> = (i16::MIN..=i16::MAX).map(|n| f32::from(n) / 32_768.0).collect();
        for (format, shift) in [(Format::S16, 0), (Format::S24Packed, 8), (Format::S24, 8), (Format::S32, 16)] {
            let bytes = encoded(format, 2, &stereo);
            for (n, place) in (i32::from(i16::MIN)..).zip(bytes.chunks_exact(format.width())) {
                assert_eq!(*place, (n << shift).to_le_bytes()[..format.width()], "{format:?} {n}");
            }
        }
    }

    #[test]
    fn every_24_bit_sample_passes_bit_exact_through_32_bit() {
        for n in (-8_388_608..8_388_608_i32).step_by(97) {
            #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
            let sample = n as f32 / 8_388_608.0;
            assert_eq!(encoded(Format::S32, 2, &[sample, sample])[..4], (n << 8).to_le_bytes());
        }
    }

    #[test]
    fn what_is_too_loud_is_clipped_and_what_is_no_number_is_silent() {
        for (format, high, low) in
            [(Format::S32, i32::MAX, i32::MIN), (Format::S24, 8_388_607, -8_388_608), (Format::S16, 32_767, -32_768)]
        {
            let width = format.width();
            let bytes = encoded(format, 2, &[1.5, -1.5, f32::NAN, f32::INFINITY]);
            let samples: Vec<&[u8]> = bytes.chunks_exact(width).collect();
            let expected = [high, low, 0, high].map(i32::to_le_bytes);
            for (sample, expected) in samples.iter().zip(&expected) {
                assert_eq!(*sample, &expected[..width], "{format:?}");
            }
        }
    }

    #[test]
    fn a_level_between_two_16_bit_steps_survives_as_the_mean() {
        let stereo = vec![0.3 / 32_768.0; 200_000];
        let bytes = encoded(Format::S16, 2, &stereo);
        let sum: f64 = bytes.chunks_exact(2).map(|b| f64::from(i16::from_le_bytes([b[0], b[1]]))).sum();
        assert!((sum / 200_000.0 - 0.3).abs() < 0.01, "{}", sum / 200_000.0);
        assert_eq!(encoded(Format::S16, 2, &[0.0; 64]), vec![0; 128], "silence stays silent");
    }

    #[test]
    fn one_channel_gets_the_mean_and_many_get_silence_in_the_rest() {
        let stereo = [0.5, 0.25, -0.5, 0.5];
        let floats = |channels| -> Vec<f32> {
            let bytes = encoded(Format::Float, channels, &stereo);
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        };
        assert_eq!(floats(1), [0.375, 0.0]);
        assert_eq!(floats(4), [0.5, 0.25, 0.0, 0.0, -0.5, 0.5, 0.0, 0.0]);
    }
}
