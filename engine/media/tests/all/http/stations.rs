//! What has no end.

use std::{thread, time::Duration};

use unisono_media::Source as _;

use crate::http::server::{Server, frames, hertz, hold, mp3, refusal, send, tone, until, wait_for};

const HEAD: &str = "HTTP/1.0 200 OK\r\ncontent-type: audio/mpeg\r\nicy-name: Radio One\r\n";

/// Puts titles into a stream, each before as many bytes as there are between two.
fn with_titles(sound: &[u8], interval: usize, titles: &[&str]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (i, piece) in sound.chunks(interval).enumerate() {
        stream.extend(piece);
        if piece.len() == interval {
            let title = titles.get(i).copied().unwrap_or_default().as_bytes();
            stream.push(u8::try_from(title.len().div_ceil(16)).unwrap());
            stream.extend(title);
            stream.resize(stream.len() + title.len().next_multiple_of(16) - title.len(), 0);
        }
    }
    stream
}

#[test]
fn a_station_plays_and_says_what() {
    let server = Server::start(|_, request, mut stream| {
        assert!(request.to_ascii_lowercase().contains("icy-metadata: 1\r\n"), "{request}");
        let titles = ["StreamTitle='Somebody - Don't; Stop';StreamUrl='';", "", "StreamTitle='Else - Two';"];
        let sound = with_titles(&mp3(1_000, 8), 30_000, &titles);
        send(&mut stream, format!("{HEAD}icy-metaint: 30000\r\n\r\n"));
        send(&mut stream, sound);
        hold(stream);
    });
    let mut source = server.open("/stream").unwrap();
    let description = source.description().clone();
    assert_eq!((&*description.title, description.frames, &*description.codec), ("Radio One", None, "MP3"));
    assert_eq!((description.original_rate, source.is_live()), (44_100, true));
    wait_for(&source, 7.5);
    let mut titles = Vec::new();
    for _ in 0..35 {
        let sound = frames(&mut source, 9_600);
        assert!((hertz(&sound) - 1_000.0).abs() < 20.0 || titles.is_empty(), "{} Hz", hertz(&sound));
        let title = source.title_now().map(String::from);
        if title.is_some() && titles.last() != title.as_ref() {
            titles.extend(title);
        }
    }
    assert_eq!(titles, ["Somebody - Don't; Stop", "Else - Two"]);
}

#[test]
fn a_server_that_speaks_no_http_but_icy_is_understood() {
    let server = Server::start(|_, _, mut stream| {
        // One piece at a time, as a slow line brings it.
        for piece in ["I", "CY 200", " OK\r\ncontent-ty", "pe:audio/mpeg\r\nicy-name:Old\r\n\r\n"] {
            send(&mut stream, piece);
            thread::sleep(Duration::from_millis(30));
        }
        send(&mut stream, mp3(500, 4));
        hold(stream);
    });
    let mut source = server.open("/").unwrap();
    assert_eq!(source.description().title, "Old");
    wait_for(&source, 3.0);
    assert!((hertz(&frames(&mut source, 96_000)) - 500.0).abs() < 20.0);
}

#[test]
fn a_connection_that_breaks_is_silence_until_the_station_is_back() {
    let server = Server::start(|which, _, mut stream| {
        send(&mut stream, format!("{HEAD}\r\n"));
        match which {
            0 => send(&mut stream, mp3(500, 3)),
            // It is not back at once.
            1 | 2 => {}
            _ => {
                send(&mut stream, mp3(2_000, 8));
                hold(stream);
            }
        }
    });
    let mut source = server.open("/").unwrap();
    let (mut heard, mut trouble) = (Vec::new(), None);
    until("back", || {
        // As the hub reads: the same whatever the network does.
        let sound = frames(&mut source, 4_800);
        thread::sleep(Duration::from_millis(20));
        let pitch = (hertz(&sound) / 100.0).round() * 100.0;
        if heard.last() != Some(&pitch) {
            heard.push(pitch);
        }
        trouble = trouble.take().or_else(|| source.trouble().map(String::from));
        pitch == 2_000.0
    });
    assert!(heard.contains(&500.0) && heard.contains(&0.0), "{heard:?}");
    assert!(trouble.unwrap().contains("the host has ended it"));
    assert!(server.asked() >= 4);
    assert_eq!(source.trouble(), None, "all is well again");
    assert!(source.underruns() >= 1);
}

#[test]
fn a_station_that_goes_over_to_another_format_plays_on() {
    let server = Server::start(|_, _, mut stream| {
        send(&mut stream, format!("{HEAD}\r\n"));
        send(&mut stream, mp3(1_000, 3));
        let mono = tone(
            "mono.mp3",
            400,
            3,
            &["-ac", "1", "-ar", "32000", "-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0"],
        );
        send(&mut stream, mono);
        hold(stream);
    });
    let mut source = server.open("/").unwrap();
    wait_for(&source, 5.5);
    let sound = frames(&mut source, 5 * 48_000);
    assert!((hertz(&sound[48_000..48_000 * 5]) - 1_000.0).abs() < 10.0);
    assert!(
        (hertz(&sound[48_000 * 7..48_000 * 9]) - 400.0).abs() < 10.0,
        "{} Hz",
        hertz(&sound[48_000 * 7..48_000 * 9])
    );
}

#[test]
fn aac_and_ogg_are_played_and_pieces_of_ogg_that_follow_each_other() {
    for (kind, file, options, codec) in [
        ("audio/aac", "lc.aac", &["-c:a", "aac", "-ar", "44100", "-ac", "2", "-f", "adts"][..], "AAC"),
        ("audio/aacp", "lc-as-he.aac", &["-c:a", "aac", "-ar", "48000", "-ac", "2", "-f", "adts"], "AAC"),
        ("application/ogg", "one.ogg", &["-c:a", "libvorbis", "-ar", "44100", "-ac", "2"], "Vorbis"),
        ("audio/ogg", "one.opus", &["-c:a", "libopus", "-ac", "2"], "Opus"),
        ("audio/opus", "mono.opus", &["-c:a", "libopus", "-ac", "1"], "Opus"),
    ] {
        let first = tone(file, 1_000, 3, options);
        let second = tone(file, 300, 4, options);
        let server = Server::start(move |_, _, mut stream| {
            send(&mut stream, format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n"));
            send(&mut stream, &first);
            send(&mut stream, &second);
            hold(stream);
        });
        let mut source = server.open("/").unwrap();
        assert_eq!(source.description().codec, codec, "{kind}");
        wait_for(&source, 6.0);
        let sound = frames(&mut source, 288_000);
        for (from, expected) in [(0.5, 1_000.0), (4.0, 300.0)] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
            let from = (from * 96_000.0) as usize;
            let pitch = hertz(&sound[from..from + 2 * 96_000]);
            assert!((pitch - expected).abs() < 15.0, "{kind}: {pitch} Hz, not {expected}");
        }
    }
}

#[test]
fn playlists_are_followed_to_the_first_entry_that_plays() {
    for (kind, playlist) in [
        ("audio/x-mpegurl", "#EXTM3U\n#EXTINF:-1,gone\n/gone\n/stream\n"),
        ("audio/x-scpls; charset=utf-8", "[playlist]\nNumberOfEntries=2\nFile1=/gone\nFile2=/stream\n"),
        ("audio/x-mpegurl", "/other.m3u\n"),
    ] {
        let server = Server::start(move |_, request, mut stream| match request.split(' ').nth(1).unwrap() {
            "/list" => send(&mut stream, format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n{playlist}")),
            "/other.m3u" => send(&mut stream, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n/stream\n"),
            "/stream" => {
                send(&mut stream, format!("{HEAD}\r\n"));
                send(&mut stream, mp3(700, 3));
                hold(stream);
            }
            _ => send(&mut stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        });
        let mut source = server.open("/list").unwrap();
        wait_for(&source, 2.0);
        assert!((hertz(&frames(&mut source, 96_000)) - 700.0).abs() < 20.0, "{playlist}");
    }
}

#[test]
fn a_playlist_that_leads_nowhere_or_only_to_itself_comes_to_an_end() {
    for (playlist, expected) in [
        ("", "the playlist has nothing in it"),
        ("/list\n", "its playlist leads to playlists only"),
        ("/gone\n", "the host does not have it"),
        ("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\na.ts\n", "it is HTTP Live Streaming (HLS)"),
    ] {
        let server = Server::start(move |_, request, mut stream| {
            if request.starts_with("GET /list") {
                send(&mut stream, format!("HTTP/1.1 200 OK\r\ncontent-type: audio/x-mpegurl\r\n\r\n{playlist}"));
            } else {
                send(&mut stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            }
        });
        let said = refusal(server.open("/list"));
        assert!(said.contains(expected), "{said}");
        assert!(server.asked() < 50, "{} times", server.asked());
    }
}

#[test]
fn playlists_of_playlists_have_us_ask_a_few_times_and_not_hundreds() {
    let server = Server::start(|_, request, mut stream| {
        let entries: String = (0..8).map(|entry| format!("{entry}/\n")).collect();
        let found = format!("HTTP/1.1 200 OK\r\ncontent-type: audio/x-mpegurl\r\n\r\n{entries}");
        let missing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        let is_list = request.split(' ').nth(1).is_some_and(|path| path.matches('/').count() <= 3);
        send(&mut stream, if is_list { found.as_str() } else { missing });
    });
    let said = refusal(server.open("/"));
    assert!(said.contains("too many hosts"), "{said}");
    assert!(server.asked() <= 13, "{} times", server.asked());
}
