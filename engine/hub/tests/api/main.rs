//! The control API of a hub that really runs, spoken to over HTTP.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod access;
mod events;
mod flood;
mod groups;
mod guessing;
mod hub;
mod malformed;
mod openapi;
mod playing;
mod raw;
mod scopes;
mod setup;
mod status;
