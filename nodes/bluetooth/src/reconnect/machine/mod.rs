//! The machine.

mod events;

use std::collections::VecDeque;

use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{Action, Command, Departure, Event, Mode, State, Status, Ticket, calls::Calls};
use crate::Failure;

/// A connection that lasted so long was a good one: the pauses begin anew.
const GOOD_CONNECTION: Nanos = Nanos::from_secs(60);
/// A speaker that shows up mostly connects by itself, and two that call each other at once get in each other's way.
const SETTLING: Nanos = Nanos::from_secs(2);
/// A call is given up after this: `BlueZ` needs up to 20 s for paging and AVDTP.
const CALL_LIMIT: Nanos = Nanos::from_secs(25);
/// A disconnection likewise; `BlueZ` waits 2 s before it drops the link.
const DISCONNECT_LIMIT: Nanos = Nanos::from_secs(10);
/// How many calls a speaker gets that may be with somebody else, and of which the link was not lost.
const FEW: u32 = 3;
/// How many calls in a row before they become slow.
const MANY: u32 = 10;
/// How many slow calls a polite node makes: an hour. What comes back later comes by itself.
const POLITE_POLLS: u32 = 12;
/// How soon a room may have it called again beside the slow calls, or where nobody says why it went.
const NEEDED: Nanos = Nanos::from_secs(60);
/// How long one that went without a word is left to whoever may be taking it.
const LEFT_ALONE: Nanos = Nanos::from_secs(30);
/// After calls that were made because it showed up came to nothing, showing up does not count for so long.
const DEAF: Nanos = Nanos::from_secs(300);

/// Decides when one speaker is called.
///
/// After every call, take [`Self::poll_action`] until it is empty, then call [`Self::handle_timeout`] at
/// [`Self::poll_timeout`].
#[derive(Debug)]
pub struct Reconnect {
    mode: Mode,
    adapter: Result<(), Failure>,
    /// Whether the adapter was usable before: only its first time is a start.
    has_started: bool,
    paused: bool,
    held: bool,
    stopped: Option<Failure>,
    connected: Option<Timestamp<NodeClock>>,
    /// The command under way, and until when an answer counts.
    pending: Option<(Action, Timestamp<NodeClock>)>,
    /// Why it is called, as long as it is.
    errand: Option<Errand>,
    next: Option<Timestamp<NodeClock>>,
    /// Calls in a row that came to nothing; short connections count as such.
    failed: u32,
    polls: u32,
    deaf_until: Option<Timestamp<NodeClock>>,
    departure: Option<Departure>,
    /// When it left last.
    left: Option<Timestamp<NodeClock>>,
    failure: Option<Failure>,
    calls: Calls,
    tickets: u64,
    actions: VecDeque<Action>,
    state: State,
    since: Timestamp<NodeClock>,
}

/// Why a speaker is called. What was more is not made less by another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Errand {
    /// It showed up.
    Appeared,
    /// The node starts, or a room wants it.
    Started,
    /// It was ours a moment ago.
    Lost,
    /// The node is exclusive.
    Exclusive,
    /// A person wants it.
    Wanted,
}

impl Reconnect {
    /// For one speaker; it waits for [`Event::Adapter`]. `seed` draws the jitter.
    pub fn new(now: Timestamp<NodeClock>, mode: Mode, seed: u64) -> Self {
        Self {
            mode,
            adapter: Err(Failure::NoBluez),
            has_started: false,
            paused: false,
            held: false,
            stopped: None,
            connected: None,
            pending: None,
            errand: None,
            next: None,
            failed: 0,
            polls: 0,
            deaf_until: None,
            departure: None,
            left: None,
            failure: None,
            calls: Calls::new(seed),
            tickets: 0,
            actions: VecDeque::new(),
            state: State::Unusable(Failure::NoBluez),
            since: now,
        }
    }

    /// In another mode from now on.
    pub fn set_mode(&mut self, now: Timestamp<NodeClock>, mode: Mode) {
        if self.mode == mode {
            return;
        }
        self.mode = mode;
        match mode {
            Mode::Exclusive => self.call_soon(now, Errand::Exclusive, Nanos::ZERO),
            Mode::Polite if self.errand != Some(Errand::Exclusive) => {}
            // A call that is under way is the last.
            Mode::Polite | Mode::OnDemand if self.pending.is_some() => self.errand = None,
            Mode::Polite | Mode::OnDemand => self.leave_alone(),
        }
        self.settle(now);
    }

    /// Takes what happened.
    pub fn handle_event(&mut self, now: Timestamp<NodeClock>, event: Event) {
        match event {
            Event::Adapter(usable) => self.handle_adapter(now, usable),
            Event::Appeared => {
                if self.mode != Mode::OnDemand && self.deaf_until.is_none_or(|until| now >= until) {
                    self.call_soon(now, Errand::Appeared, SETTLING);
                }
            }
            Event::Connected => self.handle_connected(now),
            Event::Disconnected(departure) => self.handle_disconnected(now, departure),
            Event::Done(ticket, result) => self.handle_done(now, ticket, result),
            Event::Wanted => {
                self.held = false;
                self.stopped = None;
                self.failed = 0;
                if self.connected.is_none() || self.is_under_way(Command::Disconnect) {
                    self.errand = Some(Errand::Wanted);
                    self.next = Some(now);
                }
            }
            Event::Needed => {
                if self.may_be_needed(now) {
                    self.call_soon(now, Errand::Started, Nanos::ZERO);
                }
            }
            Event::Unwanted => self.handle_unwanted(now),
            Event::Pause => self.handle_pause(now),
            Event::Resume => self.handle_resume(now),
            Event::Paired => {
                self.stopped = None;
                self.held = false;
                self.failed = 0;
                self.failure = None;
            }
        }
        self.settle(now);
    }

    /// To be called when [`Self::poll_timeout`] has come; earlier it does nothing.
    pub fn handle_timeout(&mut self, now: Timestamp<NodeClock>) {
        if let Some((action, until)) = self.pending
            && now >= until
        {
            match action.command {
                Command::Connect => {
                    self.command(now, Command::Disconnect);
                    self.pending = None;
                    self.handle_not_connected(now, Failure::ConnectTimeout);
                }
                Command::Disconnect if self.connected.is_some() => self.disconnect(now),
                Command::Disconnect => self.pending = None,
            }
        }
        self.settle(now);
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When it wants to be called without an event.
    pub fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        let answer = self.pending.map(|(_, until)| until);
        let call = if self.may_call() { self.next } else { None };
        match (answer, call) {
            (Some(answer), Some(call)) => Some(answer.min(call)),
            (answer, call) => answer.or(call),
        }
    }

    /// Where it is, and why.
    pub const fn status(&self) -> Status {
        Status {
            state: self.state,
            since: self.since,
            departure: self.departure,
            failure: self.failure,
            next: match self.state {
                State::BackingOff | State::Polling => self.next,
                _ => None,
            },
        }
    }

    /// How much the speaker is wanted.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Has it called, unless it is connected, or called already, or a person does not want it.
    fn call_soon(&mut self, now: Timestamp<NodeClock>, errand: Errand, pause: Nanos) {
        if self.connected.is_some() || self.held || self.stopped.is_some() || self.adapter.is_err() {
            return;
        }
        if self.errand.is_none() {
            self.failed = 0;
        }
        let always = (self.mode == Mode::Exclusive).then_some(Errand::Exclusive);
        self.errand = self.errand.max(Some(errand)).max(always);
        let soon = self.calls.soon(now, pause);
        self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
    }

    /// Whether a room may have it called: not if it is known to be with another device, and seldom if it is called in
    /// vain or nobody says where it is, however often the room tries.
    fn may_be_needed(&self, now: Timestamp<NodeClock>) -> bool {
        let is_rested = self.calls.last().is_none_or(|at| now - at >= NEEDED);
        match self.departure {
            Some(Departure::Remote) if self.mode != Mode::Exclusive => false,
            // One that is with another device refuses, and counts as such from then on.
            Some(Departure::Unknown) if self.mode != Mode::Exclusive => {
                is_rested && self.left.is_none_or(|at| now - at >= LEFT_ALONE)
            }
            _ => self.polls == 0 || is_rested,
        }
    }

    /// When to call next, after a call or a connection that came to nothing.
    fn plan(&mut self, now: Timestamp<NodeClock>) {
        let (calls, polls) = match self.errand {
            None => (0, 0),
            Some(Errand::Appeared | Errand::Started) => (FEW, 0),
            Some(Errand::Wanted) if self.mode != Mode::Exclusive => (MANY, 0),
            Some(Errand::Lost) => (MANY, POLITE_POLLS),
            Some(Errand::Exclusive | Errand::Wanted) => (MANY, u32::MAX),
        };
        if self.failed < calls {
            self.polls = 0;
            self.next = Some(self.calls.after(now, self.failed));
        } else if self.polls < polls {
            self.polls += 1;
            self.next = Some(self.calls.poll(now));
        } else {
            if self.errand == Some(Errand::Appeared) {
                self.deaf_until = Some(now + DEAF);
            }
            self.leave_alone();
        }
    }

    fn leave_alone(&mut self) {
        self.errand = None;
        self.next = None;
        self.polls = 0;
    }

    fn may_call(&self) -> bool {
        self.adapter.is_ok()
            && !self.paused
            && !self.held
            && self.stopped.is_none()
            && self.connected.is_none()
            && self.pending.is_none()
    }

    fn is_under_way(&self, command: Command) -> bool {
        self.pending.is_some_and(|(action, _)| action.command == command)
    }

    fn disconnect(&mut self, now: Timestamp<NodeClock>) {
        let action = self.command(now, Command::Disconnect);
        self.pending = Some((action, now + DISCONNECT_LIMIT));
    }

    fn command(&mut self, now: Timestamp<NodeClock>, command: Command) -> Action {
        let action = Action { ticket: Ticket(self.tickets), command };
        self.tickets += 1;
        if command == Command::Connect {
            self.calls.made(now);
        }
        self.actions.push_back(action);
        action
    }

    /// Makes the call that is due, and notes where that leaves the machine.
    fn settle(&mut self, now: Timestamp<NodeClock>) {
        if self.may_call() && self.next.is_some_and(|next| now >= next) {
            self.next = None;
            let action = self.command(now, Command::Connect);
            self.pending = Some((action, now + CALL_LIMIT));
        }
        let state = self.judge();
        if state != self.state {
            self.state = state;
            self.since = now;
        }
    }

    fn judge(&self) -> State {
        let pending = self.pending.map(|(action, _)| action.command);
        if let Err(failure) = self.adapter {
            State::Unusable(failure)
        } else if pending == Some(Command::Disconnect) {
            State::Disconnecting
        } else if self.connected.is_some() {
            State::Connected
        } else if self.held {
            State::Held
        } else if let Some(failure) = self.stopped {
            State::Stopped(failure)
        } else if self.paused {
            State::Paused
        } else if pending == Some(Command::Connect) {
            State::Calling
        } else if self.next.is_none() {
            State::Waiting
        } else if self.polls > 0 {
            State::Polling
        } else {
            State::BackingOff
        }
    }
}
