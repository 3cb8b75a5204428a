//! A hub says where it is.

use mdns_sd::{ServiceDaemon, ServiceInfo};
use tracing::warn;
use unisono_core::wire::ids::PeerId;

use super::{Record, SERVICE, record::hex};

/// A hub's announcement, on all interfaces, kept up until it is dropped.
pub struct Announcement {
    daemon: Option<ServiceDaemon>,
    port: u16,
}

impl Announcement {
    /// Announces a hub that listens at `port`. Failure is logged; nodes can still be given the address.
    pub fn start(record: &Record, port: u16) -> Self {
        Self::start_at(mdns_sd::MDNS_PORT, record, port)
    }

    /// As [`Self::start`], with multicast DNS on another port: for tests.
    #[doc(hidden)]
    pub fn start_at(mdns_port: u16, record: &Record, port: u16) -> Self {
        let daemon = ServiceDaemon::new_with_port(mdns_port)
            .inspect_err(|error| warn!(%error, "this hub cannot be found by itself: no multicast DNS"))
            .ok();
        let announcement = Self { daemon, port };
        announcement.update(record);
        announcement
    }

    /// Announces something else from now on: another name, another household.
    pub fn update(&self, record: &Record) {
        let Some(daemon) = &self.daemon else { return };
        let result = service(record, self.port).and_then(|service| daemon.register(service));
        if let Err(error) = result {
            warn!(%error, "this hub cannot be found by itself");
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Says goodbye on the network; there is nothing to do if it fails.
        let _ = self.daemon.take().map(|daemon| daemon.shutdown());
    }
}

/// The instance is named by the key, so that it stays the same when the hub is renamed, and so is the host, so that it
/// does not contend with the machine's own name.
fn service(record: &Record, port: u16) -> mdns_sd::Result<ServiceInfo> {
    let key = record.peer.map_or_else(String::new, |PeerId(key)| hex(&key[..8]));
    let (instance, host) = (format!("unisono-{key}"), format!("unisono-{key}.local."));
    Ok(ServiceInfo::new(SERVICE, &instance, &host, (), port, &record.attributes()[..])?.enable_addr_auto())
}
