//! One pairing, step by step.

mod steps;

use std::collections::VecDeque;

use unisono_core::time::{NodeClock, Timestamp};

use super::{
    Action, Event, Request, Sight, State, Ticket,
    cleanup::{Cleanup, Debts},
    limits,
};
use crate::{Address, Failure};

/// One pairing.
#[derive(Debug)]
pub(super) struct Run {
    request: Request,
    state: State,
    /// The answer that the state waits for; any other is late.
    awaited: Option<Ticket>,
    /// When the state has lasted too long, or the pause is over.
    deadline: Timestamp<NodeClock>,
    /// When the whole has lasted too long.
    ends: Timestamp<NodeClock>,
    keys: Keys,
    sight: Option<Sight>,
    /// Whether it was seen before the search began. That may have been its Low Energy half, of which nobody can tell
    /// whether the speaker is in pairing mode.
    is_stale: bool,
    /// Whether a transport to the speaker is there; it may make one by itself.
    transport: bool,
    retries: usize,
    /// Where it goes on after a pause.
    resume: State,
    /// Why the last step failed.
    last: Option<Failure>,
    /// Whether `BlueZ` left meanwhile: while it comes back, it may be missing for a moment.
    bluez_left: bool,
    debts: Debts,
    cleanup: Cleanup,
    tickets: u64,
    actions: VecDeque<Action>,
}

/// What binds this machine and the speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    None,
    /// From before this pairing; the speaker may have forgotten them.
    Old,
    /// Made in this pairing.
    New,
}

impl Run {
    pub(super) fn new(now: Timestamp<NodeClock>, request: Request, first_ticket: u64) -> Self {
        let sight = request.sight.clone().filter(|sight| sight.address == request.address);
        let mut run = Self {
            state: State::Idle,
            awaited: None,
            deadline: now,
            ends: now + limits::WHOLE_LIMIT,
            keys: if sight.as_ref().is_some_and(|sight| sight.paired) { Keys::Old } else { Keys::None },
            sight,
            is_stale: false,
            transport: false,
            retries: 0,
            resume: State::Idle,
            last: None,
            bluez_left: false,
            // The scan in which it was chosen may still be running.
            debts: Debts { discovery: true, ..Debts::default() },
            cleanup: Cleanup::default(),
            tickets: first_ticket,
            actions: VecDeque::new(),
            request,
        };
        run.enter(now, State::Opening);
        run
    }

    pub(super) fn handle_event(&mut self, now: Timestamp<NodeClock>, event: Event) {
        let address = self.request.address;
        if self.state.is_over() {
            return;
        }
        match event {
            Event::Done(ticket, result) if self.state == State::CleaningUp => {
                self.cleanup.handle_done(ticket, result);
                self.end_if_clean();
            }
            Event::Done(ticket, result) if self.awaited == Some(ticket) => {
                self.awaited = None;
                self.handle_answer(now, result);
            }
            Event::Sighted(sight) if sight.address == address => self.handle_sight(now, sight),
            Event::Vanished(gone) if gone == address => self.handle_vanished(now),
            Event::TransportUp(at) if at == address => {
                self.transport = true;
                if self.state == State::AwaitingTransport {
                    self.enter(now, State::Chiming);
                }
            }
            Event::TransportDown(at) if at == address => {
                self.transport = false;
                if self.state == State::Chiming {
                    self.fail(now, Failure::HungUp);
                }
            }
            Event::Disconnected(from, departure) if from == address => self.handle_disconnected(now, departure),
            Event::BluezGone => self.handle_bluez_gone(now),
            Event::Cancel if self.state != State::CleaningUp => self.finish(now, Err(Failure::Canceled)),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp<NodeClock>) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        if self.state == State::CleaningUp {
            self.end_if_clean();
            if self.state == State::CleaningUp {
                self.clean_up(now);
            }
            return;
        }
        if now >= self.ends {
            self.finish(now, Err(self.last.unwrap_or(Failure::StepTimeout)));
            return;
        }
        match self.state {
            State::Pausing => self.enter(now, self.resume),
            State::Searching => self.finish(now, Err(self.why_not_found())),
            State::Pairing if self.sight.as_ref().is_some_and(|sight| sight.paired) => self.connect_anew(now),
            State::Pairing => self.fail(now, Failure::AuthenticationTimeout),
            // Its own connection may have been what held ours up.
            State::Connecting if self.transport => self.enter(now, State::Chiming),
            State::Connecting => self.fail(now, Failure::ConnectTimeout),
            State::AwaitingTransport => self.fail(now, Failure::NoTransport),
            State::Chiming => self.fail(now, Failure::AcquireFailed),
            _ => self.fail(now, Failure::StepTimeout),
        }
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        match self.state {
            state if state.is_over() => None,
            State::CleaningUp => Some(self.deadline),
            _ => Some(self.deadline.min(self.ends)),
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    pub(super) const fn address(&self) -> Address {
        self.request.address
    }

    pub(super) const fn next_ticket(&self) -> u64 {
        self.tickets
    }

    pub(super) fn authorize(&self, address: Address) -> bool {
        address == self.request.address
            && matches!(
                self.state,
                State::Pairing
                    | State::Trusting
                    | State::Connecting
                    | State::AwaitingTransport
                    | State::Chiming
                    | State::Pausing
            )
    }
}
