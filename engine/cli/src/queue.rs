//! `unisono queue`, and the commands that go through it.

use clap::{Subcommand, ValueEnum};
use unisono_core::words::count;
use unisono_hub::api::types::{
    EntryView, GroupChange, GroupView, Item, ItemsAt, MoveTo, NewEntries, QueueView, RepeatMode,
};

use crate::{
    arguments::In,
    hub::Cli,
    show::{self, clock},
};

/// What can be done to a queue.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Show the entries; what plays is marked
    List,
    /// Add tracks, albums, stations and inputs
    Add(Add),
    /// Play an entry
    Play {
        /// Its number in the list, from 1
        number: usize,
    },
    /// Take entries out
    Remove {
        /// Their numbers in the list, from 1
        #[arg(required = true)]
        numbers: Vec<usize>,
    },
    /// Put an entry elsewhere
    Move {
        /// Its number in the list, from 1
        number: usize,
        /// The number that it is to have
        to: usize,
    },
    /// Take all entries out, and stop
    Clear,
}

/// What is to be added, in this order.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Ids of tracks; `unisono library search` finds them
    #[arg(required_unless_present_any = ["albums", "stations", "sources"])]
    tracks: Vec<String>,
    /// An album, by its id
    #[arg(long = "album", value_name = "ID")]
    albums: Vec<String>,
    /// A station, by its name
    #[arg(long = "station", value_name = "NAME")]
    stations: Vec<String>,
    /// An input of the hub, by its name
    #[arg(long = "source", value_name = "NAME")]
    sources: Vec<String>,
    /// Right behind what plays, not behind all others
    #[arg(long)]
    next: bool,
    /// In the place of all that there is
    #[arg(long, conflicts_with = "next")]
    replace: bool,
    /// And play it now
    #[arg(long)]
    play: bool,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

/// What comes behind the last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Again {
    /// Nothing
    Off,
    /// The first
    All,
    /// Nothing but what plays, again and again
    One,
}

impl Cli {
    pub(crate) fn queue(&self, command: Option<QueueCommand>, group: In) -> anyhow::Result<()> {
        let adds = matches!(command, Some(QueueCommand::Add(_)));
        let group = self.pick_any(group, adds)?;
        let path = ["groups", group.as_str(), "queue"];
        let queue: QueueView = match command.unwrap_or(QueueCommand::List) {
            QueueCommand::List => self.client.get_from(&path)?,
            QueueCommand::Add(add) => self.client.post_to(&path, &wanted(add))?,
            QueueCommand::Clear => self.client.delete(&path)?,
            QueueCommand::Play { number } => {
                self.client.post_to(&[&path[..], &[self.entry(&path, number)?.as_str(), "play"]].concat(), &())?
            }
            QueueCommand::Move { number, to } => {
                let wanted = MoveTo { to: to.saturating_sub(1) };
                self.client.post_to(&[&path[..], &[self.entry(&path, number)?.as_str(), "move"]].concat(), &wanted)?
            }
            QueueCommand::Remove { numbers } => {
                // All of them first: numbers change with every entry that goes.
                let entries = numbers.iter().map(|number| self.entry(&path, *number)).collect::<Result<Vec<_>, _>>()?;
                let mut queue = None;
                for entry in entries {
                    queue = Some(self.client.delete(&[&path[..], &[entry.as_str()]].concat())?);
                }
                match queue {
                    Some(queue) => queue,
                    None => self.client.get_from(&path)?,
                }
            }
        };
        self.print(&queue, text)
    }

    pub(crate) fn shuffle(&self, switch: Switch, group: In) -> anyhow::Result<()> {
        self.order(group, &GroupChange { shuffle: Some(switch == Switch::On), ..GroupChange::default() })
    }

    pub(crate) fn repeat(&self, again: Again, group: In) -> anyhow::Result<()> {
        let repeat = match again {
            Again::Off => RepeatMode::Off,
            Again::All => RepeatMode::All,
            Again::One => RepeatMode::One,
        };
        self.order(group, &GroupChange { repeat: Some(repeat), ..GroupChange::default() })
    }

    fn order(&self, group: In, change: &GroupChange) -> anyhow::Result<()> {
        let group = self.pick_any(group, false)?;
        let changed: GroupView = self.client.patch(&["groups", &group], change)?;
        self.print(&changed, |group| show::groups(std::slice::from_ref(group)))
    }

    /// The id of the entry with a number.
    fn entry(&self, path: &[&str], number: usize) -> anyhow::Result<String> {
        let queue: QueueView = self.client.get_from(path)?;
        let entry = number.checked_sub(1).and_then(|index| queue.entries.get(index));
        let entry = entry.ok_or_else(|| match queue.entries.len() {
            0 => anyhow::anyhow!("the queue is empty; `unisono queue add` fills it"),
            length => anyhow::anyhow!("there is no entry {number}; they go from 1 to {length}"),
        });
        entry.map(|entry| entry.entry.clone())
    }
}

fn wanted(add: Add) -> NewEntries {
    let tracks = add.tracks.into_iter().map(Item::Track);
    let items =
        tracks.chain(add.albums.into_iter().map(Item::Album)).chain(add.stations.into_iter().map(Item::Station));
    let at = match (add.next, add.replace) {
        (true, _) => ItemsAt::Next,
        (_, true) => ItemsAt::Replace,
        _ => ItemsAt::End,
    };
    NewEntries { items: items.chain(add.sources.into_iter().map(Item::Source)).collect(), at, play: add.play, index: 0 }
}

/// A queue, an entry a line.
fn text(queue: &QueueView) -> String {
    if queue.entries.is_empty() {
        return String::from("nothing; `unisono queue add` fills the queue\n");
    }
    let repeat = match queue.repeat {
        RepeatMode::Off => "",
        RepeatMode::All => "; repeated",
        RepeatMode::One => "; one entry repeated",
    };
    let shuffle = if queue.shuffle { "; shuffled" } else { "" };
    let entries = count(queue.entries.len(), "entry");
    let lines = queue.entries.iter().enumerate().map(|(index, entry)| line(index, entry, queue.index == Some(index)));
    format!("{entries}{repeat}{shuffle}\n{}", lines.collect::<String>())
}

fn line(index: usize, entry: &EntryView, plays: bool) -> String {
    let mark = if plays { '>' } else { ' ' };
    let artist = entry.artist.as_ref().map(|artist| format!(" by {artist}")).unwrap_or_default();
    let album = entry.album.as_ref().map(|album| format!(", {album}")).unwrap_or_default();
    let length = entry.length_s.map(|length| format!("  {}", clock(length))).unwrap_or_default();
    let kind = if entry.kind == "track" { String::new() } else { format!("  ({})", entry.kind) };
    format!("{mark} {:>4}  {}{artist}{album}{length}{kind}\n", index + 1, entry.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plays_is_marked_and_what_is_no_track_is_named() {
        let entry = |title: &str, kind: &str| EntryView {
            entry: "7".into(),
            kind: kind.into(),
            title: title.into(),
            artist: (kind == "track").then(|| "Nina Simone".into()),
            album: None,
            length_s: (kind == "track").then_some(61.4),
            cover: None,
        };
        let entries = vec![entry("Sinnerman", "track"), entry("Jazz", "station")];
        let queue = QueueView { version: 1, index: Some(1), repeat: RepeatMode::All, shuffle: true, entries };
        assert_eq!(
            text(&queue),
            "2 entries; repeated; shuffled\n     1  Sinnerman by Nina Simone  1:01\n>    2  Jazz  (station)\n"
        );
    }
}
