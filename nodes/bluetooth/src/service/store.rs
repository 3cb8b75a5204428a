//! The remembered speakers, in `bluetooth.toml` in the node's state folder: a file that a person can read, and edit while
//! the node does not run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use unisono_core::time::Nanos;
use unisono_household::files;

use crate::{
    Address,
    a2dp::{IdleMode, Quality},
    reconnect::Mode,
    volume::VolumeMode,
};

/// What is kept about a speaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) address: Address,
    /// The adapter that has its keys.
    pub(super) adapter: Address,
    /// What a person calls it, at first its own name.
    pub(super) alias: String,
    /// Its own name, by which the speaker table knows it.
    pub(super) name: String,
    #[serde(default)]
    pub(super) mode: Mode,
    /// What is added to its latency, milliseconds.
    #[serde(default)]
    pub(super) trim_ms: f64,
    #[serde(default)]
    pub(super) idle: IdleMode,
    #[serde(default)]
    pub(super) quality: Quality,
    /// What stands for a room's volume on it.
    #[serde(default)]
    pub(super) volume: VolumeMode,
    /// The delay that it reported last, milliseconds, by the four bytes of the configuration in hexadecimal: what is
    /// expected of it until it reports again. With another adapter they are measured anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) reports_ms: BTreeMap<String, f64>,
}

impl Kept {
    /// What it reported last in a configuration.
    pub(super) fn report(&self, configuration: [u8; 4]) -> Option<Nanos> {
        self.reports_ms.get(&hexadecimal(configuration)).map(|millis| Nanos::from_secs_f64(millis * 1e-3))
    }

    /// Keeps what it reports. Whether that is new.
    pub(super) fn keep_report(&mut self, configuration: [u8; 4], report: Nanos) -> bool {
        let is_new = self.report(configuration) != Some(report);
        if is_new {
            self.reports_ms.insert(hexadecimal(configuration), report.as_secs_f64() * 1e3);
        }
        is_new
    }

    /// What is added to its latency.
    pub(super) fn trim(&self) -> Nanos {
        Nanos::from_secs_f64(self.trim_ms * 1e-3)
    }
}

fn hexadecimal(configuration: [u8; 4]) -> String {
    configuration.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    written: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    #[serde(default)]
    speaker: Vec<Kept>,
}

impl Store {
    /// Reads the file. One that cannot be used is put aside, and said so: speakers can be paired again, and a person may
    /// want to see what was in it.
    pub(super) fn open(folder: &Path) -> (Self, BTreeMap<Address, Kept>) {
        let path = folder.join(FILE);
        let read = files::read(&path, LIMIT).map_err(|error| error.to_string()).and_then(|bytes| {
            let text = String::from_utf8(bytes.unwrap_or_default()).map_err(|error| error.to_string())?;
            let contents: Contents = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
            Ok((text, contents))
        });
        let (written, contents) = read.unwrap_or_else(|reason| {
            let aside = path.with_extension("toml.damaged");
            error!("{}: {reason}; kept as {}, and no speaker is remembered", path.display(), aside.display());
            if let Err(error) = fs::rename(&path, &aside) {
                warn!("{}: {error}", aside.display());
            }
            Default::default()
        });
        let speakers = contents.speaker.into_iter().map(|kept| (kept.address, kept)).collect();
        (Self { path, written }, speakers)
    }

    /// Writes what has changed. What cannot be written is said, and works until the node ends.
    pub(super) fn write<'a>(&mut self, speakers: impl Iterator<Item = &'a Kept>) {
        let contents = Contents { speaker: speakers.cloned().collect() };
        let text = match toml::to_string(&contents) {
            Ok(text) => text,
            Err(error) => return error!("{}: {error}", self.path.display()),
        };
        if text == self.written {
            return;
        }
        match files::write_atomically(&self.path, text.as_bytes()) {
            Ok(()) => self.written = text,
            Err(error) => error!("{error}; the speakers are forgotten when this program ends"),
        }
    }
}

const FILE: &str = "bluetooth.toml";
/// Thousands of speakers.
const LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u8) -> Kept {
        Kept {
            address: Address([0, 0, 0, 0, 0, number]),
            adapter: Address([1; 6]),
            alias: "Küche".into(),
            name: "JBL Flip 6".into(),
            mode: Mode::Exclusive,
            trim_ms: -12.5,
            idle: IdleMode::default(),
            quality: Quality::Xq,
            volume: VolumeMode::Samples,
            reports_ms: BTreeMap::from([("11150233".into(), 182.1)]),
        }
    }

    #[test]
    fn speakers_are_remembered_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, speakers) = Store::open(folder.path());
        assert!(speakers.is_empty());
        let two = [kept(1), Kept { reports_ms: BTreeMap::new(), ..kept(2) }];
        store.write(two.iter());
        let (_, speakers) = Store::open(folder.path());
        assert_eq!(speakers.into_values().collect::<Vec<_>>(), two);
        assert_eq!(kept(1).trim(), Nanos::from_micros(-12_500));
        assert_eq!(kept(1).report([0x11, 0x15, 2, 0x33]), Some(Nanos::from_micros(182_100)));
        assert_eq!(kept(1).report([0x21, 0x15, 2, 0x35]), None);
        assert!(!kept(1).keep_report([0x11, 0x15, 2, 0x33], Nanos::from_micros(182_100)));
    }

    #[test]
    fn a_file_that_an_editor_has_spoilt_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "[[speaker]]\naddress = \"nobody\"\n").unwrap();
        let (mut store, speakers) = Store::open(folder.path());
        assert!(speakers.is_empty());
        assert!(folder.path().join("bluetooth.toml.damaged").exists());
        store.write([kept(1)].iter());
        assert_eq!(Store::open(folder.path()).1.len(), 1);
    }

    #[test]
    fn only_what_a_speaker_needs_has_to_be_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[[speaker]]\naddress = \"00:AA:01:01:00:FE\"\nadapter = \"00:AA:01:00:00:00\"\nalias = \"a\"\nname = \"b\"\n";
        fs::write(folder.path().join(FILE), text).unwrap();
        let (_, speakers) = Store::open(folder.path());
        let kept = speakers.values().next().unwrap();
        assert_eq!((kept.mode, kept.trim(), kept.quality), (Mode::Polite, Nanos::ZERO, Quality::Standard));
        assert_eq!(kept.volume, VolumeMode::Speaker);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_in_the_file_is_read_or_put_aside(
            text in proptest::prop_oneof!["(?s).{0,200}", "\\[\\[speaker\\]\\]\n(address = .{0,20}\n)?(trim_ms = .{0,9}\n)?(mode = .{0,9}\n)?"],
        ) {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(FILE), &text).unwrap();
            let (_, speakers) = Store::open(folder.path());
            let is_aside = folder.path().join("bluetooth.toml.damaged").exists();
            proptest::prop_assert!(!is_aside || speakers.is_empty());
        }
    }
}
