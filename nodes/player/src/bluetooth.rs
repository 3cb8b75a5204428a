//! The node's Bluetooth, which begins when somebody wants it: a node that has no speaker and is asked for none leaves the
//! adapters of its machine alone.

use std::{path::PathBuf, sync::OnceLock};

use tokio::runtime::Handle;
use unisono_bluetooth::service::{Bluetooth, Settings};

use crate::realtime;

/// Where the service keeps its speakers, in the state folder.
const SPEAKERS: &str = "bluetooth.toml";

/// A node's Bluetooth, wanted or not.
#[derive(Debug)]
pub(crate) struct Lazy {
    folder: PathBuf,
    runtime: Handle,
    service: OnceLock<Bluetooth>,
}

impl Lazy {
    /// Begins at once where speakers are remembered. To be called within a tokio runtime.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let lazy = Self { folder, runtime: Handle::current(), service: OnceLock::new() };
        if lazy.folder.join(SPEAKERS).exists() {
            lazy.handle();
        }
        lazy
    }

    /// The way to it, from any thread.
    pub(crate) fn handle(&self) -> &Bluetooth {
        self.service.get_or_init(|| {
            let _within = self.runtime.enter();
            Bluetooth::start(Settings { before: realtime::begin, ..Settings::new(self.folder.clone()) })
        })
    }
}
