//! From one step to the next.

use std::mem;

use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{
    super::{
        Action, Command, Sight, State, Ticket,
        cleanup::{Cleanup, Debts},
        limits,
    },
    Keys, Run,
};
use crate::{Failure, reconnect::Departure};

impl Run {
    /// Begins with a step: its command, and the time it may take.
    pub(super) fn enter(&mut self, now: Timestamp<NodeClock>, state: State) {
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
                self.is_stale = self.sight.as_ref().is_some_and(Sight::is_near);
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

    pub(super) fn handle_answer(&mut self, now: Timestamp<NodeClock>, result: Result<(), Failure>) {
        match (self.state, result) {
            (State::Opening, Ok(())) if self.keys == Keys::New => self.enter(now, State::StoppingDiscovery),
            // One that has keys may lose them for being in pairing mode; only an inquiry tells that it is.
            (State::Opening, Ok(())) if self.is_in_sight() && !self.is_kept() => self.found(now),
            (State::Opening, Ok(())) => self.enter(now, State::Searching),
            // What it finds comes as sights.
            (State::Searching, Ok(())) => self.is_stale = false,
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

    pub(super) fn handle_sight(&mut self, now: Timestamp<NodeClock>, sight: Sight) {
        if sight.paired && self.keys == Keys::None && self.state != State::Pairing {
            self.keys = Keys::Old;
        }
        if sight.paired && self.state == State::Pairing && self.sight.as_ref().is_some_and(|before| !before.paired) {
            self.deadline = self.deadline.min(now + limits::SERVICES);
        }
        // What an earlier scan saw is forgotten when that ends, before the search begins.
        self.is_stale &= sight.is_near();
        self.sight = Some(sight);
        if self.state == State::Searching && self.is_in_sight() && !self.is_stale {
            self.found(now);
        }
    }

    /// It has keys, and nothing more comes of this connection.
    pub(super) fn connect_anew(&mut self, now: Timestamp<NodeClock>) {
        self.debts.pairing = false;
        self.keys = Keys::New;
        self.command(Command::Disconnect);
        self.enter(now, State::Trusting);
    }

    fn found(&mut self, now: Timestamp<NodeClock>) {
        if self.sight.as_ref().is_some_and(|sight| sight.takes_music() == Some(false)) {
            self.finish(now, Err(Failure::NoAudioSink));
        } else {
            self.enter(now, State::StoppingDiscovery);
        }
    }

    /// `BlueZ` has dropped the device, and its keys with it.
    pub(super) fn handle_vanished(&mut self, now: Timestamp<NodeClock>) {
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

    pub(super) fn handle_disconnected(&mut self, now: Timestamp<NodeClock>, departure: Departure) {
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
    pub(super) fn handle_bluez_gone(&mut self, now: Timestamp<NodeClock>) {
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
    pub(super) fn fail(&mut self, now: Timestamp<NodeClock>, failure: Failure) {
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
    pub(super) fn finish(&mut self, now: Timestamp<NodeClock>, outcome: Result<(), Failure>) {
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

    pub(super) fn clean_up(&mut self, now: Timestamp<NodeClock>) {
        self.deadline = now + limits::CLEANUP_STEP;
        let mut cleanup = mem::take(&mut self.cleanup);
        cleanup.ask(|command| self.command(command));
        self.cleanup = cleanup;
        if self.cleanup.outcome().is_some() {
            // Nothing is left to be answered.
            self.deadline = now;
        }
    }

    pub(super) fn end_if_clean(&mut self) {
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

    /// Whether there are, or were, keys of it.
    fn is_kept(&self) -> bool {
        self.request.remembered || self.keys != Keys::None
    }

    pub(super) fn why_not_found(&self) -> Failure {
        match &self.sight {
            Some(sight) if sight.is_near() && !sight.is_classic() => Failure::LowEnergyOnly,
            _ if self.is_kept() => Failure::NotInPairingMode,
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
            Failure::Refused
                | Failure::AbortedByRemote
                | Failure::Canceled
                | Failure::ConnectFailed
                | Failure::AuthenticationCanceled
        )
}
