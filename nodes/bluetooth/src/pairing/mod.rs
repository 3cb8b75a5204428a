//! Pairing: from a speaker that a person chose to one that is paired, trusted, connected and has played a chime.
//!
//! Sans-IO: [`Pairing`] takes instants and events and gives commands; [`scan`] makes of what an adapter sees a list that
//! a person can choose from.
//!
//! What it holds to:
//!
//! * Nothing connects while the adapter looks for devices; the end of that is waited for.
//! * Every step has a limit, every retry a pause, and the whole an end ([`WHOLE_LIMIT`]).
//! * Only the address being paired is let in ([`Pairing::authorize`]), and only while the window is open.
//! * A speaker that is remembered but not in pairing mode is reported as such, and not called.

mod cleanup;
mod event;
mod limits;
mod machine;
mod run;
pub mod scan;
mod sight;
mod state;

pub use self::{
    event::{Action, Command, Event, Request, Ticket},
    limits::{CLEANUP_LIMIT, WHOLE_LIMIT},
    machine::Pairing,
    sight::{AUDIO_SINK, Sight},
    state::State,
};
