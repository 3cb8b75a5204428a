//! Files of a music library.

use std::{fs, time::Duration};

use unisono_core::units::SampleRate;
use unisono_media::{
    FileSource, Source,
    library::{Library, LibrarySettings, Query},
};

use crate::state::folder;

/// Enough to hear all of a small file, and not all of one that claims to be silent for hours.
const READS: usize = 64;

/// A music file: played, then from its middle, then from behind its end.
pub fn music_file(data: &[u8]) {
    let folder = folder();
    let path = folder.path().join("music");
    fs::write(&path, data).expect("the folder is ours");
    let Ok(mut source) = FileSource::open(&path, SampleRate::HZ_48000, 2) else { return };
    let mut out = vec![0.0; 4_096];
    let middle = source.description().frames.unwrap_or(2_000) / 2;
    for from in [0, middle, u64::MAX] {
        if from > 0 && source.seek(from).is_err() {
            return;
        }
        for _ in 0..READS {
            match source.read(&mut out) {
                Ok(0) | Err(_) => break,
                Ok(frames) => {
                    assert!(frames * 2 <= out.len());
                    assert!(out[..frames * 2].iter().all(|sample| sample.is_finite()));
                }
            }
        }
    }
}

/// A music file as a library takes it up: with its tags, in bounds, and its picture.
pub fn library_file(data: &[u8]) {
    let folder = folder();
    let music = folder.path().join("music");
    fs::create_dir(&music).expect("the folder is ours");
    fs::write(music.join("a.mp3"), data).expect("the folder is ours");
    let settings = LibrarySettings { folders: vec![music], state: folder.path().into() };
    let library = Library::open(settings).expect("there are threads");
    let mut version = library.version();
    while library.status().scan.is_some() {
        version = library.wait_for_change(version, Duration::from_millis(10));
    }
    let status = library.status();
    assert_eq!(status.tracks + status.problems.len(), 1);
    for track in library.tracks(&Query { limit: 9, ..Query::default() }).items {
        let texts = [Some(track.title), track.artist, track.album, track.album_artist, track.genre];
        for text in texts.iter().flatten() {
            assert!(!text.is_empty() && text.len() <= 400 && !text.contains(char::is_control));
        }
        assert!(track.rate > 0 && track.channels > 0);
        assert!(library.open_file(&track.id).is_ok());
        if let Some(cover) = track.cover.and_then(|id| library.cover(&id)) {
            assert!(matches!(cover.mime, "image/jpeg" | "image/png"));
        }
    }
}
