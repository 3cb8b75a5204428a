//! What a hub wants back after a restart: who plays what where, how loud, and how far.
//!
//! A small table of named values, whatever they mean to the hub, in one file of two copies (`session.state.a`,
//! `session.state.b`). It is written every few seconds while music plays, so it does not go through the database: a
//! durable transaction there costs several flushes, and one that is not durable does not outlast a crash.
//!
//! Losing it costs the position in a song, so a damaged file is set aside and named, and the hub starts without it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use crate::generations::Outlast;
use crate::{
    Error,
    generations::{Generations, Kind},
};

/// The most that is kept: keys and values together, in bytes.
pub const MAX_SESSION_LEN: usize = 4 * 1024 * 1024;

/// The same for queues. Those of a large household, full to the brim, are shorter.
pub const MAX_QUEUES_LEN: usize = 64 * 1024 * 1024;

/// The session state of one hub.
#[derive(Debug)]
pub struct SessionStore {
    files: Generations,
    limit: usize,
    values: BTreeMap<String, Vec<u8>>,
    /// What the values as they are now outlast; `None` while they are in memory only.
    saved: Option<Outlast>,
}

impl SessionStore {
    /// Reads the session state in a hub's folder, which the hub has opened before.
    ///
    /// # Errors
    /// When a file cannot be read or moved, or is in a newer format than this build knows.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_kind(folder, &STATE_FILE, MAX_SESSION_LEN)
    }

    /// Reads the queues in a hub's folder (`queues.state.a`, `queues.state.b`): too long to be written as often as the
    /// rest.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_queues(folder: &Path) -> Result<Self, Error> {
        Self::open_kind(folder, &QUEUES_FILE, MAX_QUEUES_LEN)
    }

    fn open_kind(folder: &Path, kind: &'static Kind, limit: usize) -> Result<Self, Error> {
        let read = match Generations::open(folder, kind) {
            Ok((files, None)) => Some((files, BTreeMap::new())),
            Ok((files, Some(payload))) => postcard::from_bytes(&payload).ok().map(|values| (files, values)),
            Err(Error::StateDamaged { .. }) => None,
            Err(other) => return Err(other),
        };
        let (files, values) = match read {
            Some(read) => read,
            None => (Generations::open_anew(folder, kind)?, BTreeMap::new()),
        };
        // What was read may be in the system's memory only.
        Ok(Self { files, limit, values, saved: Some(Outlast::Crash) })
    }

    /// Sets a value in memory; [`save`](Self::save) writes it.
    ///
    /// # Errors
    /// When the state would be longer than [`MAX_SESSION_LEN`], or [`MAX_QUEUES_LEN`]. The value is then as it was.
    pub fn put(&mut self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        let others = self.values.iter().filter(|(other, _)| other.as_str() != key);
        let size = others.map(|(key, value)| key.len() + value.len()).sum::<usize>() + key.len() + value.len();
        if size > self.limit {
            return Err(Error::SessionTooLarge { size, limit: self.limit });
        }
        if self.get(key) != Some(&value) {
            self.values.insert(key.into(), value);
            self.saved = None;
        }
        Ok(())
    }

    /// Removes a value from memory.
    pub fn remove(&mut self, key: &str) {
        if self.values.remove(key).is_some() {
            self.saved = None;
        }
    }

    /// Writes what has changed, if anything has.
    ///
    /// # Errors
    /// When it cannot be written. What was saved before is still there.
    pub fn save(&mut self, outlast: Outlast) -> Result<(), Error> {
        if self.saved < Some(outlast) {
            let payload = postcard::to_allocvec(&self.values).expect("the table has no failing serializer");
            self.files.write(&payload, outlast)?;
            self.saved = Some(outlast);
        }
        Ok(())
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// All values, by their keys.
    pub fn values(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// Files that were damaged, kept under these names.
    pub fn damaged(&self) -> &[PathBuf] {
        self.files.damaged()
    }
}

/// Twice the values' limit leaves room for their lengths.
static STATE_FILE: Kind = Kind { name: "session.state", magic: *b"UNISSESS", format: 1, limit: 2 * MAX_SESSION_LEN };

static QUEUES_FILE: Kind = Kind { name: "queues.state", magic: *b"UNISQUEU", format: 1, limit: 2 * MAX_QUEUES_LEN };

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_saved_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        for outlast in [Outlast::Crash, Outlast::PowerLoss] {
            let mut store = SessionStore::open(dir.path()).unwrap();
            store.put("volume", format!("{outlast:?}").into()).unwrap();
            store.put("gone", vec![1]).unwrap();
            store.remove("gone");
            store.save(outlast).unwrap();
            let store = SessionStore::open(dir.path()).unwrap();
            assert_eq!(store.get("volume"), Some(format!("{outlast:?}").as_bytes()));
            assert_eq!(store.get("gone"), None);
        }
    }

    #[test]
    fn a_save_writes_when_there_is_something_to_write() {
        let dir = tempfile::tempdir().unwrap();
        let written = || ["a", "b"].map(|copy| fs::read(dir.path().join(format!("session.state.{copy}"))).ok());
        let mut store = SessionStore::open(dir.path()).unwrap();
        store.save(Outlast::Crash).unwrap();
        assert_eq!(written(), [None, None]);
        store.put("position", vec![1]).unwrap();
        store.save(Outlast::Crash).unwrap();
        let first = written();
        store.put("position", vec![1]).unwrap();
        store.save(Outlast::Crash).unwrap();
        assert_eq!(written(), first);
        store.save(Outlast::PowerLoss).unwrap();
        assert_ne!(written(), first, "what has only outlasted a crash is to outlast the power");
    }

    #[test]
    fn damage_is_set_aside_and_the_hub_starts() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("session.state.a"), "noise").unwrap();
        fs::write(dir.path().join("session.state.b"), "").unwrap();
        let mut store = SessionStore::open(dir.path()).unwrap();
        assert_eq!(store.damaged().len(), 2);
        assert_eq!(fs::read(&store.damaged()[0]).unwrap(), b"noise");
        store.put("volume", vec![7]).unwrap();
        store.save(Outlast::Crash).unwrap();
        assert_eq!(SessionStore::open(dir.path()).unwrap().get("volume"), Some([7].as_slice()));
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        static NEWER: Kind = Kind { format: 2, ..STATE_FILE };
        let dir = tempfile::tempdir().unwrap();
        Generations::open_anew(dir.path(), &NEWER).unwrap().write(b"x", Outlast::PowerLoss).unwrap();
        assert!(matches!(SessionStore::open(dir.path()), Err(Error::NewerState { .. })));
    }

    #[test]
    fn the_state_has_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SessionStore::open(dir.path()).unwrap();
        store.put("queue", vec![1; MAX_SESSION_LEN - 10]).unwrap();
        assert!(matches!(store.put("more", vec![1; 10]), Err(Error::SessionTooLarge { .. })));
        store.put("queue", vec![2; MAX_SESSION_LEN - 10]).unwrap();
        store.save(Outlast::Crash).unwrap();
        assert_eq!(SessionStore::open(dir.path()).unwrap().get("queue").unwrap().len(), MAX_SESSION_LEN - 10);
    }
}
