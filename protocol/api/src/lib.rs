//! What the control APIs of hub and node share: JSON over HTTP. A node's is for its own machine only; who may use a hub's
//! is the hub's matter.
//!
//! | module | what is in it |
//! |---|---|
//! | [`bounds`] | what values may be, for the description |
//! | [`body`] | bodies of requests: objects, and no lists in their place |
//! | `guard` | who may ask a node: programs on this machine, and no web page of somebody else's |
//! | `refusal` | every refusal is `{"error": "one line"}` |
//! | [`metrics`] | what both tell Prometheus |
//! | [`bluetooth`] | what that gives and takes about speakers |
//! | [`sound`] | how a room shapes its sound, and where its latency comes from |
//! | [`node`] | what the node's API gives and takes |
#![forbid(unsafe_code)]

pub mod bluetooth;
pub mod body;
pub mod bounds;
mod guard;
pub mod metrics;
pub mod node;
mod refusal;
pub mod sound;

pub use self::{
    guard::{NOTHING_HERE, guarded, routed},
    refusal::{ErrorView, Refusal},
};

/// Where an API has its routes.
pub const PREFIX: &str = "/api/v1";

/// The longest body of a request, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
