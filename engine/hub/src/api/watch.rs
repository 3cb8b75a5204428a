//! Looks at how everything is, once for everybody: whenever something may have changed, at most every 50 ms while
//! somebody watches, and once a second else.

mod beside;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex as Turn, broadcast, watch},
    time::{Instant, sleep_until, timeout},
};
use unisono_core::time::{HubClock, Timestamp};
use unisono_transport::clock;

use self::beside::Beside;
use super::{groups, hub_view, nodes, rooms, server::stopped, types::HealthView};
use crate::{
    access::Access,
    engine::{EngineHandle, unix_now},
    feed::{Feed, Section, sections},
    health::{Health, Seen},
};

/// Changes are seen within this.
const TURN: Duration = Duration::from_millis(50);

/// With nobody watching, what is wrong is still noticed.
const IDLE: Duration = Duration::from_secs(1);

/// Changes that may wait for one who reads slowly; behind by more, he takes a new snapshot.
const BACKLOG: usize = 64;

/// Everything that is watched.
pub(super) struct Watch {
    engine: EngineHandle,
    access: Arc<Access>,
    /// Whether others can reach the API.
    is_reachable: bool,
    /// Whoever looks keeps others from it meanwhile.
    looked: Turn<Option<Looked>>,
    beside: Beside,
    known: Mutex<Known>,
    changes: broadcast::Sender<Utf8Bytes>,
    watchers: AtomicUsize,
    arrived: tokio::sync::Notify,
}

struct Known {
    feed: Feed,
    health: Health,
}

/// The last look.
#[derive(Clone, Copy)]
struct Looked {
    at: Instant,
    /// Whether somebody watched, so that the feed has taken it in.
    is_fed: bool,
}

/// One who watches, as long as it is there.
pub(super) struct Watcher<'a> {
    watch: &'a Watch,
    changes: broadcast::Receiver<Utf8Bytes>,
}

impl Watch {
    pub(super) fn new(engine: EngineHandle, access: Arc<Access>, is_reachable: bool) -> Self {
        // Above what was sent before a restart.
        let feed = Feed::new(unix_now().saturating_mul(1_000));
        Self {
            beside: Beside::new(engine.clone()),
            engine,
            access,
            is_reachable,
            looked: Turn::new(None),
            known: Mutex::new(Known { feed, health: Health::default() }),
            changes: broadcast::Sender::new(BACKLOG),
            watchers: AtomicUsize::new(0),
            arrived: tokio::sync::Notify::new(),
        }
    }

    /// Looks until the hub stops.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let look_on = async {
            loop {
                let next = if self.watchers.load(Relaxed) > 0 { TURN } else { IDLE };
                let next = Instant::now() + next;
                let mut looked = self.looked.lock().await;
                let Some(look) = self.look().await else { return };
                *looked = Some(look);
                drop(looked);
                tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.arrived.notified() => continue,
                }
                // What moves along is looked at once a second even when nothing has happened.
                let stirred = timeout(IDLE, self.engine.stirred());
                tokio::select! {
                    _ = stirred => {}
                    () = self.beside.stirred(), if self.watchers.load(Relaxed) > 0 => {}
                    () = self.arrived.notified() => {}
                }
            }
        };
        tokio::select! {
            () = look_on => {}
            () = stopped(&mut stop) => {}
        }
    }

    /// What is wrong.
    pub(super) async fn health(&self) -> Option<Vec<HealthView>> {
        self.look_again(false).await?;
        Some(self.known().health.views().to_vec())
    }

    /// Somebody watches from now on: everything as it is, and then what changes.
    pub(super) async fn begin(&self) -> Option<(Utf8Bytes, Watcher<'_>)> {
        self.watchers.fetch_add(1, Relaxed);
        let mut watcher = Watcher { watch: self, changes: self.changes.subscribe() };
        self.arrived.notify_one();
        self.look_again(true).await?;
        let snapshot = watcher.snapshot(false);
        Some((snapshot, watcher))
    }

    /// Looks, unless somebody just has; for whoever wants to be `fed`.
    async fn look_again(&self, fed: bool) -> Option<()> {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|looked| looked.at.elapsed() < TURN && (looked.is_fed || !fed)) {
            return Some(());
        }
        *looked = Some(self.look().await?);
        Some(())
    }

    async fn look(&self) -> Option<Looked> {
        let config = Arc::clone(&self.engine.config().borrow());
        let watched = self.watchers.load(Relaxed) > 0;
        let beside = if watched { self.beside.views(&config).await? } else { Vec::new() };
        let port = self.engine.port();
        let (now, hub, rooms, outranked, groups, nodes, is_durable) = self
            .engine
            .look(move |engine, now| {
                let is_durable = engine.is_durable();
                let hub = hub_view(engine.house(), &config, port);
                let nodes = nodes::views(engine, &config);
                let house = &*engine.house();
                let outranked = house.rooms().iter().filter(|(_, room)| room.outranked);
                let outranked = outranked.map(|(id, _)| id.to_string()).collect();
                (now, hub, rooms::views(house, now), outranked, groups::views(house, now), nodes, is_durable)
            })
            .await?;
        let at_s = seconds(now);
        let seen = Seen {
            at_s,
            at_unix: unix_now(),
            rooms,
            outranked,
            groups,
            is_durable,
            is_open_for_setup: self.is_reachable && self.access.setup_needed(),
        };
        let mut known = self.known();
        known.health.update(&seen);
        if watched {
            let mut views: Vec<(Section, Value)> = vec![
                (sections::HUB, json!(hub)),
                (sections::ROOMS, json!(seen.rooms)),
                (sections::GROUPS, json!(seen.groups)),
                (sections::NODES, json!(nodes)),
                (sections::HEALTH, json!(known.health.views())),
            ];
            views.extend(beside);
            if let Some(change) = known.feed.update(at_s, views) {
                // Nobody may be there any more.
                let _ = self.changes.send(change.to_string().into());
            }
        }
        Some(Looked { at: Instant::now(), is_fed: watched })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher<'_> {
    /// The next change, or a new snapshot when some were missed; `None` when there will be no more.
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        match self.changes.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(self.snapshot(true)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Everything as it is; what changes afterwards, and nothing before, comes next.
    fn snapshot(&mut self, resync: bool) -> Utf8Bytes {
        let known = self.watch.known();
        self.changes = self.watch.changes.subscribe();
        let at_s = seconds(clock::now());
        known.feed.snapshot(at_s, resync).to_string().into()
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        self.watch.watchers.fetch_sub(1, Relaxed);
    }
}

/// A moment of the hub's clock in seconds, as views have it.
fn seconds(moment: Timestamp<HubClock>) -> f64 {
    moment.as_nanos() as f64 * 1e-9
}

#[cfg(test)]
mod tests;
