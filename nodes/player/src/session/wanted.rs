//! What a hub wants of a room, kept while the node stands alone: the room is told when it is the hub's again.

use unisono_core::{
    time::{HubClock, Mapping, Nanos, NodeClock},
    timeline::Timeline,
    units::Gain,
    wire::{control::Format, ids::StreamId},
};

use crate::room::RoomCommand;

/// A room as its hub last wanted it.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    gain: Option<Gain>,
    /// While it goes over to another rendition, that one.
    plays: Option<(StreamId, Format, Timeline)>,
}

impl Wanted {
    /// Takes note of what the hub tells the room.
    pub(super) fn note(&mut self, command: &RoomCommand) {
        match command {
            RoomCommand::Start { stream, format, timeline, .. } => {
                self.plays = Some((*stream, format.clone(), *timeline));
            }
            RoomCommand::Timeline(stream, timeline) => {
                if let Some((_, _, known)) = self.plays.as_mut().filter(|(plays, ..)| plays == stream) {
                    *known = *timeline;
                }
            }
            RoomCommand::Stop => self.plays = None,
            RoomCommand::Gain(gain, _) => self.gain = Some(*gain),
            RoomCommand::Left(_)
            | RoomCommand::Packet(..)
            | RoomCommand::Sound(_)
            | RoomCommand::Beep
            | RoomCommand::Clock(_) => {}
        }
    }

    /// What to tell a room that knows nothing of it.
    pub(super) fn commands(&self, clock: Option<Mapping<NodeClock, HubClock>>) -> Vec<RoomCommand> {
        let mut commands: Vec<RoomCommand> = clock.map(RoomCommand::Clock).into_iter().collect();
        commands.extend(self.gain.map(|gain| RoomCommand::Gain(gain, Nanos::ZERO)));
        commands.extend(self.plays.clone().map(|(stream, format, timeline)| RoomCommand::Start {
            stream,
            format,
            timeline,
            continues: None,
            clock,
        }));
        commands
    }
}
