//! How long it takes from a frame's place in the feed to the ear, in parts, each with its source and its uncertainty.
//!
//! | stage | what it is | where it comes from |
//! |---|---|---|
//! | packet | a frame waits until its packet is full | the configuration |
//! | codec | the filters of SBC, there and back | the configuration: 73 samples |
//! | link | the kernel's queue and the radio | the adapter's transmit stamps, else the socket's queue and what a radio needs that repeats nothing; smoothed |
//! | speaker | its buffer and all behind it | its delay report, else what it reported before, else the table, else 150 ms |
//! | trim | what a person, or a microphone, added | the settings |
//!
//! The total moves when something has changed, never for noise: whoever plays slews to each new one.

mod model;
mod queue;
mod watch;

use serde::{Deserialize, Serialize};
use unisono_core::time::Nanos;

use crate::Address;

pub use model::LatencyModel;
pub use watch::LatencyWatch;

/// A latency and what it is made of. Spans are nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// From the instant at which a frame counts as taken to that at which it is heard.
    pub total: Nanos,
    /// How far that may be off, about one standard deviation.
    pub uncertainty: Nanos,
    /// What it is made of, in the order of the way.
    pub parts: Vec<Part>,
}

/// A part of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where it arises.
    pub stage: Stage,
    /// How long it takes; a trim may be negative.
    pub value: Nanos,
    /// How far that may be off.
    pub uncertainty: Nanos,
    /// Who says so.
    pub source: Source,
}

/// Where latency arises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A frame waits until its packet is full.
    Packet,
    /// The filters of SBC.
    Codec,
    /// The kernel's queue and the radio.
    Link,
    /// The speaker's buffer and all behind it.
    Speaker,
    /// What was added by hand.
    Trim,
}

/// Who says how large a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It follows from the configuration.
    Computed,
    /// The socket's queue.
    Socket,
    /// The speaker, by an AVDTP delay report.
    Report,
    /// The speaker, but it cannot be: more than a second, of which a second is believed.
    ReportBounded,
    /// The speaker, when it was last connected in this way.
    Remembered,
    /// The speaker table.
    Table,
    /// Nobody: what most speakers are near.
    Default,
    /// The settings.
    Setting,
    /// The adapter, which says of each packet when it was sent.
    Completion,
}

/// What is known of a model of speaker before it says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prior {
    /// The latency of the speaker itself.
    pub value: Nanos,
    /// How far that may be off.
    pub uncertainty: Nanos,
}

/// What a latency depends on, and is remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The speaker.
    pub speaker: Address,
    /// The four bytes of the configuration.
    pub configuration: [u8; 4],
    /// The adapter.
    pub adapter: Address,
}

/// What is remembered of a speaker in one way of connecting it. Spans are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// What it reported last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Nanos>,
    /// What is added by hand.
    #[serde(default)]
    pub trim: Nanos,
}

impl Stage {
    /// Every one that there is.
    pub const ALL: [Self; 5] = [Self::Packet, Self::Codec, Self::Link, Self::Speaker, Self::Trim];

    /// Its name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Codec => "codec",
            Self::Link => "link",
            Self::Speaker => "speaker",
            Self::Trim => "trim",
        }
    }
}

impl Source {
    /// As a person reads it.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::Socket => "the socket's queue",
            Self::Report => "the speaker's report",
            Self::ReportBounded => "the speaker's report, which cannot be and is held to 1 s",
            Self::Remembered => "what the speaker reported before",
            Self::Table => "the speaker table",
            Self::Default => "nobody; most speakers are near it",
            Self::Setting => "the settings",
            Self::Completion => "the adapter's transmit stamps",
        }
    }
}
