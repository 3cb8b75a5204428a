//! How rooms shape their sound, and how loud they are when they begin to play.

use unisono_core::{
    sound::RoomSound,
    wire::{
        Version,
        control::{Message, SetSound},
    },
};

use super::{Action, House, Refused, RoomId};

impl House {
    /// Has a room shape its sound otherwise, at once: what is configured is on a disk only later. Where that fails,
    /// [`Self::withdraw_sound`].
    ///
    /// # Errors
    /// When there is no such room.
    pub fn set_sound(&mut self, id: RoomId, sound: RoomSound) -> Result<(), Refused> {
        let room = self.rooms.get_mut(&id).ok_or_else(|| Refused::UnknownRoom(id.to_string()))?;
        if room.sound != sound {
            room.sound = sound;
            self.send_sound(id);
        }
        Ok(())
    }

    /// What was set was not configured: the room sounds as before.
    pub fn withdraw_sound(&mut self, id: RoomId) {
        if let Some(configured) = self.rooms.get(&id).map(|room| room.configured_sound) {
            // It is there.
            let _ = self.set_sound(id, configured);
        }
    }

    /// Why a room does not sound as it is set, if it does not.
    pub fn sound_problem(&self, id: RoomId) -> Option<String> {
        let room = self.rooms.get(&id).filter(|room| room.sound != RoomSound::default())?;
        let version = self.version_of(id).filter(|(_, takes_sound)| !takes_sound)?.0;
        Some(format!(
            "the node of room \"{}\" speaks protocol {version} and plays the sound as it is; update it",
            room.name
        ))
    }

    /// Whether a room's node can beep.
    ///
    /// # Errors
    /// When there is no such room, or its node is not connected or too old.
    pub fn check_beep(&self, id: RoomId) -> Result<(), Refused> {
        let name = || self.rooms.get(&id).map(|room| room.name.clone()).unwrap_or_default();
        match self.version_of(id) {
            Some((_, true)) => Ok(()),
            Some((version, false)) => Err(Refused::TooOld(name(), version.to_string())),
            None if self.rooms.contains_key(&id) => Err(Refused::NotThere(name())),
            None => Err(Refused::UnknownRoom(id.to_string())),
        }
    }

    /// Takes over what is configured. What somebody has set meanwhile, and what is on its way to be configured, stays.
    pub(super) fn configure_sound(&mut self, id: RoomId, configured: RoomSound) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let is_settled = room.sound == room.configured_sound;
        room.configured_sound = configured;
        if is_settled && room.sound != configured {
            room.sound = configured;
            self.send_sound(id);
        }
    }

    /// A room begins to play in which nothing was heard: it is no louder than it may be then. One that is paused, that
    /// moves on with what plays, or that comes back while its group plays does not begin.
    pub(super) fn start_softly(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if let Some(start) = room.start_volume.filter(|start| *start < room.volume) {
            room.volume = start;
            self.send_gain(id);
            self.actions.push_back(Action::Changed);
        }
    }

    /// Tells a room's node, if it can do it.
    pub(super) fn send_sound(&mut self, id: RoomId) {
        let (Some(room), Some(connection)) = (self.rooms.get(&id), self.room_connection(id)) else { return };
        if self.version_of(id).is_some_and(|(_, takes_sound)| takes_sound) {
            let message = Message::from(SetSound { room: id.index, sound: room.sound });
            self.actions.push_back(Action::Control(connection, message.encode()));
        }
    }

    /// What a room's node speaks, and whether it can shape sound and beep; `None` when it is not connected.
    fn version_of(&self, id: RoomId) -> Option<(Version, bool)> {
        let session = &self.connections.get(&self.room_connection(id)?)?.session;
        Some((session.version(), session.takes_sound()))
    }
}
