//! What there is to play on the hub's machine.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LibraryView {
    /// The folders that it has.
    pub folders: Vec<String>,
    /// Tracks in them.
    pub tracks: usize,
    /// Albums.
    pub albums: usize,
    /// Artists.
    pub artists: usize,
    /// How far it is while the folders are looked through.
    pub scan: Option<ScanView>,
    /// What cannot be played, and why; a hundred at most.
    pub problems: Vec<ProblemView>,
}

/// How far a scan is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanView {
    /// Files that were looked at.
    pub done: usize,
    /// Of so many; 0 while they are counted.
    pub total: usize,
}

/// A file, or a folder, that is of no use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProblemView {
    /// Which.
    pub file: String,
    /// One line: what is wrong with it, and what to try.
    pub problem: String,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageView<T> {
    /// How many there are in all.
    pub total: usize,
    /// Those that were asked for.
    pub items: Vec<T>,
}

/// A piece of music.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrackView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Who plays.
    pub artist: Option<String>,
    /// The album it is on.
    pub album: Option<String>,
    /// The album's id.
    pub album_id: Option<String>,
    /// Where on the disc.
    pub number: Option<u32>,
    /// Which disc.
    pub disc: Option<u32>,
    /// When it came out.
    pub year: Option<u32>,
    /// What kind of music it is.
    pub genre: Option<String>,
    /// How long it is.
    pub length_s: Option<f64>,
    /// Where its picture is.
    pub cover: Option<String>,
    /// How it is coded.
    pub codec: String,
    /// Frames per second.
    pub rate: u32,
    /// Channels.
    pub channels: u32,
}

/// Tracks that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlbumView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whose it is; several artists' is nobody's.
    pub artist: Option<String>,
    /// When it came out.
    pub year: Option<u32>,
    /// How many tracks it has here.
    pub tracks: usize,
    /// How long they are together.
    pub length_s: f64,
    /// Where its picture is.
    pub cover: Option<String>,
}

/// An album, and what is on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlbumTracksView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whose it is; several artists' is nobody's.
    pub artist: Option<String>,
    /// When it came out.
    pub year: Option<u32>,
    /// By disc and number.
    pub tracks: Vec<TrackView>,
    /// How long they are together.
    pub length_s: f64,
    /// Where its picture is.
    pub cover: Option<String>,
}

/// Somebody who plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ArtistView {
    /// The name.
    pub name: String,
    /// Albums with something of theirs on it.
    pub albums: usize,
    /// Tracks of theirs.
    pub tracks: usize,
}
