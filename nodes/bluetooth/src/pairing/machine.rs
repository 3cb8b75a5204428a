//! One pairing after the other.

use unisono_core::time::{NodeClock, Timestamp};

use super::{Action, Event, Request, State, run::Run};
use crate::{Address, Failure};

/// Pairs one speaker at a time on one adapter. It lives as long as the adapter does.
///
/// After every call, take [`Self::poll_action`] until it is empty, then call [`Self::handle_timeout`] at
/// [`Self::poll_timeout`].
#[derive(Debug, Default)]
pub struct Pairing {
    run: Option<Run>,
}

impl Pairing {
    /// With nothing to pair.
    pub const fn new() -> Self {
        Self { run: None }
    }

    /// Begins with a speaker.
    ///
    /// # Errors
    /// [`Failure::InProgress`] while another pairing is not over.
    pub fn start(&mut self, now: Timestamp<NodeClock>, request: Request) -> Result<(), Failure> {
        if !self.state().is_over() {
            return Err(Failure::InProgress);
        }
        let first_ticket = self.run.as_ref().map_or(0, Run::next_ticket);
        self.run = Some(Run::new(now, request, first_ticket));
        Ok(())
    }

    /// Takes what happened.
    pub fn handle_event(&mut self, now: Timestamp<NodeClock>, event: Event) {
        if let Some(run) = &mut self.run {
            run.handle_event(now, event);
        }
    }

    /// To be called when [`Self::poll_timeout`] has come; earlier it does nothing.
    pub fn handle_timeout(&mut self, now: Timestamp<NodeClock>) {
        if let Some(run) = &mut self.run {
            run.handle_timeout(now);
        }
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.run.as_mut()?.poll_action()
    }

    /// When it wants to be called without an event.
    pub fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        self.run.as_ref()?.poll_timeout()
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.run.as_ref().map_or(State::Idle, Run::state)
    }

    /// The speaker that is being paired, or was last.
    pub fn address(&self) -> Option<Address> {
        self.run.as_ref().map(Run::address)
    }

    /// Whether the agent may say yes to this address: to its pairing, and to its services as far as they carry music or
    /// its controls (A2DP, AVRCP). Everyone else is turned away ([`Failure::NotExpected`]).
    pub fn authorize(&self, address: Address) -> bool {
        self.run.as_ref().is_some_and(|run| run.authorize(address))
    }
}
