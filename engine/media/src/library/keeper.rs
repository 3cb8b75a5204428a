//! The thread that keeps a library: it scans at the start, when something in the folders changes, and when it is asked.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use notify::{Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::AccessKind};
use tracing::{info, warn};
use unisono_core::words::count;

use super::{
    Shared,
    catalogue::{Catalogue, Problem},
    index::Index,
    scan::{self, Outcome},
};

/// What the thread is told.
pub(super) enum Order {
    /// Look through everything.
    Scan,
    /// Something in the folders is another way.
    Changed,
    Stop,
}

/// After a change it is quiet for so long before anything is looked at: a copy has many changes.
const QUIET: Duration = Duration::from_millis(500);

/// But no longer than this is waited, however many changes come.
const BUSY: Duration = Duration::from_secs(10);

/// While a folder is not there it is looked for so often.
const MISSING: Duration = Duration::from_secs(10);

/// Folders on the network say nothing of what others change in them, so all are looked through so often.
const ANYWAY: Duration = Duration::from_secs(30 * 60);

/// What was found so far is shown so often while a scan goes on.
const SHOW: Duration = Duration::from_secs(2);

pub(super) struct Keeper {
    shared: Arc<Shared>,
    index: Index,
    file: PathBuf,
    orders: Receiver<Order>,
    watcher: Option<RecommendedWatcher>,
    /// Folders whose changes are told.
    watched: Vec<PathBuf>,
    last: Outcome,
}

impl Keeper {
    /// Takes up what was kept on disk, and shows it.
    pub(super) fn new(shared: Arc<Shared>, state: &Path, orders: Receiver<Order>, order: Sender<Order>) -> Self {
        let file = state.join("library.index");
        let index = match Index::load(&file) {
            Ok(index) => index.unwrap_or_default(),
            Err(error) => {
                warn!("{} cannot be used ({error}); the library is read anew", file.display());
                Index::default()
            }
        };
        let mut index = index;
        index.folders.retain(|folder, _| shared.folders.contains(&folder.path()));
        shared.publish(Catalogue::new(&index, &[]));
        let watcher = watcher(order).inspect_err(|error| {
            warn!("changes in the library's folders are not noticed by themselves ({error}); have it scanned");
        });
        let watcher = watcher.ok();
        Self { shared, index, file, orders, watcher, watched: Vec::new(), last: Outcome::default() }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            self.watch();
            self.scan();
            if !self.wait() {
                return;
            }
        }
    }

    /// Has the system say what changes in the folders; before they are scanned, so that nothing is missed.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let missing = &self.last.missing;
        self.watched.retain(|folder| !missing.contains(folder));
        for folder in &self.shared.folders {
            if self.watched.contains(folder) || !folder.is_dir() {
                continue;
            }
            // One that has gone and come back is another one.
            let _ = watcher.unwatch(folder);
            match watcher.watch(folder, RecursiveMode::Recursive) {
                Ok(()) => self.watched.push(folder.clone()),
                Err(error) => warn!("changes in {} are not noticed by themselves ({error})", folder.display()),
            }
        }
    }

    fn scan(&mut self) {
        let begun = Instant::now();
        let progress = Progress { shared: &self.shared, shown: std::cell::Cell::new(begun) };
        let mut outcome = scan::scan(&self.shared.folders, &mut self.index, &progress);
        if self.shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        for folder in outcome.missing.iter().filter(|folder| !self.last.missing.contains(folder)) {
            warn!("the library's folder {} cannot be used; it is looked for now and then", folder.display());
        }
        if outcome.changed
            && let Err(error) = self.index.save(&self.file)
        {
            warn!("what is known of the library cannot be kept in {} ({error})", self.file.display());
            let problem = format!("it cannot be written ({error}); the library is read anew after a restart");
            outcome.problems.insert(0, Problem { file: self.file.clone(), problem });
        }
        if outcome.changed || outcome.problems != self.last.problems {
            self.shared.publish(Catalogue::new(&self.index, &outcome.problems));
            let (tracks, albums, _) = self.shared.catalogue().counts();
            let (tracks, albums) = (count(tracks, "track"), count(albums, "album"));
            info!("the library has {tracks} on {albums} ({:.1} s)", begun.elapsed().as_secs_f64());
        }
        // Whoever sees that the scan is over sees what it has found.
        self.shared.scanning.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        self.shared.changed();
        self.last = outcome;
    }

    /// Waits until there is reason to scan; `false` when it is over.
    fn wait(&self) -> bool {
        let begun = Instant::now();
        loop {
            let left = ANYWAY.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return true;
            }
            let missing = &self.last.missing;
            let patience = if missing.is_empty() { left } else { left.min(MISSING) };
            match self.orders.recv_timeout(patience) {
                Ok(Order::Scan) => return true,
                Ok(Order::Changed) => return self.wait_for_quiet(),
                Err(RecvTimeoutError::Timeout) if missing.iter().any(|folder| folder.read_dir().is_ok()) => {
                    return true;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn wait_for_quiet(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < BUSY {
            match self.orders.recv_timeout(QUIET) {
                Ok(Order::Changed) => {}
                Ok(Order::Scan) | Err(RecvTimeoutError::Timeout) => return true,
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }
}

/// Shows how far a scan is.
struct Progress<'a> {
    shared: &'a Shared,
    shown: std::cell::Cell<Instant>,
}

impl scan::Watcher for Progress<'_> {
    fn progress(&self, done: usize, total: usize, index: &Index) {
        *self.shared.scanning.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((done, total));
        if self.shown.get().elapsed() >= SHOW {
            self.shared.publish(Catalogue::new(index, self.shared.catalogue().problems()));
            self.shown.set(Instant::now());
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Relaxed)
    }
}

/// Says when something in a folder changes; that somebody reads there, as the scan does, is no change.
fn watcher(order: Sender<Order>) -> notify::Result<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        let is_reading = |kind: EventKind| matches!(kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(notify::event::AccessMode::Write)));
        if !event.is_ok_and(|event| is_reading(event.kind)) {
            // The thread may be over.
            let _ = order.send(Order::Changed);
        }
    };
    RecommendedWatcher::new(told, Config::default().with_follow_symlinks(false))
}
