//! What a room's latency is made of, as its node knows it.

use serde::{Deserialize, Serialize};

use super::open_enum;
use crate::{time::Nanos, wire::ids::RoomIndex};

/// The parts of a room's latency, in the order of the way. Together they are what the node offers the room with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// Which of the node's rooms.
    pub room: RoomIndex,
    /// What it is made of.
    pub parts: Vec<LatencyPart>,
}

/// A part of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyPart {
    /// Where it arises.
    pub stage: LatencyStage,
    /// How long it takes; what is added by hand may be negative.
    pub value: Nanos,
    /// Who says so.
    pub source: LatencySource,
    /// How far that may be off, about one standard deviation, where that is known.
    pub uncertainty: Option<Nanos>,
}

open_enum! {
    /// Where latency arises.
    LatencyStage {
        /// What the device holds, from handing over a frame to where its position is counted.
        Device = 1,
        /// A frame waits until its packet is full.
        Packet = 2,
        /// The filters of a codec.
        Codec = 3,
        /// A queue and a radio.
        Link = 4,
        /// A speaker's buffer and all behind it.
        Speaker = 5,
        /// What was added for a speaker by hand.
        Trim = 6,
        /// What the room's settings add: an amplifier, a television.
        Added = 7,
    }
}

open_enum! {
    /// Who says how large a part of a latency is.
    LatencySource {
        /// It follows from the configuration.
        Computed = 1,
        /// The queue of a socket.
        Socket = 2,
        /// The speaker.
        Report = 3,
        /// The speaker, but it cannot be and is held to a bound.
        ReportBounded = 4,
        /// The speaker, when it was last connected in this way.
        Remembered = 5,
        /// A table of speakers.
        Table = 6,
        /// Nobody: what most are near.
        Default = 7,
        /// A person.
        Setting = 8,
        /// An adapter, which says of each packet when it was sent. Since 1.4.
        Completion = 9,
    }
}

impl LatencyStage {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Packet => "packet",
            Self::Codec => "codec",
            Self::Link => "link",
            Self::Speaker => "speaker",
            Self::Trim => "trim",
            Self::Added => "added",
            Self::Other(_) => "unknown",
        }
    }
}

impl LatencySource {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::Socket => "socket",
            Self::Report => "report",
            Self::ReportBounded => "report_bounded",
            Self::Remembered => "remembered",
            Self::Table => "table",
            Self::Default => "default",
            Self::Setting => "setting",
            Self::Completion => "completion",
            Self::Other(_) => "unknown",
        }
    }
}
