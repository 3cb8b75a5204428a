//! What can be played.

use serde::{Deserialize, Serialize};
use unisono_core::time::Nanos;

/// Where something comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaKind {
    /// A file that was named by its path.
    #[default]
    File,
    /// A track of the library.
    Track,
    /// A station of the household.
    Station,
    /// An input of the hub.
    Source,
}

/// Something that a group plays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What people read.
    pub title: String,
    /// Where it is, for the driver: a path, the name of a track or an input, the URL of a station.
    pub location: String,
    /// How long it is at the stream's rate, when that is known.
    pub frames: Option<u64>,
    /// Where it comes from.
    pub kind: MediaKind,
    /// What the library knows of it.
    pub track: Option<Box<Track>>,
}

/// A track as the library knows it. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Its name in the library.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whose it is.
    pub artist: Option<String>,
    /// What it was published on.
    pub album: Option<String>,
    /// The name of that in the library.
    pub album_id: Option<String>,
    /// Which track of the album.
    pub number: Option<u32>,
    /// Which disc of the album.
    pub disc: Option<u32>,
    /// When it was published.
    pub year: Option<u32>,
    /// What kind of music.
    pub genre: Option<String>,
    /// How long it is.
    pub length: Option<Nanos>,
    /// Its picture, as the API names it.
    pub cover: Option<String>,
    /// How it is coded, for people.
    pub codec: String,
    /// Frames per second.
    pub rate: u32,
    /// Samples in a frame.
    pub channels: u32,
}
