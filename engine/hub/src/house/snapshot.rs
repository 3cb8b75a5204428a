//! What survives a restart of the hub beside the household's configuration: how loud rooms and groups are, and what
//! plays where.

use serde::{Deserialize, Serialize};
use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::Volume,
};

use super::{GroupId, House, Media, Playback, RoomId};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every room.
    pub rooms: Vec<SavedRoom>,
    /// Every group.
    pub groups: Vec<SavedGroup>,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedRoom {
    id: RoomId,
    volume: Volume,
    muted: bool,
    /// Known before its node is back, so that what is resumed leaves early enough for it.
    latency: Nanos,
}

/// A group and what it plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedGroup {
    id: GroupId,
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
        self.id
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
            id: *id,
            volume: room.volume,
            muted: room.muted,
            latency: room.latency,
        });
        let groups = self.groups.iter().map(|(id, group)| SavedGroup {
            id: *id,
            volume: group.volume,
            muted: group.muted,
            margin: group.margin,
            media: group.media.as_ref().map(|media| (media.title.clone(), media.location.clone(), media.frames)),
            position: self.position(now, *id).map(|frame| (frame, group.playback == Playback::Playing)),
        });
        Snapshot { rooms: rooms.collect(), groups: groups.collect() }
    }

    /// Takes up what was kept of the rooms and groups that are configured. What played stands paused at its frame;
    /// [`House::resume`] goes on.
    pub fn restore(&mut self, snapshot: Snapshot) {
        for saved in snapshot.groups {
            let Some(group) = self.groups.get_mut(&saved.id) else { continue };
            group.media = saved.media.map(|(title, location, frames)| Media { title, location, frames });
            group.playback = match saved.position {
                Some((frame, _)) if group.media.is_some() => Playback::Paused(frame),
                _ => Playback::Stopped,
            };
            (group.volume, group.muted, group.margin) = (saved.volume, saved.muted, saved.margin);
        }
        for saved in snapshot.rooms {
            let Some(room) = self.rooms.get_mut(&saved.id) else { continue };
            room.volume = saved.volume.min(room.max_volume);
            (room.muted, room.latency) = (saved.muted, saved.latency);
        }
    }
}
