//! What is asked of a node's own API for somebody who asked the hub.

use std::collections::BTreeMap;

use unisono_core::wire::{
    control::{Answer, Ask, Forget, MAX_ASKS, Message, Method},
    ids::AskId,
};

use super::{Action, ConnectionId, House, Refused, RoomId};

/// What was asked and not answered to the end.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: BTreeMap<AskId, ConnectionId>,
    next: u32,
}

impl House {
    /// Asks the node of a room for something: a path of its API with its query, below `/api/v1`. The answer comes as
    /// [`Action::Answer`]s, or as [`Action::Unanswered`] when the node goes first.
    ///
    /// # Errors
    /// When there is no such room, its node is not connected or too old to be asked, or has too much in hand.
    pub fn ask(&mut self, room: RoomId, method: Method, path: String, body: Vec<u8>) -> Result<AskId, Refused> {
        let name = self.rooms.get(&room).ok_or_else(|| Refused::UnknownRoom(room.to_string()))?.name.clone();
        let connection = self.room_connection(room).ok_or_else(|| Refused::NotThere(name.clone()))?;
        let session = self.connections.get(&connection).map(|known| &known.session);
        let session = session.ok_or_else(|| Refused::NotThere(name.clone()))?;
        if !session.takes_asks() {
            return Err(Refused::TooOld(name, session.version().to_string()));
        }
        if self.asks.open.values().filter(|of| **of == connection).count() >= MAX_ASKS {
            return Err(Refused::TooMuchInHand(name));
        }
        let id = AskId(self.asks.next);
        let ask = Ask { id, method, path, body };
        if ask.validate().is_err() {
            return Err(Refused::TooLong(name));
        }
        self.asks.next = self.asks.next.wrapping_add(1);
        self.asks.open.insert(id, connection);
        self.actions.push_back(Action::Control(connection, Message::from(ask).encode()));
        Ok(id)
    }

    /// Nobody waits for an answer any more.
    pub fn forget_ask(&mut self, id: AskId) {
        if let Some(connection) = self.asks.open.remove(&id) {
            self.actions.push_back(Action::Control(connection, Message::from(Forget { id }).encode()));
        }
    }

    /// Takes a part of an answer; what another node was asked it cannot answer.
    pub(super) fn handle_answer(&mut self, connection: ConnectionId, answer: Answer) {
        if self.asks.open.get(&answer.id) != Some(&connection) {
            return;
        }
        if answer.last {
            self.asks.open.remove(&answer.id);
        }
        self.actions.push_back(Action::Answer(answer));
    }

    /// A connection is gone, and what it was asked with it.
    pub(super) fn drop_asks(&mut self, connection: ConnectionId) {
        let actions = &mut self.actions;
        self.asks.open.retain(|id, of| {
            let is_gone = *of == connection;
            actions.extend(is_gone.then_some(Action::Unanswered(*id)));
            !is_gone
        });
    }
}
