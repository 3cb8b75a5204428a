//! What a person sees of it: where it is, since when, why, and what would bring the speaker back.

use std::fmt;

use serde::{Serialize, Serializer};
use unisono_core::time::{NodeClock, Timestamp};

use super::Departure;
use crate::Failure;

/// Where the connection with a speaker stands. `STATES.md` has the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The adapter cannot be used.
    Unusable(Failure),
    /// It is left alone until it comes by itself.
    Waiting,
    /// It is being called.
    Calling,
    /// It will be called again soon.
    BackingOff,
    /// It is called every five minutes, or once a minute for a room.
    Polling,
    /// It is connected.
    Connected,
    /// A person disconnects it.
    Disconnecting,
    /// A scan or a pairing has the adapter.
    Paused,
    /// A person disconnected it.
    Held,
    /// Calling it again is of no use.
    Stopped(Failure),
}

impl State {
    /// Its name for programs and in the diagram.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unusable(_) => "unusable",
            Self::Waiting => "waiting",
            Self::Calling => "calling",
            Self::BackingOff => "backing_off",
            Self::Polling => "polling",
            Self::Connected => "connected",
            Self::Disconnecting => "disconnecting",
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Stopped(_) => "stopped",
        }
    }
}

impl Serialize for State {
    /// By its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The state with its reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it is.
    pub state: State,
    /// Since when.
    pub since: Timestamp<NodeClock>,
    /// How the last connection ended, if there was one.
    pub departure: Option<Departure>,
    /// Why the last call came to nothing, if it did.
    pub failure: Option<Failure>,
    /// When it is called next.
    pub next: Option<Timestamp<NodeClock>>,
}

impl Status {
    /// Why it is where it is.
    pub const fn why(&self) -> &'static str {
        match (self.state, self.failure, self.departure) {
            (State::Unusable(failure) | State::Stopped(failure), ..) => failure.cause(),
            (State::Connected, ..) => "it is connected",
            (State::Calling, ..) => "it is being called",
            (State::Disconnecting | State::Held, ..) => "a person disconnected it",
            (State::Paused, ..) => "the adapter is scanning or pairing",
            (_, Some(failure), _) => failure.cause(),
            (_, None, Some(Departure::Remote | Departure::Unknown)) => {
                "it ended the connection: it was switched off, or taken by another device"
            }
            (_, None, Some(Departure::LinkLost)) => Failure::LinkLost.cause(),
            (_, None, Some(Departure::Local)) => "this node ended the connection",
            (_, None, None) => "it was not connected yet",
        }
    }

    /// What would bring it back.
    pub const fn what_brings_it_back(&self) -> &'static str {
        match (self.state, self.failure) {
            (State::Connected, _) => "nothing is to be done",
            (State::Calling, _) => "it answering this call",
            (State::Unusable(failure) | State::Stopped(failure), _) => failure.remedy(),
            (State::BackingOff, _) => "it answering the next call, in a moment",
            (State::Polling, _) => "it answering a call (one every five minutes), or switching it off and on",
            (State::Waiting, _) => "switching it on, or disconnecting it from the other device; or connecting it here",
            (State::Disconnecting | State::Held, _) => "connecting it here",
            (State::Paused, _) => "the end of the scan or the pairing",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            State::Connected => out.write_str(self.why()),
            _ => write!(out, "{}; what would bring it back: {}", self.why(), self.what_brings_it_back()),
        }
    }
}
