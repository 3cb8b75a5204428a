//! Who belongs to a Unisono household, and its configuration.
//!
//! Everything here is plain and synchronous: no network, no runtime, no clock (whoever calls says what time it is).
//!
//! | module | what is in it |
//! |---|---|
//! | [`keys`] | the Ed25519 key of a hub, a node or a household, and the file that it lives in |
//! | [`members`] | the signed member list, and the pin by which a node judges it |
//! | [`token`], [`local_join`], [`recovery`] | ways in: a printed token, a file on the same machine, a code on paper |
//! | [`local_access`] | how programs on a hub's machine come to its control API |
//! | [`config`] | names, rooms, groups and tokens as a deterministic state machine, and its database |
//! | [`household`] | all of it together, as a hub holds it |
//! | [`node_store`] | what a node keeps |
//! | [`session_store`] | what a hub wants back after a restart: volumes, queues, positions |
//! | [`files`] | how all of that is read and written |
//!
//! Files that hold a secret are readable by their owner alone, are written whole or not at all, and are never
//! replaced because they could not be read.
#![forbid(unsafe_code)]

mod code;
pub mod config;
mod error;
pub mod files;
mod generations;
pub mod household;
pub mod keys;
#[cfg(unix)]
pub mod local_access;
#[cfg(unix)]
pub mod local_join;
pub mod members;
pub mod node_store;
mod pem;
pub mod recovery;
pub mod session_store;
pub mod token;

pub use error::Error;
