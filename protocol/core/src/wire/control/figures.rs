//! What a node has counted and measured beyond [`super::Report`], for those who watch the household.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::wire::ids::RoomIndex;

/// The most reasons of failures that a hub takes over for a room.
pub const MAX_FIGURES: usize = 64;

/// From a node: figures of its rooms. Counters run from the start of the node. Since 1.3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Every room.
    pub rooms: Vec<RoomFigures>,
    /// Where the node's own API answers, if it has one: its metrics are there too. An address that is none stands for
    /// all that the node has.
    pub api: Option<SocketAddr>,
}

/// Figures of one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFigures {
    /// Which of the node's rooms.
    pub room: RoomIndex,
    /// Of the resyncs of its report, those for which there was no sound to go on with.
    pub starved: u64,
    /// What its Bluetooth speakers have come to, all together; `None` when it may use none.
    pub speaker: Option<SpeakerFigures>,
}

/// What streams to Bluetooth speakers have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeakerFigures {
    /// Whether one is connected.
    pub connected: bool,
    /// Packets that went out.
    pub packets: u64,
    /// Packets that did not: the socket had no room, or they were far too late.
    pub dropped: u64,
    /// Packets that went out late.
    pub late: u64,
    /// Delays that speakers have reported.
    pub delay_reports: u64,
    /// Times that one was connected.
    pub connects: u64,
    /// What went wrong, by its name, and how often.
    pub failures: Vec<(String, u64)>,
}

impl Figures {
    /// Whether it is as a node of this household may send it: a hub shows what is in it to others.
    pub fn is_presentable(&self) -> bool {
        let is_name = |name: &str| {
            !name.is_empty() && name.len() <= 40 && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        };
        self.rooms.iter().all(|room| {
            let failures = room.speaker.as_ref().map_or(&[][..], |speaker| &speaker.failures);
            failures.len() <= MAX_FIGURES && failures.iter().all(|(name, _)| is_name(name))
        })
    }
}
