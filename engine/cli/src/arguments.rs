//! What can be said to a hub.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{
    access, bluetooth, demo, equaliser,
    library::LibraryCommand,
    queue::{Again, QueueCommand, Switch},
    saved::{SceneCommand, StationCommand},
};

/// Groups rooms and plays music in them, through the hub on this machine.
#[derive(Debug, Parser)]
#[command(name = "unisono", version, after_help = NODE_HELP)]
pub(crate) struct Arguments {
    /// Where the hub's control API answers
    #[arg(long, alias = "hub", global = true, value_name = "ADDRESS:PORT", default_value_t = default_api())]
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
    /// Rename, limit or forget a room, change how it sounds, or have it beep
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
        /// A WAV, FLAC, AIFF, MP3, M4A, AAC, Ogg Vorbis or Ogg Opus file on the hub; without it, what is paused goes on
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
    /// Show or change what plays one after the other
    Queue {
        /// The group, when there is more than one
        #[arg(long, short, global = true, value_name = "GROUP")]
        group: Option<String>,
        #[command(subcommand)]
        command: Option<QueueCommand>,
    },
    /// Go to the next entry of the queue
    Next(In),
    /// Go back: to the start of what plays, or right after that to the entry before
    Previous(In),
    /// Play the queue in any order, each entry once
    Shuffle {
        /// on or off
        switch: Switch,
        #[command(flatten)]
        group: In,
    },
    /// Say what comes behind the last entry of the queue
    Repeat {
        /// off, all or one
        again: Again,
        #[command(flatten)]
        group: In,
    },
    /// Save which rooms are together and how loud, and come back to it
    #[command(subcommand)]
    Scene(SceneCommand),
    /// Keep and play stations on the internet
    #[command(subcommand)]
    Station(StationCommand),
    /// Search the music that the hub has
    #[command(subcommand)]
    Library(LibraryCommand),
    /// List the inputs of the hub
    Sources,
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
    /// Print what a shell needs to complete commands
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man {
        /// Write it into this folder, and one for each command; it is made when it is not there
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
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
    /// Set the volume that a room does not begin to play above
    StartVolume {
        /// The room
        name: String,
        /// 0 to 100; none: it begins as loud as it was
        #[arg(value_name = "PERCENT|none", value_parser = percent_or_none)]
        percent: StartVolume,
    },
    /// Choose which channels a room plays
    Channels {
        /// The room
        name: String,
        /// stereo, left or right (that one on both), mono (the mean of both) or swapped
        #[arg(value_parser = ["stereo", "left", "right", "mono", "swapped"])]
        channels: String,
    },
    /// Show or change a room's equaliser
    Equaliser {
        /// The room
        name: String,
        #[command(flatten)]
        change: equaliser::Change,
    },
    /// Have a room beep, over what plays, as loud as the room is
    Beep {
        /// The room
        name: String,
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

/// The volume that a room does not begin above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartVolume(pub(crate) Option<u8>);

fn percent_or_none(text: &str) -> Result<StartVolume, &'static str> {
    let percent = || text.parse().ok().filter(|percent| *percent <= 100).ok_or("write 0 to 100, or none");
    if text == "none" { Ok(StartVolume(None)) } else { percent().map(|percent| StartVolume(Some(percent))) }
}

fn seconds(text: &str) -> Result<f64, &'static str> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or("write a number of seconds, 0 or more")
}

fn default_api() -> String {
    format!("127.0.0.1:{}", unisono_settings::API_PORT)
}
