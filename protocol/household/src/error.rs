//! What can go wrong, in one line for a person: what failed, on what, and what to try.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use unisono_core::wire::ids::HouseholdId;

use crate::config::Rejected;

/// Why something about the household could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to read or write.
    #[error("cannot {action} {}: {cause}; {}", path.display(), advice(cause))]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The system has no random numbers to give.
    #[error("the system gives no random numbers; try again when it has finished starting")]
    NoRandomness,
    /// The clock is so wrong that what depends on it would be refused by the nodes.
    #[error("the system's clock is not set (it says {now_unix} s since 1970); set it, then try again")]
    ClockNotSet {
        /// Unix seconds as given.
        now_unix: u64,
    },

    /// A secret that other users of the machine can read.
    #[error("other users can read the secret in {0}; if nobody has, run: chmod 600 '{0}'", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A file that another user has put there.
    #[error("{} belongs to another user and is not trusted; remove it, or run as the user who owns it", path.display())]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },
    /// A key file that is empty, cut short or altered.
    #[error("the key in {} is damaged; restore it from a backup, or {}", path.display(), remedy(path))]
    KeyDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A file of random bytes that is empty, cut short or altered.
    #[error(
        "the secret in {} is damaged; restore the file from a backup, or delete it on purpose to get a new one",
        path.display()
    )]
    SecretDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A state file of which no intact copy is left.
    #[error("{} is damaged; restore it from a backup, or {}", path.display(), remedy(path))]
    StateDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A state file in a format that this build does not know.
    #[error(
        "{} was written by a newer Unisono (format {found}, this one knows {known}); \
         install that version again, or restore a backup from before it",
        path.display()
    )]
    NewerState {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
        /// The newest format that this build knows.
        known: u64,
    },
    /// The state folder is in use.
    #[error(
        "another {program} uses the state folder {}; stop it, or give this one a folder of its own",
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// What kind of program: hub or node.
        program: &'static str,
    },
    /// A part of an identity is gone while the rest is there.
    #[error(
        "{} is missing though the rest of this {program}'s state is there; restore it from a backup, or {}",
        missing.display(),
        remedy(missing)
    )]
    Incomplete {
        /// The file that is not there.
        missing: PathBuf,
        /// What kind of program: hub or node.
        program: &'static str,
    },
    /// A recovery needs an empty folder.
    #[error("{} already holds a household; recover into an empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The household key and the configuration are of two households.
    #[error(
        "the key in {} is of another household than the configuration beside it; restore the right one",
        path.display()
    )]
    WrongHouseholdKey {
        /// The key file.
        path: PathBuf,
    },
    /// The hub's own key is not that of a hub in the member list.
    #[error(
        "the key in {} is no hub of this household (removed by another hub, or from another machine); \
         restore the right key, or {}",
        path.display(),
        remedy(path)
    )]
    NotAHub {
        /// The key file.
        path: PathBuf,
    },
    /// The session state has outgrown its file.
    #[error("the session state of {size} bytes is larger than the {limit} that are kept; shorten the queues")]
    SessionTooLarge {
        /// What it would be, in bytes.
        size: usize,
        /// What is kept, in bytes.
        limit: usize,
    },

    /// A member list that breaks its own rules.
    #[error("the member list cannot be used: {0}; update the hub that sent it")]
    ListMalformed(&'static str),
    /// A member list whose signature does not hold.
    #[error("the member list is not signed by the household that it names; do not trust the hub that sent it")]
    ListForged,
    /// A member list of a household that is not the pinned one nor its successor.
    #[error("this machine belongs to household {pinned}, not to {found}; make it leave before it joins another")]
    OtherHousehold {
        /// The household that is pinned.
        pinned: HouseholdId,
        /// The household of the list.
        found: HouseholdId,
    },
    /// A member list for a machine that has joined nothing.
    #[error("this machine belongs to no household yet; give it a join token")]
    NoHousehold,
    /// A member list from before the one that is held.
    #[error(
        "the member list is older (version {offered}) than the one held ({held}); bring the hub that sent it up to date"
    )]
    ListOlder {
        /// The version that is held.
        held: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// Two different member lists with one version.
    #[error("there are two different member lists of version {version}; change a member on the hub that is right")]
    ListConflict {
        /// The version of both.
        version: u64,
    },
    /// The machine that a joining node talks to is no hub of the list that it shows.
    #[error("the machine that sent the member list is not a hub in it; use a token from a hub of the household")]
    ListWithoutSender,

    /// A text that is no join token at all.
    #[error("this is not a join token; one begins with \"unisono1-\"")]
    NotAToken,
    /// A text with a typing mistake.
    #[error("the {what} is mistyped or cut short; compare it with the original and type it again")]
    Mistyped {
        /// What kind of text.
        what: &'static str,
    },
    /// A text in a form that this build does not know.
    #[error("the {what} is from a newer Unisono; install that version here")]
    NewerText {
        /// What kind of text.
        what: &'static str,
    },
    /// A token with no address or too many.
    #[error("a join token carries one to {limit} addresses, not {given}; choose the ones that nodes can reach")]
    AddressCount {
        /// How many were given.
        given: usize,
        /// How many there may be.
        limit: usize,
    },

    /// The configuration does not take the change.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

/// What to try when the system refuses.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "check who owns it, and run as that user",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only; it may be failing",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "a folder is wanted there, not a file",
        _ => "check the disk",
    }
}

/// What to do without a file that is lost.
fn remedy(path: &Path) -> String {
    let folder = path.parent().unwrap_or(path).display();
    match path.file_name().and_then(OsStr::to_str).unwrap_or_default() {
        "hub.key" | "household.redb" => format!(
            "found the household anew: keep what `unisono-hub --recovery-code` prints, move {folder} away, and give it \
             to `unisono-hub --recover`"
        ),
        "household.key" => format!(
            "move {folder} away and found the household anew: `unisono-hub --recover` takes its recovery code from \
             paper, and without one `unisono-hub` begins another household"
        ),
        "node.key" => format!("move {folder} away and join again as a new machine"),
        "node.state" | "node.state.a" | "node.state.b" => {
            format!("move {folder}/node.state.a and node.state.b away and join again")
        }
        _ => "move it away to start without it".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_what_to_try() {
        let full = Error::Io {
            action: "write",
            path: "/var/lib/unisono/hub.key".into(),
            cause: io::Error::from(io::ErrorKind::StorageFull),
        };
        assert_eq!(full.to_string(), "cannot write /var/lib/unisono/hub.key: no storage space; free some space");
        let gone = Error::Incomplete { missing: "/s/hub.key".into(), program: "hub" };
        assert!(gone.to_string().ends_with("prints, move /s away, and give it to `unisono-hub --recover`"), "{gone}");
    }
}
