//! How a node joins a hub on its own machine without being told: the hub leaves a token in a file.
//!
//! The file is `hub.join` in a runtime folder (`$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/unisono`, `/run/unisono`), for the
//! hub's user alone; a node takes it only when it belongs to the node's own user. Its secret is good while the hub runs.

use std::path::{Path, PathBuf};

use crate::{Error, files, token::JoinToken};

/// The file, as long as the hub keeps it there.
#[derive(Debug)]
pub struct LocalJoin {
    path: PathBuf,
    token: JoinToken,
}

impl LocalJoin {
    pub(crate) fn write(folder: &Path, token: &JoinToken) -> Result<Self, Error> {
        let path = folder.join(FILE);
        files::write_atomically(&path, format!("{token}\n").as_bytes())?;
        Ok(Self { path, token: token.clone() })
    }
}

impl Drop for LocalJoin {
    /// Removes the file, unless another hub has put its own there since.
    fn drop(&mut self) {
        if matches!(read_file(&self.path), Ok(Some(token)) if token == self.token) {
            // What stays behind is a token that is good no more.
            let _ = files::remove(&self.path);
        }
    }
}

/// The token that a hub of the same user has left in a runtime folder; `None` when there is none.
///
/// # Errors
/// When the file belongs to another user, can be touched by others, is a link, or holds no token.
pub fn read_local_token(folder: &Path) -> Result<Option<JoinToken>, Error> {
    read_file(&folder.join(FILE))
}

fn read_file(path: &Path) -> Result<Option<JoinToken>, Error> {
    match files::read_own_secret(path, MAX_LEN)? {
        Some(text) => String::from_utf8_lossy(&text).parse().map(Some),
        None => Ok(None),
    }
}

const FILE: &str = "hub.join";

/// Several times the longest token.
const MAX_LEN: u64 = 1024;

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, chown, symlink},
    };

    use unisono_core::wire::ids::PeerId;

    use super::*;

    fn token(secret: u8) -> JoinToken {
        JoinToken::new(&["127.0.0.1:7000".parse().unwrap()], PeerId([1; 32]), [secret; 16]).unwrap()
    }

    #[test]
    fn a_node_finds_the_token_while_the_hub_runs() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("unisono");
        assert_eq!(read_local_token(&folder).unwrap(), None);
        let hub = LocalJoin::write(&folder, &token(1)).unwrap();
        assert_eq!(read_local_token(&folder).unwrap(), Some(token(1)));
        let next = LocalJoin::write(&folder, &token(2)).unwrap();
        drop(hub);
        assert_eq!(read_local_token(&folder).unwrap(), Some(token(2)), "the file of the next hub stays");
        drop(next);
        assert_eq!(read_local_token(&folder).unwrap(), None);
    }

    #[test]
    fn a_file_that_others_may_have_put_there_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let _hub = LocalJoin::write(dir.path(), &token(1)).unwrap();

        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_local_token(dir.path()), Err(Error::Exposed { .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();

        let elsewhere = tempfile::tempdir().unwrap();
        symlink(&path, elsewhere.path().join(FILE)).unwrap();
        assert!(matches!(read_local_token(elsewhere.path()), Err(Error::ForeignFile { .. })));

        // Only root can give a file away.
        if nix::unistd::geteuid().is_root() {
            chown(&path, Some(12_345), None).unwrap();
            assert!(matches!(read_local_token(dir.path()), Err(Error::ForeignFile { .. })));
        }
    }

    #[test]
    fn noise_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        files::write_atomically(&dir.path().join(FILE), &[0xff; 5000]).unwrap();
        assert!(matches!(read_local_token(dir.path()), Err(Error::NotAToken)));
    }
}
