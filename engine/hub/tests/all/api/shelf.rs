//! A library for tests: a folder, whose files are tracks and whose folders are albums.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;
use unisono_core::{time::Nanos, units::SampleRate};
use unisono_hub::{
    engine::{Catalogue, PlayError},
    house::Track,
};
use unisono_media::{FileSource, Source};

/// The folder.
pub(crate) struct Shelf(Arc<TempDir>);

struct Library(Arc<TempDir>);

impl Shelf {
    pub(crate) fn new() -> Self {
        Self(Arc::new(TempDir::new().unwrap()))
    }

    pub(crate) fn catalogue(&self) -> Arc<dyn Catalogue> {
        Arc::new(Library(Arc::clone(&self.0)))
    }

    /// Puts a file there; its name is the id of the track.
    pub(crate) fn put(&self, id: &str, file: &Path) {
        let path = self.path(id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // All at once, for who looks for it.
        let parts = path.with_extension("part");
        fs::copy(file, &parts).unwrap();
        fs::rename(parts, path).unwrap();
    }

    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.0.path().join(id)
    }
}

impl Library {
    fn path(&self, id: &str) -> Option<PathBuf> {
        let plain = !id.is_empty() && !id.contains("..") && !id.starts_with('/');
        Some(self.0.path().join(id)).filter(|path| plain && path.exists())
    }
}

impl Catalogue for Library {
    fn track(&self, id: &str) -> Option<Track> {
        let path = self.path(id).filter(|path| path.is_file())?;
        let source = FileSource::open(path, SampleRate::HZ_48000, 2).ok();
        let frames = source.as_ref().and_then(|source| source.description().frames);
        let seconds = frames.and_then(|frames| i64::try_from(frames).ok()).map(Nanos::from_secs);
        Some(Track {
            id: id.into(),
            title: id.into(),
            artist: Some("somebody".into()),
            length: seconds.map(|seconds| seconds / 48_000),
            rate: source.map_or(0, |source| source.description().original_rate),
            ..Track::default()
        })
    }

    fn album(&self, id: &str) -> Option<Vec<Track>> {
        let files = fs::read_dir(self.path(id)?).ok()?;
        let names = files.map(|file| format!("{id}/{}", file.unwrap().file_name().to_string_lossy()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Some(names.iter().filter_map(|name| self.track(name)).collect())
    }

    fn has_source(&self, _: &str) -> bool {
        false
    }

    fn source_problem(&self, _: &str) -> Option<String> {
        None
    }

    fn open_track(&self, id: &str, rate: SampleRate, channels: u8) -> Result<Box<dyn Source>, PlayError> {
        let path = self.path(id).ok_or_else(|| PlayError::Gone(format!("track {id}")))?;
        Ok(Box::new(FileSource::open(path, rate, channels)?))
    }

    /// Stations whose name ends in `.wav` answer as soon as there is such a file; that one was called is seen by another.
    fn open_station(&self, url: &str, rate: SampleRate, channels: u8) -> Result<Box<dyn Source>, PlayError> {
        let name = url.rsplit('/').next().filter(|name| name.ends_with(".wav"));
        let name = name.ok_or_else(|| PlayError::Station(format!("{url} does not answer")))?;
        fs::write(self.0.path().join(name).with_extension("called"), []).unwrap();
        loop {
            if let Some(path) = self.path(name) {
                return Ok(Box::new(FileSource::open(path, rate, channels)?));
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    fn open_source(&self, name: &str, _: SampleRate, _: u8) -> Result<Box<dyn Source>, PlayError> {
        Err(PlayError::Gone(format!("source {name}")))
    }
}
