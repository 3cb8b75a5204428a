//! The node as a program, and a hub that comes and goes.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod alone;
mod house;
mod joining;
mod metrics;
mod relay;
mod sound;
