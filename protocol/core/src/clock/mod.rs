//! How a node learns its hub's time.
//!
//! The node sends **probes** ([`Prober`]), the hub stamps their arrival and answers with **reports** ([`ClockServer`]), the
//! node stamps theirs ([`ClockClient`]). From the two clouds of stamps the [`Estimator`] draws a line between the clocks
//! and says how far it may be off.

mod client;
mod estimator;
mod floors;
mod history;
mod line;
mod pieces;
mod prober;
mod regression;
mod replay;
mod server;

pub use client::ClockClient;
pub use estimator::{Estimate, Estimator};
pub use prober::{Pace, Prober};
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
