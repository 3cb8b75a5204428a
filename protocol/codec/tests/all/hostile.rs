//! Whatever comes from outside is refused or played, and never panics.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use crate::common::{hertz, make, music, step};
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

/// A frame with the right checksums around what was made to harm, to get past FLAC's front door.
fn sealed(header: &[u8], body: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let crc8 = header.iter().fold(0_u8, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 7 })
    });
    let frame: Vec<u8> = header.iter().copied().chain([crc8]).chain(body).collect();
    let crc16 = frame.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
    });
    [frame, crc16.to_be_bytes().into()].concat()
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
        let body = body.iter().map(|byte| if ones { byte | 0xb7 } else { *byte });
        let frame = sealed(&[0xff, 0xf8, 0x70, assignment | 0x0c, 0, 0x01, 0xdf], [first].into_iter().chain(body));
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

    /// Predictors are fitted to most of a packet, and go wild in the rest.
    #[test]
    fn sound_that_changes_its_nature_is_no_larger_in_flac_than_in_pcm(
        parts in vec((0..5, 1..300_usize, -24..=0_i32, 1..200_u8, any::<u64>()), 2..8),
        opposite in any::<bool>(),
    ) {
        let mut sound = Vec::new();
        for (kind, frames, level, period, seed) in parts {
            let mut random = fastrand::Rng::with_seed(seed);
            sound.extend((0..frames).map(|i| 2.0_f32.powi(level) * match kind {
                0 => 1.0,
                1 => if i % 2 == 0 { 1.0 } else { -1.0 },
                2 => (i as f32 / f32::from(period)).sin(),
                3 => if i % usize::from(period) == 0 { 1.0 } else { 0.0 },
                _ => random.f32() * 2.0 - 1.0,
            }));
        }
        let sides = if opposite { [1.0, -1.0] } else { [1.0, 0.7] };
        let frames = sound.iter().cycle().take(SAMPLES / 2);
        let sound: Vec<f32> = frames.flat_map(|left| sides.map(|side| left * side)).collect();
        let flac = make(Codec::Flac, 48_000, 2, FRAMES).encode(&sound).unwrap();
        let pcm = make(Codec::Pcm24, 48_000, 2, FRAMES).encode(&sound).unwrap();
        prop_assert!(flac.len() <= pcm.len() + 16, "{} bytes", flac.len());
        prop_assert_eq!(played(Codec::Flac, &flac), played(Codec::Pcm24, &pcm));
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
fn flac_frames_of_another_stream_are_refused() {
    // 24 bits, two channels, 480 frames: each channel stays at 0.
    let silence = || [0; 8].into_iter();
    let good = sealed(&[0xff, 0xf8, 0x70, 0x1c, 0, 0x01, 0xdf], silence());
    assert_eq!(played(Codec::Flac, &good), Some(vec![0.0; SAMPLES]));
    for (wrong, header) in [
        ("481 frames", [0xff, 0xf8, 0x70, 0x1c, 0, 0x01, 0xe0]),
        ("one channel", [0xff, 0xf8, 0x70, 0x0c, 0, 0x01, 0xdf]),
        ("three channels", [0xff, 0xf8, 0x70, 0x2c, 0, 0x01, 0xdf]),
        ("32 bits", [0xff, 0xf8, 0x70, 0x1e, 0, 0x01, 0xdf]),
        ("no mark of a frame", [0xff, 0x78, 0x70, 0x1c, 0, 0x01, 0xdf]),
    ] {
        let frame = sealed(&header, silence().chain(silence()));
        assert_eq!(played(Codec::Flac, &frame), None, "{wrong}");
    }
    let later = sealed(&[0, 0xff, 0xf8, 0x70, 0x1c, 0, 0x01, 0xdf], silence());
    assert_eq!(played(Codec::Flac, &later), None, "a frame that begins late");
}

#[test]
fn flac_samples_far_beyond_full_scale_do_no_harm() {
    // No prediction, one partition, values of 31 bits without a code: half the sum, then the difference.
    let channel = ["00010000", "00", "0000", "1111", "11111", &format!("0{}", "1".repeat(30)).repeat(480)].concat();
    let bits = [&channel, &channel, "00"].concat();
    let body = bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')));
    played(Codec::Flac, &sealed(&[0xff, 0xf8, 0x70, 0xac, 0, 0x01, 0xdf], body));
}

#[test]
fn flac_headers_that_contradict_their_stream_are_refused() {
    let good = make(Codec::Flac, 44_100, 2, 882).format().clone();
    assert!(decoder(&good).is_ok());
    // Two sizes of blocks, the rate, the channels, and a 32nd bit.
    for (at, value) in [(0, 9), (2, 9), (10, 0xff), (12, 0x41), (13, 0xf0)] {
        let mut bad = good.clone();
        bad.header[at] = value;
        assert!(matches!(decoder(&bad), Err(Error::Unsupported { .. })), "byte {at}");
    }
    for header in [vec![], vec![0; 34], good.header[..33].into(), [&good.header[..], &[0]].concat()] {
        assert!(matches!(decoder(&Format { header, ..good.clone() }), Err(Error::Unsupported { .. })));
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
    assert!(
        refused(Codec::Flac, 0, 8_000, 2, 31).starts_with("flac does not support packets of 31 frames at 8000 Hz;")
    );
    assert!(refused(Codec::Flac, 0, 384_000, 2, 32_768).starts_with("flac does not support packets of 32768 frames"));
    assert!(refused(Codec::Flac, 0, 100_001, 2, 2_000).contains("at 100001 Hz; it supports packets of 32 to 32767"));
    assert_eq!(
        refused(Codec::Flac, 0, 48_000, 2, 1),
        "impossible stream format: field packet_frames holds an impossible value"
    );
    assert!(encoder(step(Codec::Opus), hertz(48_000), 1, 120).is_ok());
}
