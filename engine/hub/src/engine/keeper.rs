//! Keeps what is to survive a restart, on a thread of its own: a slow disk delays nothing else.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
};

use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use unisono_household::{
    Error,
    session_store::{Outlast, SessionStore},
};

use super::unix_now;
use crate::house::Snapshot;

/// What is kept, and when that was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) at_unix: u64,
    pub(super) snapshot: Snapshot,
}

/// The engine's end.
pub(super) struct Keeper {
    snapshots: Option<SyncSender<(Kept, Outlast)>>,
    thread: Option<JoinHandle<()>>,
    last: Snapshot,
    /// Whether the last could not be saved.
    failed: Arc<AtomicBool>,
}

impl Keeper {
    /// Opens what was kept. What cannot be read is put aside and said.
    pub(super) fn open(folder: &Path) -> Result<(Self, Option<Kept>), Error> {
        let mut store = SessionStore::open(folder)?;
        for path in store.damaged() {
            warn!(
                "{} is damaged; volumes and what plays are as an older copy has them, if there is one",
                path.display()
            );
        }
        let kept = store.get(KEY).and_then(|bytes| {
            let read = postcard::from_bytes::<Kept>(bytes);
            read.inspect_err(|error| warn!("volumes and what plays begin anew: what was kept cannot be read ({error})"))
                .ok()
        });
        let failed = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&failed);
        let (snapshots, received) = mpsc::sync_channel::<(Kept, Outlast)>(4);
        let save = move || {
            for (kept, outlast) in received {
                let bytes = postcard::to_allocvec(&kept).expect("a snapshot has no failing serializer");
                let saved = store.put(KEY, bytes).and_then(|()| store.save(outlast));
                // Said once, until it works again.
                if let Err(error) = &saved
                    && !failing.load(Relaxed)
                {
                    error!("volumes and what plays are not saved: {error}; trying again");
                }
                failing.store(saved.is_err(), Relaxed);
            }
        };
        let thread = thread::Builder::new().name("keeper".into()).spawn(save);
        let thread = thread.inspect_err(|error| error!("volumes and what plays will not be saved: {error}")).ok();
        Ok((Self { snapshots: Some(snapshots), thread, last: Snapshot::default(), failed }, kept))
    }

    /// Whether the last could not be saved.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    /// Keeps a snapshot if it differs from the last. One that a person has brought about outlasts a power cut; where
    /// the music stands outlasts a crash. While the disk is busy it is left for the next time.
    pub(super) fn keep(&mut self, snapshot: Snapshot, by_a_person: bool) {
        let failed = self.failed.load(Relaxed);
        if snapshot == self.last && !failed {
            return;
        }
        let outlast = if by_a_person || failed { Outlast::PowerLoss } else { Outlast::Crash };
        let kept = Kept { at_unix: unix_now(), snapshot };
        let sent = self.snapshots.as_ref().is_some_and(|to| to.try_send((kept.clone(), outlast)).is_ok());
        if sent {
            self.last = kept.snapshot;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.snapshots = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

const KEY: &str = "session";
