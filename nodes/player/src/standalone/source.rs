//! What a node has to play on its own.

use std::{
    fmt, fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use unisono_core::units::SampleRate;
use unisono_media::RawFormat;

use super::{pipe::Pipe, playlist::Playlist};

/// What comes of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// So many frames.
    Frames(usize),
    /// Another piece begins, called so.
    Piece(String),
    /// Nothing now; perhaps later.
    Nothing,
    /// Nothing any more.
    Over,
}

/// Something that can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// Where it is.
    pub place: Place,
    /// How samples are laid out that come without a header.
    pub format: RawFormat,
    /// Whether a folder is shuffled.
    pub shuffle: bool,
}

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder, a file or a FIFO, whichever is there.
    Path(PathBuf),
    /// Standard input.
    StandardInput,
}

impl Place {
    /// As it is written in settings: `-` is standard input.
    pub fn written(text: &str) -> Self {
        if text == "-" { Self::StandardInput } else { Self::Path(text.into()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(out),
            Self::StandardInput => out.write_str("standard input"),
        }
    }
}

/// Something that is being played.
pub(super) enum Source {
    Files(Box<Playlist>),
    Pipe(Box<Pipe>),
}

impl Source {
    /// Opens it.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub(super) fn open(material: &Material, rate: SampleRate) -> Result<Self, String> {
        let Material { place, format, shuffle } = material;
        let named = |error: std::io::Error| format!("{place}: {error}");
        match place {
            Place::StandardInput => Pipe::stdin(*format, rate).map(Self::pipe).map_err(named),
            Place::Path(path) => match kind_of(path) {
                Kind::Folder => Playlist::folder(path, rate, *shuffle).map(Self::files),
                Kind::Fifo => Pipe::fifo(path, *format, rate).map(Self::pipe).map_err(named),
                Kind::File => Playlist::file(path, rate).map(Self::files),
            },
        }
    }

    fn files(playlist: Playlist) -> Self {
        Self::Files(Box::new(playlist))
    }

    fn pipe(pipe: Pipe) -> Self {
        Self::Pipe(Box::new(pipe))
    }

    /// Reads on.
    pub(super) fn read(&mut self, out: &mut [f32]) -> Read {
        match self {
            Self::Files(playlist) => playlist.read(out),
            Self::Pipe(pipe) => pipe.read(out),
        }
    }

    /// Leaves the rest of the piece in hand; `false` where there are none.
    pub(super) fn skip(&mut self) -> bool {
        match self {
            Self::Files(playlist) => {
                playlist.skip();
                true
            }
            Self::Pipe(_) => false,
        }
    }

    /// Whether there is a next piece to go to.
    pub(super) const fn has_pieces(&self) -> bool {
        matches!(self, Self::Files(_))
    }
}

enum Kind {
    Folder,
    Fifo,
    /// Or nothing, of which opening it says why.
    File,
}

fn kind_of(path: &Path) -> Kind {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Kind::Folder,
        Ok(found) if found.file_type().is_fifo() => Kind::Fifo,
        _ => Kind::File,
    }
}
