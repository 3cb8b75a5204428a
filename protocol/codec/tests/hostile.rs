//! Whatever comes from outside is refused or played, and never panics.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

mod common;

use common::{hertz, make, music, step};
use proptest::{collection::vec, prelude::*};
use unisono_codec::{Error, SUPPORTED, Step, decoder, encoder, warm_up_packets};
use unisono_core::wire::control::{Codec, Format};

const FRAMES: u32 = 480;
const SAMPLES: usize = FRAMES as usize * 2;

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(SUPPORTED)
}

/// What a decoder makes of a packet; `None` when it refuses it.
fn played(codec: Codec, packet: &[u8]) -> Option<Vec<f32>> {
    let mut decoder = decoder(make(codec, 48_000, 2, FRAMES).format()).unwrap();
    let mut out = vec![0.0; SAMPLES];
    let result = decoder.decode(packet, &mut out);
    if let Err(error) = &result {
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    // It goes on after anything.
    let mut after = vec![0.0; SAMPLES];
    decoder.conceal(&mut after);
    decoder.decode(&good_packet(codec), &mut after).unwrap();
    assert!(after.iter().chain(&out).all(|sample| sample.abs() <= 2.0), "{codec}");
    result.is_ok().then_some(out)
}

fn good_packet(codec: Codec) -> bytes::Bytes {
    make(codec, 48_000, 2, FRAMES).encode(&music(FRAMES as usize, 2, 41)).unwrap()
}

/// CRC-16 with polynomial 0x8005, to get past FLAC's front door.
fn crc16(bytes: &[u8]) -> [u8; 2] {
    let crc = bytes.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
    });
    crc.to_be_bytes()
}

proptest! {
    #[test]
    fn random_packets_do_no_harm(codec in codec(), packet in vec(any::<u8>(), 0..2_000)) {
        played(codec, &packet);
    }

    #[test]
    fn random_packets_of_the_right_length_do_no_harm(codec in codec(), seed in any::<u64>()) {
        let mut packet = vec![0; good_packet(codec).len()];
        fastrand::Rng::with_seed(seed).fill(&mut packet);
        played(codec, &packet);
    }

    #[test]
    fn truncated_packets_do_no_harm(codec in codec(), share in 0.0..1.0) {
        let packet = good_packet(codec);
        let length = (packet.len() as f64 * share) as usize;
        let played = played(codec, &packet[..length]);
        prop_assert!(codec == Codec::Opus || played.is_none());
    }

    #[test]
    fn flac_notices_flipped_bits(at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut packet = good_packet(Codec::Flac).to_vec();
        let at = at.index(packet.len());
        packet[at] ^= 1_u8 << bit;
        prop_assert!(played(Codec::Flac, &packet).is_none());
    }

    /// The header is right and the checksum is, too; what is between was made to harm.
    #[test]
    fn flac_frames_made_to_harm_do_none(
        assignment in prop::sample::select(&[0x10_u8, 0x80, 0x90, 0xa0]),
        first in prop::sample::select(&[0_u8, 2, 16, 18, 24, 25, 64, 78, 80, 86, 98, 126, 127]),
        body in vec(any::<u8>(), 0..3_000),
        ones in any::<bool>(),
    ) {
        let header = [0xff, 0xf8, 0x70, assignment | 0x0c, 0, 0x01, 0xdf];
        let crc8 = header.iter().fold(0_u8, |crc, byte| {
            (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 7 })
        });
        let mut frame = header.to_vec();
        frame.extend([crc8, first]);
        frame.extend(body.iter().map(|byte| if ones { byte | 0xb7 } else { *byte }));
        let crc = crc16(&frame);
        frame.extend(crc);
        played(Codec::Flac, &frame);
    }

    #[test]
    fn random_formats_make_a_decoder_or_an_error(
        codec in 0_u8..6,
        rate in prop::sample::select(&[0_u32, 1, 7_999, 8_000, 44_100, 48_000, 384_000, u32::MAX]),
        channels in any::<u8>(),
        packet_frames in prop::sample::select(&[0_u32, 1, 20, 120, 480, 959, 960, 48_000, u32::MAX]),
        lookahead in any::<u32>(),
        header in vec(any::<u8>(), 0..60),
    ) {
        let codec = Codec::from(codec);
        let format = Format { codec, rate, channels, packet_frames, lookahead, bit_rate: 0, header };
        let _ = warm_up_packets(&format);
        if let Ok(mut decoder) = decoder(&format) {
            let mut out = vec![0.0; packet_frames as usize * usize::from(channels)];
            decoder.conceal(&mut out);
            let _ = decoder.decode(&[0xff, 0xf8], &mut out);
        }
    }

    #[test]
    fn any_float_can_be_encoded(codec in codec(), values in vec(any::<f32>(), SAMPLES)) {
        let mut encoder = make(codec, 48_000, 2, FRAMES);
        let packet = encoder.encode(&values).unwrap();
        prop_assert!(played(codec, &packet).is_some());
    }
}

#[test]
fn buffers_of_another_size_are_refused() {
    for codec in SUPPORTED {
        let mut encoder = make(*codec, 48_000, 2, FRAMES);
        let packet = encoder.encode(&[0.1; SAMPLES]).unwrap();
        let mut decoder = decoder(encoder.format()).unwrap();
        for size in [0, 1, SAMPLES - 1, SAMPLES + 1, SAMPLES * 2] {
            let expected = Error::BufferSize { expected: SAMPLES, given: size };
            assert_eq!(encoder.encode(&vec![0.0; size]).unwrap_err(), expected);
            let mut out = vec![0.5; size];
            assert_eq!(decoder.decode(&packet, &mut out).unwrap_err(), expected);
            decoder.conceal(&mut out);
            assert!(out.iter().all(|sample| *sample == 0.0), "{codec}");
        }
    }
}

#[test]
fn packets_of_another_length_are_refused() {
    for codec in SUPPORTED {
        let mut decoder = decoder(make(*codec, 48_000, 2, FRAMES).format()).unwrap();
        for frames in [FRAMES / 2, FRAMES * 2] {
            let packet = make(*codec, 48_000, 2, frames).encode(&music(frames as usize, 2, 42)).unwrap();
            let mut out = vec![0.0; SAMPLES];
            assert!(matches!(decoder.decode(&packet, &mut out), Err(Error::Damaged { .. })), "{codec}, {frames}");
        }
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_what_can() {
    let refused = |codec, bit_rate, rate, channels, packet_frames| {
        let error = encoder(Step { codec, bit_rate }, hertz(rate), channels, packet_frames).err().unwrap();
        error.to_string()
    };
    assert_eq!(
        refused(Codec::Opus, 128_000, 44_100, 2, 882),
        "opus does not support 44100 Hz; it supports 48000 Hz, 1 or 2 channels, 32 to 510 kb/s, packets of 2.5, 5, \
         10, 20, 40 or 60 ms"
    );
    assert!(refused(Codec::Opus, 128_000, 48_000, 6, 960).starts_with("opus does not support 6 channels;"));
    assert!(refused(Codec::Opus, 128_000, 48_000, 2, 900).starts_with("opus does not support packets of 900 frames;"));
    assert!(refused(Codec::Opus, 0, 48_000, 2, 960).starts_with("opus does not support 0 b/s;"));
    assert!(refused(Codec::Other(77), 0, 48_000, 2, 960).starts_with("codec 77 does not support"));
    assert_eq!(
        refused(Codec::Flac, 0, 48_000, 2, 1),
        "impossible stream format: field packet_frames holds an impossible value"
    );
    assert!(encoder(step(Codec::Opus), hertz(48_000), 1, 120).is_ok());
}
