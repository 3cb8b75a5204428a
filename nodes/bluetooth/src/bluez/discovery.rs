//! Looking for devices, and being sure that it has stopped.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bluer::{Adapter, DiscoveryFilter, DiscoveryTransport};
use futures_util::StreamExt;
use tokio::{
    select,
    sync::{Mutex, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::errors;
use crate::Failure;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looking {
    /// Everything, so that a person can be told why something cannot be used.
    All,
    /// Classic devices.
    Classic,
}

/// The adapters that look for devices on our behalf. What they find shows among the objects of `BlueZ`.
///
/// Locked while one begins or stops: what is to stop may only just be beginning.
#[derive(Clone, Default)]
pub(super) struct Discoveries(Arc<Mutex<Running>>);

type Running = BTreeMap<String, Discovery>;

struct Discovery {
    /// Until it is to stop.
    stop: Option<oneshot::Sender<()>>,
    looking: JoinHandle<()>,
}

impl Discoveries {
    /// Looks until [`Self::stop`]. To stop, and to begin, may take so long; what takes longer goes on, for the library
    /// cannot take back what it has asked for, and has to be stopped, too.
    pub(super) async fn start(&self, adapter: Adapter, what: Looking, limit: Duration) -> Result<(), Failure> {
        let mut running = self.0.lock().await;
        timeout(limit, stop(&mut running, &adapter)).await.map_err(|_| Failure::StepTimeout)?;
        let name = adapter.name().to_owned();
        let ((stop, stopped), (tell, told)) = (oneshot::channel(), oneshot::channel());
        let looking = tokio::spawn(look(adapter, what, stopped, tell));
        running.insert(name.clone(), Discovery { stop: Some(stop), looking });
        let Ok(told) = timeout(limit, told).await else { return Err(Failure::StepTimeout) };
        let started = told.unwrap_or(Err(Failure::BluezRestarted));
        if started.is_err() {
            running.remove(&name);
        }
        started
    }

    /// Stops looking, and waits until it has; that may take so long.
    pub(super) async fn stop(&self, adapter: &Adapter, limit: Duration) -> Result<(), Failure> {
        let stopped = async { stop(&mut *self.0.lock().await, adapter).await };
        timeout(limit, stopped).await.map_err(|_| Failure::StepTimeout)
    }
}

/// Begins, and looks until it is stopped.
async fn look(
    adapter: Adapter,
    what: Looking,
    mut stopped: oneshot::Receiver<()>,
    tell: oneshot::Sender<Result<(), Failure>>,
) {
    let transport = match what {
        Looking::All => DiscoveryTransport::Auto,
        Looking::Classic => DiscoveryTransport::BrEdr,
    };
    // Without duplicates the signal of a device would be told once and never again.
    let filter = DiscoveryFilter { transport, duplicate_data: true, ..DiscoveryFilter::default() };
    let started = async {
        adapter.set_discovery_filter(filter).await?;
        adapter.discover_devices().await
    };
    let found = match started.await {
        Ok(found) => found,
        Err(error) => {
            let _ = tell.send(Err(errors::of_bluer(&error)));
            return;
        }
    };
    let _ = tell.send(Ok(()));
    let mut found = Box::pin(found);
    // The library keeps for its reader whatever happens meanwhile.
    loop {
        select! {
            _ = &mut stopped => return,
            event = found.next() => if event.is_none() { return },
        }
    }
}

/// Stops looking: waits until the library, which stops behind our back, has its answer, or the adapter does not look any
/// more. (It may go on for another program, which is not ours to stop.) One that is given up here goes on when it is asked
/// for again.
async fn stop(running: &mut Running, adapter: &Adapter) {
    let Some(discovery) = running.get_mut(adapter.name()) else { return };
    if let Some(stop) = discovery.stop.take() {
        let _ = stop.send(());
    }
    loop {
        let dropped = discovery.looking.is_finished();
        // To set a filter is to wait for the end of a discovery.
        let answered = async { dropped && adapter.set_discovery_filter(DiscoveryFilter::default()).await.is_ok() };
        if timeout(LOOK, answered).await.unwrap_or(false) {
            break;
        }
        if dropped && !adapter.is_discovering().await.unwrap_or(false) {
            break;
        }
        sleep(LOOK).await;
    }
    running.remove(adapter.name());
}

const LOOK: Duration = Duration::from_millis(5);
