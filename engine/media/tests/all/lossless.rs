//! WAV and FLAC come out bit for bit, at their own rate and to the sample at any other.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use std::path::{Path, PathBuf};

use crate::common::{Band, decibels, folder, rms, seed, write_flac, write_wav};
use hound::SampleFormat;
use unisono_core::units::SampleRate;
use unisono_media::{Error, FileSource, Source};

fn open(path: &Path, rate: u32, channels: u8) -> FileSource {
    FileSource::open(path, SampleRate::new(rate).unwrap(), channels).unwrap()
}

fn rest(source: &mut FileSource, channels: usize) -> Vec<f32> {
    let mut sound = Vec::new();
    let mut piece = vec![0.0; 777 * channels];
    loop {
        match source.read(&mut piece).unwrap() {
            0 => return sound,
            frames => sound.extend_from_slice(&piece[..frames * channels]),
        }
    }
}

/// Random integers of so many bits, and the floats that they are.
fn noise(samples: usize, bits: u32) -> (Vec<i32>, Vec<f32>) {
    let mut random = fastrand::Rng::with_seed(seed());
    let integers: Vec<i32> = (0..samples).map(|_| random.i32(..) >> (32 - bits)).collect();
    let steps = (1_u64 << (bits - 1)) as f64;
    let floats = integers.iter().map(|sample| (f64::from(*sample) / steps) as f32).collect();
    (integers, floats)
}

#[test]
fn wav_of_every_depth_passes_bit_for_bit() {
    let folder = folder("wav-depths");
    for (bits, format) in
        [(16, SampleFormat::Int), (24, SampleFormat::Int), (32, SampleFormat::Int), (32, SampleFormat::Float)]
    {
        for rate in [8_000, 44_100, 48_000, 192_000] {
            let (integers, floats) = noise(20_000, bits);
            let path = folder.join(format!("{rate}-{bits}-{format:?}.wav"));
            write_wav(&path, rate, 2, bits, format, &integers, &floats);
            let mut source = open(&path, rate, 2);
            let description = source.description().clone();
            assert_eq!(description.frames, Some(10_000));
            assert_eq!((description.original_rate, description.original_channels), (rate, 2));
            assert_eq!(description.codec, "PCM");
            assert_eq!(description.title, format!("{rate}-{bits}-{format:?}"));
            assert_eq!(description.bits, Some(bits));
            assert_eq!(rest(&mut source, 2), floats, "{path:?}");
            assert_eq!(source.read(&mut [0.0; 64]).unwrap(), 0);
        }
    }
}

#[test]
fn flac_passes_bit_for_bit() {
    let folder = folder("flac");
    for bits in [16, 24] {
        let (integers, floats) = noise(30_000, bits);
        let path = folder.join(format!("{bits}.flac"));
        write_flac(&path, 44_100, 2, bits, &integers);
        let mut source = open(&path, 44_100, 2);
        let description = source.description();
        assert_eq!((description.frames, description.bits), (Some(15_000), Some(bits)));
        assert_eq!(description.codec, "FLAC");
        assert_eq!(rest(&mut source, 2), floats);
    }
}

#[test]
fn mono_goes_to_both_sides_and_six_channels_are_mixed() {
    let folder = folder("channels");
    let (integers, floats) = noise(6_000, 16);
    write_wav(&folder.join("mono.wav"), 48_000, 1, 16, SampleFormat::Int, &integers, &floats);
    let both: Vec<f32> = floats.iter().flat_map(|sample| [*sample, *sample]).collect();
    assert_eq!(rest(&mut open(&folder.join("mono.wav"), 48_000, 2), 2), both);
    assert_eq!(rest(&mut open(&folder.join("mono.wav"), 48_000, 1), 1), floats);

    let path = folder.join("six.wav");
    write_wav(&path, 48_000, 6, 16, SampleFormat::Int, &integers, &floats);
    let mut source = open(&path, 48_000, 2);
    assert_eq!(source.description().original_channels, 6);
    let mixed = rest(&mut source, 2);
    assert_eq!(mixed.len(), 2_000);
    let c = std::f32::consts::FRAC_1_SQRT_2;
    for (frame, mixed) in floats.chunks(6).zip(mixed.chunks(2)) {
        let left = (frame[0] + c * frame[2] + c * frame[4]) / (1.0 + 2.0 * c);
        let right = (frame[1] + c * frame[2] + c * frame[5]) / (1.0 + 2.0 * c);
        assert!((left - mixed[0]).abs() < 1e-6 && (right - mixed[1]).abs() < 1e-6);
    }
    assert_eq!(FileSource::open(&path, SampleRate::HZ_48000, 3).err(), Some(Error::Channels { channels: 3 }));
}

#[test]
fn resampled_sound_is_what_it_would_have_been() {
    let folder = folder("resampled");
    for (from, to) in [(44_100, 48_000), (96_000, 48_000), (48_000, 44_100), (22_050, 48_000), (11_025, 44_100)] {
        // All of what passes at the lower rate.
        let band = Band::new(0.9 * f64::from(from.min(to)) / f64::from(from), seed());
        let frames = from as usize / 2 + 7;
        let floats: Vec<f32> = (0..frames).map(|i| band.at(i as f64) as f32).collect();
        let path = folder.join(format!("{from}-{to}.wav"));
        write_wav(&path, from, 1, 32, SampleFormat::Float, &[], &floats);
        let mut source = open(&path, to, 1);
        let sound = rest(&mut source, 1);
        let expected = (frames as f64 * f64::from(to) / f64::from(from)).round() as usize;
        assert_eq!(sound.len(), expected, "{from} to {to}");
        assert_eq!(source.description().frames, Some(expected as u64));
        let step = f64::from(from) / f64::from(to);
        let inner = 1_000..expected - 1_000;
        let wrong = rms(inner.map(|i| f64::from(sound[i]) - band.at(i as f64 * step)));
        let error = decibels(wrong / rms((0..expected).map(|i| band.at(i as f64 * step))));
        println!("{from} to {to}: {error:.1} dB");
        assert!(error < -140.0, "{from} to {to}: {error} dB");
    }
}

#[test]
fn a_frame_is_the_same_however_it_was_reached() {
    let folder = folder("seeks");
    let mut random = fastrand::Rng::with_seed(seed());
    let (integers, floats) = noise(200_000, 16);
    let files: [PathBuf; 2] = [folder.join("a.wav"), folder.join("a.flac")];
    write_wav(&files[0], 44_100, 2, 16, SampleFormat::Int, &integers, &floats);
    write_flac(&files[1], 44_100, 2, 16, &integers);
    for path in files {
        for rate in [44_100, 48_000, 8_000] {
            let mut source = open(&path, rate, 2);
            let whole = rest(&mut source, 2);
            let frames = whole.len() / 2;
            for i in 0..60 {
                let at = match i {
                    0 => frames - 1,
                    1 => frames,
                    2 => frames * 2,
                    3 => usize::MAX,
                    4 => 0,
                    _ => random.usize(0..frames),
                };
                source.seek(at as u64).unwrap();
                let mut piece = vec![0.0; 3_000 * 2];
                let read = source.read(&mut piece).unwrap() * 2;
                let expected = whole.get(at.saturating_mul(2)..).unwrap_or_default();
                assert_eq!(piece[..read], expected[..expected.len().min(6_000)], "{path:?}, {rate} Hz, from {at}");
            }
        }
    }
}

#[test]
fn what_is_left_of_a_truncated_file_is_played() {
    let folder = folder("cut-off");
    let (integers, floats) = noise(40_000, 16);
    let whole = [folder.join("whole.wav"), folder.join("whole.flac")];
    write_wav(&whole[0], 48_000, 2, 16, SampleFormat::Int, &integers, &floats);
    write_flac(&whole[1], 48_000, 2, 16, &integers);
    for path in whole {
        let bytes = std::fs::read(&path).unwrap();
        // In the middle of a frame, too.
        let cut = path.with_file_name(format!("cut-{}", path.file_name().unwrap().display()));
        std::fs::write(&cut, &bytes[..bytes.len() / 2 + 1]).unwrap();
        let mut source = open(&cut, 48_000, 2);
        let foreseen = source.damage().expect("that it breaks off is known before it is played");
        let sound = rest(&mut source, 2);
        assert!(source.skipped() > 0, "{path:?}: that it was cut off is told");
        let end = sound.len() as f64 / 2.0 / 48_000.0;
        assert!(foreseen.is_end && (foreseen.seconds - end).abs() < 0.1, "{path:?}: {foreseen:?}, not at {end}");
        assert!((15_000..=20_000).contains(&sound.len()), "{path:?}: {}", sound.len());
        assert_eq!(sound, floats[..sound.len()], "{path:?}");
    }
}

#[test]
fn a_damaged_piece_of_flac_is_silent_and_counted() {
    let folder = folder("holes");
    let (integers, floats) = noise(80_000, 16);
    let path = folder.join("hole.flac");
    write_flac(&path, 48_000, 2, 16, &integers);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 10].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let mut source = open(&path, 48_000, 2);
    let sound = rest(&mut source, 2);
    assert!(source.skipped() > 0);
    let damage = source.damage().expect("it is told");
    assert_eq!(sound.len(), floats.len());
    let wrong: Vec<usize> = (0..sound.len()).filter(|i| sound[*i] != floats[*i]).collect();
    assert!(wrong.iter().all(|i| sound[*i] == 0.0));
    assert!(wrong.last().unwrap() - wrong.first().unwrap() < 4_096 * 2, "one block of flacenc's");
    let begins = *wrong.first().unwrap() as f64 / 2.0 / 48_000.0;
    assert!(!damage.is_end && (damage.seconds - begins).abs() < 0.1, "{damage:?}, not at {begins}");
}

#[test]
fn floats_that_are_no_numbers_are_silent() {
    let path = folder("floats").join("nan.wav");
    let mut floats = vec![0.5; 2_000];
    floats[100] = f32::NAN;
    floats[200] = f32::INFINITY;
    write_wav(&path, 48_000, 2, 32, SampleFormat::Float, &[], &floats);
    floats[100] = 0.0;
    floats[200] = 0.0;
    assert_eq!(rest(&mut open(&path, 48_000, 2), 2), floats);
}
