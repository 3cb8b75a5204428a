//! The control API of a hub that really runs, spoken to over HTTP.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod access;
mod ear;
mod events;
mod flood;
mod gapless;
mod groups;
mod guessing;
mod hub;
mod library;
mod malformed;
mod metrics;
mod openapi;
mod playing;
mod queue;
mod raw;
mod saved;
mod scopes;
mod setup;
mod shelf;
mod sound;
mod sources;
mod status;
