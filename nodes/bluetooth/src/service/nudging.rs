//! A connected speaker that nobody plays on is kept awake: without a stream it would switch off after some minutes, and
//! not be there for the room that falls back to it. It hears now and then what a silent stream would have it hear. That
//! may take it from a phone, which nobody can see from here: so it is done to a speaker that is ours alone.

use tokio::{select, sync::oneshot};
use tracing::debug;
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::{
    chime,
    run::{Done, Service},
    speaker::{Slot, Speaker},
};
use crate::{
    Address, Failure,
    a2dp::{self, IdleMode, Options, Transport},
    bluez::TransportState,
    reconnect::Mode,
};

impl Service {
    /// Lets those speakers hear something that are due.
    pub(super) fn tend_sleepers(&mut self) {
        let now = self.clock.now();
        for address in self.addresses() {
            let Some(speaker) = self.speakers.get_mut(&address) else { continue };
            if speaker.paused {
                // A scan or a pairing has the radio.
                speaker.end_nudge();
            }
            let due = self.speakers.get(&address).and_then(|speaker| self.nudge_at(speaker));
            if due.is_some_and(|due| now >= due) {
                self.nudge(address);
            }
        }
    }

    /// When the next speaker is due.
    pub(super) fn next_nudge(&self) -> Option<Timestamp<NodeClock>> {
        self.speakers.values().filter_map(|speaker| self.nudge_at(speaker)).min()
    }

    /// Somebody wants an adapter for a stream.
    pub(super) fn end_nudges(&mut self, adapter: Address) {
        let speakers = self.speakers.values_mut().filter(|speaker| speaker.kept.adapter == adapter);
        speakers.for_each(Speaker::end_nudge);
    }

    /// A speaker has heard something, or not.
    pub(super) fn nudged(&mut self, address: Address) {
        let now = self.clock.now();
        if let Some(speaker) = self.speakers.get_mut(&address)
            && matches!(speaker.slot, Slot::Nudging(_))
        {
            (speaker.slot, speaker.nudged) = (Slot::Free, Some(now));
        }
    }

    /// When a speaker is to hear something, as things stand.
    fn nudge_at(&self, speaker: &Speaker) -> Option<Timestamp<NodeClock>> {
        let is_kept = matches!(speaker.kept.idle, IdleMode::StayAwake(_)) && speaker.kept.mode == Mode::Exclusive;
        let is_idle = matches!(speaker.slot, Slot::Free) && speaker.waiting.is_empty() && !speaker.paused;
        let adapter = speaker.kept.adapter;
        let is_there = speaker.link.transport.is_some() && self.usable_at(adapter) == Some(Ok(()));
        if !(is_kept && is_idle && is_there && self.has_room(adapter)) {
            return None;
        }
        let due = speaker.nudged.max(speaker.up)? + NUDGE;
        // Somebody else may have it until then.
        Some(speaker.yielded.map_or(due, |yielded| due.max(yielded.until)))
    }

    fn nudge(&mut self, address: Address) {
        let now = self.clock.now();
        let Some(speaker) = self.speakers.get_mut(&address) else { return };
        // Whatever comes of it, the next is due later.
        speaker.nudged = Some(now);
        let IdleMode::StayAwake(awake) = speaker.kept.idle else { return };
        let (Some(bluez), Some(path)) = (&self.bluez, speaker.link.transport.clone()) else { return };
        let Some(shown) = self.objects.transports.get(&path) else { return };
        let config = a2dp::validate(&shown.configuration);
        let acquire = bluez.acquire(&path, shown.state == TransportState::Pending);
        let release = bluez.release(&path);
        let before = self.settings.before;
        let (stop, stopped) = oneshot::channel::<()>();
        speaker.slot = Slot::Nudging(Some(stop));
        self.jobs.push(Box::pin(async move {
            // Waited for in any case: a transport that is being acquired is not to be released.
            let acquired = acquire.await;
            let taken = acquired.is_ok();
            let heard = async {
                let (acquired, config) = (acquired?, config?);
                let options = Options { idle: IdleMode::Suspend, before, ..Options::default() };
                let transport = Transport { fd: acquired.fd, mtu: acquired.mtu, config, stamped: false };
                let (feed, stream) = a2dp::start(transport, options).map_err(|_| Failure::AcquireFailed)?;
                chime::hum(feed, stream, awake).await
            };
            select! {
                result = heard => debug!("{address}: kept awake: {result:?}"),
                _ = stopped => debug!("{address}: kept awake no longer: somebody wants the radio"),
            }
            if taken {
                let _ = release.await;
            }
            Done::Nudged(address)
        }));
    }
}

impl Speaker {
    /// It has heard enough; its transport is free a moment later.
    pub(super) fn end_nudge(&mut self) {
        if let Slot::Nudging(stop) = &mut self.slot {
            *stop = None;
        }
    }
}

/// Speakers switch themselves off after 3 minutes at the earliest.
const NUDGE: Nanos = Nanos::from_secs(100);
