//! People who have the page open: `WebSocket`s that read what changes. One of them also looks at what it reads.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{net::TcpStream, sync::watch, task::JoinSet};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// A WebSocket that has not begun by then will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Changes that were asked for and have not been seen; which are seen, and how long after.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    asked: HashMap<String, (u64, Instant)>,
    took: Vec<f64>,
}

impl Changes {
    /// A room's volume is to be another one. What was asked of it before is no longer waited for.
    pub fn asked(&self, room: &str, volume: u8, at: Instant) {
        self.lock().asked.insert(room.to_owned(), (volume.into(), at));
    }

    /// From when each was to be asked until somebody who watches has seen it, in seconds.
    pub fn took(&self) -> Vec<f64> {
        self.lock().took.clone()
    }

    fn look(&self, change: &Value) {
        let mut seen = self.lock();
        for room in change["changed"]["rooms"].as_array().into_iter().flatten() {
            let Some(id) = room["id"].as_str() else { continue };
            if let Some((volume, at)) = seen.asked.get(id).copied()
                && room["volume"] == volume
            {
                seen.asked.remove(id);
                seen.took.push(at.elapsed().as_secs_f64());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all of them have read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    /// Messages.
    pub messages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Times the hub said that somebody had read too slowly.
    pub resyncs: u64,
    /// `WebSocket`s that ended.
    pub broken: u64,
}

/// `WebSocket`s that are open.
#[derive(Debug)]
pub struct Watchers {
    stop: watch::Sender<bool>,
    thread: JoinHandle<anyhow::Result<Watched>>,
}

impl Watchers {
    /// Opens so many, and waits until each has had its snapshot.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn start(count: usize, hub: SocketAddr, changes: Changes) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (ready, all_ready) = std::sync::mpsc::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(count, hub, changes, stopped, ready))
        };
        let thread = thread::Builder::new().name("watchers".into()).spawn(run)?;
        for number in 0..count {
            if all_ready.recv_timeout(PATIENCE).is_err() {
                bail!("only {number} of {count} `WebSocket`s could be opened");
            }
        }
        Ok(Self { stop, thread })
    }

    /// Closes all of them.
    ///
    /// # Errors
    /// Why they could not be read.
    pub fn end(self) -> anyhow::Result<Watched> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| anyhow!("the watchers' thread has panicked"))?
    }
}

async fn run(
    count: usize,
    hub: SocketAddr,
    changes: Changes,
    stopped: watch::Receiver<bool>,
    ready: std::sync::mpsc::Sender<()>,
) -> anyhow::Result<Watched> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let eye = (number == 0).then(|| changes.clone());
        tasks.spawn(watch_one(hub, eye, stopped.clone(), ready.clone()));
    }
    drop(ready);
    let mut all = Watched::default();
    while let Some(one) = tasks.join_next().await {
        let one = one??;
        all.messages += one.messages;
        all.bytes += one.bytes;
        all.resyncs += one.resyncs;
        all.broken += one.broken;
    }
    Ok(all)
}

async fn watch_one(
    hub: SocketAddr,
    eye: Option<Changes>,
    mut stopped: watch::Receiver<bool>,
    ready: std::sync::mpsc::Sender<()>,
) -> anyhow::Result<Watched> {
    let stream = TcpStream::connect(hub).await.context("no connection for a WebSocket")?;
    let (mut socket, _) = client_async(format!("ws://{hub}/api/v1/events"), stream).await.context("no WebSocket")?;
    let mut watched = Watched::default();
    loop {
        let message = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return Ok(watched),
            message = socket.next() => message,
        };
        match message {
            Some(Ok(Message::Text(text))) => {
                // The snapshot, which comes first, is not counted.
                if watched.messages == 0 && text.contains("\"snapshot\"") {
                    // Nobody may wait any more.
                    let _ = ready.send(());
                    watched.messages = 1;
                    continue;
                }
                watched.messages += 1;
                watched.bytes += text.len() as u64;
                watched.resyncs += u64::from(text.contains("\"resync\":true"));
                if let Some(eye) = &eye {
                    eye.look(&serde_json::from_str(&text)?);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                watched.broken = 1;
                return Ok(watched);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_seen_when_the_volume_is_the_one_that_was_asked_for_last() {
        let (changes, now) = (Changes::default(), Instant::now());
        let room = "1:0";
        changes.asked(room, 30, now);
        changes.asked(room, 40, now);
        let shown = |volume| json!({"changed": {"rooms": [{"id": "1:0", "volume": volume}, {"id": "2:0"}]}});
        changes.look(&shown(30));
        changes.look(&json!({"changed": {"groups": []}}));
        assert!(changes.took().is_empty());
        changes.look(&shown(40));
        changes.look(&shown(40));
        assert_eq!(changes.took().len(), 1);
    }
}
