//! Groups: rooms that play one stream.

use std::collections::BTreeSet;

use unisono_core::{time::Nanos, units::Volume};
pub use unisono_household::config::GroupId;

use super::{Action, EntryId, House, Media, Queue, Refused, RoomId, warnings::Warning, wishes::Wishes};

/// Whether a group plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// Nothing plays.
    Stopped,
    /// It stands at this frame of its source.
    Paused(u64),
    /// It plays.
    Playing,
}

/// Rooms that play one stream. Which rooms, and what people call it, is as the household has configured it.
#[derive(Clone, Debug)]
pub struct Group {
    /// What people call it.
    pub name: String,
    /// Its rooms, online or not.
    pub rooms: BTreeSet<RoomId>,
    /// A factor on every room's volume.
    pub volume: Volume,
    /// Whether all of it is muted.
    pub muted: bool,
    /// What it plays, played last, or will play on.
    pub media: Option<Media>,
    /// What is heard by its own account of an entry that has its turn soon.
    pub(super) next_title: Option<(EntryId, String)>,
    /// What is wrong with entries of the queue; the last is the newest.
    pub(super) warnings: Vec<Warning>,
    /// Who wants to hear what.
    pub(super) wishes: Wishes,
    /// What it plays one after the other.
    pub queue: Queue,
    /// Whether it plays.
    pub playback: Playback,
    /// How long a packet may be on its way or be asked for again.
    pub margin: Nanos,
}

impl Group {
    pub(super) fn new(margin: Nanos) -> Self {
        Self {
            name: String::new(),
            rooms: BTreeSet::new(),
            volume: Volume::FULL,
            muted: false,
            media: None,
            next_title: None,
            warnings: Vec::new(),
            wishes: Wishes::default(),
            queue: Queue::default(),
            playback: Playback::Stopped,
            margin,
        }
    }
}

impl House {
    /// Finds a group by its id or its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn find_group(&self, text: &str) -> Result<GroupId, Refused> {
        if let Some(id) = text.parse().ok().filter(|id| self.groups.contains_key(id)) {
            return Ok(id);
        }
        let exactly = self.groups.iter().find(|(_, group)| group.name == text);
        let loosely = || self.groups.iter().find(|(_, group)| group.name.to_lowercase() == text.to_lowercase());
        let found = exactly.or_else(loosely);
        found.map(|(id, _)| *id).ok_or_else(|| Refused::UnknownGroup(text.into()))
    }

    /// Sets a group's volume or mute.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn set_group(&mut self, id: GroupId, volume: Option<Volume>, muted: Option<bool>) -> Result<(), Refused> {
        let group = self.groups.get_mut(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        group.volume = volume.unwrap_or(group.volume);
        group.muted = muted.unwrap_or(group.muted);
        for room in group.rooms.clone() {
            self.send_gain(room);
        }
        self.actions.push_back(Action::Changed);
        Ok(())
    }

    /// Whether a room can be taken out of a group.
    ///
    /// # Errors
    /// When there is no such group, or the room is not in it.
    pub fn check_in_group(&self, id: GroupId, room: RoomId) -> Result<(), Refused> {
        let group = self.groups.get(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        let known = self.rooms.get(&room).ok_or_else(|| Refused::UnknownRoom(room.to_string()))?;
        if group.rooms.contains(&room) {
            return Ok(());
        }
        Err(Refused::NotInGroup(known.name.clone(), group.name.clone()))
    }
}
