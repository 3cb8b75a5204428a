//! The STREAMINFO block (RFC 9639 section 8.2): what every frame of a stream has in common.

use unisono_core::wire::control::{Codec, Format};

use crate::Error;

/// Bytes in the block, without a metadata block header.
const LENGTH: usize = 34;

const SUPPORTED: &str = "a STREAMINFO block of 4 to 24 bits that says what its stream says";

/// The block for a valid format whose frames all hold one packet. The sizes of frames, the length of the stream and
/// the checksum of its sound are not known, and zero says so.
pub(crate) fn write(format: &Format, bits: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend_from_slice(&block_sizes(format));
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&(layout(format, bits) << 36).to_be_bytes());
    bytes.extend_from_slice(&[0; 16]);
    bytes
}

/// Bits in a sample, from the block in a valid format's header.
///
/// # Errors
/// [`Error::Unsupported`] when the block contradicts the format, or has fewer than 4 or more than 24 bits.
pub(crate) fn read(format: &Format) -> Result<u32, Error> {
    let refuse = |what: String| Error::Unsupported { codec: Codec::Flac, what, supported: SUPPORTED };
    let Ok(block) = <[u8; LENGTH]>::try_from(format.header.as_slice()) else {
        return Err(refuse(format!("a header of {} bytes", format.header.len())));
    };
    let [_, _, _, _, _, _, _, _, _, _, a, b, c, d, ..] = block;
    let found = u64::from(u32::from_be_bytes([a, b, c, d]) >> 4);
    #[expect(clippy::cast_possible_truncation, reason = "five bits")]
    let bits = found as u32 % 32 + 1;
    if !(4..=24).contains(&bits) {
        return Err(refuse(format!("samples of {bits} bits")));
    }
    if block[..4] != block_sizes(format) || found != layout(format, bits) {
        return Err(refuse("a header that contradicts its stream".into()));
    }
    Ok(bits)
}

/// The smallest and the largest block.
fn block_sizes(format: &Format) -> [u8; 4] {
    let [_, _, high, low] = format.packet_frames.to_be_bytes();
    [high, low, high, low]
}

/// 20 bits of rate, 3 of channels less one, 5 of bits less one.
fn layout(format: &Format, bits: u32) -> u64 {
    u64::from(format.rate) << 8 | u64::from(format.channels - 1) << 5 | u64::from(bits - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(header: Vec<u8>) -> Format {
        Format { codec: Codec::Flac, rate: 44_100, channels: 2, packet_frames: 882, lookahead: 0, bit_rate: 0, header }
    }

    #[test]
    fn the_block_is_as_the_rfc_draws_it() {
        let block = write(&format(Vec::new()), 24);
        assert_eq!(block.len(), LENGTH);
        assert_eq!(block[..10], [0x03, 0x72, 0x03, 0x72, 0, 0, 0, 0, 0, 0]);
        // 44100 is 0x0ac44: then 001 for two channels, 10111 for 24 bits.
        assert_eq!(block[10..18], [0x0a, 0xc4, 0x43, 0x70, 0, 0, 0, 0]);
        assert_eq!(read(&format(block)).unwrap(), 24);
    }

    #[test]
    fn a_block_that_contradicts_its_stream_is_refused() {
        let good = write(&format(Vec::new()), 16);
        for (at, value) in [(0, 9), (2, 9), (10, 0xff), (12, 0x00), (13, 0x10)] {
            let mut block = good.clone();
            block[at] = value;
            assert!(matches!(read(&format(block)), Err(Error::Unsupported { .. })), "byte {at}");
        }
        assert!(read(&format(Vec::new())).is_err());
        assert!(read(&format(vec![0; 35])).is_err());
    }
}
