//! Who is there: the messages with which a connection begins.

use serde::{Deserialize, Serialize};

use super::{Codec, open_enum};
use crate::{
    leadership::Term,
    time::Nanos,
    wire::{
        Error, Version,
        ids::{ClockTag, HouseholdId, RoomIndex},
    },
};

/// From a node, first on every connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// What the node speaks.
    pub version: Version,
    /// The node's name.
    pub name: String,
    /// The household that the node has pinned, if any.
    pub household: Option<HouseholdId>,
    /// The version of the member list that the node holds; 0 for none.
    pub members_version: u64,
    /// The one-time secret of a join token, when the node is not a member yet.
    pub join: Option<[u8; 16]>,
    /// What the node can decode, best first.
    pub codecs: Vec<Codec>,
    /// What the node drives.
    pub rooms: Vec<Room>,
}

impl Hello {
    /// Its message type, the same in every version.
    pub const KIND: u16 = 1;

    /// The version at the front of a greeting, whatever version it is of.
    ///
    /// # Errors
    /// When the body does not begin with one.
    pub fn version_of(body: &[u8]) -> Result<Version, Error> {
        postcard::take_from_bytes(body).map(|(version, _)| version).map_err(|_| Error::Body { kind: Self::KIND })
    }
}

/// One room that a node drives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Room {
    /// Which of the node's rooms.
    pub index: RoomIndex,
    /// What the node calls it until the household names it.
    pub name: String,
    /// The output in use, as a person reads it.
    pub output: String,
    /// What lies between handing over a frame and hearing it: decode lead, device buffer, speaker.
    pub latency: Nanos,
    /// The highest term that this room has obeyed.
    pub term: Option<Term>,
}

/// From a node: its rooms have changed. The whole list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rooms {
    /// What the node drives now.
    pub rooms: Vec<Room>,
}

/// From a hub: come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// What both will speak.
    pub version: Version,
    /// The hub's name.
    pub name: String,
    /// The signed member list; empty when the node holds this version already. The node checks it before anything else.
    pub members: Vec<u8>,
    /// Names this connection in clock packets.
    pub clock_tag: ClockTag,
}

/// From a hub: no, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refuse {
    /// For the machine.
    pub reason: RefuseReason,
    /// For the person: what is wrong and what to try.
    pub text: String,
}

open_enum! {
    /// Why a hub refuses a node.
    RefuseReason {
        /// Their protocol versions do not go together.
        Version = 1,
        /// The node is not a member and brought no token.
        NotAMember = 2,
        /// The token's secret is not one that this hub issued.
        TokenUnknown = 3,
        /// The token has been used.
        TokenUsed = 4,
        /// The token has expired.
        TokenExpired = 5,
        /// The node belongs to another household.
        OtherHousehold = 6,
        /// The hub has as many connections as it takes.
        Full = 7,
        /// The node broke the protocol.
        Protocol = 8,
        /// The same node has connected again; this connection is the old one.
        Replaced = 9,
    }
}

/// From a hub: the member list has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Members {
    /// The signed member list.
    pub members: Vec<u8>,
}
