//! What was found in the folders, and what is kept of it on disk: a restart reads no file again that has not changed.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{folder::Stamp, tags::Sound};

/// How the file on disk begins: with the version of what is in it.
const MAGIC: &[u8] = b"unisono library 1\n";

/// What is kept of a million files fits; what is longer is not ours.
const MAX_LEN: u64 = 1 << 30;

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// By the folder as the settings name it.
    pub(super) folders: BTreeMap<PathBytes, Contents>,
}

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    pub(super) files: BTreeMap<PathBytes, Entry>,
    /// The picture in a folder of it.
    pub(super) covers: BTreeMap<PathBytes, (PathBytes, Stamp)>,
}

/// A file that has the name of one with sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) stamp: Stamp,
    /// What is in it, or why it cannot be played.
    pub(super) sound: Result<Sound, String>,
}

/// A path as the system has it, UTF-8 or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PathBytes(Vec<u8>);

impl PathBytes {
    pub(super) fn path(&self) -> PathBuf {
        use std::os::unix::ffi::OsStringExt;
        std::ffi::OsString::from_vec(self.0.clone()).into()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&Path> for PathBytes {
    fn from(path: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self(path.as_os_str().as_bytes().into())
    }
}

impl Index {
    /// Reads what was kept; `None` when nothing was, and an error when it cannot be used.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_LEN).read_to_end(&mut bytes)?;
        Self::parse(&bytes).map(Some).ok_or_else(|| io::Error::other("it is damaged or of another version"))
    }

    /// Writes it so that, whenever the power goes, the old or the new one is there.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(&self.bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    fn bytes(&self) -> Vec<u8> {
        let body = postcard::to_allocvec(self).expect("it has no failing serializer");
        [MAGIC, digest(&SHA256, &body).as_ref(), &body].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (sum, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
        (digest(&SHA256, body).as_ref() == sum).then(|| postcard::from_bytes(body).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn some() -> Index {
        let name = PathBytes::from(Path::new(OsStr::from_bytes(b"caf\xe9/1.flac")));
        let sound = Sound { title: "One".into(), artist: Some("Two".into()), number: Some(3), ..Sound::default() };
        let stamp = Stamp { len: 5, changed: -7 };
        let broken = Entry { stamp, sound: Err("it is broken".into()) };
        let files = [(name, Entry { stamp, sound: Ok(sound) }), (Path::new("b").into(), broken)];
        let contents = Contents { files: files.into(), covers: BTreeMap::new() };
        Index { folders: [(Path::new("/music").into(), contents)].into() }
    }

    #[test]
    fn what_is_kept_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library.index");
        assert_eq!(Index::load(&path).unwrap(), None);
        Index::default().save(&path).unwrap();
        some().save(&path).unwrap();
        assert_eq!(Index::load(&path).unwrap(), Some(some()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_damaged_index_is_noticed_wherever_the_damage_is() {
        let whole = some().bytes();
        assert_eq!(Index::parse(&whole), Some(some()));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert_eq!(Index::parse(&bytes), None, "byte {at}");
            assert_eq!(Index::parse(&whole[..at]), None, "cut at {at}");
        }
    }
}
