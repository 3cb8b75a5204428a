//! What a hub says of itself: the attributes of its TXT record.

use std::fmt::Write;

use unisono_core::wire::{
    VERSION, Version,
    control::presentable,
    ids::{HouseholdId, PeerId},
};

/// A hub's own account of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its key; `None` when it names none, or none that can be read.
    pub peer: Option<PeerId>,
    /// Its household; `None` when it has none yet.
    pub household: Option<HouseholdId>,
    /// Its name, fit to be shown.
    pub name: String,
    /// What it speaks; `None` when it does not say.
    pub version: Option<Version>,
}

impl Record {
    /// What a hub of this build says.
    pub fn new(peer: PeerId, household: Option<HouseholdId>, name: &str) -> Self {
        Self { peer: Some(peer), household, name: presentable(name), version: Some(VERSION) }
    }

    /// Understands attributes from the network. `attribute` looks one up; whatever is missing, too long or malformed
    /// counts as not said.
    #[doc(hidden)]
    pub fn parse<'a>(attribute: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        Self {
            peer: attribute(ID).and_then(parse_key).map(PeerId),
            household: attribute(HOUSEHOLD).and_then(parse_key).map(HouseholdId),
            name: presentable(&String::from_utf8_lossy(attribute(NAME).unwrap_or_default())),
            version: attribute(PROTOCOL).and_then(parse_version),
        }
    }

    /// The attributes as they are announced.
    pub(crate) fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![(NAME, self.name.clone())];
        attributes.extend(self.peer.map(|PeerId(key)| (ID, hex(&key))));
        attributes.extend(self.household.map(|HouseholdId(key)| (HOUSEHOLD, hex(&key))));
        attributes.extend(self.version.map(|version| (PROTOCOL, version.to_string())));
        attributes
    }
}

/// A key in 64 hexadecimal digits.
fn parse_key(digits: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut key = [0; 32];
    if digits.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

/// Two decimal numbers and a dot.
fn parse_version(text: &[u8]) -> Option<Version> {
    let (major, minor) = str::from_utf8(text).ok()?.split_once('.')?;
    let number = |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
    Some(Version { major: number(major)?, minor: number(minor)? })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const ID: &str = "id";
const HOUSEHOLD: &str = "household";
const NAME: &str = "name";
const PROTOCOL: &str = "version";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(attributes: &[(&str, &[u8])]) -> Record {
        Record::parse(|name| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    #[test]
    fn what_a_hub_says_is_understood() {
        let record = Record::new(PeerId([0xab; 32]), Some(HouseholdId([1; 32])), "Küche");
        let attributes = record.attributes();
        assert!(attributes.contains(&("id", "ab".repeat(32))));
        assert!(attributes.contains(&("version", VERSION.to_string())));
        let attributes: Vec<_> = attributes.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        assert_eq!(parse(&attributes), record);
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_said() {
        let nothing = Record { peer: None, household: None, name: "unnamed".into(), version: None };
        assert_eq!(parse(&[]), nothing);
        for id in ["", "ab", &"zz".repeat(32), &"ab".repeat(33), "é".repeat(32).as_str()] {
            assert_eq!(parse(&[("id", id.as_bytes())]).peer, None, "{id}");
        }
        for version in ["", "1", "1.", ".1", "1.0.0", "-1.0", "+1.0", "65536.0", " 1.0", "1.0\n"] {
            assert_eq!(parse(&[("version", version.as_bytes())]).version, None, "{version:?}");
        }
        assert_eq!(parse(&[("version", b"\xff.\xff")]).version, None);
    }

    #[test]
    fn a_hostile_name_is_made_fit_to_be_shown() {
        assert_eq!(parse(&[("name", b"\x1b[31mred\xff")]).name, "[31mred\u{fffd}");
        assert!(parse(&[("name", &[b'x'; 255])]).name.len() <= 64);
    }
}
