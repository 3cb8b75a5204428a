//! What can be said to a hub.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{access, bluetooth, demo};

/// Groups rooms and plays music in them, through the hub on this machine.
#[derive(Debug, Parser)]
#[command(name = "unisono", version, after_help = NODE_HELP)]
pub(crate) struct Arguments {
    /// Where the hub's control API answers
    #[arg(long, global = true, value_name = "ADDRESS:PORT", default_value_t = default_api())]
    pub(crate) api: String,
    /// A token for the hub's API; on the hub's machine none is needed
    #[arg(long, global = true, env = "UNISONO_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Print JSON, as the API gives it; an error as {"error": "one line"} on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show rooms, groups and what plays
    Status,
    /// List the rooms and how well they are in time
    Rooms,
    /// Rename, limit or forget a room
    #[command(subcommand)]
    Room(RoomCommand),
    /// List the groups
    Groups,
    /// List the machines of the household
    Nodes,
    /// Rename a machine of the household, or send it away
    #[command(subcommand)]
    Node(NodeCommand),
    /// Make, change or dissolve a group
    #[command(subcommand)]
    Group(GroupCommand),
    /// Play a file, or go on after a pause
    Play {
        /// A WAV, FLAC, MP3 or Ogg Vorbis file on the hub; without it, what is paused goes on
        file: Option<PathBuf>,
        /// Where to begin, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0.0, requires = "file", value_parser = seconds, allow_negative_numbers = true)]
        from: f64,
        #[command(flatten)]
        group: In,
    },
    /// Pause; `unisono play` goes on
    Pause(In),
    /// Stop
    Stop(In),
    /// Go to a position
    Seek {
        /// From the start, in seconds
        #[arg(value_parser = seconds, allow_negative_numbers = true)]
        seconds: f64,
        #[command(flatten)]
        group: In,
    },
    /// Set how loud a room or a group is
    Volume {
        /// A room or a group
        name: String,
        /// 0 to 100
        #[arg(value_parser = clap::value_parser!(u8).range(..=100))]
        percent: u8,
    },
    /// Mute a room or a group
    Mute {
        /// A room or a group
        name: String,
    },
    /// Unmute a room or a group
    Unmute {
        /// A room or a group
        name: String,
    },
    /// Find, pair and use the Bluetooth speakers of a room
    Bluetooth {
        /// The room, when there is more than one
        #[arg(long, short, global = true, value_name = "ROOM")]
        room: Option<String>,
        #[command(subcommand)]
        command: bluetooth::Command,
    },
    /// Say what is wrong with a room, and what to do about it
    Doctor {
        /// The room, when there is more than one
        #[arg(long, short, value_name = "ROOM")]
        room: Option<String>,
    },
    /// Make a token for `unisono-node --join`
    Token {
        /// For how long it is good, in minutes: up to a year
        #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=525_600))]
        minutes: u64,
        /// How many nodes can join with it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
    },
    /// Give the hub an administrator's secret, or another one
    Setup {
        /// The code that the hub has printed; on the hub's machine none is needed
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
    },
    /// Say which programs and browsers may use the hub
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Say what is not as it should be in the house, and what to do about it
    Health,
    /// Start a hub and three rooms on this machine and play in them until Ctrl-C
    Demo(demo::Options),
}

/// Which group is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct In {
    /// The group, when there is more than one
    #[arg(long = "group", short = 'g', value_name = "GROUP")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group
    Create {
        /// What it is called
        name: String,
        /// Its rooms
        rooms: Vec<String>,
    },
    /// Add rooms; they leave the groups that they were in
    Add {
        /// The group
        name: String,
        /// The rooms
        #[arg(required = true)]
        rooms: Vec<String>,
    },
    /// Take rooms out
    Remove {
        /// The group
        name: String,
        /// The rooms
        #[arg(required = true)]
        rooms: Vec<String>,
    },
    /// Rename a group
    Rename {
        /// The group
        name: String,
        /// What it is to be called
        to: String,
    },
    /// Dissolve a group
    Delete {
        /// The group
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoomCommand {
    /// Rename a room
    Rename {
        /// The room
        name: String,
        /// What it is to be called; without it, what its node calls it
        to: Option<String>,
    },
    /// Set the loudest that a room may be
    Limit {
        /// The room
        name: String,
        /// 0 to 100
        #[arg(value_parser = clap::value_parser!(u8).range(..=100))]
        percent: u8,
    },
    /// Forget a room whose node is gone
    Forget {
        /// The room
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Rename a machine
    Rename {
        /// The machine
        name: String,
        /// What it is to be called
        to: String,
    },
    /// Send a machine and its rooms away; it is let in again with a token only
    Remove {
        /// The machine
        name: String,
    },
}

const NODE_HELP: &str = "unisono --node [ADDRESS:PORT] COMMAND talks to the node on this machine instead (at \
                         127.0.0.1:8481 unless said otherwise); unisono --node --help lists what it can be told";

fn seconds(text: &str) -> Result<f64, &'static str> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or("write a number of seconds, 0 or more")
}

fn default_api() -> String {
    format!("127.0.0.1:{}", unisono_settings::API_PORT)
}
