//! What the hub asks of the node's own API.

use super::{NodeAction, NodeSession};
use crate::wire::control::{Answer, Ask, Forget, MAX_ASKS, Message, RefuseReason};

/// Said to one ask more than is taken.
const TOO_MANY: &[u8] = br#"{"error":"the node has 16 requests in hand, and takes no more; wait for one to end"}"#;

impl NodeSession {
    /// Hands in the next part of an answer; one that the hub does not wait for is dropped.
    pub fn answer(&mut self, answer: Answer) {
        let is_open = if answer.last { self.asks.remove(&answer.id) } else { self.asks.contains(&answer.id) };
        if is_open {
            self.actions.push_back(NodeAction::Control(Message::from(answer).encode()));
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        if let Err(error) = ask.validate() {
            return self.close(RefuseReason::Protocol, error.to_string());
        }
        if self.asks.len() >= MAX_ASKS {
            let answer = Answer { id: ask.id, status: 503, part: TOO_MANY.into(), last: true };
            self.actions.push_back(NodeAction::Control(Message::from(answer).encode()));
        } else if self.asks.insert(ask.id) {
            self.actions.push_back(NodeAction::Ask(ask));
        }
    }

    pub(super) fn forget(&mut self, forget: Forget) {
        if self.asks.remove(&forget.id) {
            self.actions.push_back(NodeAction::Forget(forget.id));
        }
    }
}
