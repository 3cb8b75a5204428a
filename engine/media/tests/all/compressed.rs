//! MP3 and Ogg Vorbis are gapless, aligned to the sample, and the same after a seek.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use std::path::{Path, PathBuf};

use crate::common::{decibels, folder, original, rms, seed};
use unisono_core::units::SampleRate;
use unisono_media::{FileSource, Source};

/// Frames and rate of what the fixtures were made from; see `fixtures/README.md`.
const FRAMES: usize = 50_001;
const RATE: u32 = 44_100;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn open(path: &Path, rate: u32) -> FileSource {
    FileSource::open(path, SampleRate::new(rate).unwrap(), 2).unwrap()
}

/// The rest of a source, read in pieces of any size.
fn rest(source: &mut FileSource, random: &mut fastrand::Rng) -> Vec<f32> {
    let mut sound = Vec::new();
    loop {
        let mut piece = vec![0.0; random.usize(1..3_000) * 2];
        let frames = source.read(&mut piece).unwrap();
        sound.extend_from_slice(&piece[..frames * 2]);
        if frames == 0 {
            return sound;
        }
    }
}

/// The difference between the sound of a fixture and its original, in decibels, when it comes so many frames late.
fn difference(sound: &[f32], lag: i64) -> f64 {
    let original = original(FRAMES);
    let pairs = original.chunks(2).enumerate().filter_map(|(i, frame)| {
        let at = usize::try_from(i64::try_from(i).ok()? + lag).ok()? * 2;
        Some((f64::from(frame[0]) / 32_768.0, f64::from(*sound.get(at)?)))
    });
    let pairs: Vec<_> = pairs.collect();
    decibels(rms(pairs.iter().map(|(a, b)| a - b)) / rms(pairs.iter().map(|(a, _)| *a)))
}

#[test]
fn encoders_delay_and_padding_are_taken_off() {
    let mut random = fastrand::Rng::with_seed(seed());
    for (name, codec) in [("lame-cbr.mp3", "MP3"), ("lame-vbr.mp3", "MP3"), ("oggenc.ogg", "Vorbis")] {
        let mut source = open(&fixture(name), RATE);
        let description = source.description().clone();
        assert_eq!((description.frames, description.codec.as_str()), (Some(FRAMES as u64), codec), "{name}");
        let sound = rest(&mut source, &mut random);
        assert_eq!(sound.len(), FRAMES * 2, "{name}");
        let aligned = difference(&sound, 0);
        println!("{name}: {aligned:.1} dB");
        assert!(aligned < -15.0, "{name}: {aligned} dB");
        for lag in (-3_i64..=3).filter(|lag| *lag != 0) {
            assert!(difference(&sound, lag) > aligned + 6.0, "{name} may be {lag} frames late");
        }
        // To the very end: the last 10 ms are the original's, too.
        let original = original(FRAMES);
        let tail = |sound: &mut dyn Iterator<Item = f64>| sound.skip((FRAMES - 441) * 2).collect::<Vec<_>>();
        let expected = tail(&mut original.iter().map(|sample| f64::from(*sample) / 32_768.0));
        let heard = tail(&mut sound.iter().map(|sample| f64::from(*sample)));
        let wrong = decibels(rms(heard.iter().zip(&expected).map(|(a, b)| a - b)) / rms(expected));
        assert!(wrong < -10.0, "{name}: {wrong} dB at the end");
        assert_eq!(source.skipped(), 0);
    }
}

#[test]
fn a_frame_is_the_same_however_it_was_reached() {
    let mut random = fastrand::Rng::with_seed(seed());
    for name in ["lame-cbr.mp3", "lame-vbr.mp3", "no-tag.mp3", "oggenc.ogg", "long.ogg"] {
        let path = fixture(name);
        let rates = if name == "long.ogg" { &[8_000][..] } else { &[RATE, 48_000] };
        for rate in rates.iter().copied() {
            let mut source = open(&path, rate);
            let whole = rest(&mut source, &mut random);
            let frames = whole.len() / 2;
            for i in 0..40 {
                let at = match i {
                    0 => 0,
                    1 => frames - 1,
                    2 => frames,
                    3 => frames + 100_000,
                    _ => random.usize(0..frames),
                };
                source.seek(at as u64).unwrap();
                let mut piece = vec![0.0; 9_000 * 2];
                let read = source.read(&mut piece).unwrap();
                let expected = whole.get(at * 2..).unwrap_or_default();
                let expected = &expected[..expected.len().min(18_000)];
                assert_eq!(read * 2, expected.len(), "{name} at {rate} Hz, from {at} of {frames}");
                assert!(piece[..read * 2] == *expected, "{name} at {rate} Hz, from {at} of {frames}");
            }
        }
    }
}

#[test]
fn an_mp3_without_a_tag_is_played_whole() {
    let mut source = open(&fixture("no-tag.mp3"), RATE);
    let frames = source.description().frames.unwrap();
    let sound = rest(&mut source, &mut fastrand::Rng::with_seed(1));
    // Whole MPEG frames, the encoder's delay and padding among them.
    assert_eq!(sound.len() as u64 / 2, frames);
    assert_eq!(frames % 1_152, 0);
    assert!(frames > FRAMES as u64);
}

#[test]
fn tags_and_names_make_titles() {
    assert_eq!(open(&fixture("oggenc.ogg"), RATE).description().title, "A title, from tags");
    assert_eq!(open(&fixture("lame-cbr.mp3"), RATE).description().title, "Title in ID3");
    assert_eq!(open(&fixture("no-tag.mp3"), RATE).description().title, "no-tag");
    // They reach terminals and are kept: one line, and not a long one.
    let path = folder("names").join(format!("two\nlines\x1b[31m{}.mp3", "a".repeat(200)));
    std::fs::copy(fixture("no-tag.mp3"), &path).unwrap();
    let title = open(&path, RATE).description().title.clone();
    assert_eq!(title, format!("twolines[31m{}", "a".repeat(200)));
}

#[test]
fn what_is_left_of_a_truncated_file_is_played() {
    let mut random = fastrand::Rng::with_seed(seed());
    for name in ["lame-cbr.mp3", "lame-vbr.mp3", "oggenc.ogg"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let whole = rest(&mut open(&fixture(name), RATE), &mut random);
        let path = folder("truncated").join(name);
        std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let sound = rest(&mut open(&path, RATE), &mut random);
        let share = sound.len() as f64 / whole.len() as f64;
        assert!((0.4..0.75).contains(&share), "{name}: {share}");
        let good = sound.len() - 1_200 * 2;
        assert!(sound[..good] == whole[..good], "{name}");
    }
}

#[test]
fn what_follows_damage_stays_in_its_place() {
    let mut random = fastrand::Rng::with_seed(seed());
    for name in ["lame-cbr.mp3", "oggenc.ogg"] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let whole = rest(&mut open(&fixture(name), RATE), &mut random);
        // In the middle of a frame, or of a page. An MPEG frame whose header is gone leaves no trace.
        let half = bytes.len() / 2;
        let middle = half + 60 + bytes[half..].windows(2).position(|pair| pair == [0xff, 0xfb]).unwrap_or(0);
        bytes[middle..middle + 300].fill(0x55);
        let path = folder("damaged").join(name);
        std::fs::write(&path, &bytes).unwrap();
        let mut source = open(&path, RATE);
        let sound = rest(&mut source, &mut random);
        assert_eq!(sound.len(), whole.len(), "{name}");
        assert!(source.skipped() > 0 || name.ends_with("mp3"), "{name}");
        let last = whole.len() - 10_000;
        assert!(sound[last..] == whole[last..], "{name}");
    }
}

/// Makes what the fixtures are made from: `cargo test -p unisono-media --test all compressed -- --ignored`.
#[test]
#[ignore = "only to make the fixtures anew"]
fn write_the_original() {
    let write = |name: &str, rate: u32, channels: u16, samples: &mut dyn Iterator<Item = i16>| {
        let path = folder("fixtures").join(name);
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        samples.for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        println!("{}", path.display());
    };
    write("original.wav", RATE, 2, &mut original(FRAMES).into_iter());
    // A beep a second, each of another pitch, makes ninety seconds fit into a small file.
    let beep = |i: u32| {
        let (second, rest) = (i / 8_000, i % 8_000);
        let pitch = 0.2 + 0.015 * f64::from(second);
        if rest < 800 { ((f64::from(rest) * pitch).sin() * 9_000.0) as i16 } else { 0 }
    };
    write("long.wav", 8_000, 1, &mut (0..720_000).map(beep));
}
