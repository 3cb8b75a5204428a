//! The rooms of a node, and who may tell them what to play: the session with a hub, or the node itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use unisono_core::{sound::RoomSound, time::Nanos, wire::ids::RoomIndex};

use crate::{
    room::{Room, RoomCommand},
    session::RoomSettings,
};

/// Who may tell the rooms what to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The session with a hub.
    Hub,
    /// Nobody: what one has begun fades out before the other begins.
    Nobody,
    /// The node itself.
    Node,
}

/// The rooms of a node.
#[derive(Debug)]
pub(crate) struct Desk {
    rooms: Vec<(RoomSettings, Room)>,
    /// How each shapes its sound, whoever has it play.
    sounds: watch::Sender<Vec<RoomSound>>,
    holder: Mutex<Holder>,
}

impl Desk {
    /// A hub has them at first. They shape their sound as it was kept; one of which nothing was kept leaves it as it is.
    pub(crate) fn new(rooms: Vec<(RoomSettings, Room)>, mut kept: Vec<RoomSound>) -> Self {
        kept.resize(rooms.len(), RoomSound::default());
        for ((_, room), sound) in rooms.iter().zip(&kept) {
            room.tell(RoomCommand::Sound(*sound));
        }
        Self { rooms, sounds: watch::Sender::new(kept), holder: Mutex::new(Holder::Hub) }
    }

    /// The rooms, by their index.
    pub(crate) fn rooms(&self) -> &[(RoomSettings, Room)] {
        &self.rooms
    }

    /// Tells a room something in a holder's name. Nobody hears it when another holds them.
    pub(crate) fn tell(&self, holder: Holder, room: RoomIndex, command: RoomCommand) {
        let held = self.lock();
        if let Some((_, room)) = self.rooms.get(usize::from(room.0)).filter(|_| *held == holder) {
            room.tell(command);
        }
    }

    /// As [`Self::tell`], every room. Says whether they were told.
    pub(crate) fn tell_all(&self, holder: Holder, command: &RoomCommand) -> bool {
        let held = self.lock();
        if *held == holder {
            self.rooms.iter().for_each(|(_, room)| room.tell(command.clone()));
        }
        *held == holder
    }

    /// Has a room shape its sound, whoever has it play.
    pub(crate) fn shape(&self, room: RoomIndex, sound: RoomSound) {
        let place = usize::from(room.0);
        let Some((_, room)) = self.rooms.get(place) else { return };
        let is_new = self.sounds.send_if_modified(|sounds| match sounds.get_mut(place) {
            Some(known) if *known != sound => {
                *known = sound;
                true
            }
            _ => false,
        });
        if is_new {
            room.tell(RoomCommand::Sound(sound));
        }
    }

    /// How each room shapes its sound, now and when that changes.
    pub(crate) fn sounds(&self) -> watch::Receiver<Vec<RoomSound>> {
        self.sounds.subscribe()
    }

    /// Who may tell them something.
    pub(crate) fn holder(&self) -> Holder {
        *self.lock()
    }

    /// From now on somebody else may. Nothing of what the one before tells is heard afterwards.
    pub(crate) fn hand_to(&self, holder: Holder) {
        *self.lock() = holder;
    }

    /// What lies behind the slowest output now.
    pub(crate) fn latency(&self) -> Nanos {
        self.rooms.iter().map(|(_, room)| room.status().latency()).max().unwrap_or(Nanos::ZERO)
    }

    fn lock(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // All rooms fade out at once, and not each after the one before.
        self.rooms.iter_mut().for_each(|(_, room)| room.end());
    }
}
