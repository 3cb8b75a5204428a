//! What survives a restart of the hub beside the household's configuration: how loud rooms and groups are, and what
//! plays where.

use serde::{Deserialize, Serialize};
use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::Volume,
};

use super::{At, EntryId, GroupId, House, MARGINS, Media, Playback, Queue, RoomId, SavedQueue};

/// All of it. What came later than the first version is kept beside it, so that every version can read it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every room.
    pub rooms: Vec<SavedRoom>,
    /// Every group.
    pub groups: Vec<SavedGroup>,
    /// Where in its queue every group is that has one.
    #[serde(skip)]
    pub places: Vec<SavedPlace>,
    /// The queues. Long, and seldom changed.
    #[serde(skip)]
    pub queues: Vec<(GroupId, SavedQueue)>,
}

/// Where in its queue a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlace {
    group: GroupId,
    entry: EntryId,
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

    /// Whether it was playing.
    pub fn plays(&self) -> bool {
        self.position.is_some_and(|(_, playing)| playing)
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
        let place = |(id, group): (&GroupId, &super::Group)| {
            group.queue.current().map(|entry| SavedPlace { group: *id, entry: entry.id })
        };
        Snapshot {
            rooms: rooms.collect(),
            groups: groups.collect(),
            places: self.groups.iter().filter_map(place).collect(),
            queues: self.groups.iter().map(|(id, group)| (*id, group.queue.saved())).collect(),
        }
    }

    /// Takes up what was kept of the rooms and groups that are configured. What played stands paused at its frame;
    /// [`House::resume`] goes on.
    pub fn restore(&mut self, snapshot: Snapshot) {
        for (id, saved) in snapshot.queues {
            let Some(group) = self.groups.get_mut(&id) else { continue };
            let place = snapshot.places.iter().find(|place| place.group == id);
            group.queue = Queue::restored(saved, place.map(|place| place.entry));
        }
        for saved in snapshot.groups {
            let Some(group) = self.groups.get_mut(&saved.id) else { continue };
            let known = group.queue.current().map(|entry| entry.media.clone());
            group.media = saved.media.map(|(title, location, frames)| match known {
                Some(known) if known.location == location => known,
                // It was kept by a version without queues, or the queue was lost.
                _ => {
                    let media = Media { title, location, frames, ..Media::default() };
                    if saved.position.is_some() {
                        let added = group.queue.add([media.clone()], At::Next);
                        group.queue.turn_to(added[0]);
                    }
                    media
                }
            });
            group.playback = match saved.position {
                Some((frame, _)) if group.media.is_some() => Playback::Paused(frame),
                _ => Playback::Stopped,
            };
            (group.volume, group.muted) = (saved.volume, saved.muted);
            group.margin = saved.margin.clamp(*MARGINS.start(), *MARGINS.end());
        }
        for saved in snapshot.rooms {
            let Some(room) = self.rooms.get_mut(&saved.id) else { continue };
            room.volume = saved.volume.min(room.max_volume);
            (room.muted, room.latency) = (saved.muted, saved.latency);
        }
    }
}
