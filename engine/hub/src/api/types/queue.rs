//! Queues and what is in them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What comes behind the last entry of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepeatMode {
    /// Nothing.
    #[default]
    Off,
    /// The first.
    All,
    /// Behind each entry itself.
    One,
}

/// A queue, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueSummary {
    /// How many entries it has.
    pub length: usize,
    /// Which of them plays or is to play; from 0.
    pub index: Option<usize>,
    /// Another number after every change.
    pub version: u64,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// Another number after every change.
    pub version: u64,
    /// Which of the entries plays or is to play; from 0.
    pub index: Option<usize>,
    /// What comes behind the last.
    pub repeat: RepeatMode,
    /// Whether they play in any order, each once.
    pub shuffle: bool,
    /// The entries, in the order in which they stand.
    pub entries: Vec<EntryView>,
}

/// An entry of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Its id, in this queue alone.
    pub entry: String,
    /// `track`, `station`, `source` or `file`.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// Whose it is.
    pub artist: Option<String>,
    /// What it was published on.
    pub album: Option<String>,
    /// How long it is.
    pub length_s: Option<f64>,
    /// Where its picture is.
    pub cover: Option<String>,
}

/// Something that can be put into a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// The id of a track.
    Track(String),
    /// The id of an album: all its tracks.
    Album(String),
    /// The id or the name of a station.
    Station(String),
    /// The name of an input of the hub.
    Source(String),
}

/// Where it is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ItemsAt {
    /// In the place of all that there is.
    Replace,
    /// Behind what plays.
    Next,
    /// Behind all others.
    #[default]
    End,
}

/// What is to be put into a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEntries {
    /// What.
    pub items: Vec<Item>,
    /// Where.
    #[serde(default)]
    pub at: ItemsAt,
    /// Whether to play it at once.
    #[serde(default)]
    pub play: bool,
    /// Which of the new entries to begin with, from 0.
    #[serde(default)]
    pub index: usize,
}

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveTo {
    /// The index that it has then; behind the last means at the end.
    pub to: usize,
}

/// The rooms that a group has then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRooms {
    /// Their ids or names.
    pub rooms: Vec<String>,
}
