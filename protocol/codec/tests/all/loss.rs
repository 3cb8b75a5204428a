//! What is heard when packets are missing, and when a room joins in the middle.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use crate::common::{make, music};
use unisono_codec::{Decode, decoder, warm_up_packets};
use unisono_core::wire::control::Codec;

const FRAMES: usize = 960;
const SAMPLES: usize = FRAMES * 2;

fn encoded(codec: Codec, sound: &[f32]) -> (Vec<bytes::Bytes>, Box<dyn Decode>, u64) {
    let mut encoder = make(codec, 48_000, 2, FRAMES as u32);
    let packets = sound.chunks_exact(SAMPLES).map(|packet| encoder.encode(packet).unwrap()).collect();
    (packets, decoder(encoder.format()).unwrap(), warm_up_packets(encoder.format()))
}

fn decoded(decoder: &mut dyn Decode, packet: &[u8]) -> Vec<f32> {
    let mut out = vec![0.0; SAMPLES];
    decoder.decode(packet, &mut out).unwrap();
    out
}

fn concealed(decoder: &mut dyn Decode) -> Vec<f32> {
    let mut out = vec![9.0; SAMPLES];
    decoder.conceal(&mut out);
    out
}

fn loudest(sound: &[f32]) -> f32 {
    sound.iter().fold(0.0, |loudest, sample| loudest.max(sample.abs()))
}

/// The largest step from one frame to the next, in either channel.
fn steepest(sound: &[f32]) -> f32 {
    sound.windows(3).map(|window| (window[2] - window[0]).abs()).fold(0.0, f32::max)
}

const ALL: [Codec; 4] = [Codec::Opus, Codec::Flac, Codec::Pcm24, Codec::Pcm16];

#[test]
fn a_decoder_that_joins_late_converges() {
    let sound = music(FRAMES * 60, 2, 31);
    for codec in ALL {
        let (packets, mut whole, warm_up) = encoded(codec, &sound);
        assert_eq!(warm_up, if codec == Codec::Opus { 4 } else { 0 });
        let (_, mut late, _) = encoded(codec, &[]);
        let first = 30 - usize::try_from(warm_up).unwrap();
        for (i, packet) in packets.iter().enumerate() {
            let expected = decoded(&mut *whole, packet);
            if i < first {
                continue;
            }
            let heard = decoded(&mut *late, packet);
            let difference: Vec<f32> = heard.iter().zip(&expected).map(|(a, b)| a - b).collect();
            let share = loudest(&difference) / loudest(&expected);
            // What Opus carries over from packet to packet halves with each.
            let limit = match (codec, i) {
                (Codec::Opus, ..30) => f32::MAX,
                (Codec::Opus, 30..36) => 0.15,
                (Codec::Opus, 36..50) => 0.01,
                _ => 1e-5,
            };
            assert!(share < limit, "{codec}, packet {i}: {share}");
        }
    }
}

#[test]
fn made_up_sound_stays_in_bounds_and_ends_in_silence() {
    let sound: Vec<f32> = music(FRAMES * 20, 2, 32).iter().map(|sample| (sample * 3.0).clamp(-1.0, 1.0)).collect();
    for codec in ALL {
        let (packets, mut decoder, _) = encoded(codec, &sound);
        packets.iter().for_each(|packet| drop(decoded(&mut *decoder, packet)));
        for i in 0..50 {
            let made_up = concealed(&mut *decoder);
            assert!(made_up.iter().all(|sample| sample.is_finite()));
            // 100 ms are five packets.
            let limit = if i < 5 { 1.3 } else { 0.0 };
            assert!(loudest(&made_up) <= limit, "{codec}, {i} lost: {}", loudest(&made_up));
        }
    }
}

#[test]
fn a_lost_packet_makes_no_click() {
    // A low tone: nothing in it is steep, so that every join shows.
    let sound: Vec<f32> = (0..SAMPLES * 20).map(|i| 0.8 * ((i / 2) as f32 * 0.02 + (i % 2) as f32).sin()).collect();
    let usual = steepest(&sound);
    for codec in ALL {
        for lost in 1..6 {
            let (packets, mut decoder, _) = encoded(codec, &sound);
            let heard: Vec<f32> = packets
                .iter()
                .enumerate()
                .flat_map(|(i, packet)| {
                    if (10..10 + lost).contains(&i) { concealed(&mut *decoder) } else { decoded(&mut *decoder, packet) }
                })
                .collect();
            let worst = steepest(&heard[SAMPLES * 8..]);
            assert!(worst < usual * 2.0, "{codec}, {lost} lost: {worst} where {usual} is usual");
        }
    }
}

#[test]
fn what_follows_a_loss_is_soon_the_original_again() {
    let sound = music(FRAMES * 20, 2, 33);
    for codec in [Codec::Flac, Codec::Pcm24] {
        let (packets, mut decoder, _) = encoded(codec, &sound);
        for packet in &packets[..10] {
            decoded(&mut *decoder, packet);
        }
        concealed(&mut *decoder);
        let heard = decoded(&mut *decoder, &packets[11]);
        let (_, mut other, _) = encoded(codec, &[]);
        // 5 ms of fading in.
        assert_eq!(heard[240 * 2..], decoded(&mut *other, &packets[11])[240 * 2..], "{codec}");
        let next = decoded(&mut *decoder, &packets[12]);
        assert_eq!(next, decoded(&mut *other, &packets[12]), "{codec}");
    }
}

#[test]
fn nothing_is_left_of_old_sound_after_a_reset() {
    let sound = music(FRAMES * 10, 2, 34);
    for codec in ALL {
        let (packets, mut decoder, _) = encoded(codec, &sound);
        let fresh = decoded(&mut *decoder, &packets[3]);
        for packet in &packets {
            decoded(&mut *decoder, packet);
        }
        concealed(&mut *decoder);
        decoder.reset();
        assert_eq!(decoded(&mut *decoder, &packets[3]), fresh, "{codec}");
        decoder.reset();
        assert!(loudest(&concealed(&mut *decoder)) == 0.0, "{codec}");
    }
}

#[test]
fn an_encoder_that_was_reset_is_as_new() {
    let sound = music(FRAMES * 10, 2, 35);
    for codec in ALL {
        let mut encoder = make(codec, 48_000, 2, FRAMES as u32);
        let all = |encoder: &mut dyn unisono_codec::Encode| -> Vec<bytes::Bytes> {
            sound.chunks_exact(SAMPLES).map(|packet| encoder.encode(packet).unwrap()).collect()
        };
        let first = all(&mut *encoder);
        encoder.reset();
        assert_eq!(all(&mut *encoder), first, "{codec}");
    }
}
