//! Rooms play on speakers: transports are acquired and given back, streams watched, latencies kept.

use std::sync::mpsc::SyncSender;

use tokio::time::sleep;
use tracing::{debug, info, warn};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{
    Opened, Settings,
    command::Opener,
    run::{Done, Service},
    speaker::{Slot, Speaker, Waiting},
    store::Kept,
};
use crate::{
    Address, Failure,
    a2dp::{self, Feed, Options, Quality, Stream, Transport, Wish},
    bluez::{Acquired, TransportState},
    latency::{LatencyModel, LatencyWatch, Prior, Remembered},
    reconnect::{Departure, Event, Mode},
    speakers::Quirk,
    volume::{self, Obstacle, SpeakerVolume},
};

/// A stream that a room plays on.
pub(super) struct Playing {
    pub(super) stream: Stream,
    pub(super) model: LatencyModel,
    watch: LatencyWatch,
    pub(super) control: volume::Control,
    pub(super) volume: SpeakerVolume,
    rest: Rest,
    /// Whether its transport was seen to be active, since it was acquired last.
    was_active: bool,
    /// Since when there has been sound and no speaker for it.
    waking_since: Option<Timestamp<NodeClock>>,
}

/// Where a stream stands that was silent for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It was not.
    None,
    /// Its transport was given back, or its speaker disconnected.
    Resting,
    /// A transport is being acquired again.
    Waking,
}

/// Why a stream ends that nobody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its transport is gone; the connection is still there.
    Down,
    /// Its connection is gone.
    Gone(Departure),
    /// `BlueZ` is gone.
    Bluez(Failure),
}

impl Service {
    /// A room wants a stream to a speaker, or a person does.
    pub(super) fn open(&mut self, address: Address, by: Opener, answer: SyncSender<Result<Opened, Failure>>) {
        let now = self.clock.now();
        let until = now + OPEN_LIMIT;
        let Some(speaker) = self.speakers.get_mut(&address) else {
            return Waiting::Room(answer, until).disappoint(Failure::Unknown);
        };
        if speaker.playing().is_some_and(Playing::is_alive) {
            return Waiting::Room(answer, until).disappoint(Failure::Busy);
        }
        // It wants sound itself, or a person wants it to have some.
        let shown = speaker.link.transport.as_deref().and_then(|path| self.objects.transports.get(path));
        if by == Opener::Person || shown.is_some_and(|shown| shown.state == TransportState::Pending) {
            speaker.yielded = None;
        }
        if speaker.is_yielded(now) {
            return Waiting::Room(answer, until).disappoint(Failure::HungUp);
        }
        speaker.waiting.push(Waiting::Room(answer, until));
        self.speaker_event(address, Event::Needed);
    }

    /// Acquires transports for rooms that wait and whose speaker is there.
    pub(super) fn serve_rooms(&mut self) {
        for address in self.addresses() {
            let Some(speaker) = self.speakers.get(&address) else { continue };
            let waits = speaker.waiting.iter().any(|waiting| matches!(waiting, Waiting::Room(..)));
            let (adapter, is_free) = (speaker.kept.adapter, matches!(speaker.slot, Slot::Free));
            if !waits || speaker.link.transport.is_none() {
                continue;
            }
            self.end_nudges(adapter);
            if !is_free {
                continue;
            }
            if self.has_room(adapter) {
                self.acquire(address);
            } else if self.is_being_freed(adapter) {
                // It ends this moment; the next look serves who waits.
            } else {
                // Who hears it asks at once who has the adapter, and which connection of the speaker this is.
                self.show_figures();
                if let Some(speaker) = self.speakers.get_mut(&address) {
                    speaker.disappoint(Failure::AdapterBusy);
                }
            }
        }
    }

    fn acquire(&mut self, address: Address) {
        let Some(speaker) = self.speakers.get_mut(&address) else { return };
        let (Some(bluez), Some(path)) = (&self.bluez, speaker.link.transport.clone()) else { return };
        let Some(shown) = self.objects.transports.get(&path) else { return };
        if matches!(speaker.slot, Slot::Free) {
            speaker.slot = Slot::Acquiring;
        }
        let acquire = bluez.acquire(&path, shown.state == TransportState::Pending);
        let (name, up) = (speaker.kept.name.clone(), speaker.up);
        let quiet = up.map_or(Nanos::ZERO, |since| self.quiet(&name) - (self.clock.now() - since));
        let quiet = self.clock.span(quiet.max(Nanos::ZERO));
        self.jobs.push(Box::pin(async move {
            sleep(quiet).await;
            Done::Acquired(address, path, acquire.await)
        }));
    }

    /// How long a speaker of this name is left in peace between connecting and the stream.
    pub(super) fn quiet(&self, name: &str) -> Nanos {
        let needs = self.table.find(name).is_some_and(|model| model.has(Quirk::NeedsSettle));
        if needs { QUIET } else { Nanos::ZERO }
    }

    /// How much is asked of the radio for a speaker: what was set, unless its model is known to break up with that.
    pub(super) fn quality(&self, kept: &Kept) -> Quality {
        if self.breaks_with_xq(kept) { Quality::Standard } else { kept.quality }
    }

    /// Whether a speaker is set to what its model is known to break up with.
    pub(super) fn breaks_with_xq(&self, kept: &Kept) -> bool {
        let breaks = self.table.find(&kept.name).is_some_and(|model| model.has(Quirk::NoXq));
        breaks && kept.quality == Quality::Xq
    }

    /// A transport was acquired, or not.
    pub(super) fn acquired(&mut self, address: Address, path: &str, result: Result<Acquired, Failure>) {
        let transport = self.objects.transports.get(path);
        let config = transport.map_or(Err(Failure::HungUp), |shown| a2dp::validate(&shown.configuration));
        let (table, settings) = (&self.table, &self.settings);
        let at = crate::bluez::adapter_path_of(path).and_then(|adapter| self.objects.adapters.get(&adapter));
        let stamped = at.is_some_and(|adapter| adapter.stamped);
        let Some(speaker) = self.speakers.get_mut(&address) else {
            // Forgotten meanwhile: to remove a device is to release its transport.
            return;
        };
        let current = speaker.link.transport.as_deref() == Some(path);
        let taken = result.is_ok();
        let result = result.and_then(|acquired| {
            let config = config.and_then(|config| if current { Ok(config) } else { Err(Failure::HungUp) })?;
            Ok(Transport { fd: acquired.fd, mtu: acquired.mtu, config, stamped })
        });
        if let Slot::Playing(playing) = &mut speaker.slot {
            let woken = result.and_then(|transport| playing.stream.resume(transport));
            playing.rest = if woken.is_ok() { Rest::None } else { playing.rest };
            if let Err(failure) = woken {
                playing.stream.stop(failure);
            }
            return;
        }
        speaker.slot = Slot::Free;
        match result.and_then(|transport| start(speaker, transport, table, settings)) {
            Ok((feed, playing)) => {
                let (latency, volume) = (playing.watch.clone(), playing.volume.clone());
                speaker.slot = Slot::Playing(Box::new(playing));
                speaker.failure = None;
                speaker.hand_over(Opened { feed, latency, volume });
                info!("{address} ({}) plays", speaker.kept.alias);
            }
            Err(failure) => {
                warn!("{address} ({}): no stream: {failure}", speaker.kept.alias);
                speaker.failure = Some(failure);
                speaker.tally.failed(failure);
                speaker.disappoint(failure);
                if taken && current {
                    self.release(address);
                } else if failure == Failure::StepTimeout {
                    // A call that BlueZ does not answer is ended by ending the connection, never by releasing.
                    self.drop_link(address);
                }
            }
        }
    }

    /// Looks at every stream: what it wants, whether it is over, how late it is.
    pub(super) fn tend_streams(&mut self) {
        let now = self.clock.now();
        for address in self.addresses() {
            let Some(speaker) = self.speakers.get_mut(&address) else { continue };
            let Slot::Playing(playing) = &mut speaker.slot else { continue };
            if playing.stream.has_ended() {
                let counters = playing.stream.counters();
                let failure = playing.stream.is_over().filter(|failure| *failure != Failure::Canceled);
                match failure {
                    Some(failure) => warn!("{address} ({}): the stream ended: {failure}", speaker.kept.alias),
                    None => info!("{address} ({}): the stream ended ({counters:?})", speaker.kept.alias),
                }
                let rest = playing.rest;
                speaker.tally.add(counters);
                speaker.note_end(now, failure);
                // A transport that is just being acquired is never released before that has ended: it is then for the
                // next room, or goes back.
                speaker.slot = if rest == Rest::Waking { Slot::Acquiring } else { Slot::Free };
                let is_left = speaker.kept.mode == Mode::OnDemand && speaker.waiting.is_empty();
                if is_left && speaker.link.transport.is_some() {
                    speaker.link.is_ending(Departure::Local);
                    self.drop_link(address);
                } else if speaker.link.transport.is_some() && rest == Rest::None {
                    self.release(address);
                }
                continue;
            }
            let shown = speaker.link.transport.as_deref().and_then(|path| self.objects.transports.get(path));
            let is_active = shown.is_some_and(|shown| shown.state == TransportState::Active);
            playing.was_active = playing.rest == Rest::None && (playing.was_active || is_active);
            if playing.was_active && !is_active && shown.is_some() {
                // The speaker has paused it: a button, a call. What is sent goes nowhere from here on.
                playing.stream.stop(Failure::HungUp);
                speaker.yield_it(now);
                continue;
            }
            let report = speaker.link.transport.as_deref().and_then(|path| self.objects.transports.get(path)?.delay);
            let report = report.map(tenths).filter(|report| *report > Nanos::ZERO);
            playing.model.handle_report(report);
            let counters = playing.stream.counters();
            playing.model.handle_queue(now, counters.queue);
            playing.model.handle_completion(now, counters.link);
            let latency = playing.model.latency();
            playing.watch.take(&latency);
            let configuration = playing.stream.config().to_bytes();
            if let Some(report) = report {
                speaker.tally.reports(report);
            }
            if let Some(report) = report
                && speaker.kept.keep_report(configuration, report)
            {
                info!("{address} ({}) reports a delay of {report}", speaker.kept.alias);
                self.unsaved = true;
            }
            self.tend_volume(address);
            self.grant(address);
        }
    }

    /// Has the speaker follow the room's volume, or the room the speaker's.
    fn tend_volume(&mut self, address: Address) {
        let now = self.clock.now();
        let Some(speaker) = self.speakers.get_mut(&address) else { return };
        let Slot::Playing(playing) = &mut speaker.slot else { return };
        let model = self.table.find(&speaker.kept.name);
        let transport = speaker.link.transport.as_deref();
        let seen = volume::Seen {
            transport,
            shown: transport.and_then(|path| self.objects.transports.get(path)?.volume).map(volume::Absolute::new),
            wanted: playing.volume.wanted(),
            mode: speaker.kept.volume,
            is_known_not_to_follow: model.is_some_and(|model| model.has(Quirk::NoAbsoluteVolume)),
        };
        let ask = playing.control.poll(now, &seen);
        if let (Some(value), Some(bluez), Some(transport)) = (ask, &self.bluez, transport) {
            debug!("{address}: asked for a volume of {} of 127", value.value());
            let set = bluez.set_volume(transport, value.value());
            self.jobs.push(Box::pin(async move { Done::Loudened(address, set.await) }));
        }
        if let Some(turn) = playing.control.take_turn() {
            debug!("{address}: turned by hand: {turn:?}");
            playing.volume.turn(turn);
        }
        let (before, after) = (playing.volume.obstacle(), playing.control.standing());
        playing.volume.publish(after);
        match after.err() {
            None if before.is_some() => info!("{address} ({}): its own volume is the room's", speaker.kept.alias),
            Some(Obstacle::Refused) if before != Some(Obstacle::Refused) => {
                warn!("{address} ({}): {}; samples are scaled", speaker.kept.alias, Obstacle::Refused.description());
            }
            _ => {}
        }
    }

    /// `BlueZ` has passed on what volume a speaker was asked for, or not.
    pub(super) fn loudened(&mut self, address: Address, result: Result<(), Failure>) {
        let playing = self.speakers.get_mut(&address).map(|speaker| &mut speaker.slot);
        if let Some(Slot::Playing(playing)) = playing {
            playing.control.answered(result);
        }
    }

    /// Does what a stream that is or was silent wants.
    fn grant(&mut self, address: Address) {
        let device = self.device_of(address);
        let Some(speaker) = self.speakers.get_mut(&address) else { return };
        let Slot::Playing(playing) = &mut speaker.slot else { return };
        let Some(bluez) = &self.bluez else { return };
        match (playing.stream.wish(), playing.rest) {
            (Wish::Suspend, Rest::None) => {
                debug!("{address}: silent for long; suspended");
                playing.rest = Rest::Resting;
                if let Some(path) = speaker.link.transport.clone() {
                    let release = bluez.release(&path);
                    self.jobs.push(Box::pin(async move {
                        let _ = release.await;
                        Done::Nothing
                    }));
                }
            }
            (Wish::Disconnect, Rest::None) => {
                debug!("{address}: silent for long; disconnected");
                playing.rest = Rest::Resting;
                speaker.link.is_ending(Departure::Local);
                if let Some(device) = device {
                    let disconnect = bluez.disconnect(&device);
                    self.jobs.push(Box::pin(async move {
                        let _ = disconnect.await;
                        Done::Nothing
                    }));
                }
            }
            (Wish::Resume, Rest::Resting) if speaker.link.transport.is_some() => {
                (playing.rest, playing.waking_since) = (Rest::Waking, None);
                self.acquire(address);
            }
            (Wish::Resume, Rest::Resting) => {
                let now = self.clock.now();
                if now - *playing.waking_since.get_or_insert(now) > OPEN_LIMIT {
                    // It has left meanwhile: another output is to have its turn.
                    playing.stream.stop(Failure::HungUp);
                    return;
                }
                self.speaker_event(address, Event::Needed);
            }
            (Wish::None, _) => playing.waking_since = None,
            _ => {}
        }
    }

    /// Gives a transport back.
    fn release(&mut self, address: Address) {
        let Some(speaker) = self.speakers.get_mut(&address) else { return };
        let (Some(bluez), Some(path)) = (&self.bluez, &speaker.link.transport) else { return };
        speaker.slot = Slot::Releasing;
        let release = bluez.release(path);
        self.jobs.push(Box::pin(async move {
            let _ = release.await;
            Done::Released(address)
        }));
    }

    fn drop_link(&mut self, address: Address) {
        let device = self.device_of(address);
        let (Some(bluez), Some(device)) = (&self.bluez, device) else { return };
        let disconnect = bluez.disconnect(&device);
        self.jobs.push(Box::pin(async move {
            let _ = disconnect.await;
            Done::Nothing
        }));
    }

    /// Whether any stream is to be looked at.
    pub(super) fn plays(&self) -> bool {
        self.speakers.values().any(|speaker| speaker.playing().is_some())
    }
}

impl Speaker {
    /// Its transport or its connection is gone.
    pub(super) fn end_stream(&mut self, ending: Ending) {
        match &mut self.slot {
            // It is disconnected because it rests, and wakes by being connected again.
            Slot::Playing(playing) if playing.rest == Rest::Resting && !matches!(ending, Ending::Bluez(_)) => {
                // Whoever has it meanwhile may leave it loud.
                playing.control = volume::Control::default();
                playing.volume.publish(playing.control.standing());
            }
            Slot::Playing(playing) => playing.stream.stop(match ending {
                Ending::Gone(Departure::LinkLost) => Failure::LinkLost,
                Ending::Gone(Departure::Local) => Failure::Canceled,
                Ending::Bluez(failure) => failure,
                Ending::Down | Ending::Gone(_) => Failure::HungUp,
            }),
            Slot::Releasing => self.slot = Slot::Free,
            Slot::Free | Slot::Acquiring | Slot::Nudging(_) => {}
        }
    }

    /// The trim has changed.
    pub(super) fn set_trim(&mut self) {
        let trim = self.kept.trim();
        if let Slot::Playing(playing) = &mut self.slot {
            playing.model.set_trim(trim);
        }
    }

    /// Gives the stream to the first room that still waits. Where none does, the feed is dropped here, and the stream ends.
    fn hand_over(&mut self, opened: Opened) {
        let mut opened = Some(opened);
        self.waiting.retain_mut(|waiting| match (waiting, opened.take()) {
            (Waiting::Room(answer, _), Some(stream)) => {
                if let Err(refused) = answer.try_send(Ok(stream)) {
                    opened = match refused {
                        std::sync::mpsc::TrySendError::Full(stream)
                        | std::sync::mpsc::TrySendError::Disconnected(stream) => stream.ok(),
                    };
                }
                false
            }
            (Waiting::Room(answer, _), None) => {
                let _ = answer.try_send(Err(Failure::Busy));
                false
            }
            (Waiting::Person(_), stream) => {
                opened = stream;
                true
            }
        });
    }
}

impl Playing {
    /// Whether a room still plays on it.
    fn is_alive(&self) -> bool {
        !self.stream.has_ended() && self.stream.is_over().is_none()
    }
}

/// Begins a stream on a transport.
fn start(
    speaker: &Speaker,
    transport: Transport,
    table: &crate::speakers::Table,
    settings: &Settings,
) -> Result<(Feed, Playing), Failure> {
    let config = transport.config;
    let (idle, idle_after, before) = (speaker.kept.idle, settings.idle_after, settings.before);
    let options = Options { idle, idle_after, before, ..Options::default() };
    let (feed, stream) = a2dp::start(transport, options).map_err(|error| {
        warn!("{}: {error}", speaker.kept.address);
        Failure::AcquireFailed
    })?;
    let mut model = LatencyModel::new(&config, stream.packet_duration());
    let prior = table.find(&speaker.kept.name).and_then(|model| model.latency);
    model.set_prior(prior.map(|prior| Prior { value: prior.value, uncertainty: prior.uncertainty }));
    let report = speaker.kept.report(config.to_bytes());
    model.set_remembered(Remembered { report, trim: speaker.kept.trim() });
    let latency = model.latency();
    let watch = LatencyWatch::new(latency.total);
    watch.take(&latency);
    let (control, volume) = (volume::Control::default(), SpeakerVolume::default());
    let rest = Rest::None;
    Ok((feed, Playing { stream, model, watch, control, volume, rest, was_active: false, waking_since: None }))
}

/// From the unit of AVDTP.
fn tenths(report: u16) -> Nanos {
    Nanos::from_micros(i64::from(report) * 100)
}

/// What speakers want that drop a stream which comes too early.
const QUIET: Nanos = Nanos::from_secs(3);
/// How long a room waits.
const OPEN_LIMIT: Nanos = Nanos::from_millis(11_500);
