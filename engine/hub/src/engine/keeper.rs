//! Keeps what is to survive a restart, on a thread of its own: a slow disk delays nothing else.
//!
//! | file | key | value (postcard) | written |
//! |---|---|---|---|
//! | `session.state` | `session` | [`Kept`], as every version reads it | every few seconds while something plays |
//! | `session.state` | `places` | which entry of its queue each group plays | with that |
//! | `queues.state` | a group's id | its [queue](crate::house::SavedQueue) | when it changes |
//!
//! The queues go first: what plays is always in one that was kept.

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
use crate::{
    house::{Entry, GroupId, Order, Repeat, SavedQueue, Snapshot},
    metrics::StateWrites,
};

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
    pub(super) fn open(folder: &Path, writes: StateWrites) -> Result<(Self, Option<Kept>), Error> {
        let mut store = SessionStore::open(folder)?;
        let mut queues = SessionStore::open_queues(folder)?;
        for path in store.damaged().iter().chain(queues.damaged()) {
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
        let kept = kept.map(|mut kept| {
            kept.snapshot.places =
                store.get(PLACES).and_then(|bytes| postcard::from_bytes(bytes).ok()).unwrap_or_default();
            kept.snapshot.queues = read_queues(&queues);
            kept
        });
        let failed = Arc::new(AtomicBool::new(false));
        let failing = Arc::clone(&failed);
        let (snapshots, received) = mpsc::sync_channel::<(Kept, Outlast)>(4);
        let save = move || {
            let mut on_disk = None;
            for (kept, outlast) in received {
                let are_new = on_disk.as_ref() != Some(&kept.snapshot.queues);
                let saved = if are_new { save_queues(&mut queues, &kept.snapshot.queues, outlast) } else { Ok(()) };
                on_disk = saved.is_ok().then(|| kept.snapshot.queues.clone());
                let saved = saved.and_then(|()| {
                    store.put(PLACES, bytes(&kept.snapshot.places))?;
                    store.put(KEY, bytes(&kept))?;
                    store.save(outlast)
                });
                // Said once, until it works again.
                if let Err(error) = &saved
                    && !failing.load(Relaxed)
                {
                    error!("volumes and what plays are not saved: {error}; trying again");
                }
                match &saved {
                    Ok(()) => writes.written(),
                    Err(_) => writes.failed(),
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

/// A queue on disk.
#[derive(Serialize)]
struct QueueOut<'a> {
    entries: Vec<&'a Entry>,
    repeat: Repeat,
    order: &'a Option<Order>,
    next_id: u64,
    version: u64,
}

/// The same, as it is read.
#[derive(Deserialize)]
struct QueueIn {
    entries: Vec<Entry>,
    repeat: Repeat,
    order: Option<Order>,
    next_id: u64,
    version: u64,
}

/// Queues that cannot be read are none.
fn read_queues(store: &SessionStore) -> Vec<(GroupId, SavedQueue)> {
    let read = |(key, bytes): (&str, &[u8])| {
        let QueueIn { entries, repeat, order, next_id, version } = postcard::from_bytes(bytes).ok()?;
        let entries = entries.into_iter().map(Arc::new).collect();
        Some((key.parse().ok()?, SavedQueue { entries, repeat, order, next_id, version }))
    };
    store.values().filter_map(read).collect()
}

/// Writes the queues that have changed, if any has.
fn save_queues(store: &mut SessionStore, queues: &[(GroupId, SavedQueue)], outlast: Outlast) -> Result<(), Error> {
    let gone: Vec<String> = store.values().map(|(key, _)| key.to_owned()).collect();
    for key in gone.iter().filter(|key| !queues.iter().any(|(group, _)| group.to_string() == **key)) {
        store.remove(key);
    }
    for (group, SavedQueue { entries, repeat, order, next_id, version }) in queues {
        let entries = entries.iter().map(|entry| &**entry).collect();
        let queue = QueueOut { entries, repeat: *repeat, order, next_id: *next_id, version: *version };
        store.put(&group.to_string(), bytes(&queue))?;
    }
    store.save(outlast)
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("nothing that is kept has a failing serializer")
}

const KEY: &str = "session";
const PLACES: &str = "places";
