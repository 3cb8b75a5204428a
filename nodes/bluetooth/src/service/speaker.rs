//! A remembered speaker while the node runs.

use std::sync::mpsc::SyncSender;

use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{
    Opened,
    command::{Answer, reply},
    figures::Tally,
    link::Link,
    playing::Playing,
    store::Kept,
};
use crate::{
    Address, Failure,
    reconnect::{Departure, Reconnect},
};

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
    /// What has been counted of it.
    pub(super) tally: Tally,
    /// When a stream ended last because nothing was heard of the speaker any more.
    lost: Option<Timestamp<NodeClock>>,
}

/// A link that is dead is given up by the controllers so much later at most: 20 s is usual.
const SUPERVISION: Nanos = Nanos::from_secs(45);

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
            tally: Tally::default(),
            lost: None,
        }
    }

    /// A stream to it ended so.
    pub(super) fn note_end(&mut self, now: Timestamp<NodeClock>, failure: Option<Failure>) {
        self.failure = failure;
        if let Some(failure) = failure {
            self.tally.failed(failure);
        }
        if failure == Some(Failure::LinkLost) {
            self.lost = Some(now);
        }
    }

    /// Why it left, where `BlueZ` does not say (before 5.83 it never does): a stream that stood still shortly before was
    /// not ended by the speaker.
    pub(super) fn departed(&mut self, now: Timestamp<NodeClock>, told: Departure) -> Departure {
        let stands_still = self.playing().is_some_and(|playing| playing.stream.is_over() == Some(Failure::LinkLost));
        let was_lost = self.lost.take().is_some_and(|at| now - at < SUPERVISION);
        match told {
            Departure::Unknown if stands_still || was_lost => Departure::LinkLost,
            told => told,
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
