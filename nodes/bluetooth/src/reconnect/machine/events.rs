//! What each event comes to.

use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{Errand, GOOD_CONNECTION, Reconnect};
use crate::{
    Failure,
    reconnect::{Command, Departure, Mode, Ticket},
};

/// A speaker that went so shortly before its adapter went with it.
const WITH_ADAPTER: Nanos = Nanos::from_secs(5);

impl Reconnect {
    pub(super) fn handle_adapter(&mut self, now: Timestamp<NodeClock>, usable: Result<(), Failure>) {
        let was_usable = self.adapter.is_ok();
        self.adapter = usable;
        if usable.is_err() {
            self.pending = None;
            // With the adapter its speakers go, and they may be told of first.
            let just_left =
                self.left.is_some_and(|at| now - at < WITH_ADAPTER) && self.departure != Some(Departure::Remote);
            let was_ours = self.connected.take().is_some() || just_left && !self.held;
            if was_ours && self.mode != Mode::OnDemand {
                (self.errand, self.departure) = (Some(Errand::Lost), Some(Departure::Local));
            }
        } else if !was_usable {
            if !self.has_started {
                self.has_started = true;
                self.errand = (self.mode != Mode::OnDemand).then_some(Errand::Started);
            }
            // Whatever was under way goes on; what was left alone is left alone.
            if let Some(errand) = self.errand {
                self.failed = 0;
                self.leave_alone();
                self.call_soon(now, errand, Nanos::ZERO);
            }
        }
    }

    pub(super) fn handle_connected(&mut self, now: Timestamp<NodeClock>) {
        if self.connected.is_some() || self.adapter.is_err() {
            return;
        }
        self.connected = Some(now);
        self.leave_alone();
        self.stopped = None;
        self.failure = None;
        self.departure = None;
        self.deaf_until = None;
        if self.is_under_way(Command::Connect) {
            self.pending = None;
        }
        // It comes by itself after a person disconnected it, as many do.
        if self.held {
            self.disconnect(now);
        }
    }

    pub(super) fn handle_disconnected(&mut self, now: Timestamp<NodeClock>, departure: Departure) {
        let Some(since) = self.connected.take() else {
            return;
        };
        self.left = Some(now);
        // Older versions of BlueZ do not say whose doing it was.
        let departure = if self.is_under_way(Command::Disconnect) { Departure::Local } else { departure };
        self.departure = Some(departure);
        if self.is_under_way(Command::Disconnect) {
            self.pending = None;
            if self.errand == Some(Errand::Wanted) {
                // The person has changed their mind meanwhile, and `next` is set.
                return;
            }
        }
        if now - since >= GOOD_CONNECTION {
            self.failed = 0;
        }
        self.failed += 1;
        let errand = match (departure, self.mode) {
            (Departure::Local, _) | (_, Mode::OnDemand) | (Departure::Remote | Departure::Unknown, Mode::Polite) => {
                None
            }
            (Departure::LinkLost, Mode::Polite) => Some(Errand::Lost),
            (_, Mode::Exclusive) => Some(Errand::Exclusive),
        };
        self.errand = errand;
        self.plan(now);
    }

    pub(super) fn handle_done(&mut self, now: Timestamp<NodeClock>, ticket: Ticket, result: Result<(), Failure>) {
        let Some((action, _)) = self.pending.filter(|(action, _)| action.ticket == ticket) else {
            return;
        };
        match (action.command, result) {
            (Command::Connect, Ok(()) | Err(Failure::AlreadyConnected)) => self.handle_connected(now),
            (Command::Connect, Err(failure)) => {
                self.pending = None;
                self.handle_not_connected(now, failure);
            }
            // The end of a connection is an event of its own.
            (Command::Disconnect, Ok(())) if self.connected.is_some() => {}
            (Command::Disconnect, Ok(()) | Err(Failure::HungUp | Failure::NotFound)) => {
                self.connected = None;
                self.pending = None;
            }
            // Once more when the limit has passed.
            (Command::Disconnect, Err(_)) => {}
        }
    }

    pub(super) fn handle_not_connected(&mut self, now: Timestamp<NodeClock>, failure: Failure) {
        self.failure = Some(failure);
        self.failed += 1;
        let is_with_another = matches!(failure, Failure::Refused | Failure::AbortedByRemote);
        // It may be with another that does not let it answer: a room has it called once, and later once more.
        let is_for_a_room = self.departure == Some(Departure::Unknown) && self.errand == Some(Errand::Started);
        if failure.wants_new_keys() || !(failure.is_worth_retrying() || failure.is_of_this_machine()) {
            self.stopped = Some(failure);
            self.leave_alone();
        } else if is_with_another && self.errand < Some(Errand::Exclusive) {
            self.departure = Some(Departure::Remote);
            self.leave_alone();
        } else if is_for_a_room && !failure.is_of_this_machine() {
            self.leave_alone();
        } else {
            self.plan(now);
        }
    }

    pub(super) fn handle_unwanted(&mut self, now: Timestamp<NodeClock>) {
        self.held = true;
        self.leave_alone();
        if self.connected.is_some() || self.is_under_way(Command::Connect) {
            self.disconnect(now);
        }
    }

    pub(super) fn handle_pause(&mut self, now: Timestamp<NodeClock>) {
        self.paused = true;
        if self.is_under_way(Command::Connect) {
            // Called off, and made good afterwards.
            self.command(now, Command::Disconnect);
            self.pending = None;
            self.next = Some(now);
        }
    }

    pub(super) fn handle_resume(&mut self, now: Timestamp<NodeClock>) {
        self.paused = false;
        if let Some(next) = self.next {
            self.next = Some(next.max(self.calls.soon(now, Nanos::from_secs(1))));
        }
    }
}
