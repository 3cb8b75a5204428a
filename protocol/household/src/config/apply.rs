//! How a command changes the configuration.

use unisono_core::{
    sound::RoomSound,
    units::Volume,
    wire::{
        control::{MAX_NAME_LEN, is_blank, presentable},
        ids::{PeerId, RoomIndex},
    },
};

use super::{Command, Config, Group, GroupId, IssuedToken, Membership, Outcome, Rejected, RoomId, RoomSettings};
use crate::{
    members::{MAX_MEMBERS, Role},
    token::TokenHash,
};

impl Config {
    /// Carries out a command, wholly or not at all. The same commands in the same order give the same state on every
    /// hub.
    ///
    /// # Errors
    /// When the command does not fit the state; it is then as it was.
    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Rejected> {
        let mut next = self.clone();
        next.carry_out(command)?;
        if next == *self {
            return Ok(Outcome::Unchanged);
        }
        if next.members != self.members {
            next.members_version = next.members_version.saturating_add(1);
        }
        *self = next;
        Ok(Outcome::Changed)
    }

    /// May leave things half done when it fails.
    fn carry_out(&mut self, command: &Command) -> Result<(), Rejected> {
        match command {
            Command::AddMember { peer, role, name } => self.add_member(*peer, *role, name),
            Command::RemoveMember { peer } => self.remove_member(*peer),
            Command::RenameMember { peer, name } => self.rename_member(*peer, name),
            Command::SetRoomName { room, name } => self.set_room_name(*room, name.as_deref()),
            Command::SetRoomMaxVolume { room, volume } => self.set_room_max_volume(*room, *volume),
            Command::MeetRooms { node, rooms } => self.meet_rooms(*node, rooms),
            Command::ForgetRoom { room } => self.forget_room(*room),
            Command::CreateGroup { group, name, rooms } => self.create_group(*group, name, rooms),
            Command::RenameGroup { group, name } => self.rename_group(*group, name),
            Command::DeleteGroup { group } => self.groups.remove(group).map(|_| ()).ok_or(Rejected::UnknownGroup),
            Command::SetRoomGroup { room, group } => self.set_room_group(*room, *group),
            Command::IssueToken { hash, role, expires_unix, uses, now_unix } => {
                let token = IssuedToken { role: *role, expires_unix: *expires_unix, uses_left: *uses };
                self.issue_token(*hash, token, *now_unix)
            }
            Command::RedeemToken { hash, peer, name, now_unix } => self.redeem_token(*hash, *peer, name, *now_unix),
            Command::RevokeToken { hash } => self.tokens.remove(hash).map(|_| ()).ok_or(Rejected::TokenUnknown),
            Command::RenameHousehold { name } => {
                self.name = given(name)?;
                Ok(())
            }
            Command::SetRoomSound { room, sound } => self.set_room_sound(*room, sound),
            Command::SetRoomStartVolume { room, volume } => self.set_room_start_volume(*room, *volume),
            Command::SetGroupRooms { group, rooms } => self.set_group_rooms(*group, rooms),
            Command::SaveScene { id, scene } => self.save_scene(*id, scene),
            Command::DeleteScene { id } => self.delete_scene(*id),
            Command::RecallScene { id, made } => self.recall_scene(*id, made),
            Command::AddStation { id, name, url } => self.add_station(*id, name, url),
            Command::RemoveStation { id } => self.remove_station(*id),
            Command::SetSecret { secret } => {
                self.set_secret(secret);
                Ok(())
            }
            Command::Grant { hash, grant } => self.add_grant(*hash, grant),
            Command::RevokeGrant { hash } => self.revoke_grant(*hash),
        }
    }

    fn add_member(&mut self, peer: PeerId, role: Role, name: &str) -> Result<(), Rejected> {
        if let Some(member) = self.members.get(&peer) {
            return if member.role == role { Ok(()) } else { Err(Rejected::OtherRole(peer)) };
        }
        bound("members", self.members.len(), MAX_MEMBERS)?;
        let name = self.free_member_name(&presentable(name));
        self.members.insert(peer, Membership { role, name });
        Ok(())
    }

    fn remove_member(&mut self, peer: PeerId) -> Result<(), Rejected> {
        self.members.remove(&peer).ok_or(Rejected::UnknownMember(peer))?;
        if !self.members.values().any(|member| member.role == Role::Hub) {
            return Err(Rejected::LastHub);
        }
        self.retain_rooms(|room| room.node != peer);
        Ok(())
    }

    fn rename_member(&mut self, peer: PeerId, name: &str) -> Result<(), Rejected> {
        let name = given(name)?;
        let others = self.members.iter().filter(|(other, _)| **other != peer);
        refuse_taken(&name, others.map(|(_, member)| member.name.as_str()))?;
        self.members.get_mut(&peer).ok_or(Rejected::UnknownMember(peer))?.name = name;
        Ok(())
    }

    /// Two machines may come with one name; people tell them apart by the number until they rename them.
    fn free_member_name(&self, name: &str) -> String {
        let taken = |name: &str| self.members.values().any(|member| same_name(&member.name, name));
        if !taken(name) {
            return name.into();
        }
        let mut numbered = (2..).map(|number| {
            let number = format!(" {number}");
            let mut end = name.len().min(MAX_NAME_LEN - number.len());
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}{number}", name[..end].trim_end())
        });
        numbered.find(|name| !taken(name)).expect("fewer names are taken than there are numbers")
    }

    fn set_room_name(&mut self, room: RoomId, name: Option<&str>) -> Result<(), Rejected> {
        let name = name.map(given).transpose()?;
        if let Some(name) = &name {
            let others = self.rooms.iter().filter(|(other, _)| **other != room);
            refuse_taken(name, others.map(|(_, settings)| settings.name()))?;
        }
        self.room(room)?.given = name;
        Ok(())
    }

    fn set_room_max_volume(&mut self, room: RoomId, volume: Volume) -> Result<(), Rejected> {
        self.room(room)?.max_volume = volume;
        Ok(())
    }

    /// What is as it is by itself is not kept.
    fn set_room_sound(&mut self, room: RoomId, sound: &RoomSound) -> Result<(), Rejected> {
        self.room(room)?;
        if *sound == RoomSound::default() {
            self.sounds.remove(&room);
        } else {
            self.sounds.insert(room, *sound);
        }
        Ok(())
    }

    fn set_room_start_volume(&mut self, room: RoomId, volume: Option<Volume>) -> Result<(), Rejected> {
        self.room(room)?;
        match volume {
            Some(volume) => self.start_volumes.insert(room, volume),
            None => self.start_volumes.remove(&room),
        };
        Ok(())
    }

    fn meet_rooms(&mut self, node: PeerId, met: &[(RoomIndex, String)]) -> Result<(), Rejected> {
        if !self.members.contains_key(&node) {
            return Err(Rejected::UnknownMember(node));
        }
        self.retain_rooms(|room| room.node != node || met.iter().any(|(index, _)| *index == room.index));
        for (index, called) in met {
            let (room, called) = (RoomId { node, index: *index }, presentable(called));
            match self.rooms.get_mut(&room) {
                Some(known) => known.called = called,
                None => {
                    bound("rooms", self.rooms.len(), MAX_ROOMS)?;
                    self.rooms.insert(room, RoomSettings { called, given: None, max_volume: Volume::FULL });
                }
            }
        }
        Ok(())
    }

    fn forget_room(&mut self, room: RoomId) -> Result<(), Rejected> {
        self.room(room)?;
        self.retain_rooms(|other| *other != room);
        Ok(())
    }

    /// Forgets the other rooms, wherever they are named.
    fn retain_rooms(&mut self, stays: impl Fn(&RoomId) -> bool) {
        self.rooms.retain(|room, _| stays(room));
        self.sounds.retain(|room, _| stays(room));
        self.start_volumes.retain(|room, _| stays(room));
        for group in self.groups.values_mut() {
            group.rooms.retain(&stays);
        }
        self.retain_saved_rooms(stays);
    }

    fn room(&mut self, room: RoomId) -> Result<&mut RoomSettings, Rejected> {
        self.rooms.get_mut(&room).ok_or(Rejected::UnknownRoom(room))
    }

    fn create_group(&mut self, group: GroupId, name: &str, rooms: &[RoomId]) -> Result<(), Rejected> {
        if self.groups.contains_key(&group) {
            return Err(Rejected::GroupExists);
        }
        bound("groups", self.groups.len(), MAX_GROUPS)?;
        self.groups.insert(group, Group { name: String::new(), rooms: [].into() });
        self.rename_group(group, name)?;
        rooms.iter().try_for_each(|room| self.set_room_group(*room, Some(group)))
    }

    fn rename_group(&mut self, group: GroupId, name: &str) -> Result<(), Rejected> {
        let name = given(name)?;
        let others = self.groups.iter().filter(|(other, _)| **other != group);
        refuse_taken(&name, others.map(|(_, group)| group.name.as_str()))?;
        self.groups.get_mut(&group).ok_or(Rejected::UnknownGroup)?.name = name;
        Ok(())
    }

    pub(super) fn set_room_group(&mut self, room: RoomId, to: Option<GroupId>) -> Result<(), Rejected> {
        self.room(room)?;
        for group in self.groups.values_mut() {
            group.rooms.remove(&room);
        }
        if let Some(to) = to {
            self.groups.get_mut(&to).ok_or(Rejected::UnknownGroup)?.rooms.insert(room);
        }
        Ok(())
    }

    fn issue_token(&mut self, hash: TokenHash, token: IssuedToken, now_unix: u64) -> Result<(), Rejected> {
        self.tokens.retain(|_, token| token.expires_unix.saturating_add(TOKEN_MEMORY_SECS) >= now_unix);
        if self.tokens.contains_key(&hash) {
            return Err(Rejected::TokenExists);
        }
        bound("join tokens", self.tokens.len(), MAX_TOKENS)?;
        self.tokens.insert(hash, token);
        Ok(())
    }

    fn redeem_token(&mut self, hash: TokenHash, peer: PeerId, name: &str, now_unix: u64) -> Result<(), Rejected> {
        if self.members.contains_key(&peer) {
            return Ok(());
        }
        let token = self.tokens.get_mut(&hash).ok_or(Rejected::TokenUnknown)?;
        if now_unix > token.expires_unix {
            return Err(Rejected::TokenExpired);
        }
        token.uses_left = token.uses_left.checked_sub(1).ok_or(Rejected::TokenUsed)?;
        let role = token.role;
        self.add_member(peer, role, name)
    }
}

/// A name that a person has given.
pub(super) fn given(name: &str) -> Result<String, Rejected> {
    if is_blank(name) {
        return Err(Rejected::NameEmpty);
    }
    Ok(presentable(name))
}

pub(super) fn refuse_taken<'a>(name: &str, mut others: impl Iterator<Item = &'a str>) -> Result<(), Rejected> {
    if others.any(|other| same_name(other, name)) { Err(Rejected::NameTaken(name.into())) } else { Ok(()) }
}

/// Only ASCII letters are compared without their case: Unicode's tables change, and hubs of two builds must agree.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

pub(super) fn bound(what: &'static str, have: usize, limit: usize) -> Result<(), Rejected> {
    if have < limit { Ok(()) } else { Err(Rejected::TooMany { what, limit }) }
}

/// Four for each member: a bound for the snapshot, not for people.
const MAX_ROOMS: usize = 4 * MAX_MEMBERS;
pub(super) const MAX_GROUPS: usize = 500;
const MAX_TOKENS: usize = 100;
/// A week: so long somebody who finds an old token is told that it has expired, not that it never was.
const TOKEN_MEMORY_SECS: u64 = 7 * 24 * 3600;
