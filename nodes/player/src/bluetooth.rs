//! The node's Bluetooth, which begins when somebody wants it: a node that has no speaker and is asked for none leaves the
//! adapters of its machine alone.

use std::{num::NonZeroUsize, path::PathBuf, sync::OnceLock};

use serde::Deserialize;
use tokio::runtime::Handle;
use unisono_bluetooth::service::{Bluetooth, Settings};

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
    runtime: Handle,
    service: OnceLock<Bluetooth>,
}

impl Lazy {
    /// Begins at once where speakers are remembered. To be called within a tokio runtime.
    pub(crate) fn new(folder: PathBuf, settings: BluetoothSettings) -> Self {
        let lazy = Self { folder, settings, runtime: Handle::current(), service: OnceLock::new() };
        if lazy.folder.join(SPEAKERS).exists() {
            lazy.handle();
        }
        lazy
    }

    /// The way to it, from any thread.
    pub(crate) fn handle(&self) -> &Bluetooth {
        self.service.get_or_init(|| {
            let _within = self.runtime.enter();
            let BluetoothSettings { speakers, streams_per_adapter } = self.settings.clone();
            let usual = Settings::new(self.folder.clone());
            Bluetooth::start(Settings {
                table: speakers,
                streams_per_adapter: streams_per_adapter.get(),
                before: realtime::begin,
                ..usual
            })
        })
    }
}
