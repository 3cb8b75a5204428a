//! The Unisono hub: sessions, distribution, groups, control API.
//!
//! | module | what is in it |
//! |---|---|
//! | [`house`] | the hub as a state machine, without a socket or a clock; the simulator runs it too |
//! | [`engine`] | the task that owns the house, the connections, and the threads that encode |
//! | [`api`] | the control API |
//! | `metrics` | what Prometheus reads |
//! | [`access`] | who may use that |
//! | `feed`, `health` | what has changed, and what is wrong, from what the house is like |
//! | [`location`] | how files are named |
//! | [`sources`] | live inputs and stations |
//! | [`config`] | settings |
#![forbid(unsafe_code)]

pub mod access;
pub mod api;
pub mod config;
pub mod engine;
mod feed;
mod health;
pub mod house;
pub mod location;
mod metrics;
pub mod sources;
