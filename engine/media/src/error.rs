//! Why sound could not be read: one line for a person, with what to try.

use std::{io, path::PathBuf};

/// What files can hold.
pub(crate) const SUPPORTED: &str = "WAV, FLAC, AIFF, MP3, M4A (AAC or ALAC), AAC, Ogg Vorbis or Ogg Opus";

/// Why sound could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No source mixes to so many channels.
    #[error("sound can be had in 1 or 2 channels, not in {channels}")]
    Channels {
        /// What was asked for.
        channels: u8,
    },
    /// Nothing in it can be decoded.
    #[error("{path:?} is damaged and nothing in it can be played ({reason}); try another copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// It holds no sound.
    #[error("{path:?} is empty; try another copy")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There is no sound in it that is known: a film without any, a picture.
    #[error("{path:?} holds no sound that this program knows; name a file with {SUPPORTED} in it")]
    NoSound {
        /// The file.
        path: PathBuf,
    },
    /// A live input cannot be had.
    #[error("source {name:?} cannot be opened: {reason}")]
    Input {
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
    },
    /// The path names something that is not a regular file. It was not opened.
    #[error("{path:?} is {kind}, not a file; name one with {SUPPORTED} in it")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A folder of the library is none.
    #[error("{path:?} is not a folder; name one with music in it")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The library has no such track.
    #[error("the library has no track {id}; it may have been moved or removed, search for it anew")]
    NotInLibrary {
        /// What was asked for.
        id: String,
    },
    /// There is nothing of that name.
    #[error("{path:?} does not exist; check the name")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Its format is not known.
    #[error("{path:?} is not recognised as sound; use {SUPPORTED}")]
    NotRecognised {
        /// The file.
        path: PathBuf,
    },
    /// This user may not read it.
    #[error("{path:?} may not be read by the user that Unisono runs as; change its permissions")]
    Permission {
        /// The path.
        path: PathBuf,
    },
    /// The system could not read it.
    #[error("{path:?} cannot be read ({reason}); check the disk or the network")]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What a URL leads to cannot be had or played.
    #[error("{url} cannot be played: {reason}")]
    Station {
        /// The URL, without what is secret in it.
        url: String,
        /// Why, and what to try.
        reason: String,
    },
    /// It holds sound that cannot be decoded or played.
    #[error("{path:?} holds {what}, which is not supported; convert it to {SUPPORTED}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: String,
    },
}

impl Error {
    /// What the system says of a path.
    pub(crate) fn from_io(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::IsADirectory => Self::NotAFile { path, kind: "a directory" },
            _ => Self::Read { path, reason: error.to_string() },
        }
    }
}
