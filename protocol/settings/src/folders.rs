//! Where the programs keep things: as services in the folders that systemd gives them, as root under `/var/lib` and
//! `/run`, for a user under the XDG folders.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Which program asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `unisono-hub`.
    Hub,
    /// `unisono-node`.
    Node,
}

impl Program {
    const fn folder(self) -> &'static str {
        match self {
            Self::Hub => "unisono/hub",
            Self::Node => "unisono/node",
        }
    }
}

/// What a program keeps across restarts: for a service `$STATE_DIRECTORY`; else `/var/lib/unisono/…` for root and
/// whoever that belongs to, else in `$XDG_STATE_HOME` or `~/.local/state`.
pub fn state_folder(program: Program) -> PathBuf {
    given(env::var_os("STATE_DIRECTORY")).unwrap_or_else(|| kept_for(program))
}

/// What lives as long as the machine runs, for one user alone: for a service `$RUNTIME_DIRECTORY`, else
/// [`user_runtime_folder`].
pub fn runtime_folder() -> PathBuf {
    given(env::var_os("RUNTIME_DIRECTORY")).unwrap_or_else(user_runtime_folder)
}

/// Where hubs of this user leave what is for his programs, whichever service those may be a part of: `/run/unisono` for
/// root and whoever that belongs to, else `$XDG_RUNTIME_DIR/unisono` or, where there is none, the hub's state folder.
pub fn user_runtime_folder() -> PathBuf {
    let shared = PathBuf::from("/run/unisono");
    if is_root() || is_own(&shared) {
        return shared;
    }
    absolute("XDG_RUNTIME_DIR").map_or_else(|| kept_for(Program::Hub).join("run"), |base| base.join("unisono"))
}

/// The state of a program that is no service.
fn kept_for(program: Program) -> PathBuf {
    let shared = Path::new("/var/lib").join(program.folder());
    if is_root() || is_own(&shared) {
        return shared;
    }
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    absolute("XDG_STATE_HOME").or_else(home).unwrap_or_else(env::temp_dir).join(program.folder())
}

/// A folder from the environment; a relative one is to be ignored (XDG Base Directory Specification).
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The first of the folders that systemd gives a service, which are parted by colons (`systemd.exec(5)`).
fn given(folders: Option<OsString>) -> Option<PathBuf> {
    env::split_paths(&folders?).next().filter(|path| path.is_absolute())
}

/// Whether a folder is there and belongs to this user: the one as whom the services run gets to their state from a
/// shell, too.
#[cfg(unix)]
fn is_own(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    // Not through a link: anybody can have one to a folder of this user's.
    folder.symlink_metadata().is_ok_and(|found| found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_own(_folder: &Path) -> bool {
    false
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_folders_that_a_service_is_given_the_first_counts() {
        for (given_to_it, expected) in [
            ("/var/lib/unisono/hub", Some("/var/lib/unisono/hub")),
            ("/var/lib/unisono/hub:/var/lib/other", Some("/var/lib/unisono/hub")),
            ("unisono", None),
            ("", None),
        ] {
            assert_eq!(given(Some(given_to_it.into())), expected.map(PathBuf::from), "{given_to_it}");
        }
        assert_eq!(given(None), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_ones_own_when_it_is_there_and_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(is_own(folder.path()));
        assert!(!is_own(&link) && !is_own(&folder.path().join("nothing")));
    }
}
