//! Where a pairing is.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Failure;

/// Where a pairing is. `STATES.md` has the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No pairing was asked for yet.
    Idle,
    /// The adapter is made pairable, the agent registered.
    Opening,
    /// The adapter looks for the speaker.
    Searching,
    /// The adapter stops looking; nothing connects before it has.
    StoppingDiscovery,
    /// Keys are made.
    Pairing,
    /// The speaker may connect by itself from now on.
    Trusting,
    /// The A2DP sink is connected.
    Connecting,
    /// Connected; `BlueZ` has not yet announced the way for music.
    AwaitingTransport,
    /// The chime plays.
    Chiming,
    /// Keys that the speaker has forgotten are removed here, too.
    Removing,
    /// A pause before a step is tried again.
    Pausing,
    /// What was begun is undone.
    CleaningUp,
    /// Paired, trusted, connected, and it was heard if there was room for that. The window is closed.
    Paired,
    /// It did not work. The window is closed.
    Failed(Failure),
}

impl State {
    /// Its name for programs and in the diagram.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Opening => "opening",
            Self::Searching => "searching",
            Self::StoppingDiscovery => "stopping_discovery",
            Self::Pairing => "pairing",
            Self::Trusting => "trusting",
            Self::Connecting => "connecting",
            Self::AwaitingTransport => "awaiting_transport",
            Self::Chiming => "chiming",
            Self::Removing => "removing",
            Self::Pausing => "pausing",
            Self::CleaningUp => "cleaning_up",
            Self::Paired => "paired",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether a new pairing may begin.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Idle | Self::Paired | Self::Failed(_))
    }
}

impl fmt::Display for State {
    /// For a person who waits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Idle => "nothing is being paired",
            Self::Opening => "preparing the adapter",
            Self::Searching => "looking for the speaker",
            Self::StoppingDiscovery => "found; the adapter stops looking",
            Self::Pairing => "pairing",
            Self::Trusting => "letting it connect by itself from now on",
            Self::Connecting => "connecting",
            Self::AwaitingTransport => "connected; waiting for its way for music",
            Self::Chiming => "playing a chime",
            Self::Removing => "removing old keys",
            Self::Pausing => "trying again in a moment",
            Self::CleaningUp => "tidying up",
            Self::Paired => "paired and playing",
            Self::Failed(failure) => return write!(out, "failed: {failure}"),
        })
    }
}

impl Serialize for State {
    /// By its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
