//! A room: how loud it is, and what its node last said of it.

use unisono_core::{
    leadership::Term,
    sound::RoomSound,
    time::{HubClock, Nanos, Timestamp},
    units::{Gain, Volume},
    wire::{
        control::{
            ClockReport, LatencyPart, Message, OutputReport, RoomFigures, RoomReport, SetGain, Turned, VolumeReport,
        },
        ids::PeerId,
    },
};
pub use unisono_household::config::RoomId;

use super::{Action, GroupId, House, Playback, Refused, SyncErrors};

/// A change of volume takes so long: no click, and done before the ear has noticed a fade.
const VOLUME_RAMP_MS: u16 = 30;

/// What is known of a room. Its name, its group and the limit of its volume are as the household has configured them.
#[derive(Clone, Debug)]
pub struct Room {
    /// What people call it.
    pub name: String,
    /// Its own volume, never above `max_volume`.
    pub volume: Volume,
    /// The loudest that it may be.
    pub max_volume: Volume,
    /// Whether it is muted.
    pub muted: bool,
    /// The group that it belongs to.
    pub group: Option<GroupId>,
    /// The output in use.
    pub output: String,
    /// What lies between handing over a frame and hearing it.
    pub latency: Nanos,
    /// The highest term that it obeys.
    pub term: Option<Term>,
    /// Whether another hub leads it.
    pub outranked: bool,
    /// The node's clock, as it last said.
    pub clock: ClockReport,
    /// How the room is doing, as its node last said.
    pub report: Option<RoomReport>,
    /// When it said that.
    pub reported_at: Timestamp<HubClock>,
    /// How far it was from its group, each time that its node has said so since the hub began.
    pub sync_errors: SyncErrors,
    /// Which of its outputs it uses and why, as its node last said; a node of 1.1 does not.
    pub output_report: Option<OutputReport>,
    /// What else its node last said of it; a node of 1.2 does not.
    pub figures: Option<RoomFigures>,
    /// What its latency is made of, as its node last said; a node of 1.2 does not.
    pub latency_parts: Vec<LatencyPart>,
    /// What stands for its volume, as its node last said; a node of 1.3 does not.
    pub volume_report: Option<VolumeReport>,
    /// How it shapes its sound. What is configured, but for a change that is on its way there.
    pub sound: RoomSound,
    /// What is configured of that.
    pub(super) configured_sound: RoomSound,
    /// The volume that it does not begin to play above.
    pub start_volume: Option<Volume>,
}

impl Room {
    /// A room that was never seen: quiet enough to startle nobody.
    pub(super) fn new() -> Self {
        Self {
            name: String::new(),
            volume: Volume::START,
            max_volume: Volume::FULL,
            muted: false,
            group: None,
            output: String::new(),
            latency: Nanos::ZERO,
            term: None,
            outranked: false,
            clock: ClockReport::default(),
            report: None,
            reported_at: Timestamp::from_nanos(0),
            sync_errors: SyncErrors::default(),
            output_report: None,
            figures: None,
            latency_parts: Vec::new(),
            volume_report: None,
            sound: RoomSound::default(),
            configured_sound: RoomSound::default(),
            start_volume: None,
        }
    }
}

impl House {
    /// Finds a room by its id or, when only one room has it, by its name.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find_room(&self, text: &str) -> Result<RoomId, Refused> {
        if let Some(id) = self.rooms.keys().find(|id| id.to_string() == text) {
            return Ok(*id);
        }
        let mut named = self.rooms.iter().filter(|(_, room)| room.name.to_lowercase() == text.to_lowercase());
        match (named.next(), named.next()) {
            (Some((id, _)), None) => Ok(*id),
            (Some(_), Some(_)) => Err(Refused::AmbiguousRoom(text.into())),
            (None, _) => Err(Refused::UnknownRoom(text.into())),
        }
    }

    /// Sets a room's volume or mute.
    ///
    /// # Errors
    /// When there is no such room, or it may not be as loud.
    pub fn set_room(&mut self, id: RoomId, volume: Option<Volume>, muted: Option<bool>) -> Result<(), Refused> {
        let room = self.rooms.get_mut(&id).ok_or_else(|| Refused::UnknownRoom(id.to_string()))?;
        check_volume(&room.name, volume, room.max_volume)?;
        room.volume = volume.unwrap_or(room.volume);
        room.muted = muted.unwrap_or(room.muted);
        self.send_gain(id);
        self.actions.push_back(Action::Changed);
        Ok(())
    }

    /// Whether a room could be as loud, with the limit that it is to have.
    ///
    /// # Errors
    /// When there is no such room, or it may not be as loud.
    pub fn check_room(&self, id: RoomId, volume: Option<Volume>, limit: Option<Volume>) -> Result<(), Refused> {
        let room = self.rooms.get(&id).ok_or_else(|| Refused::UnknownRoom(id.to_string()))?;
        check_volume(&room.name, volume, limit.unwrap_or(room.max_volume))
    }

    /// Whether a room can be forgotten.
    ///
    /// # Errors
    /// When there is no such room, or its node is connected.
    pub fn check_gone(&self, id: RoomId) -> Result<(), Refused> {
        let room = self.rooms.get(&id).ok_or_else(|| Refused::UnknownRoom(id.to_string()))?;
        if self.is_online(id.node) { Err(Refused::StillThere(room.name.clone())) } else { Ok(()) }
    }

    /// Whether this hub leads a room in what it plays.
    pub fn leads(&self, id: RoomId) -> bool {
        let Some(room) = self.rooms.get(&id) else { return false };
        let plays = room.group.and_then(|group| self.groups.get(&group));
        let plays = plays.is_some_and(|group| group.playback == Playback::Playing);
        plays && !room.outranked && self.format_of(id).is_some()
    }

    /// How loud a room is once its own volume and its group's are taken together.
    pub fn gain_of(&self, id: RoomId) -> Gain {
        let Some(room) = self.rooms.get(&id) else { return Gain::SILENT };
        let group = room.group.and_then(|group| self.groups.get(&group));
        if room.muted || group.is_some_and(|group| group.muted) {
            return Gain::SILENT;
        }
        room.volume.gain() * group.map_or(Gain::UNITY, |group| group.volume.gain())
    }

    /// Somebody has turned a room's volume at its speaker. It is the room's from now on, as far as that and its group may
    /// be as loud; the speaker hears what has come of it.
    pub(super) fn handle_turned(&mut self, peer: PeerId, told: Turned) {
        let id = RoomId { node: peer, index: told.room };
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let group = room.group.and_then(|group| self.groups.get(&group));
        let share = group.map_or(Gain::UNITY, |group| group.volume.gain());
        // Behind a group that is silent a speaker says nothing of its room.
        if share != Gain::SILENT {
            room.volume = Volume::nearest(Gain::new(told.gain.factor() / share.factor())).min(room.max_volume);
            self.actions.push_back(Action::Changed);
        }
        self.send_gain(id);
    }

    pub(super) fn send_gain(&mut self, id: RoomId) {
        let gain = self.gain_of(id);
        if let Some(connection) = self.room_connection(id) {
            let message = Message::from(SetGain { room: id.index, gain, ramp_ms: VOLUME_RAMP_MS });
            self.actions.push_back(Action::Control(connection, message.encode()));
        }
    }
}

fn check_volume(room: &str, volume: Option<Volume>, limit: Volume) -> Result<(), Refused> {
    match volume {
        Some(volume) if volume > limit => Err(Refused::TooLoud(room.into(), limit.percent())),
        _ => Ok(()),
    }
}
