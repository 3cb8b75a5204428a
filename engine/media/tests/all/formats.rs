//! Every format that people have, made by ffmpeg from a known recording: whole, in its place to the sample, and the same
//! after a seek. `ffmpeg` has to be there; `make test` installs it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{decibels, folder, original, rms, seed, write_wav};
use hound::SampleFormat;
use unisono_core::units::SampleRate;
use unisono_media::{Error, FileSource, Source};

/// No multiple of any block.
const FRAMES: usize = 50_001;

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

/// Has ffmpeg make one file of another.
fn convert(from: &Path, options: &[&str], to: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(from).args(options).arg(to);
    let output = command.output().unwrap_or_else(|error| panic!("ffmpeg: {error}; apt-get install ffmpeg"));
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Random integers of so many bits, and the floats that they are.
fn noise(samples: usize, bits: u32) -> (Vec<i32>, Vec<f32>) {
    let mut random = fastrand::Rng::with_seed(seed());
    let integers: Vec<i32> = (0..samples).map(|_| random.i32(..) >> (32 - bits)).collect();
    let steps = (1_u64 << (bits - 1)) as f64;
    let floats = integers.iter().map(|sample| (f64::from(*sample) / steps) as f32).collect();
    (integers, floats)
}

/// The recording from one frame to another as a WAV, in stereo.
fn recording(path: &Path, rate: u32, frames: std::ops::Range<usize>) {
    let samples: Vec<i32> = original(frames.end)[frames.start * 2..].iter().map(|sample| (*sample).into()).collect();
    write_wav(path, rate, 2, 16, SampleFormat::Int, &samples, &[]);
}

fn floats(frames: usize) -> Vec<f32> {
    original(frames).iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

/// The difference between sound and what it should be, in decibels.
fn difference(sound: &[f32], expected: &[f32]) -> f64 {
    let wrong = sound.iter().zip(expected).map(|(a, b)| f64::from(a - b));
    decibels(rms(wrong) / rms(expected.iter().map(|sample| f64::from(*sample))))
}

/// What loses something, and the rate at which it does: its name, ffmpeg's options, what the codec is called.
const LOSSY: [(&str, &[&str], &str, u32); 5] = [
    ("a.m4a", &["-c:a", "aac", "-b:a", "256k", "-aac_pns", "0"], "AAC", 44_100),
    ("b.m4a", &["-c:a", "aac", "-b:a", "256k", "-aac_pns", "0", "-movflags", "faststart"], "AAC", 48_000),
    ("a.opus", &["-c:a", "libopus", "-b:a", "256k"], "Opus", 48_000),
    ("a.ogg", &["-c:a", "libvorbis", "-q:a", "8"], "Vorbis", 44_100),
    ("a.mp3", &["-c:a", "libmp3lame", "-b:a", "320k"], "MP3", 44_100),
];

#[test]
fn what_loses_nothing_comes_out_bit_for_bit() {
    let folder = folder("formats-lossless");
    let cases: [(&str, u32, &[&str], &str); 9] = [
        ("16.aiff", 16, &["-c:a", "pcm_s16be"], "PCM"),
        ("24.aiff", 24, &["-c:a", "pcm_s24be"], "PCM"),
        ("32.aiff", 32, &["-c:a", "pcm_s32be"], "PCM"),
        ("sowt.aifc", 16, &["-c:a", "pcm_s16le", "-f", "aiff"], "PCM"),
        ("16.m4a", 16, &["-c:a", "alac"], "ALAC"),
        ("24.m4a", 24, &["-c:a", "alac", "-movflags", "faststart"], "ALAC"),
        ("float.wav", 24, &["-c:a", "pcm_f32le"], "PCM"),
        ("double.wav", 32, &["-c:a", "pcm_f64le"], "PCM"),
        ("24.flac", 24, &["-c:a", "flac"], "FLAC"),
    ];
    for (name, bits, options, codec) in cases {
        for rate in [8_000, 44_100, 192_000] {
            let (integers, floats) = noise(FRAMES * 2, bits);
            let wav = folder.join("from.wav");
            write_wav(&wav, rate, 2, bits, SampleFormat::Int, &integers, &[]);
            let path = folder.join(format!("{rate}-{name}"));
            convert(&wav, options, &path);
            let mut source = open(&path, rate, 2);
            let description = source.description().clone();
            assert_eq!((description.frames, &*description.codec), (Some(FRAMES as u64), codec), "{path:?}");
            assert_eq!(source.damage(), None, "{path:?}");
            let sound = rest(&mut source, 2);
            assert_eq!(sound.len(), floats.len(), "{path:?}");
            assert!(sound == floats, "{path:?}");
            assert_eq!(source.skipped(), 0);
        }
    }
}

#[test]
fn what_loses_something_is_whole_and_in_its_place() {
    let folder = folder("formats-lossy");
    for (name, options, codec, rate) in LOSSY {
        let wav = folder.join("from.wav");
        recording(&wav, rate, 0..FRAMES);
        let path = folder.join(name);
        convert(&wav, options, &path);
        let mut source = open(&path, rate, 2);
        let description = source.description().clone();
        assert_eq!((description.frames, &*description.codec), (Some(FRAMES as u64), codec), "{name}");
        assert_eq!(source.damage(), None, "{name}");
        let sound = rest(&mut source, 2);
        assert_eq!((sound.len(), source.skipped()), (FRAMES * 2, 0), "{name}");
        let expected = floats(FRAMES);
        let aligned = difference(&sound, &expected);
        println!("{name}: {aligned:.1} dB");
        assert!(aligned < -15.0, "{name}: {aligned} dB");
        for lag in 1..=3 {
            assert!(difference(&sound[lag * 2..], &expected) > aligned + 6.0, "{name} may be {lag} frames late");
            assert!(difference(&sound, &expected[lag * 2..]) > aligned + 6.0, "{name} may be {lag} frames early");
        }
        for (part, what) in [(0..882, "begins"), ((FRAMES - 441) * 2..FRAMES * 2, "ends")] {
            let wrong = difference(&sound[part.clone()], &expected[part]);
            assert!(wrong < -8.0, "{name} {what} with something else: {wrong} dB");
        }
    }
}

#[test]
fn aac_by_itself_is_played_whole() {
    let folder = folder("formats-adts");
    for (name, options, rate) in [
        ("a.aac", &["-c:a", "aac", "-b:a", "256k", "-aac_pns", "0"][..], 44_100),
        ("tagged.aac", &["-c:a", "aac", "-b:a", "256k", "-aac_pns", "0", "-write_id3v2", "1"], 48_000),
    ] {
        let (wav, path) = (folder.join("from.wav"), folder.join(name));
        recording(&wav, rate, 0..FRAMES);
        convert(&wav, options, &path);
        let mut source = open(&path, rate, 2);
        let description = source.description().clone();
        assert_eq!((&*description.codec, source.damage()), ("AAC", None), "{name}");
        let sound = rest(&mut source, 2);
        // It does not say what its encoder has put before and behind the music.
        assert_eq!((Some(sound.len() as u64 / 2), source.skipped()), (description.frames, 0), "{name}");
        let aligned = difference(&sound[1_024 * 2..], &floats(FRAMES));
        assert!(sound.len() >= (FRAMES + 1_024) * 2 && aligned < -15.0, "{name}: {aligned} dB");
    }
}

#[test]
fn a_recording_in_pieces_is_whole_again() {
    let folder = folder("formats-pieces");
    let ends = [0, 17_003, 31_415, FRAMES];
    let lossless: [(&str, &[&str], &str, u32); 4] = [
        ("a.wav", &[], "PCM", 44_100),
        ("a.flac", &[], "FLAC", 44_100),
        ("a.aiff", &[], "PCM", 44_100),
        ("c.m4a", &["-c:a", "alac"], "ALAC", 44_100),
    ];
    for (name, options, codec, rate) in LOSSY.into_iter().chain(lossless) {
        let mut sound = Vec::new();
        for piece in ends.windows(2) {
            let wav = folder.join("from.wav");
            recording(&wav, rate, piece[0]..piece[1]);
            let path = folder.join(format!("{}-{name}", piece[0]));
            convert(&wav, options, &path);
            sound.extend(rest(&mut open(&path, rate, 2), 2));
        }
        let expected = floats(FRAMES);
        assert_eq!(sound.len(), expected.len(), "{name}: there is a gap, or something twice");
        if matches!(codec, "PCM" | "FLAC" | "ALAC") {
            assert!(sound == expected, "{name}");
            continue;
        }
        for end in &ends[1..3] {
            // Around a joint no more is wrong than elsewhere.
            let joint = (end - 300) * 2..(end + 300) * 2;
            let wrong = difference(&sound[joint.clone()], &expected[joint]);
            assert!(wrong < -8.0, "{name} at {end}: {wrong} dB");
        }
    }
}

#[test]
fn a_frame_is_the_same_however_it_was_reached() {
    let folder = folder("formats-seeks");
    let mut random = fastrand::Rng::with_seed(seed());
    let others: [(&str, &[&str], &str, u32); 3] = [
        ("a.aiff", &[], "PCM", 44_100),
        ("c.m4a", &["-c:a", "alac"], "ALAC", 44_100),
        ("a.aac", &["-c:a", "aac", "-b:a", "256k", "-aac_pns", "0"], "AAC", 44_100),
    ];
    for (name, options, codec, rate) in LOSSY.into_iter().chain(others) {
        let wav = folder.join("from.wav");
        // Four times as long, for a seek not to begin at the beginning.
        let once: Vec<i32> = original(FRAMES).iter().map(|sample| (*sample).into()).collect();
        write_wav(&wav, rate, 2, 16, SampleFormat::Int, &once.repeat(8), &[]);
        let path = folder.join(name);
        convert(&wav, options, &path);
        for output in [rate, 32_000] {
            let mut source = open(&path, output, 2);
            let whole = rest(&mut source, 2);
            let frames = whole.len() / 2;
            for i in 0..25 {
                let at = match i {
                    0 => 0,
                    1 => frames - 1,
                    2 => frames,
                    3 => frames + 1_000_000,
                    _ => random.usize(0..frames),
                };
                source.seek(at as u64).unwrap();
                let mut piece = vec![0.0; 5_000 * 2];
                let read = source.read(&mut piece).unwrap() * 2;
                let expected = whole.get(at * 2..).unwrap_or_default();
                let expected = &expected[..expected.len().min(10_000)];
                assert_eq!(read, expected.len(), "{name} at {output} Hz, from {at} of {frames}");
                let worst = piece.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                // What Opus predicts from before a second is below the last bit of 24.
                let allowed = if codec == "Opus" { 1e-6 } else { 0.0 };
                assert!(worst <= allowed, "{name} at {output} Hz, from {at} of {frames}: {worst:e}");
            }
        }
    }
}

#[test]
fn what_itunes_says_of_beginning_and_end_is_heeded() {
    use lofty::{
        config::WriteOptions,
        file::AudioFile,
        mp4::{Atom, AtomData, AtomIdent, Ilst, Mp4File},
    };

    let folder = folder("formats-itunes");
    let (wav, path) = (folder.join("from.wav"), folder.join("a.m4a"));
    recording(&wav, 44_100, 0..FRAMES);
    convert(&wav, &["-c:a", "aac", "-b:a", "256k", "-use_editlist", "0"], &path);
    // Without a list, all that the encoder has added is heard.
    assert!(rest(&mut open(&path, 44_100, 2), 2).len() > (FRAMES + 900) * 2);
    let mut bytes = std::io::Cursor::new(std::fs::read(&path).unwrap());
    let mut file = Mp4File::read_from(&mut bytes, Default::default()).unwrap();
    let smpb = format!(" 00000000 00000400 0000019F {FRAMES:016X} 00000000 00000000");
    let name = AtomIdent::Freeform { mean: "com.apple.iTunes".into(), name: "iTunSMPB".into() };
    let mut tags = file.remove_ilst().unwrap_or_else(Ilst::new);
    tags.insert(Atom::new(name, AtomData::UTF8(smpb)));
    file.set_ilst(tags);
    file.save_to_path(&path, WriteOptions::default()).unwrap();
    let sound = rest(&mut open(&path, 44_100, 2), 2);
    assert_eq!(sound.len(), FRAMES * 2);
    let aligned = difference(&sound, &floats(FRAMES));
    assert!(aligned < -15.0, "{aligned} dB");
}

#[test]
fn more_than_two_channels_are_mixed_alike_from_every_format() {
    let folder = folder("formats-channels");
    for channels in [1_u16, 3, 4, 5, 6, 7, 8] {
        let wav = folder.join(format!("{channels}.wav"));
        let count = usize::from(channels);
        // Each channel has a tone of its own, and none is like another.
        let tone = |i: usize| {
            let (frame, channel) = (i / count, i % count);
            let pitch = 0.01 * (channel as f64 + 2.0);
            ((frame as f64 * pitch).sin() * (3_000.0 + 500.0 * channel as f64)) as i32
        };
        let samples: Vec<i32> = (0..48_000 * count).map(tone).collect();
        write_wav(&wav, 48_000, channels, 16, SampleFormat::Int, &samples, &[]);
        // What WAVE leaves to the reader is said: positions are the first of its own order.
        let layout = ["", "mono", "", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"][count];
        let from = folder.join(format!("{channels}-said.wav"));
        let says = format!("channelmap=channel_layout={layout}");
        convert(&wav, &["-af", &says, "-c:a", "pcm_s16le"], &from);
        let expected = rest(&mut open(&from, 48_000, 2), 2);
        let bits = format!("{}k", 128 * channels);
        let opus = ["-c:a", "libopus", "-b:a", &bits, "-mapping_family", "1"];
        let mut formats: Vec<(&str, &[&str])> = vec![("flac", &[]), ("opus", &opus)];
        // It knows fewer places for speakers.
        if matches!(channels, 1 | 3 | 5 | 6) {
            formats.push(("m4a", &["-c:a", "alac"]));
        }
        for (extension, options) in formats {
            let path = folder.join(format!("{channels}.{extension}"));
            convert(&from, options, &path);
            let mut source = open(&path, 48_000, 2);
            assert_eq!(source.description().original_channels, u32::from(channels), "{path:?}");
            let sound = rest(&mut source, 2);
            assert_eq!(sound.len(), expected.len(), "{path:?}");
            let wrong = difference(&sound, &expected);
            println!("{path:?}: {wrong:.1} dB");
            assert!(wrong < -20.0, "{path:?}: {wrong} dB");
        }
    }
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let folder = folder("formats-refused");
    let (wav, path) = (folder.join("from.wav"), folder.join("a.m4a"));
    recording(&wav, 22_050, 0..FRAMES);
    convert(&wav, &["-c:a", "aac"], &path);
    let plain = std::fs::read(&path).unwrap();
    let place = |of: &[u8]| plain.windows(of.len()).position(|window| window == of).unwrap();
    let refused = |name: &str, at: usize, bytes: &[u8]| {
        let path = folder.join(name);
        let mut changed = plain.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, changed).unwrap();
        match FileSource::open(&path, SampleRate::HZ_48000, 2).err().unwrap() {
            Error::Unsupported { what, .. } => what,
            other => panic!("{name}: {other}"),
        }
    };
    // AAC-LC of 22 050 Hz in stereo, with nothing above it; then with a spectral band replicated, and in stereo by
    // parameters, too.
    let config = place(&[0x13, 0x90, 0x56, 0xe5, 0x00]);
    assert_eq!(refused("he.m4a", config, &[0x2b, 0x92, 0x08, 0x00, 0x00]), "HE-AAC");
    assert_eq!(refused("he2.m4a", config, &[0xeb, 0x8a, 0x08, 0x00, 0x00]), "HE-AAC version 2");
    // Where only the rates tell.
    let rate = place(b"mp4a") + 28;
    assert_eq!(refused("implicit.m4a", rate, &44_100_u16.to_be_bytes()), "HE-AAC");
    let six = folder.join("six.wav");
    write_wav(&six, 48_000, 6, 16, SampleFormat::Int, &[9; 60_000], &[]);
    for (name, options, named) in [
        ("six.m4a", &["-c:a", "aac"][..], "AAC of 6 channels"),
        ("ac3.m4a", &["-c:a", "ac3", "-f", "mp4"], "Dolby Digital (AC-3)"),
        ("mka.mka", &["-c:a", "flac"], "Matroska or WebM"),
        ("a.wv", &["-c:a", "wavpack"], "WavPack"),
    ] {
        let path = folder.join(name);
        convert(&six, options, &path);
        let error = FileSource::open(&path, SampleRate::HZ_48000, 2).err().unwrap();
        assert_eq!(error, Error::Unsupported { path, what: named.into() });
    }
}

#[test]
fn what_is_left_of_a_truncated_file_is_played() {
    let folder = folder("formats-truncated");
    let wav = folder.join("from.wav");
    recording(&wav, 48_000, 0..FRAMES);
    let cases: [(&str, &[&str]); 6] = [
        ("a.aiff", &[]),
        ("a.opus", &["-c:a", "libopus", "-page_duration", "100000"]),
        ("a.aac", &["-c:a", "aac", "-aac_pns", "0"]),
        ("a.m4a", &["-c:a", "aac", "-aac_pns", "0", "-movflags", "faststart"]),
        ("alac.m4a", &["-c:a", "alac", "-movflags", "faststart"]),
        ("pieces.m4a", &["-c:a", "alac", "-movflags", "empty_moov+default_base_moof", "-frag_duration", "200000"]),
    ];
    for (name, options) in cases {
        let path: PathBuf = folder.join(name);
        convert(&wav, options, &path);
        let whole = rest(&mut open(&path, 48_000, 2), 2);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let mut source = open(&path, 48_000, 2);
        let told = source.damage();
        let sound = rest(&mut source, 2);
        let share = sound.len() as f64 / whole.len() as f64;
        assert!((0.4..0.75).contains(&share), "{name}: {share}");
        assert!(sound == whole[..sound.len()], "{name}");
        // These have no end that would be missed.
        if !name.ends_with("opus") && !name.ends_with("aac") {
            // In an AIFF the end is not looked for before it comes.
            let told = if name.ends_with("aiff") { source.damage() } else { told };
            let end = told.filter(|damage| damage.is_end).map(|damage| damage.seconds * 48_000.0);
            let off = end.map_or(f64::INFINITY, |end| (end - sound.len() as f64 / 2.0).abs());
            assert!(off < 4_200.0, "{name}: where it breaks off is told; {told:?}");
        }
        source.seek(FRAMES as u64 / 4).unwrap();
        assert!(rest(&mut source, 2) == sound[FRAMES / 4 * 2..], "{name}, after a seek");
    }
}

#[test]
fn what_follows_a_hole_of_seconds_stays_in_its_place() {
    let folder = folder("formats-holes");
    let wav = folder.join("from.wav");
    recording(&wav, 48_000, 0..10 * 48_000);
    let cases: [(&str, &[&str]); 5] = [
        ("a.flac", &[]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.opus", &["-c:a", "libopus"]),
        ("a.m4a", &["-c:a", "aac", "-aac_pns", "0", "-movflags", "faststart"]),
        ("alac.m4a", &["-c:a", "alac", "-movflags", "faststart"]),
    ];
    for (name, options) in cases {
        let path: PathBuf = folder.join(name);
        convert(&wav, options, &path);
        let whole = rest(&mut open(&path, 48_000, 2), 2);
        let mut bytes = std::fs::read(&path).unwrap();
        let (from, to) = (bytes.len() * 3 / 10, bytes.len() * 7 / 10);
        bytes[from..to].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let mut source = open(&path, 48_000, 2);
        let sound = rest(&mut source, 2);
        assert_eq!(sound.len(), whole.len(), "{name}");
        // Bytes are not seconds.
        let tail = whole.len() * 9 / 10;
        assert!(sound[tail..] == whole[tail..], "{name}");
        // To ALAC zeros are sound.
        if name != "alac.m4a" {
            let damage = source.damage().expect(name);
            assert!(!damage.is_end && (2.0..4.0).contains(&damage.seconds), "{name}: {damage:?}");
        }
    }
}

#[test]
fn a_file_that_was_opened_already_is_played_under_the_name_it_was_given() {
    let folder = folder("formats-handles");
    let path = folder.join("a.wav");
    recording(&path, 48_000, 0..1_000);
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut source = FileSource::from_file(file, "music/Somebody.wav", SampleRate::HZ_48000, 2).unwrap();
    assert_eq!(source.description().title, "Somebody");
    assert_eq!(rest(&mut source, 2).len(), 2_000);
    source.seek(500).unwrap();
    assert_eq!(rest(&mut source, 2).len(), 1_000);
    let folder = std::fs::File::open(&folder).unwrap();
    let error = FileSource::from_file(folder, "x", SampleRate::HZ_48000, 2).err();
    assert_eq!(error, Some(Error::NotAFile { path: "x".into(), kind: "a directory" }));
}
