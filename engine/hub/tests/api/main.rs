//! The control API of a hub that really runs, spoken to over HTTP.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod access;
mod ear;
mod gapless;
mod groups;
mod hub;
mod library;
mod malformed;
mod metrics;
mod playing;
mod queue;
mod saved;
mod shelf;
mod sound;
mod status;
