//! When a node plays on its own is for a person to say, and outlives the program: a room that is to be silent stays so.

use std::path::Path;

use tracing::warn;
use unisono_household::files;

use super::Mode;

/// A word is shorter.
const LIMIT: u64 = 16;

/// What was wanted last; as the settings have it where nothing is kept, or nothing that can be read.
pub(super) fn read(path: &Path) -> Mode {
    let word = files::read(path, LIMIT).unwrap_or_else(|error| {
        warn!("{error}");
        None
    });
    match word.as_deref() {
        Some(b"on") => Mode::On,
        Some(b"off") => Mode::Off,
        _ => Mode::Auto,
    }
}

/// Keeps it. Waits for the disk.
pub(super) fn write(path: &Path, mode: Mode) {
    let word = match mode {
        Mode::Auto => "auto",
        Mode::On => "on",
        Mode::Off => "off",
    };
    if let Err(error) = files::write_atomically(path, word.as_bytes()) {
        warn!("{error}; after a restart this node stands alone as it was set before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wants_outlives_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("standalone");
        assert_eq!(read(&path), Mode::Auto);
        for mode in [Mode::Off, Mode::On, Mode::Auto] {
            write(&path, mode);
            assert_eq!(read(&path), mode);
        }
        std::fs::write(&path, "what?").unwrap();
        assert_eq!(read(&path), Mode::Auto);
    }
}
