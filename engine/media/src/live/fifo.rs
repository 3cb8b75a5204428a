//! A FIFO into which another program writes.
//!
//! It is made with mode 0660: whoever is in the group of the user that Unisono runs as may write. In a folder where
//! everybody may write, as `/tmp` is, newer kernels let nobody else write to it (`fs.protected_fifos`), so it belongs
//! into the runtime folder.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{libc, sys::stat::Mode, unistd::mkfifo};

use super::port::{Got, Port, got, wait_for};

/// Readable and writable for the user and the group.
const MODE: u32 = 0o660;

/// The end of a FIFO that is read.
pub(super) struct Fifo {
    path: PathBuf,
    file: File,
}

impl Fifo {
    /// Makes it unless it is there. Nobody need write to it yet.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), file: open(path)? })
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o711).create(folder)?;
    }
    match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
        // What the umask took away is given back.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(MODE))?,
        Err(nix::errno::Errno::EEXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // Neither followed, if it is a link, nor waited for.
    let options = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let refusal = || io::Error::other("something else is there; remove it, or name another path");
    let is_fifo = fs::symlink_metadata(path)?.file_type().is_fifo();
    let file =
        if is_fifo { OpenOptions::new().read(true).custom_flags(options).open(path)? } else { return Err(refusal()) };
    if file.metadata()?.file_type().is_fifo() { Ok(file) } else { Err(refusal()) }
}

impl Port for Fifo {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got {
        match wait_for(&self.file, wait) {
            Ok(true) => {}
            Ok(false) => return self.look(),
            Err(error) => return Got::Failed(error.to_string()),
        }
        let got = got(self.file.read(bytes));
        // One whose writer has gone never waits again, so it is opened anew.
        if got == Got::Gone
            && let Err(error) = self.reopen()
        {
            return Got::Failed(error.to_string());
        }
        got
    }

    fn has_more(&mut self) -> bool {
        wait_for(&self.file, Duration::ZERO).unwrap_or(false)
    }
}

impl Fifo {
    fn reopen(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        Ok(())
    }

    /// Whether the FIFO that is read is still the one that others find.
    fn look(&mut self) -> Got {
        let id = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let same = fs::symlink_metadata(&self.path)
            .is_ok_and(|there| self.file.metadata().is_ok_and(|ours| id(&ours) == id(&there)));
        if same {
            return Got::Nothing;
        }
        match self.reopen() {
            Ok(()) => Got::Gone,
            Err(error) => Got::Failed(error.to_string()),
        }
    }
}
