//! How `BlueZ` carries out what it is told, or does not.

use unisono_bluetooth::{
    Failure,
    pairing::{Action, Command, Event, Sight},
    reconnect::Departure,
};
use unisono_core::time::Nanos;

use super::{Coming, SPEAKER, World};

impl World {
    /// Decides how a command will go.
    pub(super) fn command(&mut self, action: Action) {
        if !self.is_up {
            self.after(Nanos::from_millis(5), Coming::Answer(action, Err(Failure::NoBluez), false));
            return;
        }
        self.call_off(&action.command);
        if action.command == Command::Pair && self.knows && std::mem::take(&mut self.before.hangs) {
            self.bonded = true;
            let sight = self.sight();
            self.after(Nanos::from_secs(1), Coming::Event(Event::Sighted(sight)));
            self.after(Nanos::from_secs(41), Coming::Answer(action, Ok(()), true));
            return;
        }
        let usual = match action.command {
            Command::Pair => 1_000..3_000,
            Command::ConnectProfile => 500..2_500,
            Command::Chime => 1_000..2_500,
            Command::StopDiscovery => 100..1_000,
            _ => 5..50,
        };
        let usual = Nanos::from_millis(self.random.i64(usual));
        if self.random.f64() >= self.faults.command {
            self.after(usual, Coming::Answer(action, Ok(()), true));
            return;
        }
        let name = match action.command {
            Command::StopDiscovery => "discovery",
            Command::CloseWindow => "window",
            Command::Remove => "keys",
            _ => "",
        };
        let refusals = self.stubborn.entry(name).or_default();
        if !name.is_empty() && *refusals == 2 {
            *refusals = 0;
            self.after(usual, Coming::Answer(action, Ok(()), true));
            return;
        }
        *refusals += 1;
        let slow = Nanos::from_millis(self.random.i64(1_000..60_000));
        match self.random.u8(0..4) {
            0 => self.after(slow, Coming::Answer(action, Ok(()), true)),
            // Never answered, and carried out or not.
            1 => {
                if self.random.bool() {
                    let _ = self.answer(&action, Ok(()), true);
                }
            }
            _ => {
                // Most failures are of the kind that passes.
                let mut failure = Failure::Busy;
                for _ in 0..3 {
                    failure = Failure::ALL[self.random.usize(0..Failure::ALL.len())];
                    if failure.is_worth_retrying() {
                        break;
                    }
                }
                if failure == Failure::NotFound && self.knows {
                    failure = Failure::Other;
                }
                self.after(usual, Coming::Answer(action, Err(failure), false));
            }
        }
    }

    /// The bus keeps the order: what undoes comes after what it undoes.
    fn call_off(&mut self, command: &Command) {
        let mut off = Vec::new();
        for coming in self.coming.values_mut() {
            let Coming::Answer(action, result, is_carried_out) = coming else {
                continue;
            };
            let ends = match command {
                Command::StopDiscovery => action.command == Command::StartDiscovery,
                Command::CloseWindow => matches!(action.command, Command::OpenWindow { .. }),
                Command::CancelPairing | Command::Remove => action.command == Command::Pair,
                Command::Disconnect => matches!(action.command, Command::ConnectProfile | Command::Chime),
                _ => false,
            };
            if ends && *is_carried_out {
                *is_carried_out = false;
                *result = Err(Failure::Canceled);
                off.push(action.ticket);
            }
        }
        self.called_off.extend(off);
    }

    /// Carries a command out, as far as that can be done, and says how it went.
    pub(super) fn answer(
        &mut self,
        action: &Action,
        result: Result<(), Failure>,
        is_carried_out: bool,
    ) -> Result<(), Failure> {
        if !is_carried_out || self.called_off.contains(&action.ticket) {
            return result;
        }
        match &action.command {
            Command::OpenWindow { .. } => self.window = true,
            Command::StartDiscovery => {
                if self.discovers && self.knows {
                    // The scan ends first, and with it what it saw.
                    let unseen = Sight { signal: None, ..self.sight() };
                    self.after(Nanos::ZERO, Coming::Event(Event::Sighted(unseen)));
                }
                self.discovers = true;
                if self.before.in_pairing_mode || self.before.low_energy_only {
                    let after = Nanos::from_millis(self.random.i64(200..4_000));
                    let sight = self.sight();
                    self.after(after, Coming::Event(Event::Sighted(sight)));
                }
            }
            Command::StopDiscovery => self.discovers = false,
            Command::Remove if !self.knows => return Err(Failure::NotFound),
            Command::Remove => {
                self.before.forgotten = false;
                (self.knows, self.bonded, self.trusted) = (false, false, false);
            }
            Command::Pair if !self.knows => return Err(Failure::NotFound),
            Command::Pair if self.bonded => return Err(Failure::AlreadyPaired),
            Command::Pair if self.before.wants_pin && !self.before.gives_pin => {
                return Err(Failure::AuthenticationFailed);
            }
            Command::Pair => self.bonded = true,
            Command::Trust | Command::ConnectProfile if !self.knows => return Err(Failure::NotFound),
            Command::Trust => self.trusted = true,
            Command::ConnectProfile if !self.bonded => return Err(Failure::Refused),
            // The second is what BlueZ 5.82 says of controllers that know each other from one machine.
            Command::ConnectProfile if self.before.forgotten && self.random.bool() => return Err(Failure::Canceled),
            Command::ConnectProfile if self.before.forgotten => return Err(Failure::KeyMissing),
            Command::ConnectProfile if self.transport => return Err(Failure::AlreadyConnected),
            Command::ConnectProfile => {
                if self.faults.command == 0.0 || self.random.u8(0..20) > 0 {
                    let after = Nanos::from_millis(self.random.i64(0..300));
                    self.after(after, Coming::Event(Event::TransportUp(SPEAKER)));
                }
            }
            Command::Chime if !self.transport => return Err(Failure::AcquireFailed),
            Command::Chime => self.chimed = true,
            Command::Disconnect if self.transport => {
                self.transport = false;
                self.after(Nanos::from_millis(20), Coming::Event(Event::Disconnected(SPEAKER, Departure::Local)));
            }
            Command::Disconnect => return Err(Failure::HungUp),
            Command::CancelPairing => {}
            Command::CloseWindow => self.window = false,
        }
        result
    }
}
