//! How programs on the hub's own machine keep access to its control API once an administrator's secret exists: the hub
//! leaves a token in a file.
//!
//! The file is `hub-PORT.access` in a runtime folder, with the port of the API, for the hub's user alone; its token is
//! good while the hub runs. That a request comes from this machine says too little: a proxy on it sends on what others
//! ask, and other users' programs are on it as well.

use std::path::{Path, PathBuf};

use crate::{Error, files};

/// The file, as long as the hub keeps it there.
#[derive(Debug)]
pub struct LocalAccess {
    path: PathBuf,
    token: String,
}

impl LocalAccess {
    /// Leaves a token for whoever can read files of this user.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(folder: &Path, port: u16, token: &str) -> Result<Self, Error> {
        let path = file(folder, port);
        files::write_atomically(&path, format!("{token}\n").as_bytes())?;
        Ok(Self { path, token: token.into() })
    }
}

impl Drop for LocalAccess {
    /// Removes the file, unless another hub has put its own there since.
    fn drop(&mut self) {
        if matches!(read_file(&self.path), Ok(Some(token)) if token == self.token) {
            // What stays behind is a token that is good no more.
            let _ = files::remove(&self.path);
        }
    }
}

/// The token that a hub whose API is at a port has left in a runtime folder; `None` when there is none.
///
/// # Errors
/// When the file belongs to another user, can be touched by others, is a link, or cannot be read.
pub fn read_local_access(folder: &Path, port: u16) -> Result<Option<String>, Error> {
    read_file(&file(folder, port))
}

fn file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("hub-{port}.access"))
}

fn read_file(path: &Path) -> Result<Option<String>, Error> {
    let text = files::read_own_secret(path, MAX_LEN)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).trim().to_owned()))
}

/// Several times the longest token.
const MAX_LEN: u64 = 1024;

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use super::*;

    #[test]
    fn the_token_is_there_while_the_hub_runs_and_each_port_has_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let hub = LocalAccess::write(dir.path(), 1, "one").unwrap();
        let _other = LocalAccess::write(dir.path(), 2, "two").unwrap();
        assert_eq!(read_local_access(dir.path(), 1).unwrap().as_deref(), Some("one"));
        let next = LocalAccess::write(dir.path(), 1, "next").unwrap();
        drop(hub);
        assert_eq!(read_local_access(dir.path(), 1).unwrap().as_deref(), Some("next"));
        drop(next);
        assert_eq!(read_local_access(dir.path(), 1).unwrap(), None);
        assert_eq!(read_local_access(dir.path(), 2).unwrap().as_deref(), Some("two"));
    }

    #[test]
    fn a_file_that_others_can_read_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let _hub = LocalAccess::write(dir.path(), 1, "one").unwrap();
        fs::set_permissions(file(dir.path(), 1), Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_local_access(dir.path(), 1), Err(Error::Exposed { .. })));
    }
}
