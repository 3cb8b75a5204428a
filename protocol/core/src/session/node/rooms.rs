//! What the node drives, and that its hub knows it.

use super::{NodeAction, NodeSession, State};
use crate::{
    time::{Nanos, NodeClock, Timestamp},
    wire::control::{Message, Room, Rooms},
};

/// A latency that differs by less from what the hub was told is within the margin of what it sends.
const SLACK: Nanos = Nanos::from_millis(2);

/// One that has differed for so long is told: each change of it may change what every room of a group is sent.
const PATIENCE: Nanos = Nanos::from_secs(1);

impl NodeSession {
    /// Takes what the rooms are now. By when packets are given up follows at once. The hub is told when a room's output
    /// is another, and when a latency has been another by more than 2 ms for a second.
    pub fn rooms(&mut self, now: Timestamp<NodeClock>, rooms: &[Room]) {
        self.give_up = rooms.iter().map(|room| room.latency).max().unwrap_or(self.give_up);
        let differs = |by: fn(&Room, &Room) -> bool| {
            let same = rooms.len() == self.config.rooms.len();
            !same || rooms.iter().zip(&self.config.rooms).any(|(new, told)| by(new, told))
        };
        let is_late = differs(|new, told| (new.latency - told.latency).abs() > SLACK);
        let since = is_late.then(|| self.differs_since.unwrap_or(now));
        self.differs_since = since;
        let is_due =
            differs(|new, told| new.output != told.output) || since.is_some_and(|since| now - since > PATIENCE);
        if is_due && matches!(self.state, State::Welcomed(_)) {
            self.differs_since = None;
            self.config.rooms = rooms.to_vec();
            let message = Message::from(Rooms { rooms: rooms.to_vec() });
            self.actions.push_back(NodeAction::Control(message.encode()));
        }
    }
}
