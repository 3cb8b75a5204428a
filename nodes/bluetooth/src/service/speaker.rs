//! A remembered speaker while the node runs.

use std::sync::mpsc::SyncSender;

use tokio::sync::oneshot;
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
    reconnect::{Departure, Mode, Reconnect},
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
    /// When it heard something last, of a stream or to be kept awake.
    pub(super) nudged: Option<Timestamp<NodeClock>>,
    /// When a connection that has no way for music counts as none.
    pub(super) down: Option<Timestamp<NodeClock>>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) slot: Slot,
    /// Why the last stream ended, if it failed.
    pub(super) failure: Option<Failure>,
    /// Until when it is left to whoever has taken it in the middle of a stream.
    pub(super) yielded: Option<Yielded>,
    /// What has been counted of it.
    pub(super) tally: Tally,
    /// When a stream ended last because nothing was heard of the speaker any more.
    lost: Option<Timestamp<NodeClock>>,
}

/// A link that is dead is given up by the controllers so much later at most: 20 s is usual.
const SUPERVISION: Nanos = Nanos::from_secs(45);

/// A speaker that has paused a stream by itself, for a button, a call or a phone that plays, is left alone for so long;
/// for twice as long when it does so again ...
const YIELD: Nanos = Nanos::from_secs(30);
/// ... up to this, and unless it was well for as long in between.
const LONGEST_YIELD: Nanos = Nanos::from_secs(600);

/// It is left alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yielded {
    pub(super) until: Timestamp<NodeClock>,
    span: Nanos,
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
    /// It hears something that keeps it awake, until the sender is gone.
    Nudging(Option<oneshot::Sender<()>>),
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
            nudged: None,
            down: None,
            waiting: Vec::new(),
            slot: Slot::Free,
            failure: None,
            yielded: None,
            tally: Tally::default(),
            lost: None,
        }
    }

    /// A stream to it ended so.
    pub(super) fn note_end(&mut self, now: Timestamp<NodeClock>, failure: Option<Failure>) {
        self.failure = failure;
        self.nudged = Some(now);
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

    /// It has paused its stream by itself: somebody else may have it.
    pub(super) fn yield_it(&mut self, now: Timestamp<NodeClock>) {
        let again = self.yielded.filter(|before| now - before.until < LONGEST_YIELD);
        let span = again.map_or(YIELD, |before| (before.span * 2).min(LONGEST_YIELD));
        self.yielded = Some(Yielded { until: now + span, span });
    }

    /// Whether it is left to somebody else now. Exclusive, it is to nobody.
    pub(super) fn is_yielded(&self, now: Timestamp<NodeClock>) -> bool {
        self.kept.mode != Mode::Exclusive && self.yielded.is_some_and(|yielded| now < yielded.until)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::a2dp::{IdleMode, Quality};

    #[test]
    fn a_speaker_that_pauses_again_and_again_is_left_alone_ever_longer_and_an_exclusive_node_leaves_it_to_nobody() {
        let address = Address([0; 6]);
        let (alias, name) = (String::from("Kitchen"), String::from("Kitchen"));
        let kept = Kept {
            address,
            adapter: address,
            alias,
            name,
            mode: Mode::Polite,
            trim_ms: 0.0,
            idle: IdleMode::default(),
            quality: Quality::default(),
            volume: crate::volume::VolumeMode::default(),
            reports_ms: std::collections::BTreeMap::new(),
        };
        let mut now = Timestamp::from_nanos(0);
        let mut speaker = Speaker::new(now, kept);
        assert!(!speaker.is_yielded(now));
        for seconds in [30, 60, 120, 240, 480, 600, 600] {
            speaker.yield_it(now);
            now = now + Nanos::from_secs(seconds);
            assert!(speaker.is_yielded(now - Nanos::from_millis(1)) && !speaker.is_yielded(now), "{seconds} s");
        }
        // An evening later it is forgiven.
        now = now + Nanos::from_secs(3_600);
        speaker.yield_it(now);
        assert!(!speaker.is_yielded(now + YIELD));
        speaker.kept.mode = Mode::Exclusive;
        assert!(!speaker.is_yielded(now));
    }
}
