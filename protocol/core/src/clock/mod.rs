//! How a node learns its hub's time.
//!
//! The node sends **probes**, the hub stamps their arrival and answers with **reports**, the node stamps theirs. A probe
//! leaves when the node is awake anyway, mostly because sound has just come: neither hides behind the burst in which
//! packets of sound leave, and a Wi-Fi station that saves power still listens when the report comes. From the two clouds
//! of stamps the [`Estimator`] draws a line between the clocks and says how far it may be off.

mod client;
mod estimator;
mod floors;
mod history;
mod line;
mod pieces;
mod regression;
mod replay;
mod server;

pub use client::ClockClient;
pub use estimator::{Estimate, Estimator};
pub use replay::ReplayWindow;
pub use server::ClockServer;

use crate::time::Nanos;

/// A hub's time that is another by more than this was stepped, or stood still: no estimate is ever so wrong, and what was
/// decided by the old one does not hold. Smaller steps are a matter for playout.
pub const CLOCK_STEP: Nanos = Nanos::from_millis(50);

/// Names one packet that is being sent; given back with the instant of its send call. It cannot be copied, so that a
/// stamp is given at most once.
#[must_use = "give it back with the instant of the send call"]
#[derive(Debug, PartialEq, Eq)]
pub struct SendToken(u64);
