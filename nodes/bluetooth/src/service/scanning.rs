//! A person looks for speakers.

use std::time::Duration;

use tokio::sync::mpsc::Sender;
use unisono_core::time::Nanos;

use super::{
    ScanEvent,
    pairing::DISCOVERY_LIMIT,
    run::{Done, Service},
};
use crate::{
    Failure,
    bluez::Looking,
    pairing::{Sight, scan::Scan},
};

/// A scan that goes on.
pub(super) struct Scanning {
    pub(super) scan: Scan,
    events: Sender<ScanEvent>,
}

impl Service {
    /// Begins a scan on every adapter that can be used.
    pub(super) fn scan(&mut self, span: Duration, events: Sender<ScanEvent>) {
        if let Err(failure) = self.choose_adapter(None) {
            let _ = events.try_send(ScanEvent::Over(Some(failure)));
            return;
        }
        if !self.pairing.machine.state().is_over() {
            let _ = events.try_send(ScanEvent::Over(Some(Failure::InProgress)));
            return;
        }
        let remembered = self.speakers.values().map(|speaker| (speaker.kept.address, speaker.kept.name.clone()));
        let scan = Scan::new(self.clock.now(), Nanos::from(span), remembered, &self.table);
        let mut scanning = Scanning { scan, events };
        for found in scanning.scan.list() {
            let _ = scanning.events.try_send(ScanEvent::Found(found));
        }
        for device in self.objects.devices.values() {
            scanning.see(&device.sight, &self.table);
        }
        self.scans.push(scanning);
        if self.scans.len() == 1 {
            for adapter in self.usable_adapters() {
                self.start_discovery(&adapter, Looking::All);
            }
        }
    }

    /// A device was seen, or what is known of it has changed.
    pub(super) fn scans_see(&mut self, sight: &Sight) {
        for scanning in &mut self.scans {
            scanning.see(sight, &self.table);
        }
    }

    /// Ends the scans that are over, or that nobody watches.
    pub(super) fn tend_scans(&mut self) {
        let now = self.clock.now();
        let before = self.scans.len();
        self.scans.retain(|scanning| {
            let over = now >= scanning.scan.ends_at();
            if over {
                let _ = scanning.events.try_send(ScanEvent::Over(scanning.scan.verdict()));
            }
            !over && !scanning.events.is_closed()
        });
        if before > 0 && self.scans.is_empty() {
            for adapter in self.usable_adapters() {
                self.stop_discovery(&adapter);
            }
        }
    }

    /// Ends every scan, at once.
    pub(super) fn end_scans(&mut self, why: Option<Failure>) {
        if !self.scans.is_empty() {
            // The adapter of a pairing is stopped by that, which waits for it.
            let own = self.pairing.adapter().map(ToOwned::to_owned);
            for adapter in self.usable_adapters().into_iter().filter(|adapter| Some(adapter) != own.as_ref()) {
                self.stop_discovery(&adapter);
            }
        }
        for scanning in self.scans.drain(..) {
            let verdict = why.or_else(|| scanning.scan.verdict());
            let _ = scanning.events.try_send(ScanEvent::Over(verdict));
        }
    }

    /// When no scan goes on any more: [`Self::end_scans`] with a failure of the discovery.
    pub(super) fn discovery_started(&mut self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.end_scans(Some(failure));
        }
    }

    fn usable_adapters(&self) -> Vec<String> {
        self.objects.adapters.keys().filter(|path| self.usable(path) == Some(Ok(()))).cloned().collect()
    }

    fn start_discovery(&mut self, adapter: &str, what: Looking) {
        if let Some(bluez) = &self.bluez {
            let start = bluez.start_discovery(adapter, what, self.clock.span(DISCOVERY_LIMIT));
            self.jobs.push(Box::pin(async move { Done::DiscoveryStarted(start.await) }));
        }
    }

    fn stop_discovery(&mut self, adapter: &str) {
        if let Some(bluez) = &self.bluez {
            let stop = bluez.stop_discovery(adapter, self.clock.span(DISCOVERY_LIMIT));
            self.jobs.push(Box::pin(async move {
                let _ = stop.await;
                Done::Nothing
            }));
        }
    }
}

impl Scanning {
    /// A slow reader misses what is shown again at the next change.
    fn see(&mut self, sight: &Sight, table: &crate::speakers::Table) {
        if let Some(found) = self.scan.handle_sight(sight, table) {
            let _ = self.events.try_send(ScanEvent::Found(found));
        }
    }
}
