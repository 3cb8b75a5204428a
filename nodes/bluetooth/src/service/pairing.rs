//! A person pairs a speaker: what the machine asks for is done.

use tokio::{
    select,
    sync::{mpsc::Sender, oneshot},
    time::{sleep, timeout},
};
use tracing::{info, warn};
use unisono_core::time::Nanos;

use super::{
    PairEvent, chime,
    link::{Happening, Link},
    run::{Done, Service},
    speaker::{Slot, Speaker},
    store::Kept,
};
use crate::{
    Address, Failure,
    a2dp::{self, IdleMode, Options, Transport},
    bluez::{Abilities, Looking, TransportState, device_path},
    pairing::{Command, Event, Pairing, Request, State, Ticket, WHOLE_LIMIT},
    reconnect,
    volume::VolumeMode,
};

/// The pairing that goes on, or went on last.
#[derive(Default)]
pub(super) struct PairingRun {
    pub(super) machine: Pairing,
    adapter: String,
    link: Link,
    /// The window that was asked for last; any other is closed when it comes.
    opening: Option<Ticket>,
    /// Calls off the `Pair` that was asked for last.
    cancel: Option<oneshot::Sender<()>>,
    events: Option<Sender<PairEvent>>,
    told: Option<State>,
}

impl PairingRun {
    /// The adapter that it has for itself, while it goes on.
    pub(super) fn adapter(&self) -> Option<&str> {
        (!self.machine.state().is_over()).then_some(self.adapter.as_str())
    }

    /// The path of the device being paired.
    pub(super) fn device(&self) -> Option<String> {
        Some(device_path(self.adapter()?, self.machine.address()?))
    }
}

impl Service {
    /// Begins with a speaker.
    pub(super) fn pair(&mut self, address: Address, pin: Option<String>, events: Sender<PairEvent>) {
        if !self.pairing.machine.state().is_over() {
            return tell(&events, PairEvent::Failed(Failure::InProgress));
        }
        let kept = self.speakers.get(&address).map(|speaker| speaker.kept.adapter);
        let seen = self.objects.devices.iter().filter(|(_, device)| device.sight.address == address);
        let seen = seen.max_by_key(|(_, device)| device.sight.signal.unwrap_or(i16::MIN));
        let prefer = match (&seen, kept) {
            (Some((path, _)), None) => crate::bluez::adapter_path_of(path),
            (_, Some(adapter)) => self.objects.adapter_of(adapter).map(|(path, _)| path.to_owned()),
            (None, None) => None,
        };
        let adapter = match self.choose_adapter(prefer.as_deref()) {
            Ok(adapter) => adapter,
            Err(failure) => return tell(&events, PairEvent::Failed(failure)),
        };
        let device = device_path(&adapter, address);
        let sight = self.objects.devices.get(&device).map(|device| device.sight.clone());
        let request = Request { address, pin, remembered: kept.is_some(), sight };
        let now = self.clock.now();
        if let Err(failure) = self.pairing.machine.start(now, request) {
            return tell(&events, PairEvent::Failed(failure));
        }
        self.pairing.adapter = adapter;
        self.pairing.link = Link::default();
        self.pairing.events = Some(events);
        self.pairing.told = None;
        self.look_at_pairing();
    }

    /// Whoever wanted it has gone.
    pub(super) fn tend_pairing(&mut self) {
        if self.pairing.events.as_ref().is_some_and(Sender::is_closed) {
            self.pairing.events = None;
            self.pairing_event(Event::Cancel);
        }
    }

    pub(super) fn pairing_event(&mut self, event: Event) {
        self.pairing.machine.handle_event(self.clock.now(), event);
    }

    /// Looks at the connection with the speaker that is being paired.
    pub(super) fn look_at_pairing(&mut self) {
        let Some(device) = self.pairing.device() else { return };
        let Some(address) = self.pairing.machine.address() else { return };
        for happening in self.pairing.link.look(&self.objects, Some(&device), &self.ours) {
            match happening {
                Happening::Linked => {}
                Happening::Up => self.pairing_event(Event::TransportUp(address)),
                Happening::Down => self.pairing_event(Event::TransportDown(address)),
                Happening::Gone(departure) => self.pairing_event(Event::Disconnected(address, departure)),
            }
        }
    }

    /// Says how a connection ends.
    pub(super) fn pairing_is_ending(&mut self, departure: reconnect::Departure) {
        self.pairing.link.is_ending(departure);
    }

    /// With `BlueZ` the window went.
    pub(super) fn pairing_lost_bluez(&mut self) {
        self.pairing.opening = None;
        self.pairing.link = Link::default();
        self.pairing_event(Event::BluezGone);
    }

    /// Does what the machine asks for, and tells what it has come to. Whether there was anything.
    pub(super) fn drive_pairing(&mut self) -> bool {
        let mut busy = false;
        while let Some(action) = self.pairing.machine.poll_action() {
            busy = true;
            self.carry_out(action.ticket, action.command);
        }
        let address = self.pairing.machine.address();
        self.door.set(address.filter(|address| self.pairing.machine.authorize(*address)));
        let state = self.pairing.machine.state();
        if self.pairing.told == Some(state) || address.is_none() {
            return busy;
        }
        self.pairing.told = Some(state);
        if state == State::Paired
            && let Some(address) = address
        {
            self.remember(address);
        }
        let event = match state {
            State::Paired => PairEvent::Paired,
            State::Failed(failure) => PairEvent::Failed(failure),
            state => PairEvent::Step(state),
        };
        if let Some(address) = address {
            info!("{address}: {state}");
        }
        if let Some(events) = &self.pairing.events {
            tell(events, event);
        }
        if state.is_over() {
            self.pairing.events = None;
        }
        true
    }

    /// A window was opened, or not.
    pub(super) fn window_opened(&mut self, ticket: Ticket, adapter: &str, result: Result<(), Failure>) {
        if self.pairing.opening == Some(ticket) {
            return self.pairing_event(Event::Done(ticket, result));
        }
        // It comes too late.
        if self.pairing.opening.is_none() {
            self.to_close = Some(adapter.to_owned());
            self.close_window(None);
        }
    }

    /// A window was closed, or not: then that is tried again until it is.
    pub(super) fn window_closed(&mut self, ticket: Option<Ticket>, result: Result<(), Failure>) {
        if let Some(ticket) = ticket {
            self.pairing_event(Event::Done(ticket, result));
        }
        match result {
            Ok(()) if self.pairing.opening.is_none() => self.to_close = None,
            Ok(()) => {}
            Err(failure) => {
                warn!("the adapter is not closed to strangers yet: {failure}; the agent says no to everyone");
                self.try_again();
            }
        }
    }

    /// Closes what is to be closed.
    pub(super) fn close_window(&mut self, ticket: Option<Ticket>) {
        if self.to_close.as_ref().is_some_and(|adapter| !self.objects.adapters.contains_key(adapter)) {
            // It was pulled out; there is nothing to close.
            self.to_close = None;
            self.register_guard();
            if let Some(ticket) = ticket {
                self.pairing_event(Event::Done(ticket, Ok(())));
            }
            return;
        }
        let (Some(bluez), Some(adapter)) = (&self.bluez, &self.to_close) else { return };
        let close = bluez.close_window(adapter, &self.door);
        let limit = self.clock.span(CLOSE_LIMIT);
        self.jobs.push(Box::pin(async move {
            Done::WindowClosed(ticket, timeout(limit, close).await.unwrap_or(Err(Failure::StepTimeout)))
        }));
    }

    fn carry_out(&mut self, ticket: Ticket, command: Command) {
        let (Some(bluez), Some(address)) = (&self.bluez, self.pairing.machine.address()) else {
            return self.pairing_event(Event::Done(ticket, Err(Failure::NoBluez)));
        };
        let adapter = self.pairing.adapter.clone();
        let device = device_path(&adapter, address);
        let limit = self.clock.span(DISCOVERY_LIMIT);
        macro_rules! job {
            ($call:expr) => {{
                let call = $call;
                self.jobs.push(Box::pin(async move { Done::Pairing(ticket, call.await) }));
            }};
        }
        match command {
            Command::OpenWindow { pin } => {
                self.pairing.opening = Some(ticket);
                self.to_close = Some(adapter.clone());
                let abilities = if pin.is_some() { Abilities::Pin } else { Abilities::Compare };
                self.door.set_pin(pin);
                let seconds = u32::try_from(WHOLE_LIMIT.to_duration().as_secs()).unwrap_or(u32::MAX);
                let open = bluez.open_window(&adapter, &self.door, abilities, seconds);
                self.jobs.push(Box::pin(async move { Done::WindowOpened(ticket, adapter, open.await) }));
            }
            Command::StartDiscovery => job!(bluez.start_discovery(&adapter, Looking::Classic, limit)),
            Command::StopDiscovery => {
                job!(bluez.stop_discovery(&adapter, limit));
                self.end_scans(None);
            }
            Command::Remove => job!(bluez.remove(&device)),
            Command::Pair => {
                let (pair, (cancel, canceled)) = (bluez.pair(&device), oneshot::channel::<()>());
                self.pairing.cancel = Some(cancel);
                job!(async move {
                    select! {
                        result = pair => result,
                        // To drop it is to call it off.
                        Ok(()) = canceled => Err(Failure::AuthenticationCanceled),
                    }
                });
            }
            Command::CancelPairing => {
                // What has been answered cannot be called off.
                if let Some(cancel) = self.pairing.cancel.take() {
                    let _ = cancel.send(());
                }
                self.pairing_event(Event::Done(ticket, Ok(())));
            }
            Command::Trust => job!(bluez.trust(&device)),
            Command::ConnectProfile => {
                let quality = self.speakers.get(&address).map(|speaker| self.quality(&speaker.kept));
                self.gate.expect(&adapter, quality.unwrap_or_default());
                job!(bluez.connect_sink(&device));
            }
            Command::Disconnect => {
                job!(bluez.disconnect(&device));
                self.pairing.link.is_ending(reconnect::Departure::Local);
            }
            Command::Chime => self.chime(ticket, address),
            Command::CloseWindow => {
                self.pairing.opening = None;
                self.door.set_pin(None);
                self.to_close = Some(adapter);
                self.close_window(Some(ticket));
            }
        }
    }

    fn chime(&mut self, ticket: Ticket, address: Address) {
        let (Some(bluez), Some(transport)) = (&self.bluez, self.pairing.link.transport.clone()) else {
            return self.pairing_event(Event::Done(ticket, Err(Failure::NoTransport)));
        };
        let Some(shown) = self.objects.transports.get(&transport) else {
            return self.pairing_event(Event::Done(ticket, Err(Failure::NoTransport)));
        };
        let heard = match self.speakers.get(&address).map(|speaker| &speaker.slot) {
            // It is heard already.
            Some(Slot::Playing(_) | Slot::Acquiring) => Some(Ok(())),
            Some(Slot::Releasing | Slot::Nudging(_)) => Some(Err(Failure::Busy)),
            Some(Slot::Free) | None => None,
        };
        if let Some(heard) = heard {
            return self.pairing_event(Event::Done(ticket, heard));
        }
        let adapter = self.objects.adapters.get(&self.pairing.adapter).and_then(|adapter| adapter.address);
        if adapter.is_some_and(|adapter| !self.has_room(adapter)) {
            info!("{address} is paired without being heard: its adapter carries as many streams as it may");
            return self.pairing_event(Event::Done(ticket, Ok(())));
        }
        if let Some(speaker) = self.speakers.get_mut(&address) {
            speaker.slot = Slot::Acquiring;
        }
        let config = a2dp::validate(&shown.configuration);
        let acquire = bluez.acquire(&transport, shown.state == TransportState::Pending);
        let release = bluez.release(&transport);
        let (span, before) = (self.settings.chime, self.settings.before);
        let device = self.objects.devices.get(&shown.device);
        let quiet = device.and_then(|device| device.sight.name.as_deref()).map_or(Nanos::ZERO, |name| self.quiet(name));
        let quiet = self.clock.span(quiet);
        self.jobs.push(Box::pin(async move {
            sleep(quiet).await;
            let acquired = acquire.await;
            let taken = acquired.is_ok();
            let played = async {
                let (acquired, config) = (acquired?, config?);
                let options = Options { idle: IdleMode::Suspend, before, ..Options::default() };
                let transport = Transport { fd: acquired.fd, mtu: acquired.mtu, config, stamped: false };
                let (feed, stream) = a2dp::start(transport, options).map_err(|_| Failure::AcquireFailed)?;
                chime::play(feed, stream, span).await
            };
            let result = played.await;
            if taken {
                // It is idle again for the room that comes; a speaker that left has none to be released.
                let _ = release.await;
            }
            Done::Chimed(ticket, address, result)
        }));
    }

    /// A speaker is paired: it is kept from now on.
    fn remember(&mut self, address: Address) {
        let Some(adapter) = self.objects.adapters.get(&self.pairing.adapter).and_then(|adapter| adapter.address) else {
            return;
        };
        let device = self.objects.devices.get(&device_path(&self.pairing.adapter, address));
        let name = device.and_then(|device| device.sight.name.clone()).unwrap_or_else(|| address.to_string());
        let now = self.clock.now();
        match self.speakers.get_mut(&address) {
            Some(speaker) => {
                if speaker.kept.adapter != adapter {
                    speaker.kept.adapter = adapter;
                    speaker.kept.reports_ms.clear();
                }
                speaker.kept.name = name;
            }
            None => {
                let kept = Kept {
                    address,
                    adapter,
                    alias: name.clone(),
                    name,
                    mode: reconnect::Mode::default(),
                    trim_ms: 0.0,
                    idle: IdleMode::default(),
                    quality: a2dp::Quality::default(),
                    volume: VolumeMode::default(),
                    reports_ms: std::collections::BTreeMap::new(),
                };
                self.speakers.insert(address, Speaker::new(now, kept));
            }
        }
        self.tell_usable();
        self.speaker_event(address, reconnect::Event::Paired);
        self.look_at_speakers();
        self.save();
    }
}

/// What closing a window may take.
const CLOSE_LIMIT: Nanos = Nanos::from_secs(10);
/// How long an adapter may take to begin or to stop looking: as long as the machine waits for it.
pub(super) const DISCOVERY_LIMIT: Nanos = Nanos::from_secs(5);

/// A receiver that is full has stopped listening; one that is gone calls the pairing off.
fn tell(events: &Sender<PairEvent>, event: PairEvent) {
    let _ = events.try_send(event);
}
