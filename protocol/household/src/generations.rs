//! A small file in two copies. The newer intact one counts; what is written goes to the other.
//!
//! `node.state` lives in `node.state.a` and `node.state.b`. Each copy is
//!
//! | bytes | what |
//! |---|---|
//! | 8 | what kind of file |
//! | 2 | the format of the payload (big-endian) |
//! | 8 | the generation, one more with each write (big-endian) |
//! | … | the payload |
//! | 32 | SHA-256 of everything before |
//!
//! Only the payload changes with the format, so a build can tell a newer format from damage.

use std::{
    cmp::Ordering,
    io::Write,
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};

use crate::{Error, files};

/// What distinguishes one kind of state file from another.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The file's name without the copy's letter.
    pub(crate) name: &'static str,
    pub(crate) magic: [u8; 8],
    /// The format that this build writes, and the only one that it reads.
    pub(crate) format: u16,
    /// The largest payload, in bytes.
    pub(crate) limit: usize,
}

/// How much a write is to outlast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlast {
    /// The end of this program, however it ends. The system writes it to the disk when it sees fit (on Linux within
    /// half a minute), which spares an SD card when it happens every few seconds.
    Crash,
    /// The loss of power at any moment from the return of the write on.
    PowerLoss,
}

/// The two copies.
#[derive(Debug)]
pub(crate) struct Generations {
    kind: &'static Kind,
    /// The copy that is written next, and the other.
    paths: [PathBuf; 2],
    generation: u64,
    /// Whether the other copy is known to be on the disk, not in the system's memory only.
    other_is_safe: bool,
    damaged: Vec<PathBuf>,
}

impl Generations {
    /// Finds the newest intact copy and gives its payload; `None` when neither copy exists.
    ///
    /// A copy that is damaged is kept beside the good one as `….damaged`.
    ///
    /// # Errors
    /// When no copy is intact though there is one, or the newest is in a format that this build does not know.
    pub(crate) fn open(folder: &Path, kind: &'static Kind) -> Result<(Self, Option<Vec<u8>>), Error> {
        let mut this = Self::unread(folder, kind);
        let (mut other, mut newest) = (this.read_copy(0)?, this.read_copy(1)?);
        if other.rank() > newest.rank() {
            (other, newest) = (newest, other);
            this.paths.swap(0, 1);
        }
        let path = this.paths[1].clone();
        let content = match newest {
            Copy::Missing => return Ok((Self::unread(folder, kind), None)),
            Copy::Damaged => return Err(Error::StateDamaged { path }),
            Copy::Intact(content) => content,
        };
        match content.format.cmp(&kind.format) {
            Ordering::Greater => {
                return Err(Error::NewerState { path, found: content.format.into(), known: kind.format.into() });
            }
            // There has been none.
            Ordering::Less => return Err(Error::StateDamaged { path }),
            Ordering::Equal => {}
        }
        if matches!(other, Copy::Damaged) {
            this.set_aside(0)?;
        }
        this.generation = content.generation;
        Ok((this, Some(content.payload)))
    }

    /// Opens the copies without believing a word of them: what is there is set aside.
    pub(crate) fn open_anew(folder: &Path, kind: &'static Kind) -> Result<Self, Error> {
        let mut this = Self::unread(folder, kind);
        for place in [0, 1] {
            if files::exists(&this.paths[place])? {
                this.set_aside(place)?;
            }
        }
        Ok(this)
    }

    fn unread(folder: &Path, kind: &'static Kind) -> Self {
        let path = |letter| folder.join(format!("{}.{letter}", kind.name));
        Self { kind, paths: [path("a"), path("b")], generation: 0, other_is_safe: false, damaged: Vec::new() }
    }

    /// Writes the next generation. When it fails, the one before is still there.
    pub(crate) fn write(&mut self, payload: &[u8], outlast: Outlast) -> Result<(), Error> {
        debug_assert!(payload.len() <= self.kind.limit, "what is longer could not be read again");
        let generation = self.generation.saturating_add(1);
        let mut bytes = self.kind.magic.to_vec();
        bytes.extend(self.kind.format.to_be_bytes());
        bytes.extend(generation.to_be_bytes());
        bytes.extend(payload);
        bytes.extend(digest(&SHA256, &bytes).as_ref());
        if outlast == Outlast::Crash && self.other_is_safe {
            // The same copy again and again: the other one is on the disk and stays there.
            overwrite(&self.paths[0], &bytes)?;
        } else {
            files::write_atomically(&self.paths[0], &bytes)?;
            self.paths.swap(0, 1);
            self.other_is_safe = true;
        }
        self.generation = generation;
        Ok(())
    }

    /// The copies that were damaged when the file was opened, under the names that they have now.
    pub(crate) fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    fn read_copy(&self, place: usize) -> Result<Copy, Error> {
        let limit = u64::try_from(self.kind.limit + OVERHEAD).unwrap_or(u64::MAX);
        let Some(bytes) = files::read(&self.paths[place], limit)? else { return Ok(Copy::Missing) };
        Ok(Content::parse(&self.kind.magic, &bytes).map_or(Copy::Damaged, Copy::Intact))
    }

    fn set_aside(&mut self, place: usize) -> Result<(), Error> {
        let mut aside = self.paths[place].as_os_str().to_owned();
        aside.push(".damaged");
        let aside = PathBuf::from(aside);
        files::rename(&self.paths[place], &aside)?;
        self.damaged.push(aside);
        Ok(())
    }
}

enum Copy {
    Missing,
    Damaged,
    Intact(Content),
}

impl Copy {
    /// An intact copy goes before a damaged one, and that before none: what is there is not passed over.
    fn rank(&self) -> (u8, u64) {
        match self {
            Self::Missing => (0, 0),
            Self::Damaged => (1, 0),
            Self::Intact(content) => (2, content.generation),
        }
    }
}

struct Content {
    format: u16,
    generation: u64,
    payload: Vec<u8>,
}

impl Content {
    fn parse(magic: &[u8; 8], bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<32>()?;
        if digest(&SHA256, body).as_ref() != check {
            return None;
        }
        let body = body.strip_prefix(magic)?;
        let (format, body) = body.split_first_chunk()?;
        let (generation, payload) = body.split_first_chunk()?;
        Some(Self {
            format: u16::from_be_bytes(*format),
            generation: u64::from_be_bytes(*generation),
            payload: payload.to_vec(),
        })
    }
}

/// Writes in place: half a copy may be left, and the other copy is there for that.
fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    files::private_options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.set_len(length)))
        .map_err(files::failed("write", path))
}

/// Bytes around the payload.
const OVERHEAD: usize = 8 + 2 + 8 + 32;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    static KIND: Kind = Kind { name: "thing.state", magic: *b"A THING\n", format: 3, limit: 1000 };

    fn write(folder: &Path, payload: &[u8]) {
        let (mut copies, _) = Generations::open(folder, &KIND).unwrap();
        copies.write(payload, Outlast::PowerLoss).unwrap();
    }

    fn read(folder: &Path) -> Result<Option<Vec<u8>>, Error> {
        Generations::open(folder, &KIND).map(|(_, payload)| payload)
    }

    #[test]
    fn the_newest_write_is_read_however_it_was_made() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        for number in 1..9u8 {
            let (mut copies, before) = Generations::open(dir.path(), &KIND).unwrap();
            assert_eq!(before.is_some(), number > 1);
            copies.write(&[0; 40], Outlast::PowerLoss).unwrap();
            copies.write(&vec![number; 60 - usize::from(number)], Outlast::Crash).unwrap();
            assert_eq!(read(dir.path()).unwrap().unwrap(), vec![number; 60 - usize::from(number)]);
        }
    }

    #[test]
    fn a_copy_is_laid_out_as_the_table_says() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), b"hello");
        let bytes = fs::read(dir.path().join("thing.state.a")).unwrap();
        let body = b"A THING\n\0\x03\0\0\0\0\0\0\0\x01hello";
        assert_eq!(&bytes[..body.len()], body);
        assert_eq!(&bytes[body.len()..], digest(&SHA256, body).as_ref());
    }

    #[test]
    fn a_torn_write_loses_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), b"first");
        write(dir.path(), b"second");
        let newest = dir.path().join("thing.state.b");
        let intact = fs::read(&newest).unwrap();
        for length in 0..intact.len() {
            fs::write(&newest, &intact[..length]).unwrap();
            let (copies, payload) = Generations::open(dir.path(), &KIND).unwrap();
            assert_eq!(payload.unwrap(), b"first");
            assert_eq!(copies.damaged(), [dir.path().join("thing.state.b.damaged")]);
            assert_eq!(fs::read(&copies.damaged()[0]).unwrap(), intact[..length]);
        }
        write(dir.path(), b"third");
        assert_eq!(read(dir.path()).unwrap().unwrap(), b"third");
    }

    #[test]
    fn hasty_writes_never_touch_the_copy_that_is_safe() {
        let dir = tempfile::tempdir().unwrap();
        let (mut copies, _) = Generations::open(dir.path(), &KIND).unwrap();
        copies.write(b"the first one is safe whatever it is to be", Outlast::Crash).unwrap();
        let safe = fs::read(dir.path().join("thing.state.a")).unwrap();
        for number in 0..5 {
            copies.write(&[number; 9], Outlast::Crash).unwrap();
            assert_eq!(read(dir.path()).unwrap().unwrap(), [number; 9]);
            assert_eq!(fs::read(dir.path().join("thing.state.a")).unwrap(), safe);
        }
    }

    #[test]
    fn nothing_is_started_over_while_something_is_there() {
        for other in [None, Some("")] {
            for letter in ["a", "b"] {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join(format!("thing.state.{letter}"));
                let sibling = dir.path().join(format!("thing.state.{}", if letter == "a" { "b" } else { "a" }));
                fs::write(&path, "noise").unwrap();
                if let Some(noise) = other {
                    fs::write(sibling, noise).unwrap();
                }
                let refused = read(dir.path()).unwrap_err();
                assert!(matches!(refused, Error::StateDamaged { .. }), "{refused}");
                assert_eq!(fs::read(&path).unwrap(), b"noise");
            }
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        static NEWER: Kind = Kind { format: 4, ..KIND };
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), b"old");
        let mut newer = Generations::open_anew(&dir.path().join("elsewhere"), &NEWER).unwrap();
        newer.generation = 7;
        newer.write(b"new", Outlast::PowerLoss).unwrap();
        fs::rename(dir.path().join("elsewhere/thing.state.a"), dir.path().join("thing.state.b")).unwrap();
        let refused = read(dir.path()).unwrap_err();
        assert!(matches!(refused, Error::NewerState { found: 4, known: 3, .. }), "{refused}");
    }

    #[test]
    fn a_failed_write_keeps_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), b"first");
        let (mut copies, _) = Generations::open(dir.path(), &KIND).unwrap();
        fs::create_dir(dir.path().join("thing.state.b")).unwrap();
        for outlast in [Outlast::Crash, Outlast::PowerLoss] {
            assert!(copies.write(b"second", outlast).is_err());
        }
        fs::remove_dir(dir.path().join("thing.state.b")).unwrap();
        assert_eq!(read(dir.path()).unwrap().unwrap(), b"first");
    }
}
