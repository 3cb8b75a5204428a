//! Our SBC is everybody's SBC: byte for byte what BlueZ's own tool makes, and what another decoder can play.
//!
//! `sbcenc` and `sbcdec` (sbc-tools) and `ffmpeg` have to be there; `make test` installs them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use crate::common::{in_bits, music, seed};
use proptest::{collection::vec, prelude::*};
use unisono_codec::sbc::{
    Allocation, Blocks, ChannelMode, Config, Decoder, Encoder, Error, MAX_FRAME, MAX_SAMPLES, Subbands,
};

/// What a node may agree on with a speaker: both rates, all four channel modes, at the bitpools in use.
const USED: [[u8; 4]; 10] = [
    [0x11, 0x15, 2, 51], // 48 kHz joint stereo, what mostly comes of it
    [0x21, 0x15, 2, 53], // 44.1 kHz joint stereo
    [0x12, 0x15, 2, 51], // stereo
    [0x22, 0x15, 2, 53],
    [0x18, 0x15, 2, 29], // mono
    [0x28, 0x15, 2, 31],
    [0x14, 0x15, 2, 35], // dual channel, XQ
    [0x24, 0x15, 2, 38],
    [0x11, 0x2a, 2, 40], // 12 blocks, 4 subbands, SNR
    [0x21, 0x89, 2, 64], // 4 blocks, 4 subbands
];

fn config(bytes: [u8; 4]) -> Config {
    Config::from_bytes(bytes).unwrap()
}

/// Frames of some music with silence before and behind, and that music, a whole number of frames of it.
fn encoded(config: Config, seconds: f32, seed: u64) -> (Vec<u8>, Vec<f32>) {
    let channels = usize::from(config.channels());
    let samples = config.frame_samples() * channels;
    let frames = (config.rate.hertz() as f32 * seconds) as usize;
    let mut sound = in_bits(&music(frames, channels, seed), 16);
    sound[..samples * 4].fill(0.0);
    sound.truncate(sound.len() / samples * samples);
    let (mut encoder, mut frame, mut bytes) = (Encoder::new(config).unwrap(), [0; MAX_FRAME], Vec::new());
    for part in sound.chunks_exact(samples) {
        let length = encoder.encode(part, config.max_bitpool, &mut frame).unwrap();
        assert_eq!(length, config.frame_len(config.max_bitpool));
        bytes.extend_from_slice(&frame[..length]);
    }
    (bytes, sound)
}

fn decoded(config: Config, mut bytes: &[u8]) -> Vec<f32> {
    let mut out = vec![0.0; config.frame_samples() * usize::from(config.channels())];
    let (mut decoder, mut sound) = (Decoder::new(config).unwrap(), Vec::new());
    while !bytes.is_empty() {
        let length = decoder.decode(bytes, &mut out).unwrap();
        sound.extend_from_slice(&out);
        bytes = &bytes[length..];
    }
    sound
}

/// What a program writes when it is given some bytes.
fn piped(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; apt-get install ffmpeg sbc-tools"));
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{program} {arguments:?}: {}", out.status);
        out.stdout
    })
}

/// A Sun audio file, which is what BlueZ's tool takes.
fn write_au(path: &Path, config: Config, sound: &[f32]) {
    let mut file = b".snd".to_vec();
    let length = sound.len() as u32 * 2;
    for word in [24, length, 3, config.rate.hertz(), u32::from(config.channels())] {
        file.extend(word.to_be_bytes());
    }
    file.extend(sound.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_be_bytes()));
    std::fs::write(path, file).unwrap();
}

fn sbcenc(config: Config, path: &Path) -> Vec<u8> {
    let text = |number: usize| number.to_string();
    let mut arguments = vec!["-s".into(), text(config.subbands.count()), "-B".into(), text(config.blocks.count())];
    arguments.extend(["-b".into(), config.max_bitpool.to_string()]);
    match config.mode {
        ChannelMode::Mono | ChannelMode::Stereo => {}
        ChannelMode::Dual => arguments.push("-d".into()),
        ChannelMode::Joint => arguments.push("-j".into()),
    }
    if config.allocation == Allocation::Snr {
        arguments.push("-S".into());
    }
    arguments.push(path.to_str().unwrap().into());
    piped("sbcenc", &arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[])
}

/// What is left of the sound, in decibels over the error, once the delay is taken off.
fn snr(config: Config, sound: &[f32], heard: &[f32]) -> f64 {
    let late = config.delay().0 as usize * usize::from(config.channels());
    let (mut signal, mut error) = (0.0, 0.0);
    for (sample, heard) in sound.iter().zip(&heard[late..]) {
        signal += f64::from(*sample).powi(2);
        error += f64::from(sample - heard).powi(2);
    }
    10.0 * (signal / error).log10()
}

fn from_pcm16(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0).collect()
}

#[test]
fn frames_are_those_of_bluez_own_tool_to_the_byte() {
    let (seed, folder) = (seed(), tempfile::tempdir().unwrap());
    for bytes in USED {
        let config = config(bytes);
        let (frames, sound) = encoded(config, 2.0, seed);
        let path = folder.path().join("in.au");
        write_au(&path, config, &sound);
        assert!(sbcenc(config, &path) == frames, "{config}");
    }
}

#[test]
fn another_decoder_accepts_every_configuration_and_hears_the_same_as_bluez_own_tool() {
    let (seed, folder) = (seed(), tempfile::tempdir().unwrap());
    for bytes in USED {
        let config = config(bytes);
        let (frames, sound) = encoded(config, 2.0, seed);
        let arguments = ["-v", "error", "-xerror", "-f", "sbc", "-i", "pipe:0", "-f", "s16le", "pipe:1"];
        let other = from_pcm16(&piped("ffmpeg", &arguments, &frames));
        let (coded, out) = (folder.path().join("coded.sbc"), folder.path().join("out.au"));
        std::fs::write(&coded, &frames).unwrap();
        piped("sbcdec", &["-f", out.to_str().unwrap(), coded.to_str().unwrap()], &[]);
        let tool: Vec<f32> = std::fs::read(&out).unwrap()[24..]
            .as_chunks::<2>()
            .0
            .iter()
            .map(|sample| f32::from(i16::from_be_bytes(*sample)) / 32_768.0)
            .collect();
        let ours = decoded(config, &frames);
        assert_eq!((other.len(), ours.len(), tool.len()), (sound.len(), sound.len(), sound.len()), "{config}");
        let [other, ours, tool] = [other, ours, tool].map(|heard| snr(config, &sound, &heard));
        println!("{config}: {ours:.2} dB, {other:.2} dB by ffmpeg, {tool:.2} dB by sbcdec");
        assert!((ours - tool).abs() < 0.01 && (other - tool).abs() < 0.5, "{config}: {ours}, {other}, {tool}");
        assert!(ours > 15.0, "{config}: {ours} dB");
    }
}

#[test]
fn what_is_heard_lags_by_exactly_the_delay_that_is_said() {
    for bytes in USED {
        let config = config(bytes);
        let (frames, sound) = encoded(config, 0.5, 7);
        let heard = decoded(config, &frames);
        let channels = usize::from(config.channels());
        let alike = |lag: usize| -> f64 {
            let late = heard.iter().skip(lag * channels);
            sound.iter().zip(late).map(|(sample, late)| f64::from(sample * late)).sum()
        };
        let lag = (0..200).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap();
        assert_eq!(lag as u64, config.delay().0, "{config}");
        assert_eq!(lag, if config.subbands == Subbands::Eight { 73 } else { 37 });
    }
}

#[test]
fn the_bitpool_may_change_with_every_frame() {
    let config = config([0x11, 0x15, 2, 51]);
    let sound = in_bits(&music(128 * 400, 2, 3), 16);
    let mut random = fastrand::Rng::with_seed(seed());
    let (mut encoder, mut frame, mut frames) = (Encoder::new(config).unwrap(), [0; MAX_FRAME], Vec::new());
    for part in sound.chunks_exact(256) {
        let bitpool = random.u8(20..=51);
        let length = encoder.encode(part, bitpool, &mut frame).unwrap();
        assert_eq!((length, frame[2]), (config.frame_len(bitpool), bitpool));
        frames.extend_from_slice(&frame[..length]);
    }
    let arguments = ["-v", "error", "-xerror", "-f", "sbc", "-i", "pipe:0", "-f", "s16le", "pipe:1"];
    let other = from_pcm16(&piped("ffmpeg", &arguments, &frames));
    assert_eq!(other.len(), sound.len());
    for heard in [other, decoded(config, &frames)] {
        assert!(snr(config, &sound, &heard) > 12.0);
    }
}

#[test]
fn what_is_out_of_range_is_cut_off_or_silent_or_refused() {
    let config = config([0x18, 0x15, 2, 29]);
    let mut encoder = Encoder::new(config).unwrap();
    let mut frame = [0; MAX_FRAME];
    for wild in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
        let length = encoder.encode(&[wild; 128], 29, &mut frame).unwrap();
        assert!(decoded(config, &frame[..length]).iter().all(|sample| sample.abs() <= 1.0));
    }
    let expected = Error::BufferSize { expected: 128, given: 127 };
    assert_eq!(encoder.encode(&[0.0; 127], 29, &mut frame), Err(expected));
    assert_eq!(encoder.encode(&[0.0; 128], 29, &mut frame[..9]), Err(Error::BufferSize { expected: 66, given: 9 }));
    assert_eq!(encoder.encode(&[0.0; 128], 30, &mut frame), Err(Error::Bitpool { given: 30, min: 2, max: 29 }));
    let nonsense = Config { rate: crate::common::hertz(22_050), ..config };
    assert!(matches!(Encoder::new(nonsense), Err(Error::Configuration { .. })));
}

#[test]
fn after_a_reset_it_is_as_if_it_were_new() {
    let config = config(USED[0]);
    let sound = music(128 * 8, 2, 5);
    let mut encoder = Encoder::new(config).unwrap();
    let run = |encoder: &mut Encoder| {
        let mut frame = [0; MAX_FRAME];
        let mut code = |part: &[f32]| {
            let length = encoder.encode(part, 51, &mut frame).unwrap();
            frame[..length].to_vec()
        };
        sound.chunks_exact(256).map(&mut code).collect::<Vec<_>>()
    };
    let first = run(&mut encoder);
    assert_ne!(run(&mut encoder), first);
    encoder.reset();
    assert_eq!(run(&mut encoder), first);
    let mut decoder = Decoder::new(config).unwrap();
    let play = |decoder: &mut Decoder| {
        let mut out = [0.0; 256];
        assert!(first.iter().all(|frame| decoder.decode(frame, &mut out) == Ok(frame.len())));
        out
    };
    let heard = play(&mut decoder);
    decoder.reset();
    assert!(play(&mut decoder) == heard);
}

#[test]
fn frames_are_made_and_read_without_allocating() {
    let config = config(USED[0]);
    let (mut encoder, mut decoder) = (Encoder::new(config).unwrap(), Decoder::new(config).unwrap());
    let (sound, mut frame, mut out) = (music(128, 2, 9), [0; MAX_FRAME], [0.0; 256]);
    let seen = allocation_counter::measure(|| {
        for bitpool in [51, 51, 40, 2] {
            let length = encoder.encode(&sound, bitpool, &mut frame).unwrap();
            decoder.decode(&frame[..length], &mut out).unwrap();
        }
        encoder.reset();
        assert!(decoder.decode(&frame[1..], &mut out).is_err());
        assert!(encoder.encode(&sound, 1, &mut frame).is_err());
    });
    assert_eq!(seen.count_total, 0);
}

fn any_config() -> impl Strategy<Value = Config> {
    let hertz = prop::sample::select(&[16_000, 32_000, 44_100, 48_000]);
    let mode = prop::sample::select(&[ChannelMode::Mono, ChannelMode::Dual, ChannelMode::Stereo, ChannelMode::Joint]);
    let blocks = prop::sample::select(&[Blocks::Four, Blocks::Eight, Blocks::Twelve, Blocks::Sixteen]);
    let subbands = prop::sample::select(&[Subbands::Four, Subbands::Eight]);
    let allocation = prop::sample::select(&[Allocation::Snr, Allocation::Loudness]);
    (hertz, mode, blocks, subbands, allocation, 2_u8..64, 0_u8..187).prop_map(
        |(hertz, mode, blocks, subbands, allocation, min_bitpool, more)| {
            let max_bitpool = min_bitpool + more;
            Config { rate: crate::common::hertz(hertz), mode, blocks, subbands, allocation, min_bitpool, max_bitpool }
        },
    )
}

/// What a decoder makes of bytes does not matter; that it is done without harm, and that it goes on, does.
fn survives(config: Config, bytes: &[u8]) {
    let samples = config.frame_samples() * usize::from(config.channels());
    let mut decoder = Decoder::new(config).unwrap();
    let mut out = vec![0.0; samples];
    match decoder.decode(bytes, &mut out) {
        Ok(length) => assert!(length <= bytes.len()),
        Err(error) => assert!(matches!(error, Error::Damaged { .. }), "{error}"),
    }
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    let mut frame = [0; MAX_FRAME];
    let bitpool = config.bitpool_within(20);
    let length = Encoder::new(config).unwrap().encode(&vec![0.5; samples], bitpool, &mut frame).unwrap();
    assert_eq!(decoder.decode(&frame, &mut out), Ok(length));
}

proptest! {
    #[test]
    fn every_configuration_is_coded_to_the_length_that_is_said(config in any_config(), bitpool: u8, seed: u64) {
        let samples = config.frame_samples() * usize::from(config.channels());
        let mut random = fastrand::Rng::with_seed(seed);
        let sound: Vec<f32> = (0..samples).map(|_| random.f32() * 2.0 - 1.0).collect();
        let bitpool = config.bitpool_within(bitpool);
        let (mut frame, mut out) = ([0; MAX_FRAME], [0.0; MAX_SAMPLES]);
        let length = Encoder::new(config).unwrap().encode(&sound, bitpool, &mut frame).unwrap();
        prop_assert_eq!(length, config.frame_len(bitpool));
        prop_assert_eq!(Config::from_bytes(config.to_bytes()), Ok(config));
        // The buffer ends where the frame does.
        let exactly = frame[..length].to_vec();
        prop_assert_eq!(Decoder::new(config).unwrap().decode(&exactly, &mut out[..samples]), Ok(length));
    }

    #[test]
    fn random_bytes_do_no_harm(config in any_config(), bytes in vec(any::<u8>(), 0..600)) {
        survives(config, &bytes);
    }

    /// The beginning is right, so that libsbc gets to see the rest.
    #[test]
    fn bytes_behind_a_right_header_do_no_harm(
        config in any_config(),
        bitpool: u8,
        length in 0..600_usize,
        seed: u64,
        ones: bool,
    ) {
        let samples = vec![0.25; config.frame_samples() * usize::from(config.channels())];
        let (mut frame, bitpool) = ([0; MAX_FRAME], config.bitpool_within(bitpool));
        Encoder::new(config).unwrap().encode(&samples, bitpool, &mut frame).unwrap();
        let mut bytes = vec![0; length];
        fastrand::Rng::with_seed(seed).fill(&mut bytes);
        bytes.iter_mut().filter(|_| ones).for_each(|byte| *byte |= 0xb7);
        for (byte, good) in bytes.iter_mut().zip(&frame[..3]) {
            *byte = *good;
        }
        // One in 256 of these has the right checksum; try all of them.
        if length > 3 {
            for checksum in 0..=255 {
                bytes[3] = checksum;
                let mut out = samples.clone();
                let _ = Decoder::new(config).unwrap().decode(&bytes, &mut out);
            }
        }
        survives(config, &bytes);
    }

    #[test]
    fn random_configurations_are_refused_or_work(bytes in any::<[u8; 4]>()) {
        if let Ok(config) = Config::from_bytes(bytes) {
            survives(config, &[0x9c; 80]);
        }
    }
}
