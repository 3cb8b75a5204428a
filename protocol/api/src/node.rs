//! What the node's API gives and takes. Times are in seconds, volumes in percent.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    ToSchema,
    openapi::schema::{ObjectBuilder, OneOfBuilder, Type},
};

use crate::{
    bounds::one_of,
    sound::{EqualiserView, LatencyPartView, VolumeView},
};

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Its short id.
    pub id: String,
    /// The program's version.
    pub version: String,
    /// The protocol that it speaks.
    pub protocol: String,
    /// The short id of its household, once a hub of it was there.
    pub household: Option<String>,
    /// Its hub, or why it has none.
    pub hub: HubLinkView,
    /// How it stands alone.
    pub standalone: StandaloneView,
}

/// How a node is to get into a household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// What `unisono token` makes.
    pub token: String,
}

/// A node's hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubLinkView {
    /// Whether one has let it in.
    pub connected: bool,
    /// For so long it has been so.
    pub since_s: f64,
    /// The hub's name.
    pub name: Option<String>,
    /// The hub's short id.
    pub id: Option<String>,
    /// Where it is.
    pub address: Option<String>,
    /// Whether its clock is known well enough to play by.
    pub in_time: bool,
    /// Why there is none.
    pub reason: Option<String>,
}

/// A room of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoomView {
    /// Which.
    pub index: u8,
    /// What the node calls it.
    pub name: String,
    /// The output in use; when it does not work, why and what would bring it back.
    pub output: String,
    /// Whether sound can be put out.
    pub works: bool,
    /// Which of its outputs it uses, and why.
    pub output_state: OutputView,
    /// `playing`, `idle` or `no output`.
    pub state: String,
    /// Who decides what it plays: `hub`, `node` or, while one has gone and the other has yet to come, `nobody`.
    pub plays_for: String,
    /// What the node plays in it.
    pub title: Option<String>,
    /// Where in that.
    pub position_s: Option<f64>,
    /// How loud it is while the node stands alone, 0 to 100.
    pub volume: u8,
    /// Whether it is muted then.
    pub muted: bool,
    /// Times the converter ran dry.
    pub underruns: u64,
    /// Where the latency of its output comes from.
    pub latency: Vec<LatencyPartView>,
    /// Which channels it plays, as its hub said last: `stereo`, `left`, `right`, `mono` or `swapped`.
    pub channels: String,
    /// Its equaliser, as its hub said last.
    pub equaliser: EqualiserView,
    /// What stands for its volume.
    pub volume_state: VolumeView,
}

/// Which of its outputs a room uses, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputView {
    /// `first`, `fallback` (one further down its list), or `none` (none works).
    pub choice: String,
    /// For how long that has been so.
    pub held_s: f64,
    /// What lies behind the converter: a speaker's delay, a trim.
    pub latency_s: f64,
    /// Why it is no better one.
    pub why: Option<String>,
    /// What would bring the better one back.
    pub back: Option<String>,
}

/// A change to a room of a node that stands alone; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoomChange {
    /// 0 to 100.
    pub volume: Option<u8>,
    /// Whether it is muted.
    pub muted: Option<bool>,
}

/// What to play: one of the four, or nothing to go on with what is paused or to begin with what the settings name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Play {
    /// A folder of the node; all of it, over and over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// A file of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A FIFO of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fifo: Option<String>,
    /// The node's standard input.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stdin: bool,
    /// How samples of the latter two are laid out, as in `48000:16:2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether a folder is shuffled.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shuffle: bool,
}

/// How a node stands alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StandaloneView {
    /// What was commanded: `auto` (while there is no hub), `on`, `off`, or `always` by its settings.
    pub mode: String,
    /// `with hub`, `waiting`, `alone`, or `returning` while a hub is back and shows that it stays.
    pub state: String,
    /// For so long.
    pub since_s: f64,
    /// What it plays by itself.
    pub own: Option<String>,
    /// `playing`, `paused` or `stopped`.
    pub playback: String,
    /// What it plays from.
    pub source: Option<String>,
    /// What is heard.
    pub title: Option<String>,
    /// Where in that.
    pub position_s: Option<f64>,
    /// Why nothing is heard that should be.
    pub warning: Option<String>,
}

/// When a node is to stand alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StandaloneChange {
    /// `true`: now, hub or no hub; `false`: never; `"auto"`: while there is no hub.
    #[schema(value_type = WhenAlone)]
    pub on: On,
}

crate::bounds! {
    /// `true`, `false` or `"auto"`.
    pub WhenAlone = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Boolean))
        .item(one_of(["auto"]))
        .into();
}

/// When to stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// While there is no hub.
    Auto,
    /// Now, hub or no hub.
    Yes,
    /// Never.
    No,
}

impl Serialize for On {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Yes => serializer.serialize_bool(true),
            Self::No => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for On {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = On;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("true, false or \"auto\"")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<On, E> {
                Ok(if on { On::Yes } else { On::No })
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<On, E> {
                if word == "auto" { Ok(On::Auto) } else { Err(E::invalid_value(de::Unexpected::Str(word), &self)) }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
