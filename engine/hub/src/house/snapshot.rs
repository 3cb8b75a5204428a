//! What survives a restart of the hub: rooms, groups, and what plays where.

use serde::{Deserialize, Serialize};
use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::Volume,
    wire::ids::{PeerId, RoomIndex},
};

use super::{Group, GroupId, House, Media, Playback, Room, RoomId};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every room that was ever met.
    pub rooms: Vec<SavedRoom>,
    /// Every group.
    pub groups: Vec<SavedGroup>,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedRoom {
    node: PeerId,
    index: RoomIndex,
    name: String,
    volume: Volume,
    muted: bool,
    group: Option<u64>,
    /// Known before its node is back, so that what is resumed leaves early enough for it.
    latency: Nanos,
}

/// A group and what it plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedGroup {
    id: u64,
    name: String,
    volume: Volume,
    muted: bool,
    margin: Nanos,
    /// Title, location and length of what it plays.
    media: Option<(String, String, Option<u64>)>,
    /// The frame at which it stands, and whether it plays on from there.
    position: Option<(u64, bool)>,
}

impl SavedGroup {
    /// The group's id.
    pub const fn id(&self) -> GroupId {
        GroupId(self.id)
    }

    /// Where what it played is, when it was playing.
    pub fn playing(&self) -> Option<&str> {
        self.position.filter(|(_, playing)| *playing)?;
        self.media.as_ref().map(|(_, location, _)| location.as_str())
    }
}

impl House {
    /// What is to be kept, as it is now.
    pub fn snapshot(&self, now: Timestamp<HubClock>) -> Snapshot {
        let rooms = self.rooms.iter().map(|(id, room)| SavedRoom {
            node: id.node,
            index: id.index,
            name: room.name.clone(),
            volume: room.volume,
            muted: room.muted,
            group: room.group.map(|group| group.0),
            latency: room.latency,
        });
        let groups = self.groups.iter().map(|(id, group)| SavedGroup {
            id: id.0,
            name: group.name.clone(),
            volume: group.volume,
            muted: group.muted,
            margin: group.margin,
            media: group.media.as_ref().map(|media| (media.title.clone(), media.location.clone(), media.frames)),
            position: self.position(now, *id).map(|frame| (frame, group.playback == Playback::Playing)),
        });
        Snapshot { rooms: rooms.collect(), groups: groups.collect() }
    }

    /// Takes up what was kept. What played stands paused at its frame; [`House::resume`] goes on.
    pub fn restore(&mut self, snapshot: Snapshot) {
        for saved in snapshot.groups {
            let media = saved.media.map(|(title, location, frames)| Media { title, location, frames });
            let playback = match saved.position {
                Some((frame, _)) if media.is_some() => Playback::Paused(frame),
                _ => Playback::Stopped,
            };
            let group = Group {
                name: saved.name,
                rooms: std::collections::BTreeSet::new(),
                volume: saved.volume,
                muted: saved.muted,
                media,
                playback,
                margin: saved.margin,
            };
            self.groups.insert(GroupId(saved.id), group);
        }
        for saved in snapshot.rooms {
            let id = RoomId { node: saved.node, index: saved.index };
            let group = saved.group.map(GroupId).filter(|group| self.groups.contains_key(group));
            if let Some(group) = group.and_then(|group| self.groups.get_mut(&group)) {
                group.rooms.insert(id);
            }
            let SavedRoom { volume, muted, latency, .. } = saved;
            let room = Room { volume, muted, group, latency, ..Room::new(saved.name) };
            self.rooms.insert(id, room);
        }
    }
}
