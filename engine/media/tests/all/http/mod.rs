//! Stations and files over HTTP, from real servers on this machine.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "these are tests")]

mod files;
mod refused;
mod server;
mod stations;
