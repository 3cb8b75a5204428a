//! What stands for a room's volume, and what a speaker's own buttons do to it. Since 1.4.

use serde::{Deserialize, Serialize};

use super::open_enum;
use crate::{units::Gain, wire::ids::RoomIndex};

/// From a node: somebody has turned a room's volume at its speaker. The hub takes it over as far as the room may be as
/// loud, and says with [`SetGain`](super::SetGain) how loud the room is then.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turned {
    /// Which of the node's rooms.
    pub room: RoomIndex,
    /// How loud it is now, as [`SetGain`](super::SetGain) would say it.
    pub gain: Gain,
}

/// What stands for a room's volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeReport {
    /// Which of the node's rooms.
    pub room: RoomIndex,
    /// What does.
    pub by: VolumeBy,
    /// Why it is not the speaker's own, where the room plays on one; empty otherwise.
    pub why: String,
}

open_enum! {
    /// What stands for a room's volume.
    VolumeBy {
        /// The node scales the samples.
        Samples = 1,
        /// The speaker's own volume is moved, and samples have full scale.
        Speaker = 2,
    }
}

impl VolumeBy {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Speaker => "speaker",
            Self::Other(_) => "unknown",
        }
    }
}
