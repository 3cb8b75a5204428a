//! What there is to play: listed, searched, with covers; and no way from it to anything else.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use unisono_hub::api::types::{AlbumTracksView, ArtistView, LibraryView, PageView, TrackView};

use crate::api::{events::Socket, hub::Hub};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0 a picture\r\n\xff\0";

/// A short WAV whose tags, in a chunk of its own, say what it is.
fn song(path: &Path, title: &str, artist: &str, album: &str, number: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let chunk = |kind: &[u8], body: &[u8]| {
        let padding = if body.len().is_multiple_of(2) { &b""[..] } else { b"\0" };
        [kind, &u32::try_from(body.len()).unwrap().to_le_bytes(), body, padding].concat()
    };
    let tags = [(&b"INAM"[..], title), (b"IART", artist), (b"IPRD", album), (b"ITRK", number)];
    let tags: Vec<u8> = tags.iter().flat_map(|(kind, text)| chunk(kind, format!("{text}\0").as_bytes())).collect();
    let format = [&[1, 0, 1, 0][..], &8_000_u32.to_le_bytes(), &16_000_u32.to_le_bytes(), &[2, 0, 16, 0]].concat();
    let parts = [
        b"WAVE".to_vec(),
        chunk(b"fmt ", &format),
        chunk(b"LIST", &[b"INFO", &tags[..]].concat()),
        chunk(b"data", &[7; 16_000]),
    ];
    fs::write(path, chunk(b"RIFF", &parts.concat())).unwrap();
}

/// A hub with three songs on two albums, all looked at.
fn hub() -> Hub {
    let folder = TempDir::new().unwrap();
    let music = folder.path().join("music");
    song(&music.join("Björk/Debut/1.wav"), "Human Behaviour", "Björk", "Debut", "1");
    song(&music.join("Björk/Debut/2.wav"), "Crying", "Björk", "Debut", "2");
    song(&music.join("x/1.wav"), "<script>alert(1)</script>", "\x1b[31mX", "Y\n\"Z\"", "1");
    fs::write(music.join("Björk/Debut/cover.jpg"), JPEG).unwrap();
    fs::write(music.join("x/folder.png"), b"<svg onload='alert(1)'/>").unwrap();
    fs::write(music.join("broken.mp3"), vec![0; 5_000]).unwrap();
    fs::write(folder.path().join("secret"), "nobody is to read this").unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret"), music.join("secret.flac")).unwrap();
    let hub = Hub::start_in(folder);
    hub.wait(|hub| view(hub).scan.is_none());
    hub
}

fn view(hub: &Hub) -> LibraryView {
    serde_json::from_value(hub.get("/library").1).unwrap()
}

fn tracks(hub: &Hub, query: &str) -> PageView<TrackView> {
    let (status, said) = hub.get(&format!("/library/tracks{query}"));
    assert_eq!(status, 200, "{query}: {said}");
    serde_json::from_value(said).unwrap()
}

/// The head and the body of an answer.
fn raw(hub: &Hub, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(hub.api).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}connection: close\r\n\r\n", hub.api);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
}

#[test]
fn a_hub_without_folders_has_an_empty_library_and_says_how_to_fill_it() {
    let hub = Hub::start();
    let empty = json!({"folders": [], "tracks": 0, "albums": 0, "artists": 0, "scan": null, "problems": []});
    assert_eq!(hub.get("/library"), (200, empty));
    assert_eq!(hub.get("/library/tracks"), (200, json!({"total": 0, "items": []})));
    hub.refused(409, "`library` in the hub's settings", "POST", "/library/scan", None);
}

#[test]
fn what_is_in_the_folders_is_listed_searched_and_counted() {
    let hub = hub();
    let library = view(&hub);
    assert_eq!((library.tracks, library.albums, library.artists, library.folders.len()), (3, 2, 2, 1));
    let mut named: Vec<_> = library.problems.iter().map(|problem| problem.file.rsplit('/').next().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["broken.mp3", "secret.flac"]);
    let found = tracks(&hub, "?search=bjork%20CRY");
    let track = &found.items[0];
    assert_eq!((found.total, &*track.title, track.artist.as_deref()), (1, "Crying", Some("Björk")));
    assert_eq!((track.album.as_deref(), track.number, &*track.codec), (Some("Debut"), Some(2), "PCM"));
    assert_eq!((track.rate, track.channels, track.length_s), (8_000, 1, Some(1.0)));
    assert_eq!(tracks(&hub, "?artist=BJ%C3%96RK").total, 2);
    assert_eq!(tracks(&hub, "?offset=1&limit=1").items.len(), 1);
    assert_eq!(tracks(&hub, "?limit=0"), PageView { total: 3, items: Vec::new() });
    let id = track.album_id.clone().unwrap();
    assert_eq!(tracks(&hub, &format!("?album={id}")).total, 2);
    let album: AlbumTracksView = serde_json::from_value(hub.get(&format!("/library/albums/{id}")).1).unwrap();
    let titles: Vec<_> = album.tracks.iter().map(|track| &*track.title).collect();
    assert_eq!((&*album.title, titles), ("Debut", vec!["Human Behaviour", "Crying"]));
    let artists: PageView<ArtistView> = serde_json::from_value(hub.get("/library/artists?search=bj").1).unwrap();
    assert_eq!(artists.items, [ArtistView { name: "Björk".into(), albums: 1, tracks: 2 }]);
    // What is hostile is text, in one line.
    let hostile = &tracks(&hub, "?search=script").items[0];
    assert_eq!((&*hostile.title, hostile.artist.as_deref()), ("<script>alert(1)</script>", Some("[31mX")));
    assert_eq!((hostile.album.as_deref(), &hostile.cover), (Some("Y \"Z\""), &hostile.cover));
}

#[test]
fn lists_are_bounded_and_what_cannot_be_asked_is_named() {
    let hub = hub();
    for list in ["tracks", "albums", "artists"] {
        let path = |query: &str| format!("/library/{list}?{query}");
        hub.refused(422, "limit: 501 is more than 500", "GET", &path("limit=501"), None);
        hub.refused(422, "album: an id is 32 digits", "GET", &path("album=../../etc"), None);
        hub.refused(400, "unknown field `loud`", "GET", &path("loud=1"), None);
        for query in ["limit=-1", "offset=x", "limit=1e3", "limit=99999999999999999999999"] {
            hub.refused(400, query.split_once('=').unwrap().0, "GET", &path(query), None);
        }
        let far = hub.get(&path(&format!("offset={}", u32::MAX)));
        assert_eq!((far.0, &far.1["items"]), (200, &json!([])));
        assert_eq!(hub.get(&path(&format!("search={}", "a".repeat(5_000)))).0, 200);
    }
    hub.refused(404, "no album \"nothing\"", "GET", "/library/albums/nothing", None);
}

#[test]
fn covers_are_pictures_that_browsers_keep_and_never_guess_at() {
    let hub = hub();
    let path = tracks(&hub, "?search=crying").items[0].cover.clone().unwrap();
    let (head, body) = raw(&hub, &path, "");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == JPEG, "{head}");
    for header in [
        "content-type: image/jpeg",
        "x-content-type-options: nosniff",
        "cache-control: private, max-age=31536000, immutable",
        "content-security-policy: default-src 'none'; sandbox",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let (head, body) = raw(&hub, &path, &format!("if-none-match: \"other\", {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{head}");
    // What is called a picture and is none is not given, and when it is exchanged for a link neither.
    let fake = tracks(&hub, "?search=script").items[0].cover.clone().unwrap();
    assert!(raw(&hub, &fake, "").0.starts_with("HTTP/1.1 404 "));
    let picture = hub.folder.path().join("music/Björk/Debut/cover.jpg");
    fs::rename(&picture, hub.folder.path().join("secret.jpg")).unwrap();
    std::os::unix::fs::symlink(hub.folder.path().join("secret.jpg"), &picture).unwrap();
    assert!(raw(&hub, &path, "").0.starts_with("HTTP/1.1 404 "));
}

#[test]
fn no_path_leads_out_of_the_library() {
    let hub = hub();
    for payload in [
        "..",
        "../secret",
        "..%2fsecret",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fsecret",
        "%252e%252e%252fsecret",
        "..%5csecret",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "....//secret",
        "..%c0%afsecret",
        "%c0%ae%c0%ae%2fsecret",
        "%00",
        "x%00.jpg",
        "file:%2f%2f%2fetc%2fpasswd",
        "secret.flac",
        "secret",
        "~",
        "con",
        "%ff",
        "0",
        "00000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffff",
        "-0000000000000000000000000000001",
    ] {
        for route in ["covers", "albums"] {
            let (head, body) = raw(&hub, &format!("/api/v1/library/{route}/{payload}"), "");
            let status = head.split(' ').nth(1).unwrap();
            assert!(matches!(status, "400" | "404"), "{route}/{payload}: {head}");
            assert!(!String::from_utf8_lossy(&body).contains("nobody is to read this"), "{route}/{payload}");
            let said: Value = serde_json::from_slice(&body).unwrap();
            assert!(said["error"].is_string(), "{route}/{payload}: {said}");
        }
    }
}

#[test]
fn a_scan_that_is_asked_for_finds_what_is_new_and_a_restart_knows_it() {
    let hub = hub();
    song(&hub.folder.path().join("music/new.wav"), "New", "Somebody", "Else", "1");
    let mut socket = Socket::open(&hub, &[]).unwrap();
    let (status, said) = hub.ask("POST", "/library/scan", None, &[]);
    assert_eq!((status, said), (202, Value::Null));
    let seen = socket.until_whole("library", |library| library["tracks"] == 4 && library["scan"].is_null());
    assert_eq!(hub.get("/library").1, seen);
    let before = tracks(&hub, "");
    let hub = hub.restarted();
    assert_eq!(tracks(&hub, ""), before, "at once");
}
