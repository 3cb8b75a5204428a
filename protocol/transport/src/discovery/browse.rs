//! A node looks for hubs.

use std::{
    collections::HashMap,
    net::{SocketAddr, SocketAddrV6},
    time::Duration,
};

use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::{Record, SERVICE};

/// A hub that announces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Names the announcement, to match it with [`Event::Lost`]. Nothing to show.
    pub instance: String,
    /// What the hub says of itself.
    pub record: Record,
    /// Where it can be reached, at most eight; those that are most likely to work come first.
    pub addresses: Vec<SocketAddr>,
}

/// What changed on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A hub has appeared, or says something else than before.
    Found(Found),
    /// A hub has said goodbye, or has not renewed its announcement.
    Lost {
        /// As in [`Found::instance`].
        instance: String,
    },
}

/// Looks for hubs on all interfaces until it is dropped.
pub struct Browser {
    mdns_port: u16,
    search: Option<Search>,
    next_attempt: Instant,
    found: HashMap<String, Found>,
    /// Found by a search that has ended, and not yet told to be lost.
    lost: Vec<String>,
}

impl Browser {
    /// Begins to look with the first call of [`Self::next`].
    pub fn new() -> Self {
        Self::new_at(mdns_sd::MDNS_PORT)
    }

    /// As [`Self::new`], with multicast DNS on another port: for tests.
    #[doc(hidden)]
    pub fn new_at(mdns_port: u16) -> Self {
        let (found, lost) = (HashMap::new(), Vec::new());
        Self { mdns_port, search: None, next_attempt: Instant::now(), found, lost }
    }

    /// Waits for the next change. Never ends: what goes wrong is logged and tried again within five seconds. Loses
    /// nothing when it is cancelled.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(instance) = self.lost.pop() {
                return Event::Lost { instance };
            }
            let Some(search) = &self.search else {
                sleep_until(self.next_attempt).await;
                self.next_attempt = Instant::now() + RETRY;
                self.search = Search::start(self.mdns_port)
                    .inspect_err(|error| warn!(%error, "hubs cannot be found by themselves; trying again"))
                    .ok();
                continue;
            };
            match search.events.recv_async().await {
                Ok(event) => {
                    if let Some(event) = self.understand(event) {
                        return event;
                    }
                }
                // The daemon has ended, or has given up on a reader that was too slow.
                Err(_) => self.begin_anew(),
            }
        }
    }

    /// What is still there will be found again.
    fn begin_anew(&mut self) {
        debug!("looking for hubs anew");
        self.search = None;
        self.lost.extend(self.found.drain().map(|(instance, _)| instance));
    }

    /// What an event of the daemon changes, if anything.
    fn understand(&mut self, event: ServiceEvent) -> Option<Event> {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let found = found(&service)?;
                let room = self.found.len() < MAX_FOUND || self.found.contains_key(&found.instance);
                if !room || self.found.get(&found.instance) == Some(&found) {
                    return None;
                }
                self.found.insert(found.instance.clone(), found.clone());
                Some(Event::Found(found))
            }
            ServiceEvent::ServiceRemoved(_, instance) => {
                self.found.remove(&instance).map(|found| Event::Lost { instance: found.instance })
            }
            _ => None,
        }
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

struct Search {
    daemon: ServiceDaemon,
    events: Receiver<ServiceEvent>,
}

impl Search {
    fn start(mdns_port: u16) -> mdns_sd::Result<Self> {
        let daemon = ServiceDaemon::new_with_port(mdns_port)?;
        let events = daemon.browse(SERVICE).inspect_err(|_| {
            let _ = daemon.shutdown();
        })?;
        Ok(Self { daemon, events })
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        // Ends the daemon's thread; there is nothing to do if that fails.
        let _ = self.daemon.shutdown();
    }
}

/// `None` for an announcement without a usable address.
fn found(service: &ResolvedService) -> Option<Found> {
    let port = service.port;
    let mut addresses: Vec<_> = service.addresses.iter().filter_map(|address| socket_address(address, port)).collect();
    addresses.sort_by_key(|address| (rank(address), *address));
    addresses.truncate(MAX_ADDRESSES);
    let properties = &service.txt_properties;
    let record = Record::parse(|name| properties.get_property_val(name).flatten());
    let usable = port != 0 && !addresses.is_empty() && service.fullname.len() <= MAX_INSTANCE;
    usable.then(|| Found { instance: service.fullname.clone(), record, addresses })
}

fn socket_address(address: &ScopedIp, port: u16) -> Option<SocketAddr> {
    let address = match address {
        ScopedIp::V6(scoped) if scoped.addr().is_unicast_link_local() => {
            SocketAddrV6::new(*scoped.addr(), port, 0, scoped.scope_id().index).into()
        }
        other => SocketAddr::new(other.to_ip_addr(), port),
    };
    let ip = address.ip();
    (!ip.is_unspecified() && !ip.is_multicast()).then_some(address)
}

/// Addresses of the LAN first; those that only work on one link, or only on this machine, last.
fn rank(address: &SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(address) if address.ip().is_loopback() => 3,
        SocketAddr::V4(address) if address.ip().is_link_local() => 2,
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) if address.ip().is_loopback() => 3,
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => 2,
        SocketAddr::V6(_) => 1,
    }
}

/// From one attempt to the next.
const RETRY: Duration = Duration::from_secs(5);

/// Hubs that are kept in mind; a house has a few. Announcements beyond are ignored.
const MAX_FOUND: usize = 64;

/// Addresses that are tried for one hub.
const MAX_ADDRESSES: usize = 8;

/// The longest name in the DNS (RFC 1035, 2.3.4), with room for escapes.
const MAX_INSTANCE: usize = 512;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use mdns_sd::ServiceInfo;
    use unisono_core::wire::ids::PeerId;

    use super::*;

    fn resolved(name: &str, addresses: &[&str], attributes: &[(&str, &str)]) -> ServiceEvent {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let service = ServiceInfo::new(SERVICE, name, "host.local.", &addresses[..], 4_000, attributes).unwrap();
        ServiceEvent::ServiceResolved(Box::new(service.as_resolved_service()))
    }

    #[test]
    fn the_same_announcement_is_told_once() {
        let mut browser = Browser::new();
        let event = |name| resolved("hub", &["192.0.2.1"], &[("name", name)]);
        assert!(matches!(browser.understand(event("one")), Some(Event::Found(_))));
        assert_eq!(browser.understand(event("one")), None);
        assert!(matches!(browser.understand(event("two")), Some(Event::Found(_))));
    }

    #[test]
    fn only_a_hub_that_was_found_is_lost() {
        let mut browser = Browser::new();
        let instance = format!("hub.{SERVICE}");
        let removed = ServiceEvent::ServiceRemoved(SERVICE.into(), instance.clone());
        assert_eq!(browser.understand(removed.clone()), None);
        browser.understand(resolved("hub", &["192.0.2.1"], &[]));
        assert_eq!(browser.understand(removed), Some(Event::Lost { instance }));
    }

    #[tokio::test]
    async fn a_search_that_ends_loses_what_it_had_found() {
        let mut browser = Browser::new();
        browser.understand(resolved("hub", &["192.0.2.1"], &[]));
        browser.begin_anew();
        assert_eq!(browser.next().await, Event::Lost { instance: format!("hub.{SERVICE}") });
        assert!(matches!(browser.understand(resolved("hub", &["192.0.2.1"], &[])), Some(Event::Found(_))));
    }

    #[test]
    fn a_flood_of_announcements_is_bounded() {
        let mut browser = Browser::new();
        for hub in 0..1_000 {
            browser.understand(resolved(&format!("hub {hub}"), &["192.0.2.1"], &[]));
        }
        assert_eq!(browser.found.len(), MAX_FOUND);
    }

    #[test]
    fn addresses_that_are_likely_to_work_come_first_and_useless_ones_not_at_all() {
        let mut browser = Browser::new();
        let addresses = ["127.0.0.1", "fe80::1", "0.0.0.0", "2001:db8::1", "224.0.0.1", "192.0.2.1"];
        let id = "07".repeat(32);
        let Some(Event::Found(found)) = browser.understand(resolved("hub", &addresses, &[("id", &id)])) else {
            panic!("not found")
        };
        let ips: Vec<_> = found.addresses.iter().map(|address| address.ip().to_string()).collect();
        assert_eq!(ips, ["192.0.2.1", "2001:db8::1", "fe80::1", "127.0.0.1"]);
        assert_eq!(found.record.peer, Some(PeerId([7; 32])));
    }
}
