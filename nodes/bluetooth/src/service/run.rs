//! The task: what comes in, what is due, what was done.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    select,
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tracing::{info, warn};
use unisono_core::{time::Nanos, words::count};

use super::{
    Settings, SpeakerFigures,
    adapters::AdapterState,
    clock::Clock,
    command::{Command, reply},
    pairing::PairingRun,
    playing::Ending,
    scanning::Scanning,
    speaker::{Slot, Speaker},
    store::Store,
};
use crate::{
    Address, Failure,
    bluez::{self, Acquired, Bluez, Door, Gate, Objects, Programs},
    pairing,
    reconnect::{self, Departure},
    speakers::Table,
};

/// Something that takes its time.
pub(super) type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What came of it.
pub(super) enum Done {
    /// Whoever wanted it knows.
    Nothing,
    BusConnected(Result<Bluez, Failure>),
    Guarded(u64, Result<(), Failure>),
    Programs(Result<Programs, Failure>),
    Prepared {
        epoch: u64,
        adapter: String,
        endpoints: usize,
        result: Result<(), Failure>,
    },
    DiscoveryStarted(Result<(), Failure>),
    WindowOpened(pairing::Ticket, String, Result<(), Failure>),
    WindowClosed(Option<pairing::Ticket>, Result<(), Failure>),
    Pairing(pairing::Ticket, Result<(), Failure>),
    Chimed(pairing::Ticket, Address, Result<(), Failure>),
    Called(Address, reconnect::Ticket, Result<(), Failure>),
    Disconnected(Address, reconnect::Ticket, Result<(), Failure>),
    Acquired(Address, String, Result<Acquired, Failure>),
    Released(Address),
    /// A speaker has heard what keeps it awake, or not.
    Nudged(Address),
    /// A speaker was asked for a volume.
    Loudened(Address, Result<(), Failure>),
}

/// The task.
pub(super) struct Service {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) table: Table,
    commands: mpsc::Receiver<Command>,
    events: mpsc::UnboundedReceiver<bluez::Event>,
    sender: mpsc::UnboundedSender<bluez::Event>,
    pub(super) jobs: FuturesUnordered<Job>,
    /// The connection to the bus.
    pub(super) bluez: Option<Bluez>,
    /// Why `BlueZ` cannot be used at all, if it cannot.
    pub(super) trouble: Option<Failure>,
    /// Counts the lives of `BlueZ`, so that answers from an earlier one are recognised.
    pub(super) epoch: u64,
    /// When the bus or the agent is tried again.
    again: Option<Instant>,
    /// Until when commands wait for a first look at what there is.
    first_look: Option<Instant>,
    /// Whether anything was seen in it.
    has_looked: bool,
    /// Whether the agent that refuses strangers is registered, or about to be.
    pub(super) guarded: bool,
    /// The adapter on which a window was opened and is not known to be closed.
    pub(super) to_close: Option<String>,
    pub(super) objects: Objects,
    /// Transports that were configured with our endpoints.
    pub(super) ours: BTreeSet<String>,
    /// Other programs; until it is known who is there, no adapter is touched.
    pub(super) programs: Option<Programs>,
    pub(super) adapters: BTreeMap<String, AdapterState>,
    pub(super) gate: Arc<Gate>,
    pub(super) door: Door,
    pub(super) speakers: BTreeMap<Address, Speaker>,
    pub(super) scans: Vec<Scanning>,
    pub(super) pairing: PairingRun,
    store: Store,
    /// What has been counted, for those who do not ask the task.
    pub(super) figures: watch::Sender<Vec<SpeakerFigures>>,
    /// Something that can wait is to be written.
    pub(super) unsaved: bool,
}

impl Service {
    pub(super) async fn new(
        settings: Settings,
        commands: mpsc::Receiver<Command>,
        figures: watch::Sender<Vec<SpeakerFigures>>,
    ) -> Self {
        let clock = Clock::new(settings.hurry);
        let (sender, events) = mpsc::unbounded_channel();
        let (store, kept) = Store::open(&settings.folder);
        let speakers = kept.into_iter().map(|(address, kept)| (address, Speaker::new(clock.now(), kept))).collect();
        let table = match &settings.table {
            Some(path) => {
                let (table, bad) = Table::with_file(path);
                if let Some(bad) = bad {
                    warn!("{bad}");
                }
                table
            }
            None => Table::built_in().clone(),
        };
        Self {
            clock,
            table,
            commands,
            events,
            sender,
            jobs: FuturesUnordered::new(),
            bluez: None,
            trouble: Some(Failure::NoBluez),
            epoch: 0,
            again: Some(Instant::now()),
            first_look: Some(Instant::now() + FIRST_LOOK),
            has_looked: false,
            guarded: false,
            to_close: None,
            objects: Objects::default(),
            ours: BTreeSet::new(),
            programs: None,
            adapters: BTreeMap::new(),
            gate: Arc::default(),
            door: Door::default(),
            speakers,
            scans: Vec::new(),
            pairing: PairingRun::default(),
            store,
            figures,
            unsaved: false,
            settings,
        }
    }

    /// Runs until the last handle is gone.
    pub(super) async fn run(mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.drive();
            let (due, plays) = (self.next_due(), self.plays());
            select! {
                command = self.commands.recv(), if self.first_look.is_none() => match command {
                    Some(command) => self.handle_command(command),
                    None => break,
                },
                // The sender is kept here, so this never ends.
                Some(event) = self.events.recv() => self.handle_event(event),
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => self.handle_done(done),
                () = until(due) => self.handle_due(),
                _ = look.tick(), if plays => self.tend_streams(),
            }
        }
        self.save();
    }

    /// Writes what is kept about the speakers, if it has changed.
    pub(super) fn save(&mut self) {
        self.unsaved = false;
        self.store.write(self.speakers.values().map(|speaker| &speaker.kept));
    }

    /// Until nothing more follows from anything.
    fn drive(&mut self) {
        self.tend_adapters();
        self.tend_scans();
        self.tend_pairing();
        loop {
            self.tell_usable();
            self.look_at_speakers();
            self.look_at_pairing();
            self.tend_waiting();
            let busy = self.drive_pairing() | self.drive_calls();
            if !busy {
                break;
            }
        }
        self.tend_sleepers();
        let welcome = self.addresses().into_iter().chain(self.pairing.adapter().and(self.pairing.machine.address()));
        self.gate.welcome(welcome.collect());
        if self.unsaved {
            self.save();
        }
        self.show_figures();
        let preparing = self.trouble.is_none() && self.objects.adapters.keys().any(|path| self.usable(path).is_none());
        if self.has_looked && !preparing || self.first_look.is_some_and(|until| Instant::now() >= until) {
            self.first_look = None;
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Scan(span, events) => self.scan(span, events),
            Command::Pair { address, pin, events } => self.pair(address, pin, events),
            Command::Forget(address, answer) => self.forget(address, answer),
            Command::Connect(address, answer) => self.connect(address, answer),
            Command::Disconnect(address, answer) => self.disconnect(address, answer),
            Command::Change(address, change, answer) => self.change(address, change, answer),
            Command::List(answer) => reply(answer, self.view()),
            Command::Adapters(answer) => reply(answer, self.view_adapters()),
            Command::Facts(answer) => self.facts(answer),
            Command::Open { address, by, answer } => self.open(address, by, answer),
        }
    }

    fn handle_event(&mut self, event: bluez::Event) {
        match event {
            bluez::Event::Arrived(objects) => self.handle_arrival(&objects),
            bluez::Event::Silent(failure) => {
                self.trouble = Some(failure);
                self.has_looked = true;
            }
            bluez::Event::Left => {
                self.handle_loss();
                self.has_looked = true;
            }
            bluez::Event::BusLost => {
                self.handle_loss();
                self.bluez = None;
                self.try_again();
            }
            bluez::Event::ProgramsChanged => self.look_for_programs(),
            bluez::Event::Added(path, interfaces) => {
                self.objects.add(&path, &interfaces);
                self.see(&path);
            }
            bluez::Event::Removed(path, interfaces) => {
                let device = self.objects.devices.get(&path).map(|device| device.sight.address);
                self.objects.remove(&path, &interfaces);
                if !self.objects.transports.contains_key(&path) {
                    self.ours.remove(&path);
                }
                if let Some(address) = device.filter(|_| !self.objects.devices.contains_key(&path))
                    && self.pairing.device().as_deref() == Some(&path)
                {
                    self.pairing_event(pairing::Event::Vanished(address));
                }
            }
            bluez::Event::Changed(path, interface, changed, gone) => {
                let offered = self.objects.adapters.get(&path).map(|adapter| adapter.services.clone());
                self.objects.change(&path, &interface, &changed, &gone);
                if self.objects.adapters.get(&path).map(|adapter| adapter.services.clone()) != offered {
                    self.look_for_programs();
                }
                self.see(&path);
            }
            bluez::Event::Disconnected(path, reason) => {
                let departure = Departure::of_bluez(&reason);
                if self.pairing.device().as_deref() == Some(&path) {
                    self.pairing_is_ending(departure);
                }
                if let Some(address) = bluez::device_address(&path)
                    && self.device_of(address).as_deref() == Some(&path)
                    && let Some(speaker) = self.speakers.get_mut(&address)
                {
                    speaker.link.is_ending(departure);
                }
            }
            bluez::Event::Configured(path, properties) => {
                let interfaces = std::collections::HashMap::from([(bluez::TRANSPORT.to_owned(), properties)]);
                self.objects.add(&path, &interfaces);
                self.ours.insert(path);
            }
            bluez::Event::Cleared(path) => {
                self.objects.remove(&path, &[bluez::TRANSPORT.to_owned()]);
                self.ours.remove(&path);
            }
        }
    }

    fn handle_arrival(&mut self, objects: &[(String, bluez::Interfaces)]) {
        self.epoch += 1;
        self.trouble = None;
        self.has_looked = true;
        self.first_look.get_or_insert_with(|| Instant::now() + FIRST_LOOK);
        self.programs = None;
        self.adapters.clear();
        self.ours.clear();
        self.guarded = false;
        self.objects = Objects::default();
        for (path, interfaces) in objects {
            self.objects.add(path, interfaces);
        }
        info!("BlueZ is there, with {}", count(self.objects.adapters.len(), "adapter"));
        self.look_for_programs();
    }

    /// `BlueZ` is gone, and everything that it knew of us.
    fn handle_loss(&mut self) {
        let was_there = self.trouble.is_none();
        let failure = if was_there { Failure::BluezRestarted } else { Failure::NoBluez };
        if was_there {
            warn!("BlueZ has left the bus; it is waited for");
        }
        self.epoch += 1;
        self.trouble = Some(Failure::NoBluez);
        self.objects = Objects::default();
        self.ours.clear();
        self.adapters.clear();
        self.guarded = false;
        self.to_close = None;
        self.end_scans(Some(failure));
        self.pairing_lost_bluez();
        for speaker in self.speakers.values_mut() {
            speaker.end_stream(Ending::Bluez(failure));
        }
    }

    /// What is at a path may be a device that somebody looks for.
    fn see(&mut self, path: &str) {
        let Some(device) = self.objects.devices.get(path) else { return };
        let sight = device.sight.clone();
        self.scans_see(&sight);
        if self.pairing.device().as_deref() == Some(path) {
            self.pairing_event(pairing::Event::Sighted(sight.clone()));
        }
        if sight.is_near() && !sight.connected && self.device_of(sight.address).as_deref() == Some(path) {
            self.speaker_event(sight.address, reconnect::Event::Appeared);
        }
    }

    fn handle_done(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::BusConnected(Ok(bluez)) => self.bluez = Some(bluez),
            Done::BusConnected(Err(failure)) => {
                self.trouble = Some(failure);
                self.has_looked = true;
                self.try_again();
            }
            Done::Guarded(epoch, Err(failure)) if epoch == self.epoch => {
                warn!("the agent that refuses strangers: {failure}");
                self.guarded = false;
                self.try_again();
            }
            Done::Guarded(..) => {}
            Done::Programs(Ok(programs)) => self.programs = Some(programs),
            Done::Programs(Err(failure)) => {
                warn!("looking for other programs: {failure}");
                self.programs.get_or_insert_default();
            }
            Done::Prepared { epoch, adapter, endpoints, result } => {
                if epoch == self.epoch {
                    self.prepared(&adapter, endpoints, result);
                }
            }
            Done::DiscoveryStarted(result) => self.discovery_started(result),
            Done::WindowOpened(ticket, adapter, result) => self.window_opened(ticket, &adapter, result),
            Done::WindowClosed(ticket, result) => self.window_closed(ticket, result),
            Done::Pairing(ticket, result) => self.pairing_event(pairing::Event::Done(ticket, result)),
            Done::Chimed(ticket, address, result) => {
                if let Some(speaker) = self.speakers.get_mut(&address)
                    && matches!(speaker.slot, Slot::Acquiring)
                {
                    speaker.slot = Slot::Free;
                }
                self.pairing_event(pairing::Event::Done(ticket, result));
            }
            Done::Called(address, ticket, result) => self.called(address, ticket, result),
            Done::Disconnected(address, ticket, result) => {
                self.speaker_event(address, reconnect::Event::Done(ticket, result));
            }
            Done::Acquired(address, path, result) => self.acquired(address, &path, result),
            Done::Nudged(address) => self.nudged(address),
            Done::Loudened(address, result) => self.loudened(address, result),
            Done::Released(address) => {
                if let Some(speaker) = self.speakers.get_mut(&address)
                    && matches!(speaker.slot, Slot::Releasing)
                {
                    speaker.slot = Slot::Free;
                }
            }
        }
    }

    /// Whatever is due at this moment.
    fn handle_due(&mut self) {
        if self.again.is_some_and(|again| Instant::now() >= again) {
            self.again = None;
            match (&self.bluez, self.trouble, self.guarded) {
                (None, ..) => {
                    let connect = Bluez::connect(self.gate.clone(), self.sender.clone());
                    self.jobs.push(Box::pin(async move { Done::BusConnected(connect.await) }));
                }
                // Where an adapter is ours already; else with the first that becomes so.
                (Some(_), None, false) if self.adapters.values().any(|state| state.endpoints > 0) => {
                    self.register_guard();
                }
                // The machine closes it itself, or has given up by then.
                (Some(_), None, true) if self.to_close.is_some() && self.pairing.adapter().is_some() => {
                    self.try_again();
                }
                (Some(_), None, true) => self.close_window(None),
                _ => {}
            }
        }
        self.pairing.machine.handle_timeout(self.clock.now());
        self.tend_links();
    }

    fn next_due(&self) -> Option<Instant> {
        let scans = self.scans.iter().map(|scanning| scanning.scan.ends_at()).min();
        let machines = [self.pairing.machine.poll_timeout(), self.next_call(), self.next_nudge(), scans];
        let machines = machines.into_iter().flatten().min().map(|at| self.clock.instant(at));
        // Whether a scan or a pairing is still watched is looked at now and then.
        let watched = !self.scans.is_empty() || self.pairing.adapter().is_some();
        let watch = watched.then(|| Instant::now() + WATCHED);
        [machines, self.again, self.first_look, self.next_preparation(), watch].into_iter().flatten().min()
    }

    /// Something is to be tried again in a while.
    pub(super) fn try_again(&mut self) {
        self.again = Some(Instant::now() + self.clock.span(AGAIN));
    }

    pub(super) fn register_guard(&mut self) {
        if let Some(bluez) = &self.bluez {
            self.guarded = true;
            let (epoch, guard) = (self.epoch, bluez.guard(&self.door));
            self.jobs.push(Box::pin(async move { Done::Guarded(epoch, guard.await) }));
        }
    }

    fn look_for_programs(&mut self) {
        if let Some(bluez) = &self.bluez {
            let look = bluez.programs();
            self.jobs.push(Box::pin(async move { Done::Programs(look.await) }));
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// How long a command waits for `BlueZ` and its adapters to be seen and made ready.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// How often a stream is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How soon it is noticed that a scan or a pairing is not watched any more.
const WATCHED: Duration = Duration::from_millis(250);
/// How long until the bus or the agent is tried again.
const AGAIN: Nanos = Nanos::from_secs(3);
