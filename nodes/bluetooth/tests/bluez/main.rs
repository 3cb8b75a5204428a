//! The whole of it against a stand-in for `BlueZ` on a private bus: everything between the handle that a node uses and the
//! socket that a speaker hears.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../standin/mod.rs"]
mod standin;

mod bus;
mod house;

mod faults;
mod pairing;
mod playing;
mod reports;
mod security;
mod speakers;
mod volume;
