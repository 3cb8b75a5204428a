//! The control API of a node that really runs.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod access;
mod join;
mod node;
mod speakers;
mod standalone;
