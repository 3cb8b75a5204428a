//! Rooms, groups and members as the household has configured them: the only place where they come, go, and get a name.

use std::collections::BTreeMap;

use unisono_core::{
    time::{HubClock, Timestamp},
    wire::control::{Refuse, RefuseReason},
};
use unisono_household::config::Config;

use super::{Action, ConnectionId, Group, GroupId, House, Playback, Room, RoomId};

impl House {
    /// Takes over a configuration, whatever it was before. A room that comes into a group that plays starts at the right
    /// sample, and nobody else notices; what a group plays ends with it.
    pub fn configure(&mut self, now: Timestamp<HubClock>, config: &Config) {
        self.members = config.members.keys().copied().collect();
        for (id, settings) in &config.rooms {
            let room = self.rooms.entry(*id).or_insert_with(Room::new);
            settings.name().clone_into(&mut room.name);
            room.max_volume = settings.max_volume;
            room.start_volume = config.start_volumes.get(id).copied();
            if room.volume > room.max_volume {
                room.volume = room.max_volume;
                self.send_gain(*id);
            }
            self.configure_sound(*id, config.sounds.get(id).copied().unwrap_or_default());
        }
        for (id, configured) in &config.groups {
            let margin = self.settings.margin;
            let group = self.groups.entry(*id).or_insert_with(|| Group::new(margin));
            group.name.clone_from(&configured.name);
        }
        let places = config.groups.iter().flat_map(|(id, group)| group.rooms.iter().map(|room| (*room, *id)));
        let places: BTreeMap<RoomId, GroupId> = places.collect();
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in &rooms {
            self.move_room(now, *id, places.get(id).copied());
        }
        // Only once all have moved: what plays may go on in other rooms than before.
        self.pause_what_was_left(now);
        self.rooms.retain(|id, _| config.rooms.contains_key(id));
        for id in self.groups.keys().copied().filter(|id| !config.groups.contains_key(id)).collect::<Vec<_>>() {
            self.close_stream(id);
            self.groups.remove(&id);
        }
        self.turn_strangers_away();
        self.actions.push_back(Action::Changed);
    }

    /// Takes a room out of its group and puts it into another.
    fn move_room(&mut self, now: Timestamp<HubClock>, id: RoomId, to: Option<GroupId>) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let from = room.group;
        if from == to {
            return;
        }
        room.group = to;
        let plays = |id: GroupId| self.groups.get(&id).is_some_and(|group| group.playback == Playback::Playing);
        let begins = to.is_some_and(plays) && !from.is_some_and(plays);
        if let Some(from) = from {
            self.unsubscribe(from, id);
            if let Some(group) = self.groups.get_mut(&from) {
                group.rooms.remove(&id);
            }
        }
        if let Some(group) = to.and_then(|to| self.groups.get_mut(&to)) {
            group.rooms.insert(id);
        }
        if begins {
            self.start_softly(id);
        }
        // Before the stream: what the room hears of it is never louder than its new group has it.
        self.send_gain(id);
        if let Some(to) = to {
            self.subscribe(now, to, id);
        }
    }

    /// Nobody would hear what plays on in a group without rooms, and nobody would think of it.
    fn pause_what_was_left(&mut self, now: Timestamp<HubClock>) {
        let is_left = |group: &Group| group.rooms.is_empty() && group.playback == Playback::Playing;
        let left = self.groups.iter().filter(|(_, group)| is_left(group)).map(|(id, _)| *id);
        for id in left.collect::<Vec<GroupId>>() {
            // It plays, so it can be paused.
            let _ = self.pause(now, id);
        }
    }

    /// Nodes that were members when they were let in, and are none any more.
    fn turn_strangers_away(&mut self) {
        let is_stranger = |connection: &super::Connection| {
            connection.session.is_admitted() && !self.members.contains(&connection.peer)
        };
        let strangers = self.connections.iter().filter(|(_, connection)| is_stranger(connection));
        for id in strangers.map(|(id, _)| *id).collect::<Vec<ConnectionId>>() {
            let text = "the node was removed from the household".to_owned();
            self.turn_away(id, Refuse { reason: RefuseReason::NotAMember, text });
            self.handle_disconnected(id);
        }
    }
}
