//! The state machines at both ends of a connection. They take time and bytes and give actions.
//!
//! After every call that takes something in, call `poll_action` until it gives `None`, then arm a timer for
//! `poll_timeout`.

mod hub;
mod node;

pub use hub::{HubEvent, HubSession, MAX_ROOMS};
pub use node::{NodeAction, NodeConfig, NodeSession};
