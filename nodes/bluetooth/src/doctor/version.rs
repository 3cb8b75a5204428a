//! Versions of `BlueZ`, and what is known to be wrong with them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Finding, Level, Topic};

/// A version of `BlueZ`: 5.82.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(pub u16, pub u16);

/// A defect: from (and with) one version to (and without) another.
struct Defect {
    from: Version,
    to: Version,
    level: Level,
    what: &'static str,
    remedy: &'static str,
}

/// From the history of `BlueZ` (the commits that mended them are in the second versions) and its issues.
const DEFECTS: &[Defect] = &[
    Defect {
        from: Version(0, 0),
        to: Version(5, 62),
        level: Level::Note,
        what: "it tells failed connections apart only roughly, so the reasons given here may be off",
        remedy: "update BlueZ",
    },
    Defect {
        from: Version(0, 0),
        to: Version(5, 69),
        level: Level::Note,
        what: "it does not say when a speaker has forgotten this machine; that looks like a refused connection",
        remedy: "if a speaker refuses again and again, forget it and pair it again",
    },
    Defect {
        from: Version(0, 0),
        to: Version(5, 71),
        level: Level::Note,
        what: "it takes keyboards that nobody has paired (CVE-2023-45866), unless the distribution has mended that",
        remedy: "install the distribution's updates, or start bluetoothd with --noplugin=input,hog",
    },
    Defect {
        from: Version(0, 0),
        to: Version(5, 79),
        level: Level::Warning,
        what: "a connection that breaks at a bad moment can block its speaker until BlueZ is restarted, and \
               reconnecting can collide with the speaker's own attempt",
        remedy: "update BlueZ to 5.79 or later; if a speaker is stuck at \"busy\", systemctl restart bluetooth",
    },
    Defect {
        from: Version(5, 83),
        to: Version(5, 84),
        level: Level::Warning,
        what: "it hides the delay that a speaker reports until the stream is resumed, so latency is a guess at first",
        remedy: "update BlueZ to 5.84 or later",
    },
    Defect {
        from: Version(5, 83),
        to: Version(5, 85),
        level: Level::Warning,
        what: "it does not start on some machines (bluez issue 1570)",
        remedy: "update BlueZ to 5.85 or later if bluetooth.service fails",
    },
    Defect {
        from: Version(5, 86),
        to: Version(5, 87),
        level: Level::Warning,
        what: "it connects speakers that can also send the wrong way round (bluez issues 1898, 1922); this program \
               asks for the right way, but another that connects them does not",
        remedy: "update BlueZ to 5.87 or later",
    },
    Defect {
        from: Version(5, 87),
        to: Version(5, 88),
        level: Level::Warning,
        what: "reconnecting can fail with \"Device or resource busy\" (bluez issues 2285, 2321)",
        remedy: "if it does, disconnect the speaker, wait some seconds, connect it; or update BlueZ once there is a later one",
    },
];

/// What is to be said of a version.
pub(super) fn findings(version: Option<Version>) -> Vec<Finding> {
    let Some(version) = version else {
        return vec![Finding::unknown(Topic::Bluez, "the version of BlueZ is not known")];
    };
    let defects: Vec<_> = DEFECTS
        .iter()
        .filter(|defect| (defect.from..defect.to).contains(&version))
        .map(|defect| {
            Finding::new(defect.level, Topic::Bluez, format!("BlueZ {version}: {}", defect.what), defect.remedy)
        })
        .collect();
    if defects.is_empty() {
        return vec![Finding::fine(Topic::Bluez, format!("BlueZ {version}; no defect of it is known here"))];
    }
    defects
}

/// Not a version of `BlueZ`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of BlueZ")]
pub struct NoVersion(String);

impl FromStr for Version {
    type Err = NoVersion;

    /// `5.82`, or `5.66-1+deb12u2` as packages have it, or with words before it.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let number = |part: &str| {
            let digits = part.find(|letter: char| !letter.is_ascii_digit()).map_or(part, |end| &part[..end]);
            digits.parse().ok()
        };
        text.split_whitespace()
            .find_map(|word| {
                let (major, minor) = word.split_once('.')?;
                Some(Self(number(major).filter(|_| major.bytes().all(|byte| byte.is_ascii_digit()))?, number(minor)?))
            })
            .ok_or_else(|| NoVersion(text.into()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

impl TryFrom<String> for Version {
    type Error = NoVersion;

    fn try_from(text: String) -> Result<Self, NoVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        for (text, version) in [
            ("5.66", Version(5, 66)),
            ("5.66-1+deb12u2", Version(5, 66)),
            ("bluetoothctl: 5.82\n", Version(5, 82)),
            ("5.9", Version(5, 9)),
        ] {
            assert_eq!(text.parse(), Ok(version), "{text}");
        }
        for text in ["", "five", "5", "5.", "v5.6x y"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!(Version(5, 9) < Version(5, 66));
    }

    #[test]
    fn each_version_is_told_its_own_defects() {
        let texts = |minor| {
            let findings = findings(Some(Version(5, minor)));
            findings.iter().map(|finding| finding.finding.clone()).collect::<Vec<_>>().join("\n")
        };
        assert!(texts(66).contains("block its speaker") && texts(66).contains("forgotten"));
        assert!(!texts(79).contains("block its speaker"));
        assert!(texts(82).contains("no defect"));
        assert!(texts(83).contains("hides the delay") && texts(83).contains("does not start"));
        assert!(!texts(84).contains("hides the delay") && texts(84).contains("does not start"));
        assert!(texts(86).contains("wrong way round"));
        assert!(!texts(87).contains("wrong way round") && texts(87).contains("resource busy"));
    }
}
