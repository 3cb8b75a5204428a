//! A model of `BlueZ`, one speaker and one person, as the machine that pairs sees them. What can go wrong does.

mod commands;

use std::collections::{BTreeMap, BTreeSet};

use unisono_bluetooth::{
    Address, Failure,
    pairing::{Action, Command, Event, Pairing, Request, Sight, State, Ticket},
    reconnect::Departure,
};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use crate::drawing::Transitions;

pub(crate) const SPEAKER: Address = Address([0, 0xAA, 1, 1, 0, 1]);
pub(crate) const STRANGER: Address = Address([0, 0xAA, 1, 9, 9, 9]);

/// How often what may go wrong does, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// A command fails, is slow, or is never answered.
    pub(crate) command: f64,
    /// In each second, the speaker vanishes, connects by itself or leaves, or `BlueZ` restarts.
    pub(crate) world: f64,
    /// In each second, the person changes their mind.
    pub(crate) cancel: f64,
}

impl Faults {
    pub(crate) const NONE: Self = Self { command: 0.0, world: 0.0, cancel: 0.0 };
}

/// The speaker and what is between it and this machine, before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    pub(crate) in_pairing_mode: bool,
    pub(crate) low_energy_only: bool,
    pub(crate) wants_pin: bool,
    pub(crate) gives_pin: bool,
    /// This machine has keys.
    pub(crate) bonded: bool,
    /// The speaker has dropped them.
    pub(crate) forgotten: bool,
    /// A scan has just seen it, or its Low Energy half.
    pub(crate) seen: bool,
    /// In the connection in which it is paired it does not say which services it has.
    pub(crate) hangs: bool,
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) state: State,
    pub(crate) took: Nanos,
    pub(crate) log: Vec<String>,
}

/// Something that will happen.
#[derive(Clone, Debug)]
enum Coming {
    /// A command's answer, and whether it is carried out.
    Answer(Action, Result<(), Failure>, bool),
    Event(Event),
    BluezBack,
    Second,
}

pub(crate) struct World {
    random: fastrand::Rng,
    faults: Faults,
    before: Before,
    now: Timestamp<NodeClock>,
    coming: BTreeMap<(Timestamp<NodeClock>, u64), Coming>,
    events: u64,
    pairing: Pairing,
    log: Vec<String>,
    has_canceled: bool,
    has_restarted: bool,
    /// What `BlueZ` is about.
    is_up: bool,
    discovers: bool,
    window: bool,
    knows: bool,
    bonded: bool,
    trusted: bool,
    transport: bool,
    chimed: bool,
    /// Commands not carried out although they must be, in a row.
    stubborn: BTreeMap<&'static str, u8>,
    /// Commands that a later one has called off.
    called_off: BTreeSet<Ticket>,
    /// States between which the machine went.
    pub(crate) transitions: Transitions,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults, before: Before) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            faults,
            before,
            now: Timestamp::from_nanos(0),
            coming: BTreeMap::new(),
            events: 0,
            pairing: Pairing::new(),
            log: Vec::new(),
            has_canceled: false,
            has_restarted: false,
            is_up: true,
            // The scan in which it was chosen still runs.
            discovers: before.seen,
            window: false,
            knows: before.seen || before.bonded,
            bonded: before.bonded,
            trusted: before.bonded,
            transport: false,
            chimed: false,
            stubborn: BTreeMap::new(),
            called_off: BTreeSet::new(),
            transitions: Transitions::new(),
        }
    }

    /// From choosing the speaker to the end.
    pub(crate) fn run(&mut self) -> Outcome {
        let begin = self.now;
        let request = Request {
            address: SPEAKER,
            pin: self.before.gives_pin.then(|| "0000".into()),
            remembered: self.before.bonded,
            sight: self.before.seen.then(|| self.sight()),
        };
        self.drive(|pairing, now| pairing.start(now, request).expect("nothing else is being paired"));
        self.after(Nanos::from_secs(1), Coming::Second);
        while !self.pairing.state().is_over() {
            assert!(self.now - begin < Nanos::from_secs(600), "it does not end\n{}", self.log.join("\n"));
            self.step();
        }
        // What was commanded last still happens.
        let took = self.now - begin;
        while let Some(((at, _), coming)) = self.coming.pop_first() {
            self.now = self.now.max(at);
            match coming {
                Coming::Answer(action, result, is_carried_out) => {
                    let _ = self.answer(&action, result, is_carried_out);
                }
                Coming::Event(_) | Coming::BluezBack | Coming::Second => {}
            }
        }
        self.check_the_end();
        let state = self.pairing.state();
        self.begin_anew();
        Outcome { state, took, log: std::mem::take(&mut self.log) }
    }

    /// Whatever the end was, another speaker may be chosen after it.
    fn begin_anew(&mut self) {
        let was = self.pairing.state();
        let other = Request { address: STRANGER, pin: None, remembered: false, sight: None };
        assert_eq!(self.pairing.start(self.now, other), Ok(()));
        self.transitions.insert((was.name().into(), self.pairing.state().name().into()));
        assert!(!self.pairing.authorize(SPEAKER));
    }

    fn check_the_end(&self) {
        let log = || self.log.join("\n");
        assert!(!self.discovers, "discovery was left running\n{}", log());
        assert!(!self.window, "the window was left open\n{}", log());
        assert!(!self.pairing.authorize(SPEAKER), "the agent still says yes\n{}", log());
        assert!(self.pairing.poll_timeout().is_none(), "it is over, but wants to be called\n{}", log());
        match self.pairing.state() {
            State::Paired => assert!(self.chimed, "paired without a chime\n{}", log()),
            // While BlueZ is away, nobody can remove them.
            State::Failed(Failure::Canceled) if self.has_canceled && !self.before.bonded && !self.has_restarted => {
                assert!(!self.bonded, "called off, but keys were left\n{}", log());
            }
            _ => {}
        }
    }

    fn step(&mut self) {
        let timeout = self.pairing.poll_timeout();
        let next = self.coming.first_key_value().map(|((at, _), _)| *at);
        let is_timer = match (timeout, next) {
            (Some(timeout), Some(next)) => timeout <= next,
            (timeout, _) => timeout.is_some(),
        };
        if is_timer {
            self.now = self.now.max(timeout.expect("there is a timer"));
            self.log.push(format!("{:?} timer", self.now));
            self.drive(Pairing::handle_timeout);
        } else {
            let ((at, _), coming) = self.coming.pop_first().expect("something always comes");
            self.now = self.now.max(at);
            self.happen(coming);
        }
        assert!(!self.pairing.authorize(STRANGER), "a stranger is let in");
        let open = self.pairing.state();
        if !open.is_over() {
            let other = Request { address: STRANGER, pin: None, remembered: false, sight: None };
            assert_eq!(self.pairing.start(self.now, other), Err(Failure::InProgress), "a second pairing began");
            assert_eq!(self.pairing.address(), Some(SPEAKER));
        }
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Answer(action, result, is_carried_out) => {
                let result = self.answer(&action, result, is_carried_out);
                self.log.push(format!("{:?} {:?} is answered with {result:?}", self.now, action.command));
                self.drive(|pairing, now| pairing.handle_event(now, Event::Done(action.ticket, result)));
            }
            Coming::Event(event) => self.tell(event),
            Coming::BluezBack => self.is_up = true,
            Coming::Second => {
                self.second();
                self.after(Nanos::from_secs(1), Coming::Second);
            }
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Vanished(_) => {
                (self.knows, self.bonded, self.trusted, self.transport) = (false, false, false, false);
            }
            Event::TransportUp(SPEAKER) => self.transport = true,
            Event::TransportDown(SPEAKER) | Event::Disconnected(SPEAKER, _) => self.transport = false,
            Event::Sighted(ref sight) if sight.address == SPEAKER => {
                // That it has keys is told at any time.
                if !self.discovers && !sight.paired {
                    return;
                }
                self.knows = true;
            }
            Event::BluezGone => {
                self.is_up = false;
                self.has_restarted = true;
                (self.discovers, self.window, self.transport) = (false, false, false);
                self.knows = self.bonded;
                self.coming.retain(|_, coming| matches!(coming, Coming::Second));
                let down = Nanos::from_millis(self.random.i64(100..6_000));
                self.after(down, Coming::BluezBack);
            }
            _ => {}
        }
        self.log.push(format!("{:?} {event:?}", self.now));
        self.drive(|pairing, now| pairing.handle_event(now, event));
    }

    /// What happens in a second of a bad day.
    fn second(&mut self) {
        if self.random.f64() < self.faults.cancel {
            self.has_canceled = true;
            self.tell(Event::Cancel);
        }
        if self.random.f64() >= self.faults.world || !self.is_up {
            return;
        }
        let departure =
            [Departure::Remote, Departure::LinkLost, Departure::Local, Departure::Unknown][self.random.usize(0..4)];
        match self.random.u8(0..10) {
            0 if self.knows => self.tell(Event::Vanished(SPEAKER)),
            1 => self.tell(Event::BluezGone),
            2 | 3 if self.trusted && !self.transport => self.tell(Event::TransportUp(SPEAKER)),
            4 if self.transport => {
                self.tell(Event::TransportDown(SPEAKER));
            }
            5 | 6 if self.transport => {
                self.tell(Event::Disconnected(SPEAKER, departure));
            }
            7 => self.tell(Event::TransportUp(STRANGER)),
            8 => self.tell(Event::Vanished(STRANGER)),
            _ => self.tell(Event::Sighted(Sight { signal: Some(-40), class: Some(0x24_0414), ..Sight::new(STRANGER) })),
        }
    }

    /// Calls the machine, notes where it went, and does what it says.
    fn drive(&mut self, call: impl FnOnce(&mut Pairing, Timestamp<NodeClock>)) {
        let was = self.pairing.state();
        call(&mut self.pairing, self.now);
        let is = self.pairing.state();
        if was.name() != is.name() {
            self.log.push(format!("{:?} {} → {}", self.now, was.name(), is.name()));
            self.transitions.insert((was.name().into(), is.name().into()));
        }
        while let Some(action) = self.pairing.poll_action() {
            self.log.push(format!("{:?} {:?}", self.now, action.command));
            if matches!(action.command, Command::Pair | Command::ConnectProfile | Command::Chime) {
                assert!(!self.discovers, "{:?} while discovering\n{}", action.command, self.log.join("\n"));
            }
            self.command(action);
        }
    }

    fn sight(&self) -> Sight {
        Sight {
            name: Some("JBL Flip 6".into()),
            class: (!self.before.low_energy_only).then_some(0x24_0414),
            signal: Some(-52),
            random_address: self.before.low_energy_only,
            paired: self.bonded,
            legacy_pairing: self.before.wants_pin,
            ..Sight::new(SPEAKER)
        }
    }

    fn after(&mut self, span: Nanos, coming: Coming) {
        self.events += 1;
        self.coming.insert((self.now + span, self.events), coming);
    }
}
