//! Calling a remembered speaker, for months: a model of a speaker that is switched off, taken by a phone, carried out of
//! reach and brought back, and of a `BlueZ` that restarts meanwhile.

use std::collections::{BTreeMap, VecDeque};

use unisono_bluetooth::{
    Failure,
    reconnect::{Action, CALLS, CALLS_SPAN, Command, Departure, Event, Mode, POLL, Reconnect, State, Ticket},
};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use crate::{drawing::Transitions, seed};

const MINUTE: Nanos = Nanos::from_secs(60);
const HOUR: Nanos = Nanos::from_secs(3_600);
const MONTH: Nanos = Nanos::from_secs(30 * 86_400);

/// Where the speaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Off,
    Idle,
    WithPhone,
    Ours,
}

#[derive(Clone, Copy, Debug)]
enum Coming {
    Event(Event),
    Answer(Ticket, Result<(), Failure>),
    /// Something happens to the speaker, or a person does something.
    Life,
    /// It is switched on after it was off, or comes back into reach.
    On,
}

struct Month {
    random: fastrand::Rng,
    now: Timestamp<NodeClock>,
    coming: BTreeMap<(Timestamp<NodeClock>, u64), Coming>,
    events: u64,
    machine: Reconnect,
    speaker: Speaker,
    has_forgotten: bool,
    /// What the machine was told.
    usable: bool,
    paused: bool,
    held: bool,
    connected: bool,
    /// The speaker ended the last connection itself, and nobody has asked for it or seen it since.
    is_gone_politely: bool,
    wanted: VecDeque<Timestamp<NodeClock>>,
    calls: Vec<Timestamp<NodeClock>>,
    disconnects: u32,
    transitions: Transitions,
}

impl Month {
    fn new(seed: u64, mode: Mode, speaker: Speaker) -> Self {
        let now = Timestamp::from_nanos(0);
        let mut month = Self {
            random: fastrand::Rng::with_seed(seed),
            now,
            coming: BTreeMap::new(),
            events: 0,
            machine: Reconnect::new(now, mode, seed),
            speaker,
            has_forgotten: false,
            usable: false,
            paused: false,
            held: false,
            connected: false,
            is_gone_politely: false,
            wanted: VecDeque::new(),
            calls: Vec::new(),
            disconnects: 0,
            transitions: Transitions::new(),
        };
        month.after(Nanos::from_secs(3), Coming::Event(Event::Adapter(Ok(()))));
        month
    }

    /// Goes on until an instant.
    fn run(&mut self, until: Timestamp<NodeClock>) {
        let mut steps_here = 0;
        loop {
            let timeout = self.machine.poll_timeout().map(|at| at.max(self.now));
            let next = self.coming.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = timeout.into_iter().chain(next).min().filter(|at| *at <= until) else {
                break;
            };
            steps_here = if at == self.now { steps_here + 1 } else { 0 };
            assert!(steps_here < 50, "it runs in circles in {}", self.machine.status().state.name());
            self.now = at;
            if timeout == Some(at) && next.is_none_or(|next| at <= next) {
                self.drive(Reconnect::handle_timeout);
            } else if let Some((_, coming)) = self.coming.pop_first() {
                self.happen(coming);
            }
        }
        self.now = until;
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Event(event) => self.tell(event),
            Coming::Answer(ticket, result) => self.tell(Event::Done(ticket, result)),
            Coming::On => {
                if self.speaker == Speaker::Off {
                    self.speaker = Speaker::Idle;
                    // Most call the device that they had last.
                    if self.random.u8(0..3) > 0 {
                        let after = Nanos::from_millis(self.random.i64(500..8_000));
                        self.after(after, Coming::Event(Event::Connected));
                    }
                }
            }
            Coming::Life => {
                self.live();
                let after = Nanos::from_secs(self.random.i64(20..4 * 3_600));
                self.after(after, Coming::Life);
            }
        }
    }

    fn live(&mut self) {
        match self.random.u8(0..16) {
            0..4 => {
                self.leave(Departure::Remote);
                self.speaker = Speaker::WithPhone;
            }
            4..6 if self.speaker == Speaker::WithPhone => {
                self.speaker = Speaker::Off;
                self.happen(Coming::On);
            }
            6 | 7 => {
                let departure = if self.random.bool() { Departure::Remote } else { Departure::Unknown };
                self.leave(departure);
                self.speaker = Speaker::Off;
                let off = Nanos::from_secs(self.random.i64(5..20_000));
                self.after(off, Coming::On);
            }
            8 | 9 => {
                self.leave(Departure::LinkLost);
                self.speaker = Speaker::Off;
                let off = Nanos::from_secs(self.random.i64(1..4_000));
                self.after(off, Coming::On);
            }
            10 => {
                self.tell(Event::Adapter(Err(Failure::BluezRestarted)));
                let down = Nanos::from_millis(self.random.i64(100..60_000));
                self.after(down, Coming::Event(Event::Adapter(Ok(()))));
            }
            11 => {
                self.tell(Event::Pause);
                let scan = Nanos::from_secs(self.random.i64(1..90));
                self.after(scan, Coming::Event(Event::Resume));
            }
            12 => {
                self.tell(Event::Unwanted);
                match self.random.u8(0..4) {
                    0 => self.after(Nanos::from_millis(10), Coming::Event(Event::Wanted)),
                    1 => {
                        self.after(Nanos::from_millis(10), Coming::Event(Event::Adapter(Err(Failure::NoBluez))));
                        self.after(Nanos::from_secs(2), Coming::Event(Event::Adapter(Ok(()))));
                    }
                    _ => {}
                }
            }
            13 => self.tell(Event::Wanted),
            14 => {
                // Seen again and again, as while its link is up without music.
                for second in 0..self.random.i64(1..200) {
                    self.after(Nanos::from_secs(second), Coming::Event(Event::Appeared));
                }
            }
            15 if self.random.u8(0..4) == 0 => {
                self.has_forgotten = !self.has_forgotten;
                if !self.has_forgotten {
                    self.tell(Event::Paired);
                }
            }
            _ => self.tell(Event::Needed),
        }
    }

    fn leave(&mut self, departure: Departure) {
        if self.speaker == Speaker::Ours {
            self.speaker = Speaker::Idle;
            self.tell(Event::Disconnected(departure));
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Adapter(usable) => {
                self.usable = usable.is_ok();
                if !self.usable {
                    self.connected = false;
                    if self.speaker == Speaker::Ours {
                        self.speaker = Speaker::Idle;
                    }
                    self.coming.retain(|_, coming| !matches!(coming, Coming::Answer(..)));
                }
            }
            Event::Pause => self.paused = true,
            Event::Resume => self.paused = false,
            Event::Wanted => {
                self.held = false;
                self.wanted.push_back(self.now);
                self.is_gone_politely = false;
            }
            Event::Unwanted => self.held = true,
            Event::Paired => self.held = false,
            Event::Appeared => self.is_gone_politely = false,
            Event::Connected => {
                // It has come by itself, if it still can.
                if !self.usable || self.speaker != Speaker::Idle || self.has_forgotten {
                    return;
                }
                self.speaker = Speaker::Ours;
                self.connected = true;
                self.is_gone_politely = false;
            }
            Event::Disconnected(departure) => {
                if self.connected && departure == Departure::Remote {
                    self.is_gone_politely = true;
                }
                self.connected = false;
            }
            Event::Done(..) | Event::Needed => {}
        }
        self.drive(|machine, now| machine.handle_event(now, event));
    }

    fn drive(&mut self, call: impl FnOnce(&mut Reconnect, Timestamp<NodeClock>)) {
        let was = self.machine.status().state;
        call(&mut self.machine, self.now);
        let status = self.machine.status();
        if was.name() != status.state.name() {
            assert_eq!(status.since, self.now);
            self.transitions.insert((was.name().into(), status.state.name().into()));
        }
        assert!(!status.why().is_empty() && !status.what_brings_it_back().is_empty());
        while let Some(action) = self.machine.poll_action() {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        if action.command == Command::Disconnect {
            self.disconnects += 1;
            self.coming.retain(|_, coming| !matches!(coming, Coming::Answer(..)));
            if self.speaker == Speaker::Ours {
                self.speaker = Speaker::Idle;
                self.after(Nanos::from_millis(30), Coming::Event(Event::Disconnected(Departure::Local)));
            }
            if self.random.u8(0..10) > 0 {
                self.after(Nanos::from_millis(40), Coming::Answer(action.ticket, Ok(())));
            }
            return;
        }
        assert!(self.usable && !self.paused && !self.held && !self.connected, "called in spite of all");
        if self.machine.mode() != Mode::Exclusive {
            assert!(!self.is_gone_politely, "a polite node took a speaker that had left, at {:?}", self.now);
        }
        self.calls.push(self.now);
        let lately = self.calls.iter().rev().take_while(|at| self.now - **at < CALLS_SPAN).count();
        self.wanted.retain(|at| self.now - *at < CALLS_SPAN);
        assert!(lately <= CALLS + self.wanted.len(), "{lately} calls in five minutes, at {:?}", self.now);
        let (took, result) = match self.speaker {
            _ if self.random.u8(0..50) == 0 => return,
            Speaker::Off => (5_120, Err(Failure::PageTimeout)),
            Speaker::WithPhone if self.random.bool() => (5_120, Err(Failure::PageTimeout)),
            Speaker::WithPhone => (800, Err(Failure::Refused)),
            Speaker::Idle if self.has_forgotten => (900, Err(Failure::KeyMissing)),
            Speaker::Idle if self.random.u8(0..10) == 0 => (900, Err(Failure::ConnectFailed)),
            Speaker::Idle => (self.random.i64(500..3_000), Ok(())),
            Speaker::Ours => (100, Err(Failure::AlreadyConnected)),
        };
        if result.is_ok() {
            self.after(Nanos::from_millis(took - 10), Coming::Event(Event::Connected));
        }
        self.after(Nanos::from_millis(took), Coming::Answer(action.ticket, result));
    }

    fn after(&mut self, span: Nanos, coming: Coming) {
        self.events += 1;
        self.coming.insert((self.now + span, self.events), coming);
    }
}

/// A month of a speaker that comes and goes.
pub(crate) fn busy(seed: u64, mode: Mode, transitions: &mut Transitions) -> usize {
    let mut month = Month::new(seed, mode, Speaker::Idle);
    month.after(MINUTE, Coming::Life);
    month.run(Timestamp::from_nanos(0) + MONTH);
    transitions.append(&mut month.transitions);
    month.calls.len()
}

#[test]
fn a_month_of_coming_and_going_brings_no_storm_and_takes_nothing_from_a_phone() {
    for run in 0..30 {
        let seed = seed(run);
        for mode in [Mode::Polite, Mode::Exclusive] {
            let calls = std::panic::catch_unwind(|| busy(seed, mode, &mut Transitions::new()))
                .unwrap_or_else(|_| panic!("seed {seed}, {mode:?}: see above"));
            println!("seed {seed}, {mode:?}: {calls} calls in a month");
            assert!(calls > 10, "it hardly ever calls");
        }
    }
}

#[test]
fn it_is_connected_at_start() {
    for mode in [Mode::Polite, Mode::Exclusive] {
        let mut month = Month::new(seed(3), mode, Speaker::Idle);
        month.run(Timestamp::from_nanos(0) + Nanos::from_secs(20));
        assert_eq!(month.machine.status().state, State::Connected);
        assert_eq!(month.machine.status().why(), "it is connected");
    }
}

#[test]
fn on_demand_it_is_connected_when_a_room_is_to_play_on_it_and_never_otherwise() {
    let mut month = Month::new(seed(12), Mode::OnDemand, Speaker::Idle);
    month.run(Timestamp::from_nanos(0) + HOUR);
    month.tell(Event::Appeared);
    month.run(month.now + HOUR);
    assert_eq!(month.calls.len(), 0);
    for departure in [Departure::Local, Departure::LinkLost, Departure::Remote] {
        month.tell(Event::Needed);
        month.run(month.now + MINUTE);
        assert_eq!(month.speaker, Speaker::Ours);
        month.leave(departure);
        let before = month.calls.len();
        month.run(month.now + HOUR);
        assert_eq!(month.calls.len(), before, "{departure:?}");
    }
    // A phone has it.
    month.tell(Event::Needed);
    month.run(month.now + HOUR);
    assert_ne!(month.speaker, Speaker::Ours);
}

#[test]
fn a_speaker_that_is_off_for_a_month_is_left_alone_politely_and_polled_otherwise() {
    let mut polite = Month::new(seed(4), Mode::Polite, Speaker::Off);
    polite.run(Timestamp::from_nanos(0) + MONTH);
    assert!(polite.calls.len() <= 4, "{}", polite.calls.len());
    assert_eq!(polite.machine.status().state, State::Waiting);
    let mut exclusive = Month::new(seed(4), Mode::Exclusive, Speaker::Off);
    exclusive.run(Timestamp::from_nanos(0) + MONTH);
    let most = usize::try_from(MONTH.as_nanos() / POLL.as_nanos()).unwrap() + CALLS;
    assert!((most / 2..=most).contains(&exclusive.calls.len()), "{}", exclusive.calls.len());
    assert_eq!(exclusive.machine.status().state, State::Polling);
}

#[test]
fn after_a_clean_goodbye_a_polite_node_waits_and_an_exclusive_one_calls() {
    for (mode, is_back) in [(Mode::Polite, false), (Mode::Exclusive, true)] {
        let mut month = Month::new(seed(5), mode, Speaker::Idle);
        month.run(Timestamp::from_nanos(0) + Nanos::from_secs(100));
        month.leave(Departure::Remote);
        let before = month.calls.len();
        month.run(month.now + HOUR);
        assert_eq!(month.speaker == Speaker::Ours, is_back, "{mode:?}");
        assert_eq!(month.calls.len() > before, is_back, "{mode:?}");
        // A room that wants to play does not take it either.
        month.tell(Event::Needed);
        month.run(month.now + HOUR);
        assert_eq!(month.speaker == Speaker::Ours, is_back, "{mode:?}");
        // A person may.
        month.tell(Event::Wanted);
        month.run(month.now + MINUTE);
        assert_eq!(month.speaker, Speaker::Ours, "{mode:?}");
    }
}

#[test]
fn after_a_lost_link_it_is_called_within_seconds_then_slowly_and_politely_for_an_hour() {
    let mut month = Month::new(seed(6), Mode::Polite, Speaker::Idle);
    month.run(Timestamp::from_nanos(0) + Nanos::from_secs(100));
    month.leave(Departure::LinkLost);
    month.speaker = Speaker::Off;
    let lost = month.now;
    let before = month.calls.len();
    month.run(lost + MINUTE * 9);
    assert_eq!(month.machine.status().state, State::Polling);
    assert!(month.calls[before] - lost < Nanos::from_secs(4));
    assert!((9..=11).contains(&(month.calls.len() - before)), "{}", month.calls.len() - before);
    month.speaker = Speaker::Idle;
    month.run(month.now + MINUTE * 8);
    assert_eq!(month.speaker, Speaker::Ours, "it came back into reach, and was not called");
    month.leave(Departure::LinkLost);
    month.speaker = Speaker::Off;
    month.run(month.now + HOUR * 2);
    assert_eq!(month.machine.status().state, State::Waiting);
}

/// A room that has nothing else asks every second.
fn needed_for(month: &mut Month, span: Nanos) -> usize {
    let (until, before) = (month.now + span, month.calls.len());
    while month.now < until && month.speaker != Speaker::Ours {
        month.tell(Event::Needed);
        month.run(month.now + Nanos::from_secs(1));
    }
    month.calls.len() - before
}

#[test]
fn a_room_that_needs_a_speaker_which_was_called_in_vain_for_long_has_it_called_once_a_minute() {
    let mut month = Month::new(seed(13), Mode::Polite, Speaker::Idle);
    month.run(Timestamp::from_nanos(0) + Nanos::from_secs(100));
    month.leave(Departure::LinkLost);
    month.speaker = Speaker::Off;
    month.run(month.now + MINUTE * 9);
    assert_eq!(month.machine.status().state, State::Polling);
    let calls = needed_for(&mut month, MINUTE * 4);
    assert!((3..=6).contains(&calls), "called {calls} times in four minutes");
    month.speaker = Speaker::Idle;
    needed_for(&mut month, MINUTE * 4);
    assert_eq!(month.speaker, Speaker::Ours);
}

#[test]
fn a_speaker_that_went_without_a_word_is_called_for_a_room_and_left_to_a_phone_that_has_it() {
    let mut month = Month::new(seed(14), Mode::Polite, Speaker::Idle);
    month.run(Timestamp::from_nanos(0) + Nanos::from_secs(100));
    assert_eq!(month.speaker, Speaker::Ours);
    // It may be on its way to another device.
    month.leave(Departure::Unknown);
    assert_eq!(needed_for(&mut month, Nanos::from_secs(25)), 0);
    // Nobody took it: it was out of reach.
    needed_for(&mut month, MINUTE * 4);
    assert_eq!(month.speaker, Speaker::Ours);

    month.leave(Departure::Unknown);
    month.speaker = Speaker::WithPhone;
    let calls = needed_for(&mut month, HOUR);
    assert!((1..=20).contains(&calls), "called {calls} times while a phone has it");
    assert_eq!(month.machine.status().departure, Some(Departure::Remote));
    month.speaker = Speaker::Idle;
    assert_eq!(needed_for(&mut month, HOUR), 0, "it has said whose it is");

    // Without a room it is not called at all, nor without end where it is off.
    month.tell(Event::Wanted);
    month.run(month.now + MINUTE);
    assert_eq!(month.speaker, Speaker::Ours);
    month.leave(Departure::Unknown);
    month.speaker = Speaker::Off;
    let before = month.calls.len();
    month.run(month.now + HOUR);
    assert_eq!(month.calls.len(), before);
    let calls = needed_for(&mut month, MINUTE * 10);
    assert!((8..=11).contains(&calls), "called {calls} times in ten minutes");
}

#[test]
fn a_disconnection_by_a_person_holds_until_they_connect() {
    for mode in [Mode::Polite, Mode::Exclusive] {
        let mut month = Month::new(seed(7), mode, Speaker::Idle);
        month.run(Timestamp::from_nanos(0) + Nanos::from_secs(100));
        month.tell(Event::Unwanted);
        month.run(month.now + MINUTE);
        assert_eq!(month.machine.status().state, State::Held);
        assert_eq!((month.speaker, month.disconnects), (Speaker::Idle, 1));
        // It calls by itself, as speakers do; a room wants it; BlueZ restarts.
        month.tell(Event::Connected);
        month.tell(Event::Needed);
        month.run(month.now + HOUR);
        assert_eq!((month.speaker, month.disconnects), (Speaker::Idle, 2));
        month.tell(Event::Adapter(Err(Failure::AdapterOff)));
        month.tell(Event::Adapter(Ok(())));
        month.run(month.now + HOUR);
        assert_eq!(month.machine.status().state, State::Held);
        month.tell(Event::Wanted);
        month.run(month.now + MINUTE);
        assert_eq!(month.speaker, Speaker::Ours);
        // Who changes their mind at once has it back.
        month.tell(Event::Unwanted);
        month.tell(Event::Wanted);
        month.run(month.now + MINUTE);
        assert_eq!(month.machine.status().state, State::Connected);
    }
}

#[test]
fn a_speaker_that_has_forgotten_its_keys_is_not_called_until_it_is_paired_again() {
    let mut month = Month::new(seed(8), Mode::Exclusive, Speaker::Idle);
    month.has_forgotten = true;
    month.run(Timestamp::from_nanos(0) + HOUR);
    assert_eq!(month.machine.status().state, State::Stopped(Failure::KeyMissing));
    assert!(month.calls.len() <= 4, "{}", month.calls.len());
    assert_eq!(month.machine.status().what_brings_it_back(), Failure::KeyMissing.remedy());
    month.has_forgotten = false;
    month.tell(Event::Paired);
    month.tell(Event::Wanted);
    month.run(month.now + MINUTE);
    assert_eq!(month.speaker, Speaker::Ours);
}

#[test]
fn a_scan_has_the_adapter_to_itself() {
    let mut month = Month::new(seed(9), Mode::Exclusive, Speaker::Off);
    month.run(Timestamp::from_nanos(0) + Nanos::from_secs(4));
    assert_eq!(month.machine.status().state, State::Calling);
    month.tell(Event::Pause);
    assert_eq!(month.disconnects, 1, "the call under way is called off");
    month.speaker = Speaker::Idle;
    month.run(month.now + HOUR);
    assert_eq!(month.machine.status().state, State::Paused);
    month.tell(Event::Resume);
    month.run(month.now + MINUTE);
    assert_eq!(month.speaker, Speaker::Ours);
}
