//! The control API of a hub that really runs, spoken to over HTTP.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod access;
mod groups;
mod hub;
mod malformed;
mod playing;
mod sources;
mod status;
