//! Groups: rooms that play one stream.

use core::{fmt, str::FromStr};
use std::collections::BTreeSet;

use unisono_core::{time::Nanos, units::Volume, wire::control::presentable};

use super::{Action, House, Refused, RoomId};

/// A group, drawn at random when it is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    type Err = core::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// What a group plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// What people read.
    pub title: String,
    /// Where it is, for the driver.
    pub location: String,
    /// How long it is at the stream's rate, when that is known.
    pub frames: Option<u64>,
}

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

/// Rooms that play one stream.
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
    /// Whether it plays.
    pub playback: Playback,
    /// How long a packet may be on its way or be asked for again.
    pub margin: Nanos,
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
        let named = self.groups.iter().find(|(_, group)| group.name.to_lowercase() == text.to_lowercase());
        named.map(|(id, _)| *id).ok_or_else(|| Refused::UnknownGroup(text.into()))
    }

    /// Makes a group of rooms; they leave the groups that they were in.
    ///
    /// # Errors
    /// When the name is taken or a room is not known.
    pub fn create_group(
        &mut self,
        now: super::Timestamp<super::HubClock>,
        name: &str,
        rooms: &[RoomId],
    ) -> Result<GroupId, Refused> {
        let name = presentable(name);
        self.check_name(&name, None)?;
        self.check_rooms(rooms)?;
        let id = GroupId(self.random.u64(1..));
        let group = Group {
            name,
            rooms: BTreeSet::new(),
            volume: Volume::FULL,
            muted: false,
            media: None,
            playback: Playback::Stopped,
            margin: self.settings.margin,
        };
        self.groups.insert(id, group);
        for room in rooms {
            self.move_room(now, *room, Some(id));
        }
        self.actions.push_back(Action::Changed);
        Ok(id)
    }

    /// Renames a group, or sets its volume or mute.
    ///
    /// # Errors
    /// When there is no such group or the name is taken.
    pub fn set_group(
        &mut self,
        id: GroupId,
        name: Option<&str>,
        volume: Option<Volume>,
        muted: Option<bool>,
    ) -> Result<(), Refused> {
        let name = name.map(presentable);
        if let Some(name) = &name {
            self.check_name(name, Some(id))?;
        }
        let group = self.groups.get_mut(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        group.name = name.unwrap_or_else(|| group.name.clone());
        group.volume = volume.unwrap_or(group.volume);
        group.muted = muted.unwrap_or(group.muted);
        for room in group.rooms.clone() {
            self.send_gain(room);
        }
        self.actions.push_back(Action::Changed);
        Ok(())
    }

    /// Adds a room to a group; it leaves the one that it was in. When the group plays, the room starts at the right
    /// sample, and nobody else notices.
    ///
    /// # Errors
    /// When there is no such group or room.
    pub fn add_room(
        &mut self,
        now: super::Timestamp<super::HubClock>,
        id: GroupId,
        room: RoomId,
    ) -> Result<(), Refused> {
        self.groups.get(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        self.check_rooms(&[room])?;
        self.move_room(now, room, Some(id));
        self.actions.push_back(Action::Changed);
        Ok(())
    }

    /// Takes a room out of a group.
    ///
    /// # Errors
    /// When there is no such group, or the room is not in it.
    pub fn remove_room(
        &mut self,
        now: super::Timestamp<super::HubClock>,
        id: GroupId,
        room: RoomId,
    ) -> Result<(), Refused> {
        let group = self.groups.get(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        self.check_rooms(&[room])?;
        if !group.rooms.contains(&room) {
            let name = self.rooms.get(&room).map_or_else(String::new, |room| room.name.clone());
            return Err(Refused::NotInGroup(name, group.name.clone()));
        }
        self.move_room(now, room, None);
        self.actions.push_back(Action::Changed);
        Ok(())
    }

    /// Dissolves a group; what it plays ends.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn delete_group(&mut self, now: super::Timestamp<super::HubClock>, id: GroupId) -> Result<(), Refused> {
        let group = self.groups.get(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        for room in group.rooms.clone() {
            self.move_room(now, room, None);
        }
        self.close_stream(id);
        self.groups.remove(&id);
        self.actions.push_back(Action::Changed);
        Ok(())
    }

    /// Takes a room out of its group and puts it into another.
    pub(super) fn move_room(&mut self, now: super::Timestamp<super::HubClock>, id: RoomId, to: Option<GroupId>) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let from = room.group;
        if from == to {
            return;
        }
        room.group = to;
        if let Some(from) = from {
            self.unsubscribe(from, id);
            if let Some(group) = self.groups.get_mut(&from) {
                group.rooms.remove(&id);
            }
        }
        if let Some(group) = to.and_then(|to| self.groups.get_mut(&to)) {
            group.rooms.insert(id);
        }
        // Nobody would hear what plays on there, and nobody would think of it.
        let is_left = |group: &Group| group.rooms.is_empty() && group.playback == Playback::Playing;
        if let Some(from) = from.filter(|from| self.groups.get(from).is_some_and(is_left)) {
            // It plays, so it can be paused.
            let _ = self.pause(now, from);
        }
        // Before the stream: what the room hears of it is never louder than its new group has it.
        self.send_gain(id);
        if let Some(to) = to {
            self.subscribe(now, to, id);
        }
    }

    fn check_name(&self, name: &str, except: Option<GroupId>) -> Result<(), Refused> {
        let mut others = self.groups.iter().filter(|(id, _)| Some(**id) != except);
        if others.any(|(_, group)| group.name.to_lowercase() == name.to_lowercase()) {
            return Err(Refused::NameTaken(name.into()));
        }
        Ok(())
    }

    fn check_rooms(&self, rooms: &[RoomId]) -> Result<(), Refused> {
        let unknown = rooms.iter().find(|room| !self.rooms.contains_key(room));
        unknown.map_or(Ok(()), |room| Err(Refused::UnknownRoom(room.to_string())))
    }
}
