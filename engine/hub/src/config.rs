//! The hub's settings: a file, and the command line over it.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clap::Parser;
use serde::Deserialize;
use unisono_core::{time::Nanos, units::SampleRate, wire::control::Codec};
use unisono_settings::{API_PORT, HUB_PORT, Program, runtime_folder, state_folder};

use crate::{engine::EngineSettings, house::StreamSettings};

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
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Where the control API answers (TCP, on this machine only) [default: 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub api: Option<String>,
    /// What is kept across restarts
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Where a token is left for nodes on this machine
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub runtime: Option<PathBuf>,
    /// How long a packet may be on its way or be asked for again, in milliseconds [default: 300]
    #[arg(long, value_name = "MS")]
    pub margin_ms: Option<u32>,
    /// opus, flac, pcm16 or pcm24 [default: opus]
    #[arg(long)]
    pub codec: Option<String>,
    /// Bits per second of Opus [default: 192000]
    #[arg(long, value_name = "BITS")]
    pub opus_bit_rate: Option<u32>,
    /// Read the settings, say what is wrong with them, and end
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
    name: Option<String>,
    listen: Option<String>,
    api: Option<String>,
    state: Option<PathBuf>,
    margin_ms: Option<u32>,
    codec: Option<String>,
    opus_bit_rate: Option<u32>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file.
    #[error(transparent)]
    File(#[from] unisono_settings::Error),
    /// A value that cannot be.
    #[error("{key}: {problem}")]
    Impossible {
        /// The key in the file, and the option.
        key: &'static str,
        /// What is wrong, and what to try.
        problem: String,
    },
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
    /// When the file cannot be used, or a value is impossible.
    pub fn settings(self) -> Result<HubSettings, Error> {
        let file: File = match &self.config {
            Some(path) => unisono_settings::read(path)?,
            None => unisono_settings::read_if_there(CONFIG.as_ref())?,
        };
        let listen = address("listen", self.listen.or(file.listen), Ipv6Addr::UNSPECIFIED.into(), HUB_PORT)?;
        let api = address("api", self.api.or(file.api), IpAddr::from([127, 0, 0, 1]), API_PORT)?;
        if !api.ip().is_loopback() {
            let problem =
                format!("{api} can be reached by others, and the control API has no access control yet; use 127.0.0.1");
            return Err(Error::Impossible { key: "api", problem });
        }
        let defaults = StreamSettings::default();
        let margin_ms = self.margin_ms.or(file.margin_ms).map_or(defaults.margin.as_millis(), i64::from);
        if !(60..=5_000).contains(&margin_ms) {
            let problem = format!("{margin_ms} is not between 60 and 5000 milliseconds");
            return Err(Error::Impossible { key: "margin_ms", problem });
        }
        let codec = match self.codec.or(file.codec).as_deref() {
            None | Some("opus") => Codec::Opus,
            Some("flac") => Codec::Flac,
            Some("pcm16") => Codec::Pcm16,
            Some("pcm24") => Codec::Pcm24,
            Some(other) => {
                let problem = format!("\"{other}\" is none of opus, flac, pcm16, pcm24");
                return Err(Error::Impossible { key: "codec", problem });
            }
        };
        let opus_bit_rate = self.opus_bit_rate.or(file.opus_bit_rate).unwrap_or(defaults.opus_bit_rate);
        if !(32_000..=510_000).contains(&opus_bit_rate) {
            let problem = format!("{opus_bit_rate} is not between 32000 and 510000 bits per second");
            return Err(Error::Impossible { key: "opus_bit_rate", problem });
        }
        let margin = Nanos::from_millis(margin_ms);
        let streams =
            StreamSettings { rate: SampleRate::HZ_48000, margin, codec, opus_bit_rate, ..StreamSettings::default() };
        let engine = EngineSettings {
            name: self.name.or(file.name).unwrap_or_else(machine_name),
            listen,
            state: self.state.or(file.state).unwrap_or_else(|| state_folder(Program::Hub)),
            runtime: self.runtime.unwrap_or_else(runtime_folder),
            streams,
        };
        Ok(HubSettings { engine, api })
    }
}

/// `address:port`, `:port`, `port` or `address`.
fn address(key: &'static str, text: Option<String>, ip: IpAddr, port: u16) -> Result<SocketAddr, Error> {
    let Some(text) = text else { return Ok(SocketAddr::new(ip, port)) };
    let only_port = text.trim_start_matches(':').parse().ok().map(|port| SocketAddr::new(ip, port));
    let only_ip = || text.trim_matches(['[', ']']).parse().ok().map(|ip| SocketAddr::new(ip, port));
    text.parse().ok().or(only_port).or_else(only_ip).ok_or_else(|| {
        let problem = format!("\"{text}\" is no address; write {}", SocketAddr::new(ip, port));
        Error::Impossible { key, problem }
    })
}

/// What the machine is called.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "hub".into() } else { name.into() }
}
