//! Files for the owner's eyes, written whole or not at all; folders that one program at a time uses.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use crate::Error;

/// A state folder that is this program's until the value is dropped.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    _lock: File,
}

impl StateFolder {
    /// Creates the folder if need be (mode 0700) and takes it for one `program` ("hub" or "node").
    pub(crate) fn open(path: &Path, program: &'static str) -> Result<Self, Error> {
        create_private_dir(path)?;
        let lock_path = path.join(format!("{program}.lock"));
        let lock = private_options().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_owned(), program }),
            Err(TryLockError::Error(cause)) => Err(failed("lock", &lock_path)(cause)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Creates a folder and those above it, each for the owner alone; one that exists is left as it is.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed("create the folder", path))
}

/// Options that create files for the owner alone.
pub(crate) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether there is something at the path, be it a dangling link.
pub(crate) fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(failed("read", path)(cause)),
    }
}

/// What a file holds, `None` when there is no file. A file longer than `limit` is cut there: it is not ours anyway.
///
/// # Errors
/// When it cannot be read, is no file, or is a link to nowhere.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    read_checked(path, limit, |_| Ok(()))
}

/// As [`read`], and refuses a file that the group or others may touch.
pub(crate) fn read_secret(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    read_checked(path, limit, |metadata| refuse_exposed(path, metadata))
}

/// As [`read_secret`], and refuses a link and a file of another user: for folders that others can write to.
#[cfg(unix)]
pub(crate) fn read_own_secret(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    use std::os::unix::fs::MetadataExt;
    let foreign = || Error::ForeignFile { path: path.to_owned() };
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(foreign());
    }
    read_checked(path, limit, |metadata| {
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(foreign());
        }
        refuse_exposed(path, metadata)
    })
}

/// The check sees the opened file, so nobody can exchange it in between.
fn read_checked(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&Metadata) -> Result<(), Error>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Else the opening of a pipe would wait for its writer.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
    let file = match options.open(path) {
        Ok(file) => file,
        // A link to nowhere is not nothing: what it leads to may only not be mounted.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && !exists(path)? => return Ok(None),
        Err(cause) => return Err(failed("read", path)(cause)),
    };
    let metadata = file.metadata().map_err(failed("read", path))?;
    if !metadata.is_file() {
        return Err(failed("read", path)(io::Error::other("it is not a file")));
    }
    check(&metadata)?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(failed("read", path))?;
    Ok(Some(bytes))
}

fn refuse_exposed(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned() });
    }
    #[cfg(not(unix))]
    let _ = (path, metadata);
    Ok(())
}

/// Replaces or creates a file (mode 0600) so that, whenever the power goes, the old or the new content is there.
///
/// # Errors
/// When it cannot be written; the old content is there then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let parent = parent(path);
    create_private_dir(parent)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    remove(&temporary)?;
    let written = private_options()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(failed("write", &temporary))
        .and_then(|()| rename(&temporary, path));
    if written.is_err() {
        // What failed is reported; a remainder that cannot be removed is removed before the next attempt.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Gives a finished file its name, durably; a file of that name is replaced.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).and_then(|()| sync_dir(parent(to))).map_err(failed("write", to))
}

/// Removes a file, durably; it may be gone already.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path).and_then(|()| sync_dir(parent(path))) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(cause)),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
fn sync_dir(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and the file system sees to it.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Turns the system's refusal into an error that says what was being done.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::Io { action, path, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_program_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/state");
        let held = StateFolder::open(&path, "hub").unwrap();
        let refused = StateFolder::open(&path, "hub").unwrap_err();
        assert!(matches!(refused, Error::Locked { .. }), "{refused}");
        StateFolder::open(&path, "node").unwrap();
        drop(held);
        StateFolder::open(&path, "hub").unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn what_is_written_is_for_the_owner_alone() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/secret");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(read_secret(&path, 99).unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("state")).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_failed_write_keeps_the_old_content_and_leaves_no_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("kept"), b"").unwrap();
        let refused = write_atomically(&path, b"new").unwrap_err();
        assert!(matches!(refused, Error::Io { .. }), "{refused}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(path.join("kept").exists());
    }
}
