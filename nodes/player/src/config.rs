//! The node's settings: a file, and the command line over it.

use std::{collections::HashSet, net::SocketAddr, path::PathBuf};

use clap::Parser;
use serde::Deserialize;
use unisono_bluetooth::speakers::Table;
use unisono_core::{playout::timing::MAX_OUTPUT_LATENCY, time::Nanos, units::Volume, wire::control::checked_name};
use unisono_household::token::JoinToken;
use unisono_media::RawFormat;
use unisono_settings::{NODE_API_PORT, Program, api_address, runtime_folder, state_folder};

use crate::{
    bluetooth::BluetoothSettings,
    output::{ModelSpec, OutputSpec},
    session::{NodeSettings, RoomSettings, hubs},
    standalone::{Material, Place, StandaloneSettings},
};

/// Plays what its hub sends, in time with every other room.
#[derive(Debug, Parser)]
#[command(name = "unisono-node", version)]
pub struct Arguments {
    /// Settings file [default: /etc/unisono/node.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Join a household with a token from `unisono token`
    #[arg(long, value_name = "TOKEN")]
    pub join: Option<String>,
    /// Where the hub is, when it is not found by itself: host or host:port
    #[arg(long, value_name = "ADDRESS", value_parser = hubs::checked)]
    pub hub: Vec<String>,
    /// What this node is called [default: the machine's name]
    #[arg(long, value_parser = |text: &str| checked_name(text.into()))]
    pub name: Option<String>,
    /// Where the sound goes; `--list` shows what this machine has
    #[arg(long, value_name = "OUTPUT", help = OUTPUT_HELP, value_parser = str::parse::<OutputSpec>)]
    pub output: Vec<OutputSpec>,
    /// Delay behind the converter (amplifier, television), in milliseconds
    #[arg(long, value_name = "MS", value_parser = |text: &str| text.parse().map_err(|_| "it is no number".into()).and_then(latency_ms))]
    pub latency_ms: Option<f64>,
    /// Where the node's own control API answers (TCP, on this machine only) [default: 127.0.0.1:8481, or any free port]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = api)]
    pub api: Option<SocketAddr>,
    /// When the node plays what it has itself: auto (while there is no hub), always (no hub is looked for) or never
    #[arg(long, value_name = "WHEN")]
    pub standalone: Option<When>,
    /// After so long without a hub it does, in seconds; 0 for never [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = |text: &str| text.parse().map_err(|_| "it is no number".into()).and_then(after))]
    pub standalone_after_s: Option<f64>,
    /// What it plays then: a folder, a file, a FIFO, or - for standard input
    #[arg(long, value_name = "SOURCE")]
    pub music: Option<String>,
    /// What is kept across restarts
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Where a hub on this machine leaves its token
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub runtime: Option<PathBuf>,
    /// List the outputs of this machine and end
    #[arg(long)]
    pub list: bool,
    /// Play a test tone on the output and end
    #[arg(long)]
    pub test_tone: bool,
    /// Read the settings, say what is wrong with them or which output is not there, and end
    #[arg(long)]
    pub check_config: bool,
    /// End when standard input does
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    #[serde(deserialize_with = "in_file::called")]
    name: Option<String>,
    #[serde(deserialize_with = "in_file::hubs")]
    hub: Vec<String>,
    #[serde(deserialize_with = "unisono_settings::folder")]
    state: Option<PathBuf>,
    #[serde(deserialize_with = "in_file::api")]
    api: Option<SocketAddr>,
    standalone: FileStandalone,
    bluetooth: BluetoothSettings,
    #[serde(deserialize_with = "in_file::rooms")]
    room: Vec<FileRoom>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRoom {
    #[serde(default, deserialize_with = "in_file::called")]
    name: Option<String>,
    output: Option<OutputSpec>,
    outputs: Option<Vec<OutputSpec>>,
    #[serde(default, deserialize_with = "in_file::latency_ms")]
    latency_ms: Option<f64>,
}

impl FileRoom {
    /// Where the sound may go, the best first. While no card is there for `auto` alone, that is the model.
    fn outputs(&self) -> Vec<OutputSpec> {
        let one = || vec![self.output.clone().unwrap_or(OutputSpec::Auto)];
        let mut outputs = self.outputs.clone().unwrap_or_else(one);
        if outputs == [OutputSpec::Auto] {
            outputs.push(OutputSpec::Model(ModelSpec::default()));
        }
        outputs
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileStandalone {
    /// A folder, a file, a FIFO, or `-`.
    source: Option<String>,
    #[serde(deserialize_with = "in_file::format")]
    format: Option<RawFormat>,
    shuffle: bool,
    #[serde(deserialize_with = "in_file::volume")]
    volume: Option<Volume>,
    #[serde(deserialize_with = "in_file::after")]
    after_s: Option<f64>,
    always: bool,
}

/// When a node plays what it has itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// While there is no hub.
    Auto,
    /// For good.
    Always,
    /// On command only.
    Never,
}

/// The checks below, for the values of a file.
mod in_file {
    use serde::Deserializer;
    use unisono_core::{session::MAX_ROOMS, wire::control::checked_name};
    use unisono_media::NoFormat;
    use unisono_settings::each_checked;

    use super::{FileRoom, HashSet, OutputSpec, RawFormat, SocketAddr, Volume, checked_outputs, hubs::checked};

    pub(super) fn called<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
        unisono_settings::checked(from, checked_name)
    }

    pub(super) fn hubs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        each_checked(from, |address: String| checked(&address))
    }

    pub(super) fn rooms<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<FileRoom>, D::Error> {
        let (mut shared, mut count) = (HashSet::new(), 0);
        each_checked(from, |room: FileRoom| {
            count += 1;
            if count > MAX_ROOMS {
                return Err(format!("room: a node drives at most {MAX_ROOMS}"));
            }
            if room.output.is_some() && room.outputs.is_some() {
                return Err("output, outputs: a room has one or the other; put all into outputs".into());
            }
            let outputs = checked_outputs(room.outputs())?;
            let used = outputs.iter().filter(|output| !matches!(output, OutputSpec::Model(_)));
            match used.map(ToString::to_string).find(|output| !shared.insert(output.clone())) {
                Some(output) => Err(format!("output: two rooms cannot share {output}")),
                None => Ok(room),
            }
        })
    }

    pub(super) fn api<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
        unisono_settings::checked(from, |text: String| super::api(&text))
    }

    pub(super) fn format<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RawFormat>, D::Error> {
        unisono_settings::checked(from, |text: String| text.parse().map_err(|error: NoFormat| error.to_string()))
    }

    pub(super) fn volume<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Volume>, D::Error> {
        unisono_settings::checked(from, |percent: u8| Volume::try_from(percent).map_err(String::from))
    }

    pub(super) fn after<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        unisono_settings::checked(from, super::after)
    }

    pub(super) fn latency_ms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        unisono_settings::checked(from, super::latency_ms)
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file.
    #[error(transparent)]
    File(#[from] unisono_settings::Error),
    /// The command line or the file says something that cannot be.
    #[error("{0}")]
    Impossible(String),
}

const OUTPUT_HELP: &str = "Where the sound goes: auto, alsa:NAME, cpal[:NAME], bluetooth:ADDRESS, file:PATH.wav, model[:ppm=..,quantum=..,record=..]; given \
     several times, the first that works";

/// Where the settings are unless it is said otherwise.
const CONFIG: &str = "/etc/unisono/node.toml";

/// The longest delay behind a converter, in milliseconds.
const MAX_LATENCY_MS: f64 = MAX_OUTPUT_LATENCY.as_secs_f64() * 1e3;

/// Nobody has more, and each that is gone is looked for.
const MAX_OUTPUTS: usize = 8;

impl Arguments {
    /// The settings that the file and the command line make together.
    ///
    /// # Errors
    ///
    /// When the file cannot be used, or a value is impossible.
    pub fn settings(self) -> Result<NodeSettings, Error> {
        let file: File = match &self.config {
            Some(path) => unisono_settings::read(path)?,
            None => unisono_settings::read_if_there(CONFIG.as_ref())?,
        };
        // Not by clap, which would repeat what may be a secret but for one letter.
        let join = self.join.map(|text| text.parse::<JoinToken>()).transpose();
        let join = join.map_err(|error| Error::Impossible(format!("--join: {error}")))?;
        let name = self.name.or(file.name).unwrap_or_else(machine_name);
        let mut rooms = file.room;
        if rooms.is_empty() {
            rooms.push(FileRoom { name: None, output: None, outputs: None, latency_ms: None });
        }
        if !self.output.is_empty() || self.latency_ms.is_some() {
            let [only] = rooms.as_mut_slice() else {
                let text = "--output and --latency-ms are for a node with one room; set them in the settings file";
                return Err(Error::Impossible(text.into()));
            };
            if !self.output.is_empty() {
                let outputs = checked_outputs(self.output).map_err(|error| Error::Impossible(format!("--{error}")))?;
                (only.output, only.outputs) = (None, Some(outputs));
            }
            only.latency_ms = self.latency_ms.or(only.latency_ms);
        }
        let rooms = rooms.into_iter().map(|room| {
            let latency = Nanos::from_secs_f64(room.latency_ms.unwrap_or(0.0) * 1e-3);
            let outputs = room.outputs();
            RoomSettings { name: room.name.unwrap_or_else(|| name.clone()), outputs, latency }
        });
        let alone = file.standalone;
        let after = match (self.standalone, self.standalone_after_s.or(alone.after_s)) {
            (Some(When::Never), _) => None,
            (_, Some(seconds)) => (seconds > 0.0).then(|| Nanos::from_secs_f64(seconds)),
            (_, None) => StandaloneSettings::default().after,
        };
        let standalone = StandaloneSettings {
            after,
            always: self.standalone.map_or(alone.always, |when| when == When::Always),
            material: self.music.or(alone.source).map(|source| Material {
                place: Place::written(&source),
                format: alone.format.unwrap_or(RawFormat::CD_48),
                shuffle: alone.shuffle,
            }),
            volume: alone.volume.unwrap_or(Volume::START),
            has_stdin: !self.with_parent,
        };
        if !standalone.has_stdin && standalone.material.as_ref().is_some_and(|own| own.place == Place::StandardInput) {
            return Err(Error::Impossible("--with-parent: standard input cannot be music as well".into()));
        }
        if let Some(bad) = file.bluetooth.speakers.as_deref().and_then(|own| Table::with_file(own).1) {
            return Err(Error::Impossible(format!("[bluetooth] speakers: {bad}")));
        }
        Ok(NodeSettings {
            rooms: rooms.collect(),
            standalone,
            bluetooth: file.bluetooth,
            api: self.api.or(file.api),
            hubs: if self.hub.is_empty() { file.hub } else { self.hub },
            state: self.state.or(file.state).unwrap_or_else(|| state_folder(Program::Node)),
            runtime: self.runtime.unwrap_or_else(runtime_folder),
            join,
            name,
        })
    }
}

fn latency_ms(milliseconds: f64) -> Result<f64, String> {
    if (0.0..=MAX_LATENCY_MS).contains(&milliseconds) {
        return Ok(milliseconds);
    }
    Err(format!("{milliseconds} is not between 0 and {MAX_LATENCY_MS} milliseconds"))
}

/// A room's outputs, none of them twice.
fn checked_outputs(outputs: Vec<OutputSpec>) -> Result<Vec<OutputSpec>, String> {
    if outputs.is_empty() || outputs.len() > MAX_OUTPUTS {
        return Err(format!("outputs: {} are not between 1 and {MAX_OUTPUTS}", outputs.len()));
    }
    let twice = outputs.iter().enumerate().find(|(index, output)| outputs[..*index].contains(output));
    match twice {
        Some((_, output)) => Err(format!("outputs: {output} is there twice")),
        None => Ok(outputs),
    }
}

fn api(text: &str) -> Result<SocketAddr, String> {
    api_address(text, NODE_API_PORT)
}

/// The longest that a node waits for a hub before it plays on its own: a day.
const MAX_AFTER_S: f64 = 86_400.0;

fn after(seconds: f64) -> Result<f64, String> {
    if (0.0..=MAX_AFTER_S).contains(&seconds) {
        return Ok(seconds);
    }
    Err(format!("{seconds} is not between 0 and {MAX_AFTER_S} seconds"))
}

/// What the machine is called.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "node".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, arguments: &[&str]) -> Result<NodeSettings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        let words = ["unisono-node", "--config", path.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
        let said = Arguments::try_parse_from(words).unwrap().settings().map_err(|error| error.to_string());
        said.map_err(|said| said.replace(&folder.path().display().to_string(), ""))
    }

    #[test]
    fn how_a_node_stands_alone_is_in_its_settings_and_the_command_line_wins() {
        let text = "[standalone]\nsource = \"/music\"\nafter_s = 3\nshuffle = true\nvolume = 20\n";
        let alone = settings(text, &[]).unwrap().standalone;
        assert_eq!((alone.after, alone.always, alone.volume.percent()), (Some(Nanos::from_secs(3)), false, 20));
        let own = alone.material.unwrap();
        assert_eq!((own.place.to_string(), own.shuffle), ("/music".into(), true));
        let alone = settings(text, &["--standalone", "always", "--music", "-"]).unwrap().standalone;
        assert_eq!((alone.always, alone.material.unwrap().place), (true, Place::StandardInput));
        for never in [&["--standalone", "never"][..], &["--standalone-after-s", "0"]] {
            assert_eq!(settings(text, never).unwrap().standalone.after, None);
        }
        assert_eq!(settings("", &[]).unwrap().standalone.after, Some(Nanos::from_secs(10)));
        assert_eq!(settings("api = 9000\n", &[]).map(drop).unwrap_err().split(':').nth(1), Some("1"));
        assert_eq!(settings("api = \"9000\"\n", &[]).unwrap().api, Some(([127, 0, 0, 1], 9_000).into()));
    }

    #[test]
    fn a_room_of_which_nothing_is_said_plays_on_a_card_and_into_the_model_while_there_is_none() {
        let outputs = |text: &str, arguments: &[&str]| {
            let room = settings(text, arguments).unwrap().rooms.remove(0);
            room.outputs.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let with_model = ["auto", "model:ppm=0,quantum=1"];
        assert_eq!(outputs("", &[]), with_model);
        assert_eq!(outputs("", &["--output", "auto"]), with_model);
        assert_eq!(outputs("[[room]]\noutput = \"auto\"\n", &[]), with_model);
        assert_eq!(outputs("", &["--output", "auto", "--output", "cpal"]), ["auto", "cpal"], "as it was asked for");
        assert_eq!(outputs("", &["--output", "alsa:default"]), ["alsa:default"]);
    }

    #[test]
    fn what_cannot_be_is_said_with_its_line() {
        for (text, expected) in [
            ("api = \"192.168.1.2\"\n", "/node.toml:1: api: 192.168.1.2:8481 can be reached by others"),
            ("[standalone]\nformat = \"loud\"\n", "/node.toml:2: format: \"loud\" is no format"),
            ("[standalone]\n\nvolume = 101\n", "/node.toml:3: volume: a volume is 0 to 100"),
            ("[bluetooth]\nstreams_per_adapter = 0\n", "/node.toml:2: streams_per_adapter: "),
            ("[bluetooth]\nspeakers = \"/nowhere.toml\"\n", "[bluetooth] speakers: /nowhere.toml: No such file"),
            (
                "[[room]]\noutput = \"model\"\n[[room]]\noutput = \"auto\"\n[[room]]\noutput = \"auto\"\n",
                "/node.toml:5: output: two rooms",
            ),
            ("[[room]]\n\n[[room]]\noutputs = []\n", "/node.toml:3: outputs: 0 are not between"),
            ("hub = [\n\"a\",\n\"a b\"]\n", "/node.toml:3: "),
            ("name = \" \"\n", "/node.toml:1: name: "),
            (&"[[room]]\noutput = \"model\"\n".repeat(17), "/node.toml:33: room: a node drives at most 16"),
            ("[standalone]\nafter_s = -1\n", "/node.toml:2: after_s: -1 is not between 0 and 86400 seconds"),
        ] {
            let said = settings(text, &[]).map(drop).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
        let said = settings("", &["--music", "-", "--with-parent"]).map(drop).unwrap_err();
        assert!(said.contains("standard input cannot be music"), "{said}");
    }
}
