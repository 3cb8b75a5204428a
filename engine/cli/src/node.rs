//! `unisono --node`: commands to a node's own API.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;
use unisono_api::node::{Join, NodeView, On, Play, RoomChange, RoomView, StandaloneChange, StandaloneView};

use crate::{
    bluetooth::{self, Speakers},
    client::Client,
    doctor,
    out::Out,
    show::clock,
};

/// Plays what the node on this machine has, and looks after its speakers, with a hub or without.
#[derive(Debug, Parser)]
#[command(name = "unisono --node", version)]
pub(crate) struct NodeArguments {
    /// Where the node's control API answers
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT, default_value = DEFAULT)]
    pub(crate) node: String,
    /// Print JSON, as the API gives it; an error as {"error": "one line"} on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What a node can be told.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the node, its hub, its rooms and what plays
    Status,
    /// Have it join a household with a token from `unisono token`
    Join {
        /// The token
        token: String,
    },
    /// Play something that the node has, or go on after a pause
    Play {
        /// A folder, a file, a FIFO, or - for the node's standard input; without it, what is paused, or what its settings name
        what: Option<PathBuf>,
        /// How samples from a pipe are laid out
        #[arg(long, value_name = "RATE:BITS:CHANNELS", requires = "what")]
        format: Option<String>,
        /// Shuffle a folder
        #[arg(long, requires = "what")]
        shuffle: bool,
    },
    /// Pause; `unisono --node play` goes on
    Pause,
    /// Go to the next piece
    Next,
    /// Stop
    Stop,
    /// Have a room beep, over what plays, as loud as the room is
    Beep {
        /// One of its rooms; without it, all
        #[arg(long, short, value_name = "ROOM")]
        room: Option<String>,
    },
    /// Set how loud the node plays while it stands alone
    Volume {
        /// 0 to 100
        #[arg(value_parser = clap::value_parser!(u8).range(..=100))]
        percent: u8,
        /// One of its rooms; without it, all
        #[arg(long, short, value_name = "ROOM")]
        room: Option<String>,
    },
    /// Have the node play on its own, or not
    Standalone {
        /// now, never, or while it has no hub
        when: When,
    },
    /// Find, pair and use its Bluetooth speakers
    #[command(subcommand)]
    Bluetooth(bluetooth::Command),
    /// Say what is wrong with it, and what to do about it
    Doctor,
}

/// When a node plays on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// Now, hub or no hub
    On,
    /// Never
    Off,
    /// While it has no hub
    Auto,
}

/// Where a node's API is unless it is said otherwise.
const DEFAULT: &str = "127.0.0.1:8481";
const _: () = assert!(unisono_settings::NODE_API_PORT == 8481);

/// The words of a command line that is for a node: `--node` and an address are one word then. `None` when it is for a hub.
pub(crate) fn address_in(words: &[OsString]) -> Option<Vec<OsString>> {
    let ours = words.iter().take_while(|word| *word != "--");
    let at = ours
        .enumerate()
        .find(|(_, word)| word.to_str().is_some_and(|word| word == "--node" || word.starts_with("--node=")));
    let (at, word) = at?;
    let mut joined = words.to_vec();
    let address = joined.get(at + 1).and_then(|next| next.to_str()).filter(|next| is_address(next)).map(String::from);
    if let Some(address) = address.filter(|_| word == "--node") {
        joined.remove(at + 1);
        joined[at] = format!("--node={address}").into();
    }
    Some(joined)
}

/// What no command looks like.
fn is_address(text: &str) -> bool {
    let port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<std::net::IpAddr>().is_ok() || text.rsplit_once(':').is_some_and(|(_, last)| port(last))
}

/// Does what was said.
pub(crate) fn run(address: &str, out: Out, command: Command) -> anyhow::Result<()> {
    let client = Client::node(address);
    match command {
        Command::Status => status(&client, out),
        Command::Join { token } => out.print(&client.post::<NodeView>("join", &Join { token })?, with_hub),
        Command::Play { what, format, shuffle } => {
            let play = what.map(|what| named(&what, format, shuffle)).transpose()?;
            act(&client, out, "play", &play.unwrap_or_default())
        }
        Command::Pause => act(&client, out, "pause", &()),
        Command::Next => act(&client, out, "next", &()),
        Command::Stop => act(&client, out, "stop", &()),
        Command::Volume { percent, room } => volume(&client, out, percent, room),
        Command::Beep { room } => beep(&client, out, room),
        Command::Standalone { when } => {
            let on = match when {
                When::On => On::Yes,
                When::Off => On::No,
                When::Auto => On::Auto,
            };
            out.print(&client.post::<StandaloneView>("standalone", &StandaloneChange { on })?, standalone)
        }
        Command::Bluetooth(command) => Speakers::new(&client, out, vec!["bluetooth".into()]).run(command),
        Command::Doctor => doctor::print(&client, out, &["doctor"]),
    }
}

fn status(client: &Client, out: Out) -> anyhow::Result<()> {
    let (node, rooms): (NodeView, Vec<RoomView>) = (client.get("node")?, client.get("rooms")?);
    let all = serde_json::json!({ "node": node, "rooms": rooms });
    out.print(&all, |_| {
        let rooms: String = rooms.iter().map(room).collect();
        format!("{}\n{}\n{rooms}", with_hub(&node), standalone(&node.standalone))
    })
}

/// A node and its hub.
fn with_hub(node: &NodeView) -> String {
    let hub = match (&node.hub.name, &node.hub.reason) {
        (Some(name), _) => format!("hub \"{name}\" at {}", node.hub.address.as_deref().unwrap_or("?")),
        (None, reason) => format!("no hub: {}", reason.as_deref().unwrap_or("none was found")),
    };
    format!("node \"{}\" ({}), {hub}", node.name, node.id)
}

/// All rooms of a node play the same, so the first stands for them.
fn act(client: &Client, out: Out, verb: &str, body: &impl Serialize) -> anyhow::Result<()> {
    let told: RoomView = client.post_to(&["rooms", "0", verb], body)?;
    out.print(&told, room)
}

fn volume(client: &Client, out: Out, percent: u8, only: Option<String>) -> anyhow::Result<()> {
    let names = names(client, only)?;
    let change = RoomChange { volume: Some(percent), muted: None };
    let changed = names.iter().map(|name| client.patch(&["rooms", name], &change));
    let changed = changed.collect::<anyhow::Result<Vec<RoomView>>>()?;
    out.print(&changed, |rooms| rooms.iter().map(room).collect())
}

fn beep(client: &Client, out: Out, only: Option<String>) -> anyhow::Result<()> {
    for name in names(client, only)? {
        client.post_to::<Option<()>>(&["rooms", &name, "beep"], &())?;
    }
    out.print(&(), |()| String::from("it beeps"))
}

/// One of the node's rooms, or all.
fn names(client: &Client, only: Option<String>) -> anyhow::Result<Vec<String>> {
    Ok(match only {
        Some(room) => vec![room],
        None => client.get::<Vec<RoomView>>("rooms")?.iter().map(|room| room.index.to_string()).collect(),
    })
}

/// What is meant by a path on this machine.
fn named(what: &PathBuf, format: Option<String>, shuffle: bool) -> anyhow::Result<Play> {
    use std::os::unix::fs::FileTypeExt;

    let play = Play { format, shuffle, ..Play::default() };
    if what.as_os_str() == "-" {
        return Ok(Play { stdin: true, ..play });
    }
    let path = std::path::absolute(what).with_context(|| format!("{}", what.display()))?;
    let found = std::fs::metadata(&path).with_context(|| format!("{}", path.display()))?;
    let Some(text) = path.to_str().map(String::from) else {
        bail!("{}: a name that is no UTF-8 cannot be told; rename it, or name its folder", path.display());
    };
    Ok(match found.file_type() {
        kind if kind.is_dir() => Play { folder: Some(text), ..play },
        kind if kind.is_fifo() => Play { fifo: Some(text), ..play },
        _ => Play { file: Some(text), ..play },
    })
}

fn standalone(view: &StandaloneView) -> String {
    let title = view.title.as_ref().map(|title| format!(" \"{title}\"")).unwrap_or_default();
    let at = view.position_s.map(|position| format!(" {}", clock(position))).unwrap_or_default();
    let own = view.own.as_ref().map(|own| format!(", has {own}")).unwrap_or_default();
    let warning = view.warning.as_ref().map(|warning| format!("\n  warning: {warning}")).unwrap_or_default();
    format!("standalone {}: {}, {}{title}{at}{own}{warning}", view.mode, view.state, view.playback)
}

fn room(room: &RoomView) -> String {
    let title = room.title.as_ref().map(|title| format!(" \"{title}\"")).unwrap_or_default();
    let muted = if room.muted { ", muted" } else { "" };
    format!(
        "{}: {}{title}, for {}, own volume {}{muted}, {}\n",
        room.name, room.state, room.plays_for, room.volume, room.output
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn an_address_may_follow_and_need_not() {
        for (said, address) in [
            ("unisono --node status", DEFAULT),
            ("unisono --node bluetooth scan", DEFAULT),
            ("unisono --node 127.0.0.1:9000 status", "127.0.0.1:9000"),
            ("unisono --node [::1]:9000 play /music", "[::1]:9000"),
            ("unisono --node=:9000 --json play -", ":9000"),
            ("unisono --json --node 127.0.0.1 bluetooth pair AA:BB:CC:DD:EE:FF", "127.0.0.1"),
            ("unisono --node bluetooth forget AA:BB:CC:DD:EE:11", DEFAULT),
        ] {
            let arguments = NodeArguments::try_parse_from(address_in(&words(said)).unwrap());
            assert_eq!(arguments.unwrap_or_else(|wrong| panic!("{said}: {wrong}")).node, address, "{said}");
        }
        for hub in ["unisono status", "unisono node rename a b", "unisono group create -- --node"] {
            assert!(address_in(&words(hub)).is_none(), "{hub}");
        }
    }
}
