//! The machine.

use unisono_core::time::{NodeClock, Timestamp};

use super::{Action, Event, Request, State};
use crate::{Address, Failure};

/// Pairs one speaker at a time on one adapter. It lives as long as the adapter does.
///
/// After every call, take [`Self::poll_action`] until it is empty, then call [`Self::handle_timeout`] at
/// [`Self::poll_timeout`].
pub struct Pairing {}

impl Pairing {
    /// With nothing to pair.
    pub fn new() -> Self;
    /// Begins. [`Failure::InProgress`] while another pairing is not over.
    pub fn start(&mut self, now: Timestamp<NodeClock>, request: Request) -> Result<(), Failure>;
    pub fn handle_event(&mut self, now: Timestamp<NodeClock>, event: Event);
    pub fn handle_timeout(&mut self, now: Timestamp<NodeClock>);
    pub fn poll_action(&mut self) -> Option<Action>;
    pub fn poll_timeout(&self) -> Option<Timestamp<NodeClock>>;
    pub fn state(&self) -> State;
    /// The speaker that is being paired, or was last.
    pub fn address(&self) -> Option<Address>;
    /// Whether the agent may say yes to this address.
    pub fn authorize(&self, address: Address) -> bool;
}
