//! One pairing, step by step.

use std::{collections::VecDeque, mem};

use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{
    Action, Command, Event, Request, Sight, State, Ticket,
    cleanup::{Cleanup, Debts},
    limits,
};
use crate::{Address, Failure, reconnect::Departure};

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
            self.clean_up(now);
            return;
        }
        if now >= self.ends {
            self.finish(now, Err(self.last.unwrap_or(Failure::StepTimeout)));
            return;
        }
        match self.state {
            State::Pausing => self.enter(now, self.resume),
            State::Searching => self.finish(now, Err(self.why_not_found())),
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

    /// Begins with a step: its command, and the time it may take.
    fn enter(&mut self, now: Timestamp<NodeClock>, state: State) {
        // A transport that came by itself meanwhile spares the call.
        let state = if state == State::Connecting && self.transport { State::Chiming } else { state };
        self.state = state;
        let (command, limit) = match state {
            State::Opening => {
                self.debts.window = true;
                (Some(Command::OpenWindow { pin: self.request.pin.clone() }), limits::OPEN)
            }
            State::Searching => {
                self.debts.discovery = true;
                (Some(Command::StartDiscovery), limits::SEARCH)
            }
            State::StoppingDiscovery => (Some(Command::StopDiscovery), limits::STOP_DISCOVERY),
            State::Pairing => {
                self.debts.pairing = true;
                (Some(Command::Pair), limits::PAIR)
            }
            State::Trusting => (Some(Command::Trust), limits::LOCAL),
            State::Connecting => {
                self.debts.connection = true;
                (Some(Command::ConnectProfile), limits::CONNECT)
            }
            State::AwaitingTransport => (None, limits::TRANSPORT),
            State::Chiming => {
                self.debts.connection = true;
                (Some(Command::Chime), limits::CHIME)
            }
            State::Removing => (Some(Command::Remove), limits::LOCAL),
            // These are entered by functions of their own.
            State::Pausing | State::CleaningUp | State::Idle | State::Paired | State::Failed(_) => (None, Nanos::ZERO),
        };
        self.deadline = now + limit;
        self.awaited = command.map(|command| self.command(command));
    }

    fn handle_answer(&mut self, now: Timestamp<NodeClock>, result: Result<(), Failure>) {
        match (self.state, result) {
            (State::Opening, Ok(())) if self.keys == Keys::New => self.enter(now, State::StoppingDiscovery),
            (State::Opening, Ok(())) if self.is_in_sight() => self.found(now),
            (State::Opening, Ok(())) => self.enter(now, State::Searching),
            // What it finds comes as sights.
            (State::Searching, Ok(())) => {}
            (State::StoppingDiscovery, Ok(())) => {
                self.debts.discovery = false;
                self.enter(now, if self.keys == Keys::None { State::Pairing } else { State::Trusting });
            }
            (State::Pairing, Ok(()) | Err(Failure::AlreadyPaired)) => {
                self.debts.pairing = false;
                self.keys = Keys::New;
                self.enter(now, State::Trusting);
            }
            (State::Pairing, Err(failure)) => {
                self.debts.pairing = false;
                self.handle_not_paired(now, failure);
            }
            (State::Trusting, Ok(())) => self.enter(now, State::Connecting),
            (State::Connecting, Ok(()) | Err(Failure::AlreadyConnected)) => {
                self.enter(now, if self.transport { State::Chiming } else { State::AwaitingTransport });
            }
            (State::Connecting, Err(failure)) if self.keys == Keys::Old && may_be_forgotten(failure) => {
                // It is in pairing mode, and so has likely forgotten us.
                self.last = Some(failure);
                self.enter(now, State::Removing);
            }
            (State::Chiming, Ok(())) => self.finish(now, Ok(())),
            (State::Removing, Ok(()) | Err(Failure::NotFound)) => self.search_again(now),
            (_, Ok(())) => {}
            (_, Err(failure)) => self.fail(now, failure),
        }
    }

    fn handle_not_paired(&mut self, now: Timestamp<NodeClock>, failure: Failure) {
        let asks_for_pin = self.request.pin.is_none() && self.sight.as_ref().is_some_and(|sight| sight.legacy_pairing);
        match failure {
            Failure::AuthenticationFailed | Failure::AuthenticationRejected if asks_for_pin => {
                self.finish(now, Err(Failure::PinWanted));
            }
            // BlueZ has dropped it meanwhile.
            Failure::NotFound => self.pause(now, failure, State::Searching),
            _ => self.fail(now, failure),
        }
    }

    fn handle_sight(&mut self, now: Timestamp<NodeClock>, sight: Sight) {
        if sight.paired && self.keys == Keys::None && self.state != State::Pairing {
            self.keys = Keys::Old;
        }
        self.sight = Some(sight);
        if self.state == State::Searching && self.is_in_sight() {
            self.found(now);
        }
    }

    fn found(&mut self, now: Timestamp<NodeClock>) {
        if self.sight.as_ref().is_some_and(|sight| sight.takes_music() == Some(false)) {
            self.finish(now, Err(Failure::NoAudioSink));
        } else {
            self.enter(now, State::StoppingDiscovery);
        }
    }

    /// `BlueZ` has dropped the device, and its keys with it.
    fn handle_vanished(&mut self, now: Timestamp<NodeClock>) {
        self.transport = false;
        if matches!(self.state, State::Removing | State::CleaningUp) {
            return;
        }
        self.keys = Keys::None;
        self.sight = None;
        match self.state {
            State::Opening | State::Searching => {}
            State::Pausing if self.resume == State::Opening => {}
            State::Pausing => self.resume = State::Searching,
            _ => {
                self.undo_step();
                self.pause(now, Failure::NotFound, State::Searching);
            }
        }
    }

    fn handle_disconnected(&mut self, now: Timestamp<NodeClock>, departure: Departure) {
        self.transport = false;
        let failure = match departure {
            // We did it, before a retry.
            Departure::Local => return,
            Departure::LinkLost => Failure::LinkLost,
            Departure::Remote | Departure::Unknown => Failure::HungUp,
        };
        // Before that, a command is under way whose answer says more.
        if matches!(self.state, State::AwaitingTransport | State::Chiming) {
            self.fail(now, failure);
        }
    }

    /// With `BlueZ` went the window, the discovery, every connection and all devices that are not paired.
    fn handle_bluez_gone(&mut self, now: Timestamp<NodeClock>) {
        self.debts = Debts::default();
        self.sight = None;
        self.transport = false;
        self.bluez_left = true;
        if self.state == State::CleaningUp {
            self.cleanup.forgive();
            self.end_if_clean();
        } else {
            self.pause(now, Failure::BluezRestarted, State::Opening);
        }
    }

    fn search_again(&mut self, now: Timestamp<NodeClock>) {
        self.keys = Keys::None;
        self.sight = None;
        self.transport = false;
        self.enter(now, State::Searching);
    }

    /// The step failed: once more if that may help, else the end.
    fn fail(&mut self, now: Timestamp<NodeClock>, failure: Failure) {
        let is_coming_back =
            self.bluez_left && matches!(failure, Failure::NoBluez | Failure::NoAdapter | Failure::AdapterOff);
        if !failure.is_worth_retrying() && !is_coming_back {
            self.finish(now, Err(failure));
            return;
        }
        let resume = match self.state {
            State::AwaitingTransport | State::Chiming => State::Connecting,
            state => state,
        };
        self.undo_step();
        self.pause(now, failure, resume);
    }

    /// What the failed step left behind would be in the way of the next.
    fn undo_step(&mut self) {
        match self.state {
            State::Pairing if self.debts.pairing => {
                self.debts.pairing = false;
                self.command(Command::CancelPairing);
            }
            State::Connecting | State::AwaitingTransport | State::Chiming => {
                self.transport = false;
                self.command(Command::Disconnect);
            }
            _ => {}
        }
    }

    fn pause(&mut self, now: Timestamp<NodeClock>, failure: Failure, resume: State) {
        self.last = Some(failure);
        let Some(pause) = limits::PAUSES.get(self.retries) else {
            self.finish(now, Err(failure));
            return;
        };
        self.retries += 1;
        self.state = State::Pausing;
        self.awaited = None;
        self.resume = resume;
        self.deadline = now + *pause;
    }

    /// Goes over to cleaning up, after which it ends with this.
    fn finish(&mut self, now: Timestamp<NodeClock>, outcome: Result<(), Failure>) {
        self.state = State::CleaningUp;
        self.awaited = None;
        if outcome.is_ok() {
            self.debts.connection = false;
        }
        // A person who changed their mind wants no trace of it.
        self.debts.keys = outcome == Err(Failure::Canceled) && (self.keys == Keys::New || self.debts.pairing);
        self.cleanup = Cleanup::new(self.debts, outcome);
        self.clean_up(now);
    }

    fn clean_up(&mut self, now: Timestamp<NodeClock>) {
        self.deadline = now + limits::CLEANUP_STEP;
        let mut cleanup = mem::take(&mut self.cleanup);
        cleanup.ask(|command| self.command(command));
        self.cleanup = cleanup;
        self.end_if_clean();
    }

    fn end_if_clean(&mut self) {
        if let Some(outcome) = self.cleanup.outcome() {
            self.state = outcome.map_or_else(State::Failed, |()| State::Paired);
        }
    }

    fn command(&mut self, command: Command) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.actions.push_back(Action { ticket, command });
        ticket
    }

    fn is_in_sight(&self) -> bool {
        self.sight.as_ref().is_some_and(|sight| sight.is_near() && sight.is_classic())
    }

    fn why_not_found(&self) -> Failure {
        match &self.sight {
            Some(sight) if sight.is_near() && !sight.is_classic() => Failure::LowEnergyOnly,
            _ if self.request.remembered || self.keys == Keys::Old => Failure::NotInPairingMode,
            _ => Failure::NotFound,
        }
    }
}

/// Whether a connection that fails so may do so because the speaker has dropped its keys. Before 5.69, `BlueZ` does not
/// tell.
const fn may_be_forgotten(failure: Failure) -> bool {
    failure.wants_new_keys()
        || matches!(
            failure,
            Failure::Refused | Failure::AbortedByRemote | Failure::ConnectFailed | Failure::AuthenticationCanceled
        )
}
