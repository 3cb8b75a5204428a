//! A library of real files: found, kept, watched and searched; and nothing outside of it is reachable.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use unisono_core::units::SampleRate;
use unisono_media::{
    Error, FileSource, Source,
    library::{Library, LibrarySettings, Query, Track},
};

/// A bound for failures only.
const PATIENCE: Duration = Duration::from_secs(60);

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n another picture";

struct House {
    dir: TempDir,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("music")).unwrap();
        fs::create_dir(dir.path().join("state")).unwrap();
        Self { dir }
    }

    fn music(&self) -> PathBuf {
        self.dir.path().join("music")
    }

    fn open(&self) -> Library {
        let (folders, state) = (vec![self.music()], self.dir.path().join("state"));
        Library::open(LibrarySettings { folders, state }).unwrap()
    }

    /// Opened, and all looked at.
    fn scanned(&self) -> Library {
        let library = self.open();
        wait(&library, |library| library.status().scan.is_none());
        library
    }

    /// A short FLAC with tags, by the names that Vorbis has for them.
    fn song(&self, place: impl AsRef<Path>, tags: &[(&str, &str)]) -> PathBuf {
        self.song_with(place, tags, &[])
    }

    /// And with pictures of a kind.
    fn song_with(&self, place: impl AsRef<Path>, tags: &[(&str, &str)], pictures: &[(u32, &[u8])]) -> PathBuf {
        let path = self.music().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::common::write_flac(&path, 48_000, 1, 16, &[7; 4_800]);
        let mut bytes = fs::read(&path).unwrap();
        // The block that it begins with is not the last any more.
        bytes[4] &= 0x7f;
        let text = |text: &str| [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat();
        let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
        let mut comments = [text("test"), u32::try_from(tags.len()).unwrap().to_le_bytes().into()].concat();
        tags.iter().for_each(|(key, value)| comments.extend(text(&format!("{key}={value}"))));
        let mut blocks: Vec<(u8, Vec<u8>)> = vec![(4, comments)];
        for (kind, picture) in pictures {
            let head = [kind.to_be_bytes(), number(10)].concat();
            let body = [&head[..], b"image/jpeg", &[0; 20], &number(picture.len()), picture].concat();
            blocks.push((6, body));
        }
        let last = blocks.len() - 1;
        let blocks = blocks.into_iter().enumerate().flat_map(|(i, (kind, body))| {
            let kind = if i == last { kind | 0x80 } else { kind };
            [&[kind][..], &number(body.len())[1..], &body].concat()
        });
        bytes.splice(42..42, blocks.collect::<Vec<u8>>());
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Waits until something is so; after every change it is looked at anew.
fn wait(library: &Library, is_so: impl Fn(&Library) -> bool) {
    let begun = Instant::now();
    loop {
        let version = library.version();
        if is_so(library) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {:?}", library.status());
        library.wait_for_change(version, Duration::from_millis(200));
    }
}

fn all(library: &Library) -> Vec<Track> {
    library.tracks(&Query { limit: 1_000, ..Query::default() }).items
}

fn search(library: &Library, search: &str) -> Vec<String> {
    let query = Query { search: search.into(), limit: 1_000, ..Query::default() };
    library.tracks(&query).items.into_iter().map(|track| track.title).collect()
}

fn play(library: &Library, track: &Track) -> Result<FileSource, Error> {
    let name = library.path(&track.id).unwrap_or_default();
    FileSource::from_file(library.open_file(&track.id)?, name, SampleRate::HZ_48000, 2)
}

#[test]
fn tags_of_every_format_are_read() {
    let house = House::new();
    let wav = house.dir.path().join("from.wav");
    crate::common::write_wav(&wav, 44_100, 2, 16, hound::SampleFormat::Int, &[77; 88_200], &[]);
    let formats =
        [("mp3", "MP3"), ("flac", "FLAC"), ("m4a", "AAC"), ("ogg", "Vorbis"), ("opus", "Opus"), ("aiff", "PCM")];
    for (extension, _) in formats {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-i"]).arg(&wav);
        if extension == "ogg" {
            command.args(["-c:a", "libvorbis"]);
        }
        for tag in [
            "title=A title",
            "artist=Björk",
            "album=Debut",
            "album_artist=Björk & others",
            "track=3/11",
            "disc=2",
            "date=1993-07-05",
            "genre=Electronic",
        ] {
            command.args(["-metadata", tag]);
        }
        if extension == "aiff" {
            command.args(["-write_id3v2", "1"]);
        }
        let output = command.arg(house.music().join(format!("a.{extension}"))).output().unwrap();
        assert!(output.status.success(), "{extension}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let library = house.scanned();
    let tracks = all(&library);
    assert_eq!(tracks.len(), formats.len(), "{:?}", library.status());
    for (extension, codec) in formats {
        let is_it = |track: &&Track| library.path(&track.id).unwrap().extension().unwrap() == extension;
        let track = tracks.iter().find(is_it).unwrap();
        let text = [Some(&track.title), track.artist.as_ref(), track.album.as_ref(), track.album_artist.as_ref()];
        assert_eq!(
            text.map(|text| text.map(String::as_str)),
            ["A title", "Björk", "Debut", "Björk & others"].map(Some),
            "{extension}"
        );
        assert_eq!((track.number, track.disc, track.year), (Some(3), Some(2), Some(1993)), "{extension}");
        assert_eq!((track.genre.as_deref(), track.codec.as_str()), (Some("Electronic"), codec), "{extension}");
        assert_eq!(track.channels, 2, "{extension}");
        assert!((track.length_s.unwrap() - 1.0).abs() < 1e-3, "{extension}: {:?}", track.length_s);
        let frames = play(&library, track).unwrap().description().frames.unwrap();
        assert!(frames.abs_diff(48_000) <= 1, "{extension}: {frames}");
    }
    let albums = library.albums(&Query { limit: 10, ..Query::default() });
    assert_eq!((albums.total, albums.items[0].tracks), (1, formats.len()));
}

#[test]
fn albums_and_artists_are_what_people_mean_by_them() {
    let house = House::new();
    let song = |place: &str, title: &str, artist: &str, album_artist: &str, album: &str, disc: &str, number: &str| {
        let mut tags = vec![("TITLE", title), ("ARTIST", artist), ("ALBUM", album)];
        if !album_artist.is_empty() {
            tags.push(("ALBUMARTIST", album_artist));
        }
        tags.extend([("DISCNUMBER", disc), ("TRACKNUMBER", number)]);
        house.song(place, &tags);
    };
    song("a/cd2/1.flac", "Third", "Motörhead", "", "Double", "2", "1");
    song("a/cd1/2.flac", "Second", "Motörhead", "", "Double", "1", "2");
    song("a/cd1/1.flac", "First", "MOTÖRHEAD", "", "double", "1", "1");
    song("b/1.flac", "One", "Somebody", "", "Best of", "1", "1");
    song("b/2.flac", "Two", "Else", "", "Best of", "1", "2");
    song("c/1.flac", "Guest", "Guest feat. Host", "Host", "Hosted", "1", "1");
    song("d/1.flac", "Another", "Third", "", "Best of", "1", "1");
    house.song("loose.flac", &[]);
    let library = house.scanned();
    let albums = library.albums(&Query { limit: 10, ..Query::default() }).items;
    let named: Vec<_> = albums.iter().map(|album| (album.artist.as_deref(), &*album.title, album.tracks)).collect();
    // What has several artists is nobody's; discs in two folders are one album.
    assert_eq!(
        named,
        [
            (None, "Best of", 2),
            (Some("Host"), "Hosted", 1),
            (Some("MOTÖRHEAD"), "double", 3),
            (Some("Third"), "Best of", 1)
        ]
    );
    let (album, tracks) = library.album(&albums[2].id).unwrap();
    assert_eq!(tracks.iter().map(|track| &*track.title).collect::<Vec<_>>(), ["First", "Second", "Third"]);
    assert!((album.length_s - 0.3).abs() < 1e-9, "{}", album.length_s);
    let artists = library.artists(&Query { limit: 10, ..Query::default() }).items;
    let named: Vec<_> = artists.iter().map(|artist| (&*artist.name, artist.albums, artist.tracks)).collect();
    assert_eq!(
        named,
        [
            ("Else", 1, 1),
            ("Guest feat. Host", 1, 1),
            ("Host", 1, 1),
            ("MOTÖRHEAD", 1, 3),
            ("Somebody", 1, 1),
            ("Third", 1, 1)
        ]
    );
    let by = |artist: &str| library.albums(&Query { artist: Some(artist.into()), limit: 9, ..Query::default() }).total;
    assert_eq!((by("motorhead"), by("HOST"), by("else"), by("nobody")), (1, 1, 1, 0));
    let loose = search(&library, "loose");
    assert_eq!(loose, ["loose"], "without tags it is called as its file");
    assert_eq!(search(&library, "motorhead SEC"), ["Second"]);
    assert_eq!(search(&library, "best"), ["Two", "One", "Another"]);
    let page = library.tracks(&Query { offset: 2, limit: 3, ..Query::default() });
    assert_eq!((page.total, page.items.len()), (8, 3));
    assert_eq!(page.items[..], all(&library)[2..5]);
    let some = Query { album: Some(albums[2].id), limit: 9, ..Query::default() };
    assert_eq!(library.tracks(&some).items, tracks);
}

#[test]
fn covers_come_from_within_or_beside_and_are_pictures() {
    let house = House::new();
    // The front of it is of kind 3.
    let pictures: [(u32, &[u8]); 3] = [(3, b"<svg onload='alert(1)'>"), (4, PNG), (3, JPEG)];
    house.song_with("a/1.flac", &[("TITLE", "within")], &pictures);
    house.song("b/1.flac", &[("TITLE", "beside")]);
    fs::write(house.music().join("b/Folder.JPG"), JPEG).unwrap();
    fs::write(house.music().join("b/cover.png"), PNG).unwrap();
    house.song("c/1.flac", &[("TITLE", "hostile")]);
    fs::write(house.music().join("c/cover.jpg"), b"<html><script>").unwrap();
    house.song("d/1.flac", &[("TITLE", "linked")]);
    fs::write(house.dir.path().join("secret.jpg"), JPEG).unwrap();
    symlink("../../secret.jpg", house.music().join("d/cover.jpg")).unwrap();
    house.song("e/1.flac", &[("TITLE", "without")]);
    let library = house.scanned();
    let cover = |title: &str| {
        let track = all(&library).into_iter().find(|track| track.title == title).unwrap();
        track.cover.and_then(|id| library.cover(&id))
    };
    let found = |title: &str| cover(title).map(|cover| (cover.bytes, cover.mime));
    assert_eq!(found("within"), Some((JPEG.into(), "image/jpeg")));
    assert_eq!(found("beside"), Some((PNG.into(), "image/png")));
    assert_eq!((found("hostile"), found("linked"), found("without")), (None, None, None));
    // What takes a picture's place later is not given either.
    let id = all(&library).into_iter().find(|track| track.title == "beside").unwrap().cover.unwrap();
    fs::remove_file(house.music().join("b/cover.png")).unwrap();
    symlink(house.dir.path().join("secret.jpg"), house.music().join("b/cover.png")).unwrap();
    assert_eq!(library.cover(&id), None);
}

#[test]
fn what_stands_in_the_folder_and_is_no_file_of_it_is_not_reached() {
    let house = House::new();
    let song = house.song("a/1.flac", &[("TITLE", "mine")]);
    let outside = house.dir.path().join("outside.flac");
    fs::copy(&song, &outside).unwrap();
    let music = house.music();
    symlink(&outside, music.join("absolute.flac")).unwrap();
    symlink("../outside.flac", music.join("relative.flac")).unwrap();
    symlink(house.dir.path(), music.join("folder")).unwrap();
    symlink("/dev/zero", music.join("zero.flac")).unwrap();
    symlink(".", music.join("loop")).unwrap();
    assert!(Command::new("mkfifo").arg(music.join("pipe.flac")).status().unwrap().success());
    // Only root makes devices.
    let _ = Command::new("mknod").arg(music.join("device.flac")).args(["c", "1", "5"]).output();
    fs::write(music.join("..flac"), fs::read(&song).unwrap()).unwrap();
    fs::write(music.join("x\\..\\..\\outside.flac"), fs::read(&song).unwrap()).unwrap();
    let library = house.scanned();
    let mut found: Vec<_> = all(&library).iter().map(|track| library.path(&track.id).unwrap()).collect();
    found.sort();
    assert_eq!(found, [song.clone(), music.join("x\\..\\..\\outside.flac")]);
    let problems = library.status().problems;
    let said = |name: &str| problems.iter().find(|problem| problem.file.ends_with(name)).unwrap().problem.clone();
    assert!(said("pipe.flac").contains("is a pipe") && said("absolute.flac").contains("it is a link"));
    // Whoever may write there exchanges files after they were found.
    let mine = all(&library).into_iter().find(|track| track.title == "mine").unwrap();
    let exchange = |path: &Path, to: &Path| {
        fs::rename(path, path.with_extension("old")).unwrap();
        symlink(to, path).unwrap();
        let refused = library.open_file(&mine.id).unwrap_err();
        fs::remove_file(path).unwrap();
        fs::rename(path.with_extension("old"), path).unwrap();
        refused
    };
    assert_eq!(exchange(&song, &outside), Error::NotAFile { path: song.clone(), kind: "a link" });
    fs::create_dir(house.dir.path().join("other")).unwrap();
    fs::copy(&song, house.dir.path().join("other/1.flac")).unwrap();
    assert_eq!(exchange(&music.join("a"), &house.dir.path().join("other")), Error::NotFound { path: song.clone() });
    assert!(play(&library, &mine).is_ok());
}

#[test]
fn names_that_are_no_text_and_tags_that_mean_harm_are_borne() {
    let house = House::new();
    let name = OsStr::from_bytes(b"caf\xe9\n\x1b[31m.flac");
    house.song(name, &[]);
    let long = "x".repeat(3_000_000);
    house.song("long.flac", &[("TITLE", &long), ("ARTIST", "a\nb\x1b]0;c\x07")]);
    house.song("number.flac", &[("TITLE", "\u{202e}3pm"), ("TRACKNUMBER", "99999999999999999999")]);
    house.song("year.flac", &[("TITLE", "\0 \u{7}"), ("DATE", "-5000")]);
    fs::write(house.music().join("noise.flac"), vec![b'x'; 100_000]).unwrap();
    fs::write(house.music().join("empty.mp3"), b"").unwrap();
    fs::write(house.music().join("notes.txt"), b"not looked at").unwrap();
    // A tag that says it is as long as can be.
    let bomb = [&b"ID3\x04\0\0\x7f\x7f\x7f\x7fAPIC\x7f\x7f\x7f\x7f\0\0"[..], &[0; 1_000]].concat();
    fs::write(house.music().join("bomb.mp3"), bomb).unwrap();
    let library = house.scanned();
    let titles: Vec<_> = all(&library).into_iter().map(|track| track.title).collect();
    assert_eq!(titles.len(), 4, "{:?}", library.status());
    assert!(titles.iter().all(|title| title.len() <= 400 && !title.contains(char::is_control)), "{titles:?}");
    let mut sorted: Vec<_> = titles.iter().map(|title| &title[..title.len().min(8)]).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ["3pm", "caf\u{fffd} [", "xxxxxxxx", "year"]);
    assert_eq!(search(&library, "x").len(), 1);
    let tracks = all(&library);
    assert!(tracks.iter().all(|track| track.number.is_none() && track.year.is_none()));
    assert!(tracks.iter().any(|track| track.artist.as_deref() == Some("a b]0;c")));
    for track in &tracks {
        assert!(play(&library, track).is_ok(), "{track:?}");
    }
    let mut named: Vec<_> = library.status().problems.iter().map(|problem| problem.file.clone()).collect();
    named.sort();
    assert_eq!(named, ["bomb.mp3", "empty.mp3", "noise.flac"].map(|name| house.music().join(name)));
}

#[test]
fn what_changes_in_the_folder_is_noticed_and_ids_stay() {
    let house = House::new();
    let one = house.song("a/1.flac", &[("TITLE", "one")]);
    let library = house.scanned();
    let id = all(&library)[0].id;
    let version = library.version();
    house.song("new/deep/2.flac", &[("TITLE", "two")]);
    wait(&library, |library| library.status().tracks == 2);
    assert!(library.version() > version);
    house.song("a/1.flac", &[("TITLE", "one, anew")]);
    wait(&library, |library| library.track(&id).is_some_and(|track| track.title == "one, anew"));
    fs::rename(&one, house.music().join("a/moved.flac")).unwrap();
    wait(&library, |library| library.track(&id).is_none() && library.status().tracks == 2);
    assert_eq!(library.open_file(&id).unwrap_err(), Error::NotInLibrary { id: id.to_string() });
    fs::rename(house.music().join("a/moved.flac"), &one).unwrap();
    wait(&library, |library| library.track(&id).is_some());
    let told = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let tells = std::sync::Arc::clone(&told);
    library.on_change(move || tells.store(true, std::sync::atomic::Ordering::Relaxed));
    fs::remove_dir_all(house.music().join("new")).unwrap();
    wait(&library, |library| library.status().tracks == 1);
    assert!(told.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn a_folder_that_is_not_there_is_named_kept_and_waited_for() {
    let house = House::new();
    house.song("1.flac", &[("TITLE", "one")]);
    let id = all(&house.scanned())[0].id;
    // As a disk that is not mounted.
    fs::rename(house.music(), house.dir.path().join("away")).unwrap();
    let library = house.scanned();
    let problems = library.status().problems;
    assert!(
        matches!(&problems[..], [problem] if problem.file == house.music() && problem.problem.contains("not exist"))
    );
    assert_eq!(library.track(&id).unwrap().title, "one", "what was known of it is still known");
    assert!(matches!(library.open_file(&id), Err(Error::NotFound { .. })));
    fs::rename(house.dir.path().join("away"), house.music()).unwrap();
    library.rescan();
    wait(&library, |library| library.status().problems.is_empty());
    assert!(library.open_file(&id).is_ok());
}

/// What the kernel says of how much this process has read.
fn files_read() -> u64 {
    let said = fs::read_to_string("/proc/self/io").unwrap();
    said.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_tracks_are_found_without_a_stall_and_not_read_again() {
    const TRACKS: usize = 10_000;
    let house = House::new();
    let pattern = house.music().join("pattern.flac");
    // Noise, so that a file is much longer than what is kept of it.
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<i32> = (0..2_000).map(|_| random.i32(-30_000..30_000)).collect();
    crate::common::write_flac(&pattern, 48_000, 1, 16, &noise);
    let bytes = fs::read(&pattern).unwrap();
    fs::remove_file(&pattern).unwrap();
    for i in 0..TRACKS {
        let folder = house.music().join(format!("Artist {}/Album {}", i / 200, i / 20));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("Song {i:05}.flac")), &bytes).unwrap();
    }
    let begun = Instant::now();
    let library = house.open();
    let (mut steps, mut slowest) = (Vec::new(), Duration::ZERO);
    while let Some((done, total)) = library.status().scan {
        steps.push((done, total));
        let asked = Instant::now();
        library.tracks(&Query { search: "song 00".into(), limit: 50, ..Query::default() });
        slowest = slowest.max(asked.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(300));
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{TRACKS} tracks in {:?}, slowest answer meanwhile {slowest:?}", begun.elapsed());
    assert!(steps.iter().any(|(done, total)| *done > 0 && *done < *total), "progress is told");
    assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0), "and goes one way");
    let before = all(&library);
    assert_eq!((library.status().tracks, library.status().problems), (TRACKS, Vec::new()));
    assert_eq!(search(&library, "SONG 0999").len(), 11, "00999, and 09990 to 09999");
    drop(library);
    let (read, begun) = (files_read(), Instant::now());
    let library = house.open();
    assert_eq!(library.status().tracks, TRACKS, "all are there at once");
    wait(&library, |library| library.status().scan.is_none());
    println!("again after {:?}", begun.elapsed());
    // The index, and folders; a file of each track would be a multiple.
    let read = files_read() - read;
    assert!(read < (TRACKS * bytes.len() / 4) as u64, "{read} bytes read again, of {}", TRACKS * bytes.len());
    assert_eq!(all(&library), before, "and they are the same");
}

#[test]
fn an_index_that_is_damaged_is_made_anew() {
    let house = House::new();
    house.song("1.flac", &[]);
    let id = all(&house.scanned())[0].id;
    let index = house.dir.path().join("state/library.index");
    let mut bytes = fs::read(&index).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&index, bytes).unwrap();
    assert_eq!(all(&house.scanned())[0].id, id);
    fs::write(&index, b"").unwrap();
    assert_eq!(all(&house.scanned())[0].id, id);
}
