//! Answers of nodes on their way to those who asked.

use std::{collections::HashMap, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use unisono_core::wire::{
    control::{Answer, Method},
    ids::AskId,
};

use super::{Engine, EngineHandle};
use crate::house::Refused;

/// Parts that may wait for whoever asked to take them. One who takes none is waited for no longer.
const QUEUE: usize = 64;

/// Who waits for what.
pub(super) type Waiting = HashMap<AskId, mpsc::Sender<Answer>>;

/// An answer as it comes. Dropping it tells the node that nobody waits any more.
pub struct Answers {
    id: AskId,
    parts: mpsc::Receiver<Answer>,
    engine: EngineHandle,
    is_over: bool,
}

impl Answers {
    /// The next part; `None` when the node has gone, or has said nothing within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Option<Answer> {
        let answer = timeout(limit, self.parts.recv()).await.ok().flatten()?;
        self.is_over = answer.last;
        Some(answer)
    }

    /// Nothing more is expected.
    pub fn give_up(&mut self) {
        self.forget();
        self.is_over = true;
    }

    /// Whether the last part was given.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }
}

impl Answers {
    fn forget(&self) {
        if !self.is_over {
            let id = self.id;
            self.engine.mention(move |engine, _| engine.forget(id));
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.forget();
    }
}

impl EngineHandle {
    /// Asks the node of a room, by the room's id or name. `None` when the hub is stopping.
    ///
    /// # Errors
    /// As [`crate::house::House::ask`].
    pub async fn ask(
        &self,
        room: String,
        method: Method,
        path: String,
        body: Vec<u8>,
    ) -> Option<Result<Answers, Refused>> {
        let handle = self.clone();
        self.call(move |engine, _| {
            let room = engine.house.find_room(&room)?;
            let id = engine.house.ask(room, method, path, body)?;
            let (parts, receiver) = mpsc::channel(QUEUE);
            engine.asks.insert(id, parts);
            Ok(Answers { id, parts: receiver, engine: handle, is_over: false })
        })
        .await
    }
}

impl Engine {
    /// Hands a part on.
    pub(super) fn answer(&mut self, answer: Answer) {
        let (id, last) = (answer.id, answer.last);
        let taken = self.asks.get(&id).is_some_and(|parts| parts.try_send(answer).is_ok());
        if !taken && !last {
            self.house.forget_ask(id);
        }
        if !taken || last {
            self.asks.remove(&id);
        }
    }

    /// Nobody waits any more.
    fn forget(&mut self, id: AskId) {
        self.asks.remove(&id);
        self.house.forget_ask(id);
    }
}
