//! What people look through: tracks, albums and artists, made anew from the index whenever that has changed, and never
//! changed itself. So whoever looks waits for nobody.

mod albums;
mod find;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub use self::find::{Page, Query};
use super::{
    covers::{self, Place},
    ids::{AlbumId, CoverId, TrackId},
    index::{Contents, Entry, Index, PathBytes},
    tags::Sound,
    text::folded,
};

/// A piece of music.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// From its tags, or its name.
    pub title: String,
    /// Who plays.
    pub artist: Option<String>,
    /// The album it is on.
    pub album: Option<String>,
    /// Whose album that is.
    pub album_artist: Option<String>,
    /// The album's id.
    pub album_id: Option<AlbumId>,
    /// Where on the disc.
    pub number: Option<u32>,
    /// Which disc.
    pub disc: Option<u32>,
    /// When it came out.
    pub year: Option<u32>,
    /// What kind of music it is.
    pub genre: Option<String>,
    /// How long it is, when the file says so.
    pub length_s: Option<f64>,
    /// Its picture.
    pub cover: Option<CoverId>,
    /// How it is coded, for people.
    pub codec: String,
    /// Frames per second.
    pub rate: u32,
    /// Channels in the file.
    pub channels: u32,
}

/// Tracks that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Album {
    /// Its id.
    pub id: AlbumId,
    /// What it is called.
    pub title: String,
    /// Whose it is; several artists' is nobody's.
    pub artist: Option<String>,
    /// When it came out: the earliest year of its tracks.
    pub year: Option<u32>,
    /// How many tracks it has here.
    pub tracks: usize,
    /// How long they are together, as far as that is known.
    pub length_s: f64,
    /// Its picture: the first of its tracks'.
    pub cover: Option<CoverId>,
}

/// Somebody who plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artist {
    /// The name.
    pub name: String,
    /// Albums with something of theirs on it.
    pub albums: usize,
    /// Tracks of theirs.
    pub tracks: usize,
}

/// A file of the library that is no track, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, or the folder.
    pub file: PathBuf,
    /// One line: what is wrong with it, and what to try.
    pub problem: String,
}

/// So many problems are told.
pub(super) const MAX_PROBLEMS: usize = 100;

/// A track, where it is, and how it is found.
#[derive(Debug)]
struct Known {
    track: Track,
    folder: PathBuf,
    path: PathBuf,
    /// Everything that can be searched, folded.
    text: String,
    /// Artist and album artist, folded.
    artists: [String; 2],
}

#[derive(Debug)]
struct KnownAlbum {
    album: Album,
    /// In their order on it.
    tracks: Vec<usize>,
    text: String,
    artist: String,
}

#[derive(Debug)]
struct KnownArtist {
    artist: Artist,
    text: String,
}

/// Everything, in the order in which it is listed.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    tracks: Vec<Known>,
    by_id: HashMap<TrackId, usize>,
    albums: Vec<KnownAlbum>,
    albums_by_id: HashMap<AlbumId, usize>,
    artists: Vec<KnownArtist>,
    covers: HashMap<CoverId, (PathBuf, Place)>,
    problems: Vec<Problem>,
}

impl Catalogue {
    /// Made from what was found, and what could not be looked at.
    pub(super) fn new(index: &Index, unread: &[Problem]) -> Self {
        let mut catalogue = Self { problems: unread.iter().take(MAX_PROBLEMS).cloned().collect(), ..Self::default() };
        for (folder, contents) in &index.folders {
            let root = folder.path();
            for (path, entry) in &contents.files {
                catalogue.take(folder, &root, path, entry, contents);
            }
        }
        albums::assign(&mut catalogue.tracks);
        catalogue.tracks.sort_by_cached_key(|known| {
            let track = &known.track;
            let artist = if known.artists[1].is_empty() { &known.artists[0] } else { &known.artists[1] };
            let album = track.album.as_deref().map(folded);
            (artist.clone(), album, track.disc, track.number, folded(&track.title), known.path.clone())
        });
        catalogue.by_id = catalogue.tracks.iter().enumerate().map(|(i, known)| (known.track.id, i)).collect();
        catalogue.albums = albums::albums(&catalogue.tracks);
        let albums = catalogue.albums.iter().enumerate();
        catalogue.albums_by_id = albums.map(|(i, known)| (known.album.id, i)).collect();
        catalogue.artists = albums::artists(&catalogue.tracks);
        catalogue
    }

    fn take(&mut self, folder: &PathBytes, root: &Path, path: &PathBytes, entry: &Entry, contents: &Contents) {
        let place = path.path();
        let sound = match &entry.sound {
            Ok(sound) => sound,
            Err(problem) => {
                if self.problems.len() < MAX_PROBLEMS {
                    self.problems.push(Problem { file: root.join(place), problem: problem.clone() });
                }
                return;
            }
        };
        let beside = place.parent().and_then(|parent| contents.covers.get(&PathBytes::from(parent)));
        let cover = match (sound.cover, beside) {
            (Some(id), _) => Some((id, Place::Within(place.clone()))),
            (None, Some((picture, stamp))) => {
                let picture = picture.path();
                Some((covers::id_of_file(root, &picture, *stamp), Place::Beside(picture)))
            }
            (None, None) => None,
        };
        let id = TrackId::of(&[folder.as_bytes(), path.as_bytes()]);
        let track = track(id, sound, cover.as_ref().map(|(id, _)| *id));
        if let Some((id, place)) = cover {
            self.covers.entry(id).or_insert_with(|| (root.into(), place));
        }
        let fold = |text: &Option<String>| text.as_deref().map_or_else(String::new, folded);
        let artists = [fold(&track.artist), fold(&track.album_artist)];
        let text =
            [&folded(&track.title), &artists[0], &artists[1], &fold(&track.album)].map(String::as_str).join("\n");
        self.tracks.push(Known { track, folder: root.into(), path: place, text, artists });
    }

    pub(super) fn track(&self, id: TrackId) -> Option<&Track> {
        self.by_id.get(&id).map(|i| &self.tracks[*i].track)
    }

    /// The folder that a track is in, and where in it.
    pub(super) fn place(&self, id: TrackId) -> Option<(&Path, &Path)> {
        self.by_id.get(&id).map(|i| (&*self.tracks[*i].folder, &*self.tracks[*i].path))
    }

    pub(super) fn album(&self, id: AlbumId) -> Option<(Album, Vec<Track>)> {
        let known = &self.albums[*self.albums_by_id.get(&id)?];
        Some((known.album.clone(), known.tracks.iter().map(|i| self.tracks[*i].track.clone()).collect()))
    }

    pub(super) fn cover(&self, id: CoverId) -> Option<&(PathBuf, Place)> {
        self.covers.get(&id)
    }

    /// How many tracks, albums and artists there are.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.tracks.len(), self.albums.len(), self.artists.len())
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn track(id: TrackId, sound: &Sound, cover: Option<CoverId>) -> Track {
    let sound = sound.clone();
    Track {
        id,
        title: sound.title,
        artist: sound.artist,
        album: sound.album,
        album_artist: sound.album_artist,
        album_id: None,
        number: sound.number,
        disc: sound.disc,
        year: sound.year,
        genre: sound.genre,
        length_s: sound.frames.map(|frames| frames as f64 / f64::from(sound.rate)),
        cover,
        codec: sound.codec,
        rate: sound.rate,
        channels: sound.channels,
    }
}
