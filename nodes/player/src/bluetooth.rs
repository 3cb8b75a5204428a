//! The node's Bluetooth, which begins when somebody wants it: a node that has no speaker and is asked for none leaves the
//! adapters of its machine alone.

use std::{num::NonZeroUsize, path::PathBuf, sync::OnceLock};

use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tracing::warn;
use unisono_bluetooth::service::{Bluetooth, Settings, SpeakerFigures};

use crate::realtime;

/// Where the service keeps its speakers, in the state folder.
const SPEAKERS: &str = "bluetooth.toml";

/// What a node may do with speakers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BluetoothSettings {
    /// A speaker table of one's own; it goes before the built-in one.
    pub speakers: Option<PathBuf>,
    /// Streams that one adapter may carry at once, from 1. Two are too much for most.
    pub streams_per_adapter: NonZeroUsize,
}

impl Default for BluetoothSettings {
    fn default() -> Self {
        Self { speakers: None, streams_per_adapter: NonZeroUsize::MIN }
    }
}

/// A node's Bluetooth, wanted or not.
#[derive(Debug)]
pub(crate) struct Lazy {
    folder: PathBuf,
    settings: BluetoothSettings,
    service: OnceLock<(Bluetooth, Option<Runtime>)>,
}

impl Lazy {
    /// Begins at once where speakers are remembered. To be called within a tokio runtime.
    pub(crate) fn new(folder: PathBuf, settings: BluetoothSettings) -> Self {
        let lazy = Self { folder, settings, service: OnceLock::new() };
        if lazy.folder.join(SPEAKERS).exists() {
            lazy.handle();
        }
        lazy
    }

    /// The way to it, from any thread.
    pub(crate) fn handle(&self) -> &Bluetooth {
        &self.service.get_or_init(|| self.start()).0
    }

    /// What has been counted of the speakers; nothing while it has not begun, which this does not change.
    pub(crate) fn figures(&self) -> Vec<SpeakerFigures> {
        self.service.get().map(|(service, _)| service.figures()).unwrap_or_default()
    }

    /// On a thread of its own: the node's is the one that carries the sound, and is not to wait for what is written here.
    fn start(&self) -> (Bluetooth, Option<Runtime>) {
        let BluetoothSettings { speakers, streams_per_adapter } = self.settings.clone();
        let usual = Settings::new(self.folder.clone());
        let streams_per_adapter = streams_per_adapter.get();
        let settings = Settings { table: speakers, streams_per_adapter, before: realtime::begin, ..usual };
        let own = Builder::new_multi_thread().worker_threads(1).thread_name("bluez").enable_all().build();
        let own = own.inspect_err(|error| warn!("no thread for Bluetooth: {error}; the node's own has to do")).ok();
        let _within = own.as_ref().map(Runtime::enter);
        (Bluetooth::start(settings), own)
    }
}

impl Drop for Lazy {
    fn drop(&mut self) {
        // Within another runtime nothing may be waited for; what is kept has been written.
        if let Some(own) = self.service.take().and_then(|(_, own)| own) {
            own.shutdown_background();
        }
    }
}
