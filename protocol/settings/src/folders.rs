//! Where the programs keep things: as services under `/var/lib` and `/run`, for a user under the XDG folders.

use std::{env, path::PathBuf};

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

/// What a program keeps across restarts: `/var/lib/unisono/…` for root, else `$XDG_STATE_HOME` or `~/.local/state`.
pub fn state_folder(program: Program) -> PathBuf {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let base = if is_root() {
        PathBuf::from("/var/lib")
    } else {
        absolute("XDG_STATE_HOME").or_else(home).unwrap_or_else(env::temp_dir)
    };
    base.join(program.folder())
}

/// What lives as long as the machine runs, for one user alone: `/run/unisono` for root, else `$XDG_RUNTIME_DIR/unisono`
/// or, where there is none, the state folder.
pub fn runtime_folder() -> PathBuf {
    if is_root() {
        return PathBuf::from("/run/unisono");
    }
    absolute("XDG_RUNTIME_DIR").map_or_else(|| state_folder(Program::Hub).join("run"), |base| base.join("unisono"))
}

/// A folder from the environment; a relative one is to be ignored (XDG Base Directory Specification).
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
