//! A hub says where it is.

use std::net::{IpAddr, SocketAddr};

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use tracing::warn;
use unisono_core::wire::ids::PeerId;

use super::{Record, SERVICE, record::hex};

/// A hub's announcement, kept up until it is dropped.
pub struct Announcement {
    daemon: Option<ServiceDaemon>,
    listens_at: SocketAddr,
}

impl Announcement {
    /// Announces a hub with the addresses at which it can be reached: all of the machine's when it listens at `[::]`,
    /// those of IPv4 for `0.0.0.0`, otherwise only the one. A hub that only this machine can reach is not announced.
    /// Failure is logged; nodes can still be given the address.
    pub fn start(record: &Record, listens_at: SocketAddr) -> Self {
        Self::start_at(mdns_sd::MDNS_PORT, record, listens_at)
    }

    /// As [`Self::start`], with multicast DNS on another port: for tests.
    #[doc(hidden)]
    pub fn start_at(mdns_port: u16, record: &Record, listens_at: SocketAddr) -> Self {
        let start = || {
            ServiceDaemon::new_with_port(mdns_port)
                .inspect_err(|error| warn!(%error, "this hub cannot be found by itself: no multicast DNS"))
                .ok()
        };
        let daemon = if listens_at.ip().to_canonical().is_loopback() { None } else { start() };
        let announcement = Self { daemon, listens_at };
        announcement.update(record);
        announcement
    }

    /// Announces something else from now on: another name, another household.
    pub fn update(&self, record: &Record) {
        let Some(daemon) = &self.daemon else { return };
        let result = service(record, self.listens_at).and_then(|service| daemon.register(service));
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
fn service(record: &Record, listens_at: SocketAddr) -> mdns_sd::Result<ServiceInfo> {
    let key = record.peer.map_or_else(String::new, |PeerId(key)| hex(&key[..8]));
    let (instance, host) = (format!("unisono-{key}"), format!("unisono-{key}.local."));
    let service = ServiceInfo::new(SERVICE, &instance, &host, (), listens_at.port(), &record.attributes()[..])?;
    let mut service = service.enable_addr_auto();
    service.set_interfaces(vec![match listens_at.ip().to_canonical() {
        IpAddr::V6(ip) if ip.is_unspecified() => IfKind::All,
        IpAddr::V4(ip) if ip.is_unspecified() => IfKind::IPv4,
        ip => IfKind::Addr(ip),
    }]);
    Ok(service)
}
