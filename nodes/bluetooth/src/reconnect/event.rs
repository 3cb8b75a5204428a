//! What goes into the machine and what comes out of it.

use serde::{Deserialize, Serialize};

use super::Departure;
use crate::Failure;

/// How much a node wants its speaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It never takes the speaker from another device.
    #[default]
    Polite,
    /// It calls until the speaker comes.
    Exclusive,
    /// It connects the speaker only while a room plays on it, and takes it from nobody.
    OnDemand,
}

/// Names one command, so that an answer that comes after its time is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// A command to be carried out. Report how it went with [`Event::Done`] and the same ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// To be handed back.
    pub ticket: Ticket,
    /// What to do.
    pub command: Command,
}

/// What is to be done about the speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `Device1.ConnectProfile` with the UUID of an A2DP sink.
    Connect,
    /// `Device1.Disconnect`; it also ends a `ConnectProfile` that is under way.
    Disconnect,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The adapter can be used, or cannot (any more) and why. The machine begins with the first `Ok`; connections are
    /// told of after it.
    Adapter(Result<(), Failure>),
    /// The speaker shows up by itself: an inquiry sees it, or its link is there without the way for music.
    Appeared,
    /// The way for music is connected, whoever called.
    Connected,
    /// The connection is gone. Where `BlueZ` does not say how, and this program ended it, say [`Departure::Local`].
    Disconnected(Departure),
    /// A command was carried out, or not.
    Done(Ticket, Result<(), Failure>),
    /// A person connects it.
    Wanted,
    /// A room is to play on it. Unlike [`Event::Wanted`] it does not undo what a person said, and polite, it does not take
    /// the speaker back from whoever has it. Where calls have become slow, it is called once a minute for a room.
    Needed,
    /// A person disconnects it.
    Unwanted,
    /// A scan or a pairing begins on the same adapter. Not counted: one [`Event::Resume`] ends it.
    Pause,
    /// It is over.
    Resume,
    /// It was paired anew, and so has keys.
    Paired,
}
