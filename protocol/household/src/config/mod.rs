//! The configuration of a household: a state machine that gives every hub the same state from the same commands.
//!
//! [`Config`] is the state, [`Command`] what changes it, [`Config::apply`] how. Nothing in here reads a clock or draws
//! a number: times and identifiers come in the command. A hub keeps it in a database; see [`crate::household`].

pub mod access;
mod apply;
mod command;
mod saved;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use unisono_core::{
    sound::RoomSound,
    units::Volume,
    wire::{
        control::presentable,
        ids::{HouseholdId, PeerId, RoomIndex},
    },
};

pub use command::{Command, Outcome, Rejected};
pub use saved::{STATION_URL, Scene, SceneGroup, SceneId, Station, StationId};
pub(crate) use store::ConfigStore;

use crate::{
    members::{Member, MemberList, Role},
    token::TokenHash,
};

/// One room of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId {
    /// The node that drives it.
    pub node: PeerId,
    /// Which of the node's rooms.
    pub index: RoomIndex,
}

impl fmt::Display for RoomId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.node, self.index.0)
    }
}

/// A group; drawn at random by whoever creates it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId(pub u64);

impl fmt::Display for GroupId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for GroupId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// A member, but for its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// What it may do.
    pub role: Role,
    /// What people call it; no two members have one name.
    pub name: String,
}

/// A room that a node has said it drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSettings {
    /// What its node calls it. Two rooms may be called the same.
    pub called: String,
    /// What people call it, not as any other room; `None` for what its node calls it.
    pub given: Option<String>,
    /// The loudest that it may be.
    pub max_volume: Volume,
}

impl RoomSettings {
    /// Its name.
    pub fn name(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.called)
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What people call it; no two groups have one name.
    pub name: String,
    /// Its rooms. A room is in one group at most.
    pub rooms: BTreeSet<RoomId>,
}

/// An issued join token, of which only the hash is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedToken {
    /// What whoever redeems it becomes.
    pub role: Role,
    /// The last second in which it is good, in Unix time.
    pub expires_unix: u64,
    /// How many more machines may join with it.
    pub uses_left: u32,
}

/// Everything that people have configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Whose configuration it is.
    pub household: HouseholdId,
    /// What people call the household.
    pub name: String,
    /// The version of the member list; raised whenever `members` changes.
    pub members_version: u64,
    /// Hubs and nodes.
    pub members: BTreeMap<PeerId, Membership>,
    /// The rooms of members that were ever there.
    pub rooms: BTreeMap<RoomId, RoomSettings>,
    /// Groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// Join tokens that have been issued and not forgotten yet.
    pub tokens: BTreeMap<TokenHash, IssuedToken>,
    /// How rooms shape their sound; those that are not in it leave it as it is. Since format 2, as all that follows.
    pub sounds: BTreeMap<RoomId, RoomSound>,
    /// The volumes that rooms do not begin to play above.
    pub start_volumes: BTreeMap<RoomId, Volume>,
    /// Scenes.
    pub scenes: BTreeMap<SceneId, Scene>,
    /// Stations.
    pub stations: BTreeMap<StationId, Station>,
    /// Who may use the control API.
    pub access: access::Access,
}

impl Config {
    /// The configuration of a household that has just been founded, with one hub.
    ///
    /// The member list begins at version `now_unix`: a household that is founded anew from its recovery code must
    /// begin above what its nodes have seen, and no household changes its members every second.
    pub fn founded(household: HouseholdId, hub: PeerId, hub_name: &str, now_unix: u64) -> Self {
        let founder = Membership { role: Role::Hub, name: presentable(hub_name) };
        Self {
            household,
            name: "Home".into(),
            members_version: now_unix.max(1),
            members: BTreeMap::from([(hub, founder)]),
            rooms: BTreeMap::new(),
            groups: BTreeMap::new(),
            tokens: BTreeMap::new(),
            sounds: BTreeMap::new(),
            start_volumes: BTreeMap::new(),
            scenes: BTreeMap::new(),
            stations: BTreeMap::new(),
            access: access::Access::default(),
        }
    }

    /// The member list, ready to be signed.
    pub fn member_list(&self) -> MemberList {
        let member = |(peer, Membership { role, name }): (&PeerId, &Membership)| Member {
            peer: *peer,
            role: *role,
            name: name.clone(),
        };
        MemberList {
            household: self.household,
            version: self.members_version,
            members: self.members.iter().map(member).collect(),
            successions: Vec::new(),
        }
    }

    /// The snapshot: the same state has the same bytes on every hub.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a configuration has no failing serializer")
    }

    /// The state of a snapshot in a format up to this build's; `None` when it is not one.
    ///
    /// What was added since format 1 stands at the end and begins empty, which postcard writes as zeros.
    fn from_bytes(bytes: &[u8], format: u64) -> Option<Self> {
        match format {
            1 => postcard::from_bytes(&[bytes, &[0; SINCE_FORMAT_1]].concat()).ok(),
            FORMAT => postcard::from_bytes(bytes).ok(),
            _ => None,
        }
    }
}

/// The format of the snapshot that this build writes.
const FORMAT: u64 = 2;

/// So many empty values stand at the end of a snapshot that were not there in format 1: no sounds, no start volumes, no
/// scenes, no stations, no secret, no grants.
const SINCE_FORMAT_1: usize = 6;
