//! Sound and helpers that the tests share.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses some of it, and may panic")]

use unisono_codec::{Encode, Step, encoder};
use unisono_core::{units::SampleRate, wire::control::Codec};

/// A seed that is printed, so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    seed
}

/// Interleaved music of a kind: tones that swell and fade, clicks, and noise that is not the same in any two channels.
pub(crate) fn music(frames: usize, channels: usize, seed: u64) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    let tones: Vec<(f32, f32, f32, f32)> = (0..24_u8)
        .map(|i| {
            let pitch = 0.008 * 1.26_f32.powi(i32::from(i)) * (0.98 + 0.04 * random.f32());
            (pitch, 0.2 / (1.0 + f32::from(i)), random.f32() * 6.0, 0.000_2 * random.f32())
        })
        .collect();
    let mut coloured = vec![0.0; channels];
    let mut sound = Vec::with_capacity(frames * channels);
    for i in 0..frames {
        for (channel, coloured) in coloured.iter_mut().enumerate() {
            let at = i as f32 + 40.0 * channel as f32;
            let tone: f32 = tones
                .iter()
                .map(|(pitch, level, phase, swell)| {
                    level * (pitch * at + phase).sin() * (0.5 + 0.5 * (swell * at).cos())
                })
                .sum();
            *coloured = 0.7 * *coloured + 0.06 * (random.f32() - 0.5);
            let click = if i % 5_003 == 0 { 0.3 } else { 0.0 };
            sound.push((tone + *coloured + click).clamp(-1.0, 1.0));
        }
    }
    sound
}

/// The same, as it comes from so many bits.
pub(crate) fn in_bits(sound: &[f32], bits: u32) -> Vec<f32> {
    let steps = (1_u32 << (bits - 1)) as f32;
    sound.iter().map(|sample| (sample * steps).round().clamp(-steps, steps - 1.0) / steps).collect()
}

pub(crate) fn hertz(rate: u32) -> SampleRate {
    SampleRate::new(rate).unwrap()
}

pub(crate) fn step(codec: Codec) -> Step {
    Step { codec, bit_rate: if codec == Codec::Opus { 128_000 } else { 0 } }
}

pub(crate) fn make(codec: Codec, rate: u32, channels: u8, packet_frames: u32) -> Box<dyn Encode> {
    encoder(step(codec), hertz(rate), channels, packet_frames).unwrap()
}
