//! `unisono`: commands a hub from a shell.

mod client;
mod demo;
mod show;
mod table;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use serde::Serialize;
use unisono_hub::{
    api::types::{
        ErrorView, GroupChange, GroupView, HubView, NewGroup, NewToken, NodeChange, NodeView, Play, RoomChange,
        RoomView, Seek, TokenView,
    },
    location,
};

use self::client::Client;

/// Groups rooms and plays music in them, through the hub on this machine.
#[derive(Debug, Parser)]
#[command(name = "unisono", version)]
struct Arguments {
    /// Where the hub's control API answers
    #[arg(long, global = true, value_name = "ADDRESS:PORT", default_value_t = default_api())]
    api: String,
    /// Print JSON, as the API gives it; an error as {"error": "one line"} on standard error
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    /// Make a token for `unisono-node --join`
    Token {
        /// For how long it is good, in minutes: up to a year
        #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=525_600))]
        minutes: u64,
        /// How many nodes can join with it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
    },
    /// Start a hub and three rooms on this machine and play in them until Ctrl-C
    Demo(demo::Options),
}

/// Which group is meant.
#[derive(Debug, clap::Args)]
struct In {
    /// The group, when there is more than one
    #[arg(long = "group", short = 'g', value_name = "GROUP")]
    name: Option<String>,
}

#[derive(Debug, Subcommand)]
enum GroupCommand {
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
enum RoomCommand {
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
enum NodeCommand {
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

fn seconds(text: &str) -> Result<f64, &'static str> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or("write a number of seconds, 0 or more")
}

fn default_api() -> String {
    format!("127.0.0.1:{}", unisono_settings::API_PORT)
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(wrong) if wrong.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            complain(&unisono_settings::one_line(&wrong), true);
            return ExitCode::from(unisono_settings::WRONG_USAGE);
        }
        Err(_) => unisono_settings::arguments(),
    };
    let json = arguments.json;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"), json);
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error what went wrong: standard output holds an answer or nothing.
fn complain(error: &str, json: bool) {
    if json {
        unisono_settings::complain(serde_json::json!(ErrorView { error: error.into() }));
    } else {
        unisono_settings::complain(format_args!("unisono: {error}"));
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let cli = Cli { client: Client::new(&arguments.api), json: arguments.json };
    match arguments.command {
        Command::Status => cli.status(),
        Command::Rooms => cli.print(&cli.client.get::<Vec<RoomView>>("rooms")?, |rooms| table::rooms(rooms)),
        Command::Groups => cli.print(&cli.client.get::<Vec<GroupView>>("groups")?, |groups| show::groups(groups)),
        Command::Nodes => cli.print(&cli.client.get::<Vec<NodeView>>("nodes")?, |nodes| show::nodes(nodes)),
        Command::Group(command) => cli.group(command),
        Command::Room(command) => cli.room(command),
        Command::Node(command) => cli.node(command),
        Command::Play { file, from, group } => cli.play(file, from, group),
        Command::Pause(group) => cli.act(group, "pause", &()),
        Command::Stop(group) => cli.act(group, "stop", &()),
        Command::Seek { seconds, group } => cli.act(group, "seek", &Seek { position_s: seconds }),
        Command::Volume { name, percent } => cli.change(&name, Some(percent), None),
        Command::Mute { name } => cli.change(&name, None, Some(true)),
        Command::Unmute { name } => cli.change(&name, None, Some(false)),
        Command::Token { minutes, uses } => {
            let wanted = NewToken { lifetime_s: minutes.saturating_mul(60), uses };
            cli.print(&cli.client.post::<TokenView>("tokens", &wanted)?, show::token)
        }
        Command::Demo(options) => demo::run(&options),
    }
}

/// A hub, and how to print what it says.
struct Cli {
    client: Client,
    json: bool,
}

impl Cli {
    fn print<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { text(value) };
        Ok(unisono_settings::print(text.trim_end())?)
    }

    fn status(&self) -> anyhow::Result<()> {
        let hub: HubView = self.client.get("hub")?;
        let (rooms, groups): (Vec<RoomView>, Vec<GroupView>) = (self.client.get("rooms")?, self.client.get("groups")?);
        let all = serde_json::json!({ "hub": hub, "groups": groups, "rooms": rooms });
        self.print(&all, |_| format!("{}\n\n{}\n{}", show::hub(&hub), show::groups(&groups), table::rooms(&rooms)))
    }

    fn group(&self, command: GroupCommand) -> anyhow::Result<()> {
        let changed: GroupView = match command {
            GroupCommand::Create { name, rooms } => self.client.post("groups", &NewGroup { name, rooms })?,
            GroupCommand::Add { name, rooms } => {
                self.each(&rooms, |room| self.client.put(&["groups", &name, "rooms", room]))?
            }
            GroupCommand::Remove { name, rooms } => {
                self.each(&rooms, |room| self.client.delete(&["groups", &name, "rooms", room]))?
            }
            GroupCommand::Rename { name, to } => {
                self.client.patch(&["groups", &name], &GroupChange { name: Some(to), ..GroupChange::default() })?
            }
            GroupCommand::Delete { name } => {
                self.client.delete::<Option<()>>(&["groups", &name])?;
                return self.print(&(), |()| format!("group \"{name}\" is dissolved"));
            }
        };
        self.print(&changed, |group| show::groups(std::slice::from_ref(group)))
    }

    fn room(&self, command: RoomCommand) -> anyhow::Result<()> {
        let (name, change) = match command {
            RoomCommand::Rename { name, to: Some(to) } if to.is_empty() => {
                bail!("a name needs a letter; without one, \"{name}\" gets back what its node calls it")
            }
            RoomCommand::Rename { name, to } => {
                (name, RoomChange { name: Some(to.unwrap_or_default()), ..RoomChange::default() })
            }
            RoomCommand::Limit { name, percent } => {
                (name, RoomChange { max_volume: Some(percent), ..RoomChange::default() })
            }
            RoomCommand::Forget { name } => {
                self.client.delete::<Option<()>>(&["rooms", &name])?;
                return self.print(&(), |()| format!("room \"{name}\" is forgotten"));
            }
        };
        let changed: RoomView = self.client.patch(&["rooms", &name], &change)?;
        self.print(&changed, |room| table::rooms(std::slice::from_ref(room)))
    }

    fn node(&self, command: NodeCommand) -> anyhow::Result<()> {
        match command {
            NodeCommand::Rename { name, to } => {
                let changed: NodeView = self.client.patch(&["nodes", &name], &NodeChange { name: to })?;
                self.print(&changed, |node| show::nodes(std::slice::from_ref(node)))
            }
            NodeCommand::Remove { name } => {
                self.client.delete::<Option<()>>(&["nodes", &name])?;
                self.print(&(), |()| format!("\"{name}\" is no member of the household any more"))
            }
        }
    }

    /// Does something for each room; gives the last answer.
    fn each(&self, rooms: &[String], act: impl Fn(&str) -> anyhow::Result<GroupView>) -> anyhow::Result<GroupView> {
        let mut last = None;
        for room in rooms {
            last = Some(act(room)?);
        }
        last.context("name at least one room")
    }

    fn play(&self, file: Option<PathBuf>, from: f64, group: In) -> anyhow::Result<()> {
        let Some(file) = file else {
            return self.act(group, "play", &Play::default());
        };
        let path = std::path::absolute(&file).with_context(|| format!("{}", file.display()))?;
        let name = self.pick(group, true)?;
        let play = Play { file: Some(location::of(&path)), position_s: from };
        self.print(&self.client.post_to(&["groups", &name, "play"], &play)?, |group: &GroupView| {
            show::groups(std::slice::from_ref(group))
        })
    }

    fn act(&self, group: In, verb: &str, body: &impl Serialize) -> anyhow::Result<()> {
        let name = self.pick(group, false)?;
        self.print(&self.client.post_to(&["groups", &name, verb], body)?, |group: &GroupView| {
            show::groups(std::slice::from_ref(group))
        })
    }

    /// The group that is meant. Where there is none yet and something is to be played, one of all rooms is made.
    fn pick(&self, group: In, create: bool) -> anyhow::Result<String> {
        if let Some(name) = group.name {
            return Ok(name);
        }
        let mut groups: Vec<GroupView> = self.client.get("groups")?;
        if groups.len() > 1 {
            // One without rooms is not meant, and to pause or to seek one that has stopped neither.
            groups.retain(|group| !group.rooms.is_empty() && (create || group.state != "stopped"));
        }
        match groups.as_slice() {
            [only] => Ok(only.id.clone()),
            [] if create => {
                let rooms: Vec<RoomView> = self.client.get("rooms")?;
                if rooms.is_empty() {
                    bail!(
                        "there is no room yet; start a node with `unisono-node --join TOKEN` (`unisono token` makes one)"
                    );
                }
                let rooms = rooms.into_iter().map(|room| room.id).collect();
                let made: GroupView = self.client.post("groups", &NewGroup { name: "everywhere".into(), rooms })?;
                Ok(made.id)
            }
            [] => bail!("nothing plays; start with `unisono play FILE`"),
            several => {
                let names: Vec<&str> = several.iter().map(|group| group.name.as_str()).collect();
                bail!("say which group with --group: {}", names.join(", "))
            }
        }
    }

    /// Changes a group or a room, whichever has the name.
    fn change(&self, name: &str, volume: Option<u8>, muted: Option<bool>) -> anyhow::Result<()> {
        let groups: Vec<GroupView> = self.client.get("groups")?;
        let is = |other: &str| other.to_lowercase() == name.to_lowercase();
        if groups.iter().any(|group| is(&group.name) || is(&group.id)) {
            let change = GroupChange { name: None, volume, muted };
            let changed: GroupView = self.client.patch(&["groups", name], &change)?;
            return self.print(&changed, |group| show::groups(std::slice::from_ref(group)));
        }
        let changed: RoomView =
            self.client.patch(&["rooms", name], &RoomChange { volume, muted, ..RoomChange::default() })?;
        self.print(&changed, |room| table::rooms(std::slice::from_ref(room)))
    }
}
