//! When a remembered speaker is called, and when it is left alone.
//!
//! Sans-IO, one [`Reconnect`] per speaker. `BlueZ` itself calls again only after a link was lost, and never at start; so
//! this does it.
//!
//! * At start it is called, and when it shows up by itself.
//! * When it ends the connection, somebody switched it off or took it with a phone. *Polite*, the node waits until the
//!   speaker comes; *exclusive*, it calls on.
//! * *On demand*, it is called when a room is to play on it, and never otherwise.
//! * When the link is lost, it is called after 2, 4, 8 … 60 s, at most [`CALLS`] times in [`CALLS_SPAN`]: a call (a page)
//!   takes the radio for five seconds, in which Wi-Fi and other speakers suffer. After that, every [`POLL`]; polite, that
//!   ends after an hour. A room that needs it has it called once a minute meanwhile.
//! * When nobody says why it went (`BlueZ` before 5.83 never does), it is called only for a room, after half a minute
//!   and once a minute: one that is with a phone refuses, and is left to it.
//! * When it has forgotten its keys, nothing but pairing again helps, and that is what is said.
//! * When a person disconnects it, it stays so until they connect it.

mod calls;
mod departure;
mod event;
mod machine;
mod status;

pub use self::{
    calls::{CALLS, CALLS_SPAN, POLL},
    departure::Departure,
    event::{Action, Command, Event, Mode, Ticket},
    machine::Reconnect,
    status::{State, Status},
};
