//! What this hub has to play beside files: its library, its live inputs, stations.

use std::sync::Arc;

use unisono_api::PREFIX;
use unisono_core::{time::Nanos, units::SampleRate};
use unisono_media::{FileSource, Source, library};

use super::{Catalogue, PlayError};
use crate::{house::Track, sources::Sources};

/// The hub's own catalogue.
pub(super) struct Shelf {
    pub(super) library: library::Library,
    pub(super) sources: Arc<Sources>,
}

impl Catalogue for Shelf {
    fn track(&self, id: &str) -> Option<Track> {
        self.library.track(&id.parse().ok()?).map(of_library)
    }

    fn album(&self, id: &str) -> Option<Vec<Track>> {
        let (_, tracks) = self.library.album(&id.parse().ok()?)?;
        Some(tracks.into_iter().map(of_library).collect())
    }

    fn has_source(&self, name: &str) -> bool {
        self.sources.has(name)
    }

    fn source_problem(&self, name: &str) -> Option<String> {
        self.sources.problem(name)
    }

    fn open_track(&self, id: &str, rate: SampleRate, channels: u8) -> Result<Box<dyn Source>, PlayError> {
        let gone = || PlayError::Gone(format!("track {id}"));
        let id = id.parse().map_err(|_| gone())?;
        let path = self.library.path(&id).ok_or_else(gone)?;
        let source = FileSource::from_file(self.library.open_file(&id)?, path, rate, channels)?;
        Ok(Box::new(source))
    }

    fn open_station(&self, url: &str, _: SampleRate, _: u8) -> Result<Box<dyn Source>, PlayError> {
        Ok(self.sources.station(url)?)
    }

    fn open_source(&self, name: &str, _: SampleRate, _: u8) -> Result<Box<dyn Source>, PlayError> {
        self.sources.live(name).map_err(|error| PlayError::Station(error.to_string()))
    }
}

fn of_library(track: library::Track) -> Track {
    Track {
        id: track.id.to_string(),
        title: track.title,
        artist: track.artist,
        album: track.album,
        album_id: track.album_id.map(|id| id.to_string()),
        number: track.number,
        disc: track.disc,
        year: track.year,
        genre: track.genre,
        length: track.length_s.map(Nanos::from_secs_f64),
        cover: track.cover.map(|id| format!("{PREFIX}/library/covers/{id}")),
        codec: track.codec,
        rate: track.rate,
        channels: track.channels,
    }
}
