//! What a node says of itself, about once a second.

use serde::{Deserialize, Serialize};

use super::{LatencyReport, Trailing, VolumeReport, open_enum};
use crate::{
    time::Nanos,
    wire::ids::{RoomIndex, StreamId},
};

/// From a node: how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The clock towards this hub.
    pub clock: ClockReport,
    /// Every room.
    pub rooms: Vec<RoomReport>,
    /// Every room's output. Since 1.2.
    pub outputs: Trailing<Vec<OutputReport>>,
    /// What every room's latency is made of. Since 1.3.
    pub latencies: Trailing<Vec<LatencyReport>>,
    /// What stands for every room's volume. Since 1.4.
    pub volumes: Trailing<Vec<VolumeReport>>,
}

/// The node's view of the hub's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockReport {
    /// Whether the estimate is good enough to play by.
    pub locked: bool,
    /// How far the estimate may be off, by the estimator's own account: more in fewer than one of twenty cases.
    pub uncertainty: Nanos,
    /// The shortest round trip of the window.
    pub rtt: Nanos,
    /// How much faster the node's clock runs than the hub's, in parts per billion.
    pub drift_ppb: i32,
}

/// How one room is doing. Counters run from the start of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoomReport {
    /// Which of the node's rooms.
    pub room: RoomIndex,
    /// What it is doing.
    pub state: RoomState,
    /// The stream that it plays.
    pub stream: Option<StreamId>,
    /// The output in use, as a person reads it; when it is gone, why.
    pub output: String,
    /// By how much the converter is ahead (positive) or behind.
    pub sync_error: Nanos,
    /// What the figure rests on.
    pub evidence: Evidence,
    /// How far the figure may be off, clock and converter together.
    pub uncertainty: Nanos,
    /// Sound that has arrived and not been played.
    pub buffered: Nanos,
    /// How much faster the converter runs than the node's clock, in parts per billion.
    pub dac_drift_ppb: i32,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that did not arrive the first time.
    pub lost: u64,
    /// Of those, packets that arrived in time after all.
    pub repaired: u64,
    /// Packets that came after their deadline.
    pub late: u64,
    /// Frames played that were made up because their packet was missing.
    pub concealed_frames: u64,
    /// Times the converter ran dry.
    pub underruns: u64,
    /// Times the sound had to jump to be in time.
    pub resyncs: u64,
}

/// Which of its outputs a room uses, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputReport {
    /// Which of the node's rooms.
    pub room: RoomIndex,
    /// Which of the outputs that the room may use it is.
    pub choice: OutputChoice,
    /// For how long that has been so.
    pub held: Nanos,
    /// What lies behind the converter now.
    pub latency: Nanos,
    /// Why it is no better one; empty when there is none.
    pub why: String,
    /// What would bring the better one back; empty when there is none.
    pub back: String,
}

open_enum! {
    /// Which of its outputs a room uses.
    OutputChoice {
        /// None: none works.
        None = 0,
        /// The one that it is to use when it can.
        First = 1,
        /// One further down its list.
        Fallback = 2,
    }
}

impl OutputChoice {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::First => "first",
            Self::Fallback => "fallback",
            Self::Other(_) => "unknown",
        }
    }
}

open_enum! {
    /// What a room is doing.
    RoomState {
        /// Nothing to play.
        Idle = 0,
        /// Something to play, not yet audible.
        Starting = 1,
        /// Playing.
        Playing = 2,
        /// The output is gone or busy; the room tries again every second.
        NoOutput = 3,
        /// The clock estimate is not good enough yet.
        NoClock = 4,
        /// Its node stands alone: it plays what the node has, and not what the hub sends. Since 1.2.
        Alone = 5,
    }
}

open_enum! {
    /// What a sync error rests on. A player's own opinion of itself is no proof; this says whose opinion it is.
    Evidence {
        /// Nothing: there is no figure.
        Nothing = 0,
        /// A prediction: no converter has said it.
        Estimate = 1,
        /// The position that the converter reports.
        Device = 2,
        /// A microphone.
        Acoustic = 3,
        /// The position of a converter that is only computed; nothing is heard.
        Model = 4,
    }
}
