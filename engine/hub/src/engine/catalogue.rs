//! What a queue can hold beside files: the library, stations, the hub's own inputs.

use unisono_core::units::SampleRate;
use unisono_media::Source;

use super::PlayError;
use crate::house::Track;

/// Knows tracks and inputs, and opens them and stations. Whoever has a library or plays stations gives one to the
/// engine.
pub trait Catalogue: Send + Sync {
    /// A track.
    fn track(&self, id: &str) -> Option<Track>;

    /// The tracks of an album in their order; `None` when there is no such album.
    fn album(&self, id: &str) -> Option<Vec<Track>>;

    /// Whether there is an input of this name.
    fn has_source(&self, name: &str) -> bool;

    /// Why nothing comes from an input, in one line; `None` when it works, or waits for somebody who writes.
    fn source_problem(&self, name: &str) -> Option<String>;

    /// Opens a track, for a stream of this rate and so many channels. May wait for a disk.
    ///
    /// # Errors
    /// When it is gone or cannot be played.
    fn open_track(&self, id: &str, rate: SampleRate, channels: u8) -> Result<Box<dyn Source>, PlayError>;

    /// Calls a station. May wait for the network.
    ///
    /// # Errors
    /// When it does not answer or cannot be played.
    fn open_station(&self, url: &str, rate: SampleRate, channels: u8) -> Result<Box<dyn Source>, PlayError>;

    /// Opens an input.
    ///
    /// # Errors
    /// When there is none of this name or it cannot be read.
    fn open_source(&self, name: &str, rate: SampleRate, channels: u8) -> Result<Box<dyn Source>, PlayError>;
}

/// No library, no stations, no inputs.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Catalogue for Nothing {
    fn track(&self, _: &str) -> Option<Track> {
        None
    }

    fn album(&self, _: &str) -> Option<Vec<Track>> {
        None
    }

    fn has_source(&self, _: &str) -> bool {
        false
    }

    fn source_problem(&self, _: &str) -> Option<String> {
        None
    }

    fn open_track(&self, id: &str, _: SampleRate, _: u8) -> Result<Box<dyn Source>, PlayError> {
        Err(PlayError::Gone(format!("track {id}")))
    }

    fn open_station(&self, url: &str, _: SampleRate, _: u8) -> Result<Box<dyn Source>, PlayError> {
        Err(PlayError::Gone(format!("station {url}")))
    }

    fn open_source(&self, name: &str, _: SampleRate, _: u8) -> Result<Box<dyn Source>, PlayError> {
        Err(PlayError::Gone(format!("source {name}")))
    }
}
