//! Remembered speakers are called, come and go.

use tracing::{debug, info};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{
    Change,
    command::{Answer, reply},
    link::Happening,
    playing::Ending,
    run::{Done, Service},
    speaker::{Slot, Waiting},
};
use crate::{
    Address, Failure,
    bluez::device_path,
    reconnect::{Command, Departure, Event, State},
};

impl Service {
    /// Tells the machines what has become of their adapters.
    pub(super) fn tell_usable(&mut self) {
        let now = self.clock.now();
        let paired_at = self.pairing.adapter().map(str::to_owned);
        let scans = !self.scans.is_empty();
        for address in self.addresses() {
            let Some(adapter) = self.speakers.get(&address).map(|speaker| speaker.kept.adapter) else { continue };
            let usable = self.usable_at(adapter);
            let path = self.objects.adapter_of(adapter).map(|(path, _)| path);
            let paused = scans || paired_at.as_deref().is_some_and(|busy| Some(busy) == path);
            let Some(speaker) = self.speakers.get_mut(&address) else { continue };
            if let Some(usable) = usable
                && speaker.usable != Some(usable)
            {
                speaker.usable = Some(usable);
                speaker.machine.handle_event(now, Event::Adapter(usable));
                // It may have been connected all along: the machine did not listen before.
                if usable.is_ok() && speaker.link.transport.is_some() {
                    speaker.machine.handle_event(now, Event::Connected);
                }
            }
            if speaker.paused != paused {
                speaker.paused = paused;
                speaker.machine.handle_event(now, if paused { Event::Pause } else { Event::Resume });
            }
        }
    }

    /// Looks at the connections of the speakers and tells their machines what happened.
    pub(super) fn look_at_speakers(&mut self) {
        let now = self.clock.now();
        for address in self.addresses() {
            let device = self.device_of(address);
            let Some(speaker) = self.speakers.get_mut(&address) else { continue };
            for happening in speaker.link.look(&self.objects, device.as_deref(), &self.ours) {
                debug!("{address}: {happening:?}");
                match happening {
                    Happening::Linked => speaker.machine.handle_event(now, Event::Appeared),
                    Happening::Up => {
                        speaker.up = Some(now);
                        speaker.yielded = None;
                        speaker.tally.connected();
                        speaker.down = None;
                        speaker.machine.handle_event(now, Event::Connected);
                        info!("{address} ({}) is connected", speaker.kept.alias);
                    }
                    Happening::Down => {
                        speaker.down = Some(now + DOWN_LIMIT);
                        speaker.end_stream(Ending::Down);
                    }
                    Happening::Gone(told) => {
                        let departure = speaker.departed(now, told);
                        speaker.down = None;
                        speaker.end_stream(Ending::Gone(departure));
                        speaker.machine.handle_event(now, Event::Disconnected(departure));
                        info!("{address} ({}) is disconnected: {departure:?}", speaker.kept.alias);
                    }
                }
            }
        }
    }

    /// A connection that has lost its way for music for so long is none.
    pub(super) fn tend_links(&mut self) {
        let now = self.clock.now();
        for speaker in self.speakers.values_mut() {
            if speaker.down.is_some_and(|until| now >= until) {
                speaker.down = None;
                speaker.machine.handle_event(now, Event::Disconnected(Departure::LinkLost));
                speaker.disappoint(Failure::NoTransport);
            }
            speaker.machine.handle_timeout(now);
        }
    }

    /// When the next speaker wants attention.
    pub(super) fn next_call(&self) -> Option<Timestamp<NodeClock>> {
        let speakers = self.speakers.values();
        let next = speakers.flat_map(|speaker| {
            let waiting = speaker.waiting.iter().filter_map(|waiting| match waiting {
                Waiting::Room(_, until) => Some(*until),
                Waiting::Person(_) => None,
            });
            speaker.down.into_iter().chain(speaker.machine.poll_timeout()).chain(waiting)
        });
        next.min()
    }

    /// Does what the machines ask for. Whether there was anything.
    pub(super) fn drive_calls(&mut self) -> bool {
        let mut busy = false;
        for address in self.addresses() {
            while let Some(action) = self.speakers.get_mut(&address).and_then(|speaker| speaker.machine.poll_action()) {
                busy = true;
                let (ticket, device) = (action.ticket, self.device_of(address));
                let (Some(bluez), Some(device)) = (&self.bluez, device) else {
                    self.speaker_event(address, Event::Done(ticket, Err(Failure::NoAdapter)));
                    continue;
                };
                match action.command {
                    Command::Connect => {
                        if let Some(speaker) = self.speakers.get(&address)
                            && let Some(adapter) = crate::bluez::adapter_path_of(&device)
                        {
                            self.gate.expect(&adapter, self.quality(&speaker.kept));
                        }
                        let connect = bluez.connect_sink(&device);
                        self.jobs.push(Box::pin(async move { Done::Called(address, ticket, connect.await) }));
                    }
                    Command::Disconnect => {
                        let disconnect = bluez.disconnect(&device);
                        self.jobs.push(Box::pin(async move { Done::Disconnected(address, ticket, disconnect.await) }));
                        if let Some(speaker) = self.speakers.get_mut(&address) {
                            speaker.link.is_ending(Departure::Local);
                        }
                    }
                }
            }
        }
        busy
    }

    /// How a call ended. Those who wait for the speaker hear of it, unless it is called again at once.
    pub(super) fn called(&mut self, address: Address, ticket: crate::reconnect::Ticket, result: Result<(), Failure>) {
        self.speaker_event(address, Event::Done(ticket, result));
        let now = self.clock.now();
        let Some(speaker) = self.speakers.get_mut(&address).filter(|speaker| speaker.link.transport.is_none()) else {
            return;
        };
        match result {
            Ok(()) | Err(Failure::AlreadyConnected) => speaker.down = Some(now + TRANSPORT_LIMIT),
            Err(Failure::Busy | Failure::InProgress) => {}
            Err(failure) => {
                speaker.tally.failed(failure);
                speaker.disappoint(failure);
            }
        }
    }

    /// Tells those who wait for a speaker that they have it, or that it will not come.
    pub(super) fn tend_waiting(&mut self) {
        let now = self.clock.now();
        for address in self.addresses() {
            let preparing =
                self.speakers.get(&address).is_some_and(|speaker| self.usable_at(speaker.kept.adapter).is_none());
            let Some(speaker) = self.speakers.get_mut(&address) else { continue };
            if speaker.waiting.is_empty() {
                continue;
            }
            let (status, up) = (speaker.machine.status(), speaker.link.transport.is_some());
            let hopeless = match status.state {
                _ if up || preparing => None,
                State::Unusable(failure) | State::Stopped(failure) => Some(failure),
                State::Held => Some(Failure::Canceled),
                // It has been called and does not come, or is not to be taken from another.
                State::Waiting => Some(status.failure.unwrap_or(Failure::HungUp)),
                _ => None,
            };
            let mut rooms = Vec::new();
            for waiting in speaker.waiting.drain(..) {
                match (waiting, hopeless) {
                    (waiting, Some(failure)) => waiting.disappoint(failure),
                    (Waiting::Person(answer), None) if up => reply(answer, Ok(())),
                    (Waiting::Room(answer, until), None) if now >= until => {
                        let failure = if up { Failure::AcquireFailed } else { Failure::ConnectTimeout };
                        Waiting::Room(answer, until).disappoint(status.failure.unwrap_or(failure));
                    }
                    (waiting, None) => rooms.push(waiting),
                }
            }
            speaker.waiting = rooms;
        }
        self.serve_rooms();
    }

    /// A person connects a speaker.
    pub(super) fn connect(&mut self, address: Address, answer: Answer) {
        let Some(speaker) = self.speakers.get_mut(&address) else {
            return reply(answer, Err(Failure::Unknown));
        };
        speaker.yielded = None;
        speaker.waiting.push(Waiting::Person(answer));
        self.speaker_event(address, Event::Wanted);
    }

    /// A person disconnects a speaker.
    pub(super) fn disconnect(&mut self, address: Address, answer: Answer) {
        if !self.speakers.contains_key(&address) {
            return reply(answer, Err(Failure::Unknown));
        }
        self.speaker_event(address, Event::Unwanted);
        reply(answer, Ok(()));
    }

    /// A person forgets a speaker.
    pub(super) fn forget(&mut self, address: Address, answer: Answer) {
        let device = self.device_of(address);
        let Some(mut speaker) = self.speakers.remove(&address) else {
            return reply(answer, Err(Failure::Unknown));
        };
        speaker.end_stream(Ending::Gone(Departure::Local));
        speaker.disappoint(Failure::Unknown);
        self.save();
        // To remove a device is to disconnect it.
        match (&self.bluez, device) {
            (Some(bluez), Some(device)) => {
                let remove = bluez.remove(&device);
                self.jobs.push(Box::pin(async move {
                    let _ = answer.send(remove.await);
                    Done::Nothing
                }));
            }
            _ => reply(answer, Ok(())),
        }
    }

    /// A person changes what is kept about a speaker.
    pub(super) fn change(&mut self, address: Address, change: Change, answer: Answer) {
        let now = self.clock.now();
        let Some(speaker) = self.speakers.get_mut(&address) else {
            return reply(answer, Err(Failure::Unknown));
        };
        let kept = &mut speaker.kept;
        kept.alias = change.alias.unwrap_or_else(|| std::mem::take(&mut kept.alias));
        kept.mode = change.mode.unwrap_or(kept.mode);
        kept.idle = change.idle.unwrap_or(kept.idle);
        kept.quality = change.quality.unwrap_or(kept.quality);
        kept.volume = change.volume.unwrap_or(kept.volume);
        if let Some(trim) = change.trim {
            kept.trim_ms = trim.as_secs_f64() * 1e3;
        }
        speaker.machine.set_mode(now, speaker.kept.mode);
        speaker.set_trim();
        self.save();
        reply(answer, Ok(()));
    }

    /// Something happened to a speaker, if it is remembered.
    pub(super) fn speaker_event(&mut self, address: Address, event: Event) {
        let now = self.clock.now();
        if let Some(speaker) = self.speakers.get_mut(&address) {
            speaker.machine.handle_event(now, event);
        }
    }

    /// The path of a remembered speaker's device, while its adapter is there.
    pub(super) fn device_of(&self, address: Address) -> Option<String> {
        let speaker = self.speakers.get(&address)?;
        let (adapter, _) = self.objects.adapter_of(speaker.kept.adapter)?;
        Some(device_path(adapter, address))
    }

    /// The remembered speakers.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.speakers.keys().copied().collect()
    }

    /// Whether a stream through an adapter is at its end, or one that makes room for any other.
    pub(super) fn is_being_freed(&self, adapter: Address) -> bool {
        let mut speakers = self.speakers.values().filter(|speaker| speaker.kept.adapter == adapter);
        speakers.any(|speaker| match &speaker.slot {
            Slot::Playing(playing) => playing.stream.is_ending(),
            Slot::Nudging(_) => true,
            Slot::Free | Slot::Acquiring | Slot::Releasing => false,
        })
    }

    /// Whether so many streams may go through an adapter that one more is allowed.
    pub(super) fn has_room(&self, adapter: Address) -> bool {
        let streams = self
            .speakers
            .values()
            .filter(|speaker| speaker.kept.adapter == adapter && !matches!(speaker.slot, Slot::Free | Slot::Releasing));
        streams.count() < self.settings.streams_per_adapter
    }
}

/// `BlueZ` takes transports away shortly before the connection; where the connection stays for longer, it stays without
/// music.
const DOWN_LIMIT: Nanos = Nanos::from_secs(3);
/// From a connected profile to its transport: an AVDTP request takes up to 6 s.
const TRANSPORT_LIMIT: Nanos = Nanos::from_secs(10);
