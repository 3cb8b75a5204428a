//! A remembered speaker while the node runs.

use std::sync::mpsc::SyncSender;

use unisono_core::time::{NodeClock, Timestamp};

use super::{
    Opened,
    command::{Answer, reply},
    link::Link,
    playing::Playing,
    store::Kept,
};
use crate::{Address, Failure, reconnect::Reconnect};

pub(super) struct Speaker {
    pub(super) kept: Kept,
    pub(super) machine: Reconnect,
    /// What the machine was told last about its adapter, and whether it is paused.
    pub(super) usable: Option<Result<(), Failure>>,
    pub(super) paused: bool,
    pub(super) link: Link,
    /// Since when it has had a way for music.
    pub(super) up: Option<Timestamp<NodeClock>>,
    /// When a connection that has no way for music counts as none.
    pub(super) down: Option<Timestamp<NodeClock>>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) slot: Slot,
    /// Why the last stream ended, if it failed.
    pub(super) failure: Option<Failure>,
}

/// Somebody who waits until it is connected.
pub(super) enum Waiting {
    /// A room, until then.
    Room(SyncSender<Result<Opened, Failure>>, Timestamp<NodeClock>),
    /// A person.
    Person(Answer),
}

/// What its transport is used for.
#[derive(Default)]
pub(super) enum Slot {
    #[default]
    Free,
    /// It is being acquired for a room, or for a chime that then plays.
    Acquiring,
    Playing(Box<Playing>),
    /// Its stream is over, and `BlueZ` is told.
    Releasing,
}

impl Speaker {
    pub(super) fn new(now: Timestamp<NodeClock>, kept: Kept) -> Self {
        let machine = Reconnect::new(now, kept.mode, seed(kept.address));
        Self {
            kept,
            machine,
            usable: None,
            paused: false,
            link: Link::default(),
            up: None,
            down: None,
            waiting: Vec::new(),
            slot: Slot::Free,
            failure: None,
        }
    }

    /// Its stream, if it has one.
    pub(super) fn playing(&self) -> Option<&Playing> {
        match &self.slot {
            Slot::Playing(playing) => Some(playing),
            _ => None,
        }
    }

    /// All who wait are told that it does not come.
    pub(super) fn disappoint(&mut self, failure: Failure) {
        for waiting in self.waiting.drain(..) {
            waiting.disappoint(failure);
        }
    }
}

impl Waiting {
    /// It does not come. Who has stopped waiting does not want to know.
    pub(super) fn disappoint(self, failure: Failure) {
        match self {
            Self::Room(answer, _) => {
                let _ = answer.try_send(Err(failure));
            }
            Self::Person(answer) => reply(answer, Err(failure)),
        }
    }
}

/// Speakers are not to be called in step, nor in another order after each start.
fn seed(address: Address) -> u64 {
    address.0.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}
