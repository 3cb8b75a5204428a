//! What the doctor is told.

use std::process::{Command, Stdio};

use tokio::sync::oneshot;

use super::{
    run::{Done, Service},
    speaker::Slot,
};
use crate::{
    Address,
    bluez::adapter_name,
    doctor::{AdapterFacts, Facts, StreamFacts, Version, read_link},
};

impl Service {
    /// Gathers what there is to know. Files and links are read on a thread of their own.
    pub(super) fn facts(&self, answer: oneshot::Sender<Facts>) {
        let bluez = self.trouble.map_or(Ok(()), Err);
        let adapters: Vec<_> = self.objects.adapters.keys().map(|path| self.adapter_facts(path)).collect();
        let streams = self.speakers.values().filter_map(|speaker| {
            let counters = speaker.playing()?.stream.counters();
            Some(StreamFacts { address: speaker.kept.address, packets: counters.packets, dropped: counters.dropped })
        });
        let streams: Vec<_> = streams.collect();
        let links = self.speakers.values().filter(|speaker| speaker.link.is_connected()).filter_map(|speaker| {
            let (path, _) = self.objects.adapter_of(speaker.kept.adapter)?;
            Some((adapter_name(path)?.strip_prefix("hci")?.parse().ok()?, speaker.kept.address))
        });
        let links: Vec<(u16, Address)> = links.collect();
        let programs = self.bluez.as_ref().map(crate::bluez::Bluez::programs);
        self.jobs.push(Box::pin(async move {
            let on_the_bus = match programs {
                Some(look) => look.await.unwrap_or_default(),
                None => Default::default(),
            };
            let gathered = tokio::task::spawn_blocking(move || {
                let mut facts = Facts::gather();
                facts.bluez_version = version();
                facts.links = Some(links.into_iter().filter_map(|(hci, at)| read_link(hci, at).ok()).collect());
                facts
            });
            let mut facts = gathered.await.unwrap_or_default();
            facts.bluez = Some(bluez);
            facts.streams = Some(streams);
            on_the_bus.note(&mut facts);
            for adapter in adapters {
                join(&mut facts, adapter);
            }
            let _ = answer.send(facts);
            Done::Nothing
        }));
    }

    /// What `BlueZ` says of an adapter.
    fn adapter_facts(&self, path: &str) -> AdapterFacts {
        let name = adapter_name(path).unwrap_or_default().to_owned();
        let (Some(adapter), Some(state)) = (self.objects.adapters.get(path), self.adapters.get(path)) else {
            return AdapterFacts { name, ..AdapterFacts::default() };
        };
        let playing = self.speakers.values().filter(|speaker| {
            Some(speaker.kept.adapter) == adapter.address && matches!(speaker.slot, Slot::Playing(_))
        });
        AdapterFacts {
            name,
            address: adapter.address,
            powered: Some(adapter.powered),
            discovering: Some(adapter.discovering),
            services_of_others: Some(adapter.services_of_others(state.endpoints > 0)),
            streams: u32::try_from(playing.count()).ok(),
            ..AdapterFacts::default()
        }
    }
}

/// Adds what `BlueZ` says of an adapter to what its files say.
fn join(facts: &mut Facts, said: AdapterFacts) {
    let adapters = facts.adapters.get_or_insert_default();
    match adapters.iter_mut().find(|adapter| adapter.name == said.name) {
        Some(adapter) => {
            *adapter = AdapterFacts {
                driver: adapter.driver.take(),
                usb: adapter.usb,
                soft_blocked: adapter.soft_blocked,
                hard_blocked: adapter.hard_blocked,
                ..said
            };
        }
        None => adapters.push(said),
    }
}

/// The version of `BlueZ`. It does not say on the bus; its programs do.
fn version() -> Option<Version> {
    PROGRAMS.iter().find_map(|program| {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
        // "bluetoothctl: 5.66", or only the number.
        String::from_utf8(output.stdout).ok()?.split_whitespace().last()?.parse().ok()
    })
}

/// The daemon where distributions put it, then the tool beside it.
const PROGRAMS: [&str; 3] = ["/usr/libexec/bluetooth/bluetoothd", "/usr/lib/bluetooth/bluetoothd", "bluetoothctl"];
