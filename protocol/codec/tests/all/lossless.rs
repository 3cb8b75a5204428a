//! FLAC and PCM give back what they were given.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use crate::common::{in_bits, make, music, seed};
use unisono_codec::{decoder, warm_up_packets};
use unisono_core::wire::control::Codec;

/// Sound that is hard to code in one way or another.
fn materials(frames: usize, channels: usize, bits: u32) -> Vec<(&'static str, Vec<f32>)> {
    let mut random = fastrand::Rng::with_seed(seed());
    let samples = frames * channels;
    let mut noise = |level: f32| (0..samples).map(|_| (random.f32() * 2.0 - 1.0) * level).collect::<Vec<_>>();
    let walk = noise(1.0).into_iter().scan(0.0_f32, |at, step| {
        *at = (*at + step * 0.01).clamp(-1.0, 1.0);
        Some(*at)
    });
    let walk: Vec<f32> = walk.collect();
    let square =
        |period: usize| (0..samples).map(|i| if (i / period).is_multiple_of(2) { 1.0 } else { -1.0 }).collect();
    let impulses = (0..samples).map(|i| if i % 701 == 3 { -1.0 } else { 0.0 }).collect();
    let one_side = (0..samples).map(|i| if i % channels == 0 { 0.7 * (i as f32 * 0.01).sin() } else { 0.0 }).collect();
    [
        ("music", music(frames, channels, 7)),
        ("silence", vec![0.0; samples]),
        ("a constant", vec![-0.25; samples]),
        ("full-scale noise", noise(1.0)),
        ("the lowest bits", noise(3e-5)),
        ("a random walk", walk),
        ("the steepest square wave", square(channels)),
        ("a slow square wave", square(117)),
        ("impulses", impulses),
        ("one side only", one_side),
    ]
    .map(|(name, sound)| (name, in_bits(&sound, bits)))
    .into()
}

fn comes_back(codec: Codec, bits: u32, rate: u32, channels: u8, packet_frames: u32) {
    let mut encoder = make(codec, rate, channels, packet_frames);
    let mut decoder = decoder(encoder.format()).unwrap();
    assert_eq!(encoder.format().lookahead, 0);
    assert_eq!(warm_up_packets(encoder.format()), 0);
    let samples = packet_frames as usize * usize::from(channels);
    let mut out = vec![9.0; samples];
    for (name, sound) in materials(packet_frames as usize * 6, usize::from(channels), bits) {
        for packet in sound.chunks_exact(samples) {
            let bytes = encoder.encode(packet).unwrap();
            // Nothing may cost noticeably more than it does uncompressed.
            let plain = samples * if codec == Codec::Pcm16 { 2 } else { 3 };
            assert!(bytes.len() <= plain + 16 + usize::from(channels), "{name}: {} bytes", bytes.len());
            decoder.decode(&bytes, &mut out).unwrap();
            assert_eq!(out, packet, "{codec}: {name}, {bits} bits, {rate} Hz, {channels} x {packet_frames}");
        }
    }
}

#[test]
fn flac_gives_back_16_and_24_bits_exactly() {
    for (rate, channels, packet_frames) in [
        (48_000, 2, 960),
        (48_000, 2, 480),
        (48_000, 1, 960),
        (44_100, 2, 882),
        (48_000, 4, 480),
        (48_000, 6, 960),
        (96_000, 2, 4_800),
    ] {
        for bits in [16, 20, 24] {
            comes_back(Codec::Flac, bits, rate, channels, packet_frames);
        }
    }
}

#[test]
fn flac_takes_the_shortest_and_the_longest_packets() {
    for (rate, channels, packet_frames) in [(8_000, 1, 32), (8_000, 8, 33), (48_000, 2, 121), (384_000, 8, 32_767)] {
        comes_back(Codec::Flac, 24, rate, channels, packet_frames);
    }
}

#[test]
fn pcm_gives_back_its_bits_exactly() {
    for (rate, channels, packet_frames) in [(48_000, 2, 960), (44_100, 1, 441), (48_000, 8, 480)] {
        comes_back(Codec::Pcm16, 16, rate, channels, packet_frames);
        comes_back(Codec::Pcm24, 16, rate, channels, packet_frames);
        comes_back(Codec::Pcm24, 24, rate, channels, packet_frames);
    }
}

#[test]
fn sound_of_16_bits_pays_for_16_in_a_stream_of_24() {
    let sound = in_bits(&music(960, 2, 3), 16);
    let sound_24 = in_bits(&music(960, 2, 3), 24);
    let mut encoder = make(Codec::Flac, 48_000, 2, 960);
    let (small, large) = (encoder.encode(&sound).unwrap().len(), encoder.encode(&sound_24).unwrap().len());
    assert!(small + 960 * 2 * 7 / 8 < large, "{small} and {large} bytes");
}

#[test]
fn sound_of_24_bits_is_compressed_unless_its_noise_is_loud() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut with_noise = |level: f32| {
        let sound: Vec<f32> =
            (0..1_920).map(|i| 0.7 * ((i / 2) as f32 * 0.05).sin() + level * (random.f32() - 0.5)).collect();
        make(Codec::Flac, 48_000, 2, 960).encode(&sound).unwrap().len()
    };
    let plain = 960 * 2 * 3;
    let (quiet, loud) = (with_noise(0.002), with_noise(0.2));
    assert!(quiet < plain * 70 / 100, "{quiet} bytes");
    assert!((plain..plain + 16).contains(&loud), "{loud} bytes");
}

#[test]
fn equal_sound_makes_equal_packets() {
    let sound = music(960, 2, 5);
    let mut first = make(Codec::Flac, 48_000, 2, 960);
    let mut second = make(Codec::Flac, 48_000, 2, 960);
    first.encode(&music(960, 2, 6)).unwrap();
    assert_eq!(first.encode(&sound).unwrap(), second.encode(&sound).unwrap());
}
