//! Queues and what is in them.

use serde::{Deserialize, Serialize};
use unisono_api::body::whole;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type},
    },
};

use super::bounds::Place;

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Derived, it would let others stand beside the one.
impl PartialSchema for Item {
    fn schema() -> RefOr<Schema> {
        let one = |(name, text): (&str, &str)| {
            let id = ObjectBuilder::new().schema_type(Type::String).description(Some(text));
            let object = ObjectBuilder::new().property(name, id).required(name);
            object.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        };
        let kinds = [
            ("track", "The id of a track."),
            ("album", "The id of an album: all its tracks."),
            ("station", "The id or the name of a station."),
            ("source", "The name of an input of the hub."),
        ];
        let kinds = kinds.map(one).into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item);
        kinds.description(Some("Something that can be put into a queue.")).into()
    }
}

impl ToSchema for Item {}

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
    /// What; something.
    #[schema(min_items = 1)]
    pub items: Vec<Item>,
    /// Where.
    #[serde(default)]
    pub at: ItemsAt,
    /// Whether to play it at once.
    #[serde(default)]
    pub play: bool,
    /// Which of the new entries to begin with, from 0.
    #[serde(default, deserialize_with = "whole")]
    #[schema(value_type = Place)]
    pub index: usize,
}

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveTo {
    /// The index that it has then; behind the last means at the end.
    #[serde(deserialize_with = "whole")]
    #[schema(value_type = Place)]
    pub to: usize,
}

/// The rooms that a group has then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRooms {
    /// Their ids or names.
    pub rooms: Vec<String>,
}
