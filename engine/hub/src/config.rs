//! The hub's settings: a file, and the command line over it.

mod inputs;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clap::Parser;
use serde::Deserialize;
use unisono_core::{
    time::Nanos,
    wire::control::{Codec, checked_name},
};
use unisono_settings::{API_PORT, Error, HUB_PORT, Program, address, runtime_folder, state_folder};

use crate::{
    access::Hosts,
    engine::EngineSettings,
    house::{MARGINS, StreamSettings},
    sources::{InputSettings, SourceSettings},
};

/// Sends music to nodes, all on one clock.
#[derive(Debug, Parser)]
#[command(name = "unisono-hub", version)]
pub struct Arguments {
    /// Settings file [default: /etc/unisono/hub.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What this hub is called [default: the machine's name]
    #[arg(long, value_parser = |text: &str| checked_name(text.into()))]
    pub name: Option<String>,
    /// Where nodes connect (UDP) [default: [::]:8470]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen)]
    pub listen: Option<SocketAddr>,
    /// Where the control API answers (TCP); 0.0.0.0 for everybody in the house [default: 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = api)]
    pub api: Option<SocketAddr>,
    /// A name by which browsers call this hub, beside its addresses, its machine's name and those that end in .local
    #[arg(long = "api-host", value_name = "NAME", value_parser = |text: &str| host_name(text))]
    pub api_hosts: Vec<String>,
    /// What is kept across restarts
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Where a token is left for nodes on this machine
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub runtime: Option<PathBuf>,
    /// How long a packet may be on its way or be asked for again, in milliseconds [default: 300]
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text).and_then(margin))]
    pub margin_ms: Option<Nanos>,
    /// opus, flac, pcm16 or pcm24 [default: opus]
    #[arg(long, value_parser = codec)]
    pub codec: Option<Codec>,
    /// Bits per second of Opus [default: 192000]
    #[arg(long, value_name = "BITS", value_parser = |text: &str| number(text).and_then(opus_bit_rate))]
    pub opus_bit_rate: Option<u32>,
    /// A folder with music to choose from; may be given several times
    #[arg(long, value_name = "FOLDER", value_parser = library_folder)]
    pub library: Vec<PathBuf>,
    /// Read the settings, say what is wrong with them, and end
    #[arg(long)]
    pub check_config: bool,
    /// Print the code with which this household can be founded anew on another machine, and end
    #[arg(long)]
    pub recovery_code: bool,
    /// Found a household anew from its recovery code, read from standard input, in an empty state folder
    #[arg(long)]
    pub recover: bool,
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
    #[serde(deserialize_with = "in_file::listen")]
    listen: Option<SocketAddr>,
    #[serde(deserialize_with = "in_file::api")]
    api: Option<SocketAddr>,
    #[serde(deserialize_with = "in_file::api_hosts")]
    api_hosts: Vec<String>,
    #[serde(deserialize_with = "unisono_settings::folder")]
    state: Option<PathBuf>,
    #[serde(deserialize_with = "in_file::margin")]
    margin_ms: Option<Nanos>,
    #[serde(deserialize_with = "in_file::codec")]
    codec: Option<Codec>,
    #[serde(deserialize_with = "in_file::opus_bit_rate")]
    opus_bit_rate: Option<u32>,
    #[serde(deserialize_with = "in_file::library")]
    library: Option<Vec<PathBuf>>,
    radio_hosts: Vec<String>,
    #[serde(deserialize_with = "inputs::inputs")]
    source: Vec<InputSettings>,
}

/// The checks below, for the values of a file.
mod in_file {
    use std::{net::SocketAddr, path::PathBuf};

    use serde::Deserializer;
    use unisono_core::{
        time::Nanos,
        wire::control::{Codec, checked_name},
    };
    use unisono_settings::checked;

    pub(super) fn called<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
        checked(from, checked_name)
    }

    pub(super) fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
        checked(from, |text: String| super::listen(&text))
    }

    pub(super) fn api<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
        checked(from, |text: String| super::api(&text))
    }

    pub(super) fn api_hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        unisono_settings::each_checked(from, |name: String| super::host_name(&name))
    }

    pub(super) fn margin<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Nanos>, D::Error> {
        checked(from, super::margin)
    }

    pub(super) fn codec<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Codec>, D::Error> {
        checked(from, |text: String| super::codec(&text))
    }

    pub(super) fn opus_bit_rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
        checked(from, super::opus_bit_rate)
    }

    pub(super) fn library<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<PathBuf>>, D::Error> {
        unisono_settings::each_checked(from, |folder: String| super::library_folder(&folder)).map(Some)
    }
}

/// A hub as the settings have it.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// The hub itself.
    pub engine: EngineSettings,
    /// Where its control API answers.
    pub api: SocketAddr,
    /// Names by which browsers call it.
    pub api_hosts: Vec<String>,
}

/// Where the settings are unless it is said otherwise.
const CONFIG: &str = "/etc/unisono/hub.toml";

impl Arguments {
    /// The settings that the file and the command line make together.
    ///
    /// # Errors
    /// When the file cannot be used; with the line and the key.
    pub fn settings(self) -> Result<HubSettings, Error> {
        let file: File = match &self.config {
            Some(path) => unisono_settings::read(path)?,
            None => unisono_settings::read_if_there(CONFIG.as_ref())?,
        };
        let defaults = StreamSettings::default();
        let streams = StreamSettings {
            margin: self.margin_ms.or(file.margin_ms).unwrap_or(defaults.margin),
            codec: self.codec.or(file.codec).unwrap_or(defaults.codec),
            opus_bit_rate: self.opus_bit_rate.or(file.opus_bit_rate).unwrap_or(defaults.opus_bit_rate),
            ..defaults
        };
        let runtime = self.runtime.unwrap_or_else(runtime_folder);
        let sources = SourceSettings { inputs: file.source, radio_hosts: file.radio_hosts }.in_folder(&runtime);
        let everywhere = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), HUB_PORT);
        let library = if self.library.is_empty() { file.library.unwrap_or_default() } else { self.library };
        let engine = EngineSettings {
            name: self.name.or(file.name).unwrap_or_else(machine_name),
            listen: self.listen.or(file.listen).unwrap_or(everywhere),
            state: self.state.or(file.state).unwrap_or_else(|| state_folder(Program::Hub)),
            runtime,
            streams,
            library: each_once(library),
            sources,
        };
        let here = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), API_PORT);
        let api_hosts = if self.api_hosts.is_empty() { file.api_hosts } else { self.api_hosts };
        Ok(HubSettings { engine, api: self.api.or(file.api).unwrap_or(here), api_hosts })
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    address(text, Ipv6Addr::UNSPECIFIED.into(), HUB_PORT)
}

fn api(text: &str) -> Result<SocketAddr, String> {
    address(text, Ipv4Addr::LOCALHOST.into(), API_PORT)
}

/// A name as browsers send it, without a port.
fn host_name(name: &str) -> Result<String, String> {
    if Hosts::is_name(name) {
        return Ok(name.into());
    }
    Err(format!("{name:?} is no name of a machine; write one without scheme and port, as in \"music.example\""))
}

fn margin(milliseconds: u32) -> Result<Nanos, String> {
    let margin = Nanos::from_millis(milliseconds.into());
    if MARGINS.contains(&margin) {
        return Ok(margin);
    }
    Err(format!("{milliseconds} is not between 60 and 5000 milliseconds"))
}

fn codec(text: &str) -> Result<Codec, String> {
    match text {
        "opus" => Ok(Codec::Opus),
        "flac" => Ok(Codec::Flac),
        "pcm16" => Ok(Codec::Pcm16),
        "pcm24" => Ok(Codec::Pcm24),
        other => Err(format!("\"{other}\" is none of opus, flac, pcm16, pcm24")),
    }
}

fn opus_bit_rate(bits: u32) -> Result<u32, String> {
    if (32_000..=510_000).contains(&bits) {
        return Ok(bits);
    }
    Err(format!("{bits} is not between 32000 and 510000 bits per second"))
}

/// A folder of the library. One that is not there is waited for: a disk may come.
fn library_folder(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    unisono_media::library::check_folder(&folder)?;
    Ok(folder.components().collect())
}

fn each_once(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut once: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !once.contains(&folder) {
            once.push(folder);
        }
    }
    once
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| String::from("it is no whole number"))
}

/// What the machine is called.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "hub".into() } else { name.into() }
}
