//! Looking for devices, and being sure that it has stopped.

use bluer::{Adapter, DiscoveryFilter, DiscoveryTransport};
use futures_util::StreamExt;
use tokio::{select, sync::oneshot, task::JoinHandle};

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

/// An adapter looks for devices. What it finds shows among the objects of `BlueZ`.
#[derive(Debug)]
pub(crate) struct Discovery {
    stop: oneshot::Sender<()>,
    looking: JoinHandle<()>,
}

impl Discovery {
    pub(super) async fn start(adapter: Adapter, what: Looking) -> Result<Self, Failure> {
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
        let found = started.await.map_err(|error| errors::of_bluer(&error))?;
        let (stop, mut stopped) = oneshot::channel();
        let looking = tokio::spawn(async move {
            let mut found = Box::pin(found);
            loop {
                select! {
                    _ = &mut stopped => break,
                    event = found.next() => if event.is_none() { break },
                }
            }
            drop(found);
            // The library stops looking behind our back; to set a filter is to wait for that.
            let _ = adapter.set_discovery_filter(DiscoveryFilter::default()).await;
        });
        Ok(Self { stop, looking })
    }

    /// Stops, and waits until `BlueZ` has.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.looking.await;
    }
}
