//! From facts to findings.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Facts, adapter, machine, programs, radio, version};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It cannot work so.
    Problem,
    /// It may go wrong.
    Warning,
    /// Good to know, or not known.
    Note,
    /// It is as it should be.
    Fine,
}

/// What was looked at. Each gets at least one finding, also if that is that nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The adapter.
    Adapter,
    /// `BlueZ`: whether it answers, and which version.
    Bluez,
    /// Other programs that take Bluetooth sound.
    Programs,
    /// Whether Wi-Fi is where Bluetooth is.
    Wifi,
    /// How strong the speaker is heard.
    Signal,
    /// What has to be sent again.
    Retries,
    /// Which channels are left to it.
    Channels,
    /// The power supply.
    Power,
    /// What this program may do.
    Permissions,
    /// Whether the sending thread goes first.
    RealTime,
}

impl Topic {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Adapter,
        Self::Bluez,
        Self::Programs,
        Self::Wifi,
        Self::Signal,
        Self::Retries,
        Self::Channels,
        Self::Power,
        Self::Permissions,
        Self::RealTime,
    ];

    /// Its name for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adapter => "adapter",
            Self::Bluez => "BlueZ",
            Self::Programs => "other programs",
            Self::Wifi => "Wi-Fi",
            Self::Signal => "signal",
            Self::Retries => "retries",
            Self::Channels => "channels (AFH)",
            Self::Power => "power supply",
            Self::Permissions => "permissions",
            Self::RealTime => "real time",
        }
    }
}

impl Serialize for Topic {
    /// By its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at.
    pub what: Topic,
    /// What was found.
    pub finding: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(level: Level, what: Topic, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level, what, finding: finding.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn fine(what: Topic, finding: impl Into<String>) -> Self {
        Self { level: Level::Fine, what, finding: finding.into(), remedy: None }
    }

    pub(super) fn unknown(what: Topic, finding: impl Into<String>) -> Self {
        Self { level: Level::Note, what, finding: finding.into(), remedy: None }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what.name(), self.finding)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(out, "; {remedy}"))
    }
}

/// What these facts mean, the worst first.
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings = adapter::findings(facts);
    findings.extend(version::findings(facts.bluez_version));
    findings.extend(programs::findings(facts));
    findings.extend(radio::findings(facts));
    findings.extend(machine::findings(facts));
    findings.sort_by_key(|finding| (finding.level, finding.what));
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        super::{AdapterFacts, Permissions, Power, Version, WifiFacts},
        *,
    };

    #[test]
    fn every_topic_is_spoken_of_also_when_nothing_is_known() {
        let findings = diagnose(&Facts::default());
        let topics: BTreeSet<_> = findings.iter().map(|finding| finding.what).collect();
        assert_eq!(topics, Topic::ALL.into_iter().collect());
        assert!(findings.iter().all(|finding| finding.level == Level::Note), "{findings:?}");
    }

    #[test]
    fn a_healthy_machine_has_nothing_but_fine_findings_on_what_is_known() {
        let facts = Facts {
            bluez: Some(Ok(())),
            bluez_version: Some(Version(5, 82)),
            adapters: Some(vec![AdapterFacts {
                name: "hci0".into(),
                powered: Some(true),
                services_of_others: Some(vec![0x1200]),
                ..AdapterFacts::default()
            }]),
            programs: Some([].into()),
            wifi: Some(vec![WifiFacts {
                interface: "wlan0".into(),
                frequency_mhz: Some(5_180),
                signal_dbm: Some(-50),
                ..WifiFacts::default()
            }]),
            power: Some(Power::default()),
            permissions: Permissions {
                is_root: Some(false),
                in_bluetooth_group: Some(true),
                realtime_priority: Some(95),
                ..Permissions::default()
            },
            ..Facts::default()
        };
        for finding in diagnose(&facts) {
            let is_unknown = matches!(finding.what, Topic::Signal | Topic::Retries | Topic::Channels);
            assert_eq!(finding.level == Level::Fine, !is_unknown, "{finding}");
        }
    }
}
