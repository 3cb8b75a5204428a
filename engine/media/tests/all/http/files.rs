//! What has an end.

use std::path::Path;

use unisono_media::{FileSource, Source as _};

use crate::http::server::{RATE, Server, frames, open, send, until, wait_for};

/// Sound that is different everywhere, seven seconds of it.
fn noise() -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(5);
    (0..7 * 44_100 * 2).map(|_| random.i16(-9_000..9_000)).collect()
}

fn wav() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    noise().into_iter().for_each(|sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// Serves a file; each connection breaks after so many bytes.
fn serve(file: Vec<u8>, breaks_after: usize, has_ranges: bool) -> Server {
    Server::start(move |_, request, mut stream| {
        let range =
            request.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(String::from));
        let from: usize = range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0);
        let from = if has_ranges { from } else { 0 };
        let (length, left) = (file.len(), file.len() - from);
        let accept = if has_ranges { "accept-ranges: bytes\r\n" } else { "" };
        let status = if from > 0 {
            format!("206 Partial Content\r\ncontent-range: bytes {from}-{}/{length}", length - 1)
        } else {
            "200 OK".into()
        };
        send(
            &mut stream,
            format!("HTTP/1.1 {status}\r\ncontent-type: audio/wav\r\n{accept}content-length: {left}\r\n\r\n"),
        );
        send(&mut stream, &file[from..from.saturating_add(breaks_after).min(length)]);
    })
}

/// What the same file gives from the disk.
fn from_disk(bytes: &[u8], name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut source = FileSource::open(&path, RATE, 2).unwrap();
    let mut sound = vec![0.0; 8 * 48_000 * 2];
    let read = source.read(&mut sound).unwrap();
    sound.truncate(read * 2);
    sound
}

#[test]
fn a_file_is_the_same_from_another_host_however_often_the_connection_breaks() {
    let file = wav();
    let expected = from_disk(&file, "whole.wav");
    for (breaks_after, has_ranges) in [(usize::MAX, true), (300_000, true), (usize::MAX, false)] {
        let server = serve(file.clone(), breaks_after, has_ranges);
        let mut source = server.open("/noise.wav").unwrap();
        let description = source.description().clone();
        assert_eq!((&*description.title, &*description.codec), ("noise.wav", "PCM_S16LE"));
        assert_eq!(description.frames, Some(expected.len() as u64 / 2));
        assert!(!source.is_live());
        wait_for(&source, 8.0);
        let sound = frames(&mut source, expected.len() / 2);
        assert!(sound == expected, "breaks after {breaks_after}, ranges {has_ranges}");
        assert_eq!(source.read(&mut [0.0; 100]), Ok(0), "it goes on behind its end");
        assert_eq!(source.underruns(), 0);
    }
}

#[test]
fn any_frame_of_a_file_can_be_gone_to() {
    let file = wav();
    let expected = from_disk(&file, "sought.wav");
    for has_ranges in [true, false] {
        let server = serve(file.clone(), usize::MAX, has_ranges);
        let mut source = server.open("/noise.wav").unwrap();
        for frame in [200_000_usize, 77, 300_001] {
            source.seek(frame as u64).unwrap();
            wait_for(&source, 2.0);
            let sound = frames(&mut source, 24_000);
            assert!(sound == expected[frame * 2..(frame + 24_000) * 2], "frame {frame}, ranges {has_ranges}");
        }
        // Behind its end as well.
        source.seek(0).unwrap();
        wait_for(&source, 8.0);
        assert!(frames(&mut source, expected.len() / 2) == expected, "again, ranges {has_ranges}");
    }
}

#[test]
fn what_is_secret_in_an_address_is_not_said_when_its_connection_breaks_either() {
    let file = wav();
    let server = Server::start(move |which, _, mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: {}\r\n\r\n", file.len());
        if which == 0 {
            send(&mut stream, head);
            send(&mut stream, &file[..200_000]);
        } else {
            send(&mut stream, "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let url = format!("http://me:secret@{}/noise.wav", server.address);
    let mut source = open(&url, &["127.0.0.1"]).unwrap();
    let mut said = None;
    until("in trouble", || {
        frames(&mut source, 960);
        said = source.trouble().map(str::to_owned);
        said.is_some()
    });
    let said = said.unwrap();
    assert!(said.contains("does not go on") && !said.contains("secret"), "{said}");
}
