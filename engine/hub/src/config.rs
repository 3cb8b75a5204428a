//! The hub's settings: a file, and the command line over it.

mod inputs;

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clap::Parser;
use serde::Deserialize;
use unisono_core::{time::Nanos, wire::control::Codec};
use unisono_settings::{API_PORT, Error, HUB_PORT, Program, address, api_address, runtime_folder, state_folder};

use crate::{
    engine::EngineSettings,
    house::StreamSettings,
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
    #[arg(long)]
    pub name: Option<String>,
    /// Where nodes connect (UDP) [default: [::]:8470]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen)]
    pub listen: Option<SocketAddr>,
    /// Where the control API answers (TCP, on this machine only) [default: 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = api)]
    pub api: Option<SocketAddr>,
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
    name: Option<String>,
    #[serde(deserialize_with = "in_file::listen")]
    listen: Option<SocketAddr>,
    #[serde(deserialize_with = "in_file::api")]
    api: Option<SocketAddr>,
    state: Option<PathBuf>,
    #[serde(deserialize_with = "in_file::margin")]
    margin_ms: Option<Nanos>,
    #[serde(deserialize_with = "in_file::codec")]
    codec: Option<Codec>,
    #[serde(deserialize_with = "in_file::opus_bit_rate")]
    opus_bit_rate: Option<u32>,
    radio_hosts: Vec<String>,
    #[serde(deserialize_with = "inputs::inputs")]
    source: Vec<InputSettings>,
}

/// The checks below, for the values of a file.
mod in_file {
    use std::net::SocketAddr;

    use serde::Deserializer;
    use unisono_core::{time::Nanos, wire::control::Codec};
    use unisono_settings::checked;

    pub(super) fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
        checked(from, |text: String| super::listen(&text))
    }

    pub(super) fn api<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
        checked(from, |text: String| super::api(&text))
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
}

/// A hub as the settings have it.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// The hub itself.
    pub engine: EngineSettings,
    /// Where its control API answers.
    pub api: SocketAddr,
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
        let engine = EngineSettings {
            name: self.name.or(file.name).unwrap_or_else(machine_name),
            listen: self.listen.or(file.listen).unwrap_or(everywhere),
            state: self.state.or(file.state).unwrap_or_else(|| state_folder(Program::Hub)),
            runtime,
            streams,
            sources,
        };
        let here = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), API_PORT);
        Ok(HubSettings { engine, api: self.api.or(file.api).unwrap_or(here) })
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    address(text, Ipv6Addr::UNSPECIFIED.into(), HUB_PORT)
}

fn api(text: &str) -> Result<SocketAddr, String> {
    api_address(text, API_PORT)
}

fn margin(milliseconds: u32) -> Result<Nanos, String> {
    if (60..=5_000).contains(&milliseconds) {
        return Ok(Nanos::from_millis(milliseconds.into()));
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

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| String::from("it is no whole number"))
}

/// What the machine is called.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "hub".into() } else { name.into() }
}
