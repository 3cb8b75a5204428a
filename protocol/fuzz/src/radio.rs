//! What a station on the Internet says.

use std::io::Read;

use unisono_media::http::{
    icy::{Titles, stream_title},
    playlist::{Playlist, parse},
};

/// A playlist. Whatever is in it, what it leads to is in the web, and not much.
pub fn station_playlist(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for from in ["http://radio.example/lists/one.m3u?x=/y", "https://radio.example"] {
        if let Playlist::Entries(entries) = parse(&text, from) {
            assert!(entries.len() <= 8);
            for entry in entries {
                assert!(entry.starts_with("http://") || entry.starts_with("https://"), "{entry:?}");
                assert!(!entry.chars().any(char::is_control), "{entry:?}");
            }
        }
    }
}

/// A stream with titles in it. No byte of sound is made or lost, and a title is one line.
pub fn station_titles(data: &[u8]) {
    if let Some(title) = stream_title(data) {
        assert!(!title.chars().any(char::is_control) && title.len() <= 400, "{title:?}");
    }
    let Some((interval, stream)) = data.split_first() else { return };
    let interval = usize::from(*interval) + 1;
    let mut expected: Vec<u8> = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (sound, after) = rest.split_at(rest.len().min(interval));
        expected.extend(sound);
        let Some((length, after)) = after.split_first() else { break };
        rest = after.get(usize::from(*length) * 16..).unwrap_or_default();
    }
    let mut titles = Titles::new(stream, Some(interval));
    let (mut sound, mut piece) = (Vec::<u8>::new(), [0; 100]);
    // Where a title breaks off the stream does.
    while let Ok(count @ 1..) = titles.read(&mut piece) {
        sound.extend(&piece[..count]);
    }
    assert_eq!(sound, expected);
}
