//! Rooms on different codecs agree to the sample.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use crate::common::{hertz, music, seed};
use unisono_codec::{Step, decoder, encoder};
use unisono_core::wire::control::Codec;

const RATE: u32 = 48_000;

/// Sound that has been through a codec, its lookahead taken off. Stereo.
fn through(step: Step, packet_frames: u32, sound: &[f32]) -> Vec<f32> {
    let mut encoder = encoder(step, hertz(RATE), 2, packet_frames).unwrap();
    let format = encoder.format().clone();
    let mut decoder = decoder(&format).unwrap();
    let samples = packet_frames as usize * 2;
    let mut heard = Vec::new();
    let mut out = vec![0.0; samples];
    for packet in sound.chunks_exact(samples) {
        decoder.decode(&encoder.encode(packet).unwrap(), &mut out).unwrap();
        heard.extend_from_slice(&out);
    }
    heard.drain(..format.lookahead as usize * 2);
    heard
}

/// By how many frames `heard` comes after `sound`, to a small part of a frame, and how alike they are (1 is equal).
fn lag(sound: &[f32], heard: &[f32]) -> (f64, f64) {
    const REACH: usize = 40;
    let left = |sound: &[f32]| sound.iter().step_by(2).map(|sample| f64::from(*sample)).collect::<Vec<_>>();
    let (sound, heard) = (left(sound), left(heard));
    let sound = &sound[REACH..heard.len() - REACH];
    let energy = |of: &[f64]| of.iter().map(|sample| sample * sample).sum::<f64>();
    let alike = |shift: usize| {
        let heard = &heard[shift..shift + sound.len()];
        let product: f64 = sound.iter().zip(heard).map(|(a, b)| a * b).sum();
        product / (energy(sound) * energy(heard)).sqrt()
    };
    let all: Vec<f64> = (0..=2 * REACH).map(alike).collect();
    let (peak, best) = all.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
    let (before, after) = (all[peak - 1], all[peak + 1]);
    // The top of the parabola through three points.
    let between = 0.5 * (before - after) / (before - 2.0 * best + after);
    (peak as f64 - REACH as f64 + between, best)
}

#[test]
fn every_codec_is_in_phase_with_the_original() {
    let mut random = fastrand::Rng::with_seed(seed());
    let noise: Vec<f32> = (0..RATE * 4).map(|_| random.f32() - 0.5).collect();
    let tonal = music(RATE as usize * 2, 2, 21);
    // Below 64 kb/s Opus changes so much of the sound that a fraction of a frame cannot be told.
    let opus = [32_000, 48_000, 64_000, 96_000, 128_000, 192_000, 256_000, 510_000];
    let steps = opus
        .into_iter()
        .map(|bit_rate| Step { codec: Codec::Opus, bit_rate })
        .chain([Codec::Flac, Codec::Pcm24, Codec::Pcm16].map(|codec| Step { codec, bit_rate: 0 }));
    for step in steps {
        for packet_frames in [480, 960] {
            for (name, sound) in [("noise", &noise), ("music", &tonal)] {
                let (lag, alike) = lag(sound, &through(step, packet_frames, sound));
                println!("{step:?} {packet_frames} {name}: {lag:+.4} frames, {alike:.4} alike");
                let limit = if step.codec != Codec::Opus {
                    1e-4
                } else if step.bit_rate < 64_000 {
                    0.3
                } else {
                    0.06
                };
                assert!(lag.abs() < limit, "{step:?} {packet_frames} {name}: {lag} frames late");
                // The rest of the noise is what Opus does not think worth its bits.
                assert!(alike > if name == "noise" { 0.15 } else { 0.94 }, "{step:?}: {alike} alike");
            }
        }
    }
}
