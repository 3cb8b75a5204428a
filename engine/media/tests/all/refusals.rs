//! What cannot be played is refused with one line that says what to do, and nothing panics or hangs.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::common::{folder, seed, write_flac, write_wav};
use unisono_core::units::SampleRate;
use unisono_media::{Error, FileSource, Source};

fn refusal(path: impl AsRef<Path>) -> Error {
    let error = FileSource::open(path, SampleRate::HZ_48000, 2).err().unwrap();
    let line = error.to_string();
    assert!(!line.contains('\n') && line.contains("; "), "{line}");
    error
}

#[test]
fn paths_that_are_no_files_are_named_for_what_they_are() {
    let folder = folder("no-files");
    assert!(matches!(refusal(folder.join("nothing.flac")), Error::NotFound { .. }));
    assert!(matches!(refusal(folder.join("two\nlines")), Error::NotFound { .. }));
    let path = folder.join("empty.wav");
    fs::write(&path, []).unwrap();
    assert!(matches!(refusal(&path), Error::Empty { .. }));
    assert!(matches!(refusal(path.join("below.wav")), Error::NotFound { .. }));
    assert_eq!(refusal(&folder), Error::NotAFile { path: folder.clone(), kind: "a directory" });
}

#[test]
#[cfg(unix)]
fn pipes_devices_and_sockets_are_not_opened() {
    let folder = folder("pipes");
    let pipe = folder.join("pipe");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody writes to it: to open it would wait for ever.
    assert_eq!(refusal(&pipe), Error::NotAFile { path: pipe.clone(), kind: "a pipe" });
    assert_eq!(refusal("/dev/zero"), Error::NotAFile { path: "/dev/zero".into(), kind: "a device" });
    let socket = folder.join("socket");
    let _ = fs::remove_file(&socket);
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(refusal(&socket), Error::NotAFile { path: socket.clone(), kind: "a socket" });
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt;

    let path = folder("permissions").join("secret.wav");
    fs::write(&path, b"RIFF").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if fs::File::open(&path).is_err() {
        assert_eq!(refusal(&path), Error::Permission { path });
    }
}

#[test]
fn formats_that_are_not_supported_are_named() {
    let folder = folder("formats");
    let ogg = |name: &[u8]| [&b"OggS\0\x02"[..], &[0; 20], b"\x01\x13", name].concat();
    let headless: [(&str, Vec<u8>); 4] = [
        ("a.aac", vec![0xff, 0xf1, 0x50, 0x80]),
        ("b.m4a", b"\0\0\0\x10ftypM4A \0\0\0\0".to_vec()),
        ("b.opus", ogg(b"OpusHead")),
        ("b.aiff", b"FORM\0\0\0\0AIFF".to_vec()),
    ];
    for (name, head) in headless {
        let path = folder.join(name);
        fs::write(&path, [head, vec![0; 5_000]].concat()).unwrap();
        assert!(!matches!(refusal(&path), Error::Empty { .. } | Error::Read { .. }), "{name}");
    }
    let heads: [(&str, Vec<u8>, &str); 5] = [
        ("main.aac", vec![0xff, 0xf1, 0x10, 0x80], "AAC of an unusual kind"),
        ("a.spx", ogg(b"Speex   "), "Speex"),
        ("a.wma", vec![0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66], "Windows Media"),
        ("a.mka", vec![0x1a, 0x45, 0xdf, 0xa3], "Matroska or WebM"),
        ("a.mp2", vec![0xff, 0xfd, 0x90, 0x04], "MPEG layer 2"),
    ];
    for (name, head, what) in heads {
        let path = folder.join(name);
        fs::write(&path, [head, vec![0; 5_000]].concat()).unwrap();
        assert_eq!(refusal(&path), Error::Unsupported { path, what: what.into() });
    }
    // Microsoft's ADPCM: four bits a sample, blocks of 256 bytes, 32 bytes of its own behind the format.
    let path = folder.join("compressed.wav");
    let fields = [&[2, 0, 1, 0][..], &8_000_u32.to_le_bytes(), &4_000_u32.to_le_bytes(), &[0, 1, 4, 0, 32, 0]].concat();
    let body = [b"WAVEfmt \x32\0\0\0", &fields[..], &[0; 32], b"data\0\x10\0\0", &[0; 4_096]].concat();
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    fs::write(&path, [b"RIFF", &length[..], &body].concat()).unwrap();
    assert_eq!(refusal(&path), Error::Unsupported { path, what: "ADPCM".into() });
    let line = Error::Unsupported { path: "a.m4a".into(), what: "AAC".into() }.to_string();
    assert_eq!(
        line,
        "\"a.m4a\" holds AAC, which is not supported; convert it to WAV, FLAC, AIFF, MP3, M4A (AAC or ALAC), AAC, Ogg Vorbis or Ogg Opus"
    );
}

#[test]
fn rates_beyond_what_is_played_are_refused() {
    let path = folder("rates").join("slow.wav");
    write_wav(&path, 4_000, 1, 16, hound::SampleFormat::Int, &[1; 5_000], &[]);
    assert_eq!(refusal(&path), Error::Unsupported { path, what: "sound of 4000 Hz".into() });
}

#[test]
fn what_is_no_sound_is_not_played_as_noise() {
    let folder = folder("no-sound");
    let mut random = fastrand::Rng::with_seed(seed());
    let mut noise = vec![0; 2_000_000];
    random.fill(&mut noise);
    for (name, bytes) in [("text.txt", b"la la la\n".repeat(1_000)), ("noise.bin", noise), ("zeros", vec![0; 100_000])]
    {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refusal(&path), Error::NotRecognised { .. }), "{name}");
    }
    // It is called sound, and is not.
    for name in ["a.mp3", "a.flac", "a.ogg", "a.wav"] {
        let path = folder.join(name);
        fs::write(&path, vec![b'x'; 100_000]).unwrap();
        assert!(matches!(refusal(&path), Error::NotRecognised { .. } | Error::Damaged { .. }), "{name}");
    }
}

#[test]
fn headers_without_sound_are_refused() {
    let folder = folder("headers");
    let path = folder.join("no-frames.wav");
    write_wav(&path, 48_000, 2, 16, hound::SampleFormat::Int, &[], &[]);
    assert!(matches!(refusal(&path), Error::Empty { .. }));
    let flac = folder.join("whole.flac");
    write_flac(&flac, 48_000, 2, 16, &[7; 20_000]);
    let mut bytes = fs::read(&flac).unwrap();
    // No frame is what its checksum says.
    bytes[42..].iter_mut().for_each(|byte| *byte ^= 0x10);
    let path = folder.join("no-frames.flac");
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refusal(&path), Error::Damaged { .. } | Error::Empty { .. }));
}

#[test]
fn no_damage_makes_it_panic_or_hang() {
    let seed = seed();
    let folder = folder("random-damage");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let flac = folder.join("whole.flac");
    let mut random = fastrand::Rng::with_seed(seed);
    let sound: Vec<i32> =
        (0..20_000).map(|i| (f64::from(i) * 0.05).sin().mul_add(9_000.0, random.f64() * 99.0) as i32).collect();
    write_flac(&flac, 48_000, 2, 16, &sound);
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/fuzz/corpus/music_file");
    let seed_of = |name: &str| fs::read(seeds.join(name)).unwrap();
    let whole: [(PathBuf, Vec<u8>); 10] = [
        ("wav".into(), wav(&folder, 24)),
        ("flac".into(), fs::read(flac).unwrap()),
        ("mp3".into(), fs::read(fixtures.join("lame-cbr.mp3")).unwrap()),
        ("ogg".into(), fs::read(fixtures.join("oggenc.ogg")).unwrap()),
        ("2.ogg".into(), fs::read(fixtures.join("long.ogg")).unwrap()),
        ("m4a".into(), seed_of("aac")),
        ("2.m4a".into(), seed_of("alac")),
        ("aiff".into(), seed_of("aiff")),
        ("opus".into(), seed_of("opus")),
        ("6.opus".into(), seed_of("opus-six")),
    ];
    let mut out = vec![0.0; 4_096];
    for round in 0..150 {
        for (name, bytes) in &whole {
            let mut bytes = bytes.clone();
            // Headers are where the harm is done.
            let reach = if random.bool() { bytes.len().min(6_000) } else { bytes.len() };
            for _ in 0..random.usize(1..20) {
                let at = random.usize(0..reach);
                match random.u8(0..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes[at] ^= 1 << random.u8(0..8),
                    2 => bytes[at] = 0xff,
                    _ => bytes[at] = 0,
                }
            }
            if random.u8(0..4) == 0 {
                bytes.truncate(random.usize(1..bytes.len()));
            }
            let path = folder.join("damaged").with_extension(name);
            fs::write(&path, &bytes).unwrap();
            let begun = Instant::now();
            if let Ok(mut source) = FileSource::open(&path, SampleRate::HZ_48000, 2) {
                let mut frames = 0;
                while let Ok(read @ 1..) = source.read(&mut out) {
                    assert!(out[..read * 2].iter().all(|sample| sample.is_finite()));
                    frames += read;
                    assert!(frames < 48_000 * 600, "{path:?}, round {round}: it does not end");
                }
                for _ in 0..3 {
                    if source.seek(random.u64(0..2_000_000)).is_ok() {
                        let _ = source.read(&mut out);
                    }
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{path:?}, round {round}");
        }
    }
}

fn wav(folder: &Path, bits: u32) -> Vec<u8> {
    let path = folder.join(format!("{bits}.wav"));
    write_wav(&path, 48_000, 2, bits, hound::SampleFormat::Int, &[77; 20_000], &[]);
    fs::read(path).unwrap()
}
