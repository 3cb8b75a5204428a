//! A recording that was cut into tracks comes out whole.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use std::path::{Path, PathBuf};

use crate::common::{Band, decibels, folder, original, rms, seed, write_flac, write_wav};
use unisono_core::units::SampleRate;
use unisono_media::{Chain, FileSource, Piece, Source};

const STREAM: SampleRate = SampleRate::HZ_48000;

/// Loud from end to end, so that whatever is missing at a cut is missed.
fn recording(frames: usize, seed: u64) -> Vec<i32> {
    let bands = [Band::new(0.8, seed), Band::new(0.8, seed + 1)];
    let sample = |i: usize, band: &Band| (band.at(i as f64) * 20_000.0).round().clamp(-32_768.0, 32_767.0) as i32;
    (0..frames).flat_map(|i| bands.each_ref().map(|band| sample(i, band))).collect()
}

fn wav(path: &Path, rate: u32, integers: &[i32]) -> PathBuf {
    write_wav(path, rate, 2, 16, hound::SampleFormat::Int, integers, &[]);
    path.into()
}

fn open(path: &Path, rate: SampleRate) -> Box<dyn Source> {
    Box::new(FileSource::open(path, rate, 2).unwrap())
}

/// All of some files one behind the other, read in pieces of any size, and where each of them begins.
fn play(paths: &[PathBuf], random: &mut fastrand::Rng) -> (Vec<f32>, Vec<u64>) {
    play_at(STREAM, paths, random)
}

fn play_at(rate: SampleRate, paths: &[PathBuf], random: &mut fastrand::Rng) -> (Vec<f32>, Vec<u64>) {
    let open = |path: &Path| open(path, rate);
    let (mut sound, mut begins) = (Vec::new(), vec![0]);
    let mut chain = Chain::new(open(&paths[0]));
    let mut rest = paths[1..].iter();
    let mut is_ahead = random.bool();
    if is_ahead {
        chain.follow(rest.next().map(|path| open(path)));
    }
    loop {
        let mut piece = vec![0.0; random.usize(1..3_000) * 2];
        match chain.read(&mut piece).unwrap() {
            Piece::Frames(frames) => sound.extend_from_slice(&piece[..frames * 2]),
            Piece::Next(after, _) => {
                begins.push((sound.len() / 2) as u64 + after);
                // Some are told ahead, some only when they are missed.
                is_ahead = random.bool();
                if is_ahead {
                    chain.follow(rest.next().map(|path| open(path)));
                }
            }
            Piece::Dry(_) => match rest.next() {
                Some(path) => chain.follow(Some(open(path))),
                None => chain.finish(),
            },
            Piece::End => return (sound, begins),
        }
    }
}

fn cuts(frames: usize, random: &mut fastrand::Rng) -> Vec<usize> {
    // One track is shorter than any filter.
    let mut cuts: Vec<usize> = (0..4).map(|_| random.usize(1..frames - 100)).collect();
    cuts.push(cuts[0] + random.usize(1..100));
    cuts.sort_unstable();
    cuts.dedup();
    [0].into_iter().chain(cuts).chain([frames]).collect()
}

#[test]
fn a_recording_cut_into_tracks_is_whole_to_the_sample_at_any_rate() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = folder("chain");
    for rate in [48_000, 44_100, 96_000, 22_050] {
        let frames = rate as usize * 2;
        let whole = recording(frames, seed % 1_000);
        let (expected, _) = play(&[wav(&folder.join("whole.wav"), rate, &whole)], &mut random);
        let cuts = cuts(frames, &mut random);
        let paths: Vec<PathBuf> = cuts
            .windows(2)
            .enumerate()
            .map(|(i, cut)| {
                let part = &whole[cut[0] * 2..cut[1] * 2];
                // The decoder of FLAC knows no blocks of a few frames.
                if i % 2 == 0 || cut[1] - cut[0] < 4_096 {
                    return wav(&folder.join(format!("{i}.wav")), rate, part);
                }
                let path = folder.join(format!("{i}.flac"));
                write_flac(&path, rate as usize, 2, 16, part);
                path
            })
            .collect();
        let (sound, begins) = play(&paths, &mut random);
        assert_eq!(sound.len(), expected.len(), "{rate} Hz, cut at {cuts:?}");
        let wrong = sound.iter().zip(&expected).position(|(heard, meant)| heard != meant);
        assert_eq!(wrong, None, "{rate} Hz, cut at {cuts:?}");
        let meant = cuts[..cuts.len() - 1].iter().map(|cut| (*cut as f64 * 48_000.0 / f64::from(rate)).round() as u64);
        assert_eq!(begins, meant.collect::<Vec<_>>(), "{rate} Hz");
    }
}

#[test]
fn tracks_of_different_rates_follow_each_other_with_all_their_frames() {
    let mut random = fastrand::Rng::with_seed(seed());
    let folder = folder("chain-rates");
    let rates = [44_100, 48_000, 44_100, 96_000, 96_000, 8_000];
    let paths: Vec<PathBuf> = rates
        .iter()
        .enumerate()
        .map(|(i, rate)| wav(&folder.join(format!("{i}.wav")), *rate, &recording(*rate as usize / 2, i as u64)))
        .collect();
    let (sound, begins) = play(&paths, &mut random);
    assert_eq!(begins, (0..6).map(|i| i * 24_000).collect::<Vec<_>>());
    assert_eq!(sound.len(), 6 * 24_000 * 2);
    for (i, path) in paths.iter().enumerate().filter(|(i, _)| ![3, 4].contains(i)) {
        let (alone, _) = play(std::slice::from_ref(path), &mut random);
        assert_eq!(sound[i * 48_000..][..48_000], alone, "track {i} is another one");
    }
}

#[test]
fn a_source_that_was_passed_can_be_sought() {
    let folder = folder("chain-passed");
    let whole = recording(44_100, 3);
    let path = wav(&folder.join("whole.wav"), 44_100, &whole);
    let mut chain = Chain::new(open(&path, STREAM));
    chain.follow(Some(open(&path, STREAM)));
    let mut piece = vec![0.0; 9_600];
    let passed = loop {
        if let Piece::Next(_, passed) = chain.read(&mut piece).unwrap() {
            break passed;
        }
    };
    let mut again = Chain::new(passed);
    again.seek(24_000).unwrap();
    let mut alone = FileSource::open(&path, STREAM, 2).unwrap();
    alone.seek(24_000).unwrap();
    let mut expected = vec![0.0; 9_600];
    let Piece::Frames(frames) = again.read(&mut piece).unwrap() else { panic!("nothing") };
    assert_eq!(alone.read(&mut expected[..frames * 2]).unwrap(), frames);
    assert_eq!(piece[..frames * 2], expected[..frames * 2]);
}

#[test]
fn what_follows_may_be_taken_back_as_long_as_it_has_not_begun() {
    let folder = folder("chain-taken-back");
    let path = wav(&folder.join("a.wav"), 48_000, &recording(4_800, 4));
    let mut chain = Chain::new(open(&path, STREAM));
    chain.follow(Some(open(&path, STREAM)));
    let mut piece = vec![0.0; 9_600];
    assert!(matches!(chain.read(&mut piece).unwrap(), Piece::Frames(4_800)));
    chain.follow(None);
    assert!(matches!(chain.read(&mut piece).unwrap(), Piece::Dry(0)));
    chain.finish();
    assert!(matches!(chain.read(&mut piece).unwrap(), Piece::End));
}

/// How far some sound is from what was encoded, in decibels, around a frame.
fn difference(sound: &[f32], original: &[i16], frames: std::ops::Range<usize>) -> f64 {
    let samples = frames.start * 2..frames.end * 2;
    let meant = original[samples.clone()].iter().map(|sample| f64::from(*sample) / 32_768.0);
    let wrong = sound[samples].iter().zip(meant.clone()).map(|(heard, meant)| f64::from(*heard) - meant);
    decibels(rms(wrong) / rms(meant))
}

#[test]
fn a_recording_that_was_cut_and_then_compressed_is_whole_to_the_frame() {
    let mut random = fastrand::Rng::with_seed(seed());
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let original = original(95_000);
    let last: Vec<i32> = original[90_000 * 2..].iter().map(|sample| i32::from(*sample)).collect();
    let last = wav(&folder("chain-compressed").join("cut-4.wav"), 44_100, &last);
    let paths = [fixture("cut-1.mp3"), fixture("cut-2.ogg"), fixture("cut-3.mp3"), last];
    let (sound, begins) = play_at(SampleRate::new(44_100).unwrap(), &paths, &mut random);
    assert_eq!((sound.len(), begins), (original.len(), vec![0, 30_000, 56_001, 90_000]));
    let all = difference(&sound, &original, 0..95_000);
    println!("{all:.1} dB");
    assert!(all < -15.0, "{all} dB");
    for border in [30_000, 56_001, 90_000] {
        let at = difference(&sound, &original, border - 441..border + 441);
        println!("{at:.1} dB at {border}");
        assert!(at < -10.0, "{at} dB at {border}");
    }
    // The same with the rate changed on the way.
    let (sound, begins) = play(&paths, &mut random);
    let at = |frame: f64| (frame * 48_000.0 / 44_100.0).round() as u64;
    assert_eq!(begins, [0.0, 30_000.0, 56_001.0, 90_000.0].map(at));
    assert_eq!(sound.len() as u64, at(95_000.0) * 2);
}
