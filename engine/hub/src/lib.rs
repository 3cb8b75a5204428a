//! The Unisono hub: sessions, distribution, groups, control API.
//!
//! | module | what is in it |
//! |---|---|
//! | [`house`] | the hub as a state machine, without a socket or a clock; the simulator runs it too |
//! | [`engine`] | the task that owns the house, the connections, and the threads that encode |
//! | [`api`] | the control API |
//! | [`location`] | how files are named |
//! | [`sources`] | live inputs and stations |
//! | [`config`] | settings |
#![forbid(unsafe_code)]

pub mod api;
pub mod config;
pub mod engine;
pub mod house;
pub mod location;
pub mod sources;
