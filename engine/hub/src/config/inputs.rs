//! `[[source]]` in the settings: the live inputs.
//!
//! ```toml
//! [[source]]
//! name = "mpd"
//! kind = "fifo"             # fifo, tcp, stdin or line_in
//! path = "mpd"              # in the runtime folder, unless it is absolute; the name, unless it is set
//! format = "44100:16:2"     # 48000:16:2 unless it is set
//! ```

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Deserializer};
use unisono_media::{RawFormat, live::Place};
use unisono_settings::{address, checked, each_checked};

use crate::sources::InputSettings;

/// Longer names fit on no page, in characters.
const MAX_NAME: usize = 60;

/// More than any machine has devices and programs for.
const MAX_INPUTS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Fifo,
    LineIn,
    Stdin,
    Tcp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(deserialize_with = "name")]
    name: Option<String>,
    kind: Kind,
    #[serde(default, deserialize_with = "path")]
    path: Option<PathBuf>,
    #[serde(default, deserialize_with = "listen")]
    address: Option<SocketAddr>,
    #[serde(default)]
    device: Option<String>,
    #[serde(default, deserialize_with = "format")]
    format: Option<RawFormat>,
}

impl TryFrom<Table> for InputSettings {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { name, kind, path, address, device, format } = table;
        let name = name.unwrap_or_default();
        let keys = [
            ("path", path.is_some(), Kind::Fifo),
            ("address", address.is_some(), Kind::Tcp),
            ("device", device.is_some(), Kind::LineIn),
        ];
        if let Some((key, ..)) = keys.iter().find(|(_, is_set, of)| *is_set && *of != kind) {
            return Err(format!("source \"{name}\": `{key}` means nothing for its kind; leave it out"));
        }
        let place = match kind {
            Kind::Fifo => {
                let called = || {
                    let problem =
                        |_| format!("source \"{name}\": its `name` is no name of a file; set a `path` as well");
                    in_folder(Path::new(&name)).map_err(problem)
                };
                Place::Fifo(path.map_or_else(called, Ok)?)
            }
            Kind::LineIn => Place::LineIn(device.unwrap_or_else(|| "default".into())),
            Kind::Stdin => Place::StandardInput,
            Kind::Tcp => Place::Tcp(address.ok_or_else(|| {
                format!("source \"{name}\": it needs an `address`, as 127.0.0.1:4953, on which it listens")
            })?),
        };
        Ok(Self { name, place, format: format.unwrap_or(RawFormat::CD_48) })
    }
}

/// All of them, of which no two may be in each other's way.
pub(super) fn inputs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<InputSettings>, D::Error> {
    let mut before: Vec<InputSettings> = Vec::new();
    each_checked(from, |table: Table| {
        let input = InputSettings::try_from(table)?;
        let name = &input.name;
        if before.len() == MAX_INPUTS {
            return Err(format!("there are more than {MAX_INPUTS} sources"));
        }
        if before.iter().any(|other| other.name == *name) {
            return Err(format!("two sources are called \"{name}\""));
        }
        if let Some(other) = before.iter().find(|other| other.place == input.place) {
            return Err(format!("sources \"{}\" and \"{name}\" are at the same place", other.name));
        }
        before.push(input.clone());
        Ok(input)
    })
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, |name: String| {
        let fits = (1..=MAX_NAME).contains(&name.chars().count()) && name == name.trim();
        if fits && !name.chars().any(char::is_control) {
            return Ok(name);
        }
        Err(format!("{name:?} is no name; it has 1 to {MAX_NAME} letters, and no space around them"))
    })
}

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    checked(from, |path: PathBuf| if path.is_absolute() { Ok(path) } else { in_folder(&path) })
}

/// A path that stays in the folder in which it begins.
fn in_folder(path: &Path) -> Result<PathBuf, String> {
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(path.into()),
        _ => Err(format!("{path:?} is neither an absolute path nor the name of a file in the runtime folder")),
    }
}

fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    checked(from, |text: String| {
        let address = address(&text, Ipv4Addr::LOCALHOST.into(), 0)?;
        let problem = || format!("\"{text}\" has no port; write 127.0.0.1:4953");
        if address.port() == 0 { Err(problem()) } else { Ok(address) }
    })
}

fn format<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RawFormat>, D::Error> {
    checked(from, |text: String| text.parse().map_err(|error: unisono_media::NoFormat| error.to_string()))
}
