//! Samples as floats (full scale ±1) and as integers of some bits.

/// To the nearest step, halves away from zero, held within the range; what is not a number is zero.
pub(crate) fn to_int(sample: f32, bits: u32) -> i32 {
    let full_scale = 1_i32 << (bits - 1);
    // In 64 bits neither the product nor the sum is rounded, so that what came from so many bits goes back exactly.
    let scaled = f64::from(sample) * f64::from(full_scale);
    #[expect(clippy::cast_possible_truncation, reason = "truncation is the rounding; a float cast saturates")]
    let rounded = (scaled + 0.5_f64.copysign(scaled)) as i32;
    rounded.clamp(-full_scale, full_scale - 1)
}

/// Exact up to 24 bits.
pub(crate) fn to_float(sample: i32, bits: u32) -> f32 {
    // The reciprocal of a power of two is exact.
    sample as f32 * (1.0 / (1_u32 << (bits - 1)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_sample_survives_the_round_trip() {
        for sample in i16::MIN..=i16::MAX {
            let sample = i32::from(sample);
            assert_eq!(to_int(to_float(sample, 16), 16), sample);
            assert_eq!(to_int(to_float(sample, 16), 24), sample * 256);
        }
    }

    #[test]
    fn every_24_bit_sample_survives_the_round_trip() {
        for sample in -(1 << 23)..1 << 23 {
            assert_eq!(to_int(to_float(sample, 24), 24), sample);
        }
    }

    #[test]
    fn rounds_to_the_nearest_step() {
        let step = 1.0 / 32_768.0;
        assert_eq!(to_int(0.499_999_97 * step, 16), 0);
        assert_eq!(to_int(0.5 * step, 16), 1);
        assert_eq!(to_int(-0.5 * step, 16), -1);
        assert_eq!(to_int(-1.499 * step, 16), -1);
        assert_eq!(to_int(f32::MIN_POSITIVE, 24), 0);
    }

    #[test]
    fn what_does_not_fit_is_cut_off_and_what_is_no_number_is_silent() {
        assert_eq!(to_int(1.0, 16), 32_767);
        assert_eq!(to_int(-1.5, 16), -32_768);
        assert_eq!(to_int(f32::INFINITY, 24), (1 << 23) - 1);
        assert_eq!(to_int(f32::NEG_INFINITY, 24), -(1 << 23));
        assert_eq!(to_int(f32::NAN, 24), 0);
    }
}
