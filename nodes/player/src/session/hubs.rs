//! Where hubs are, and how often to try.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};
use unisono_core::wire::ids::HouseholdId;
use unisono_settings::HUB_PORT;
use unisono_transport::{
    Error,
    discovery::{Browser, Event},
};

/// The first wait after a connection is lost. A hub that was restarted is back sooner than a person notices.
const FIRST: Duration = Duration::from_millis(100);

/// The longest: a hub that comes back is found within it even where multicast does not work.
const LONGEST: Duration = Duration::from_secs(1);

/// After a refusal; asking again sooner would change nothing.
const REFUSED: Duration = Duration::from_secs(10);

/// Things said that are not said again. Strangers on the network may cause any number.
const REMEMBERED: usize = 64;

/// Where hubs may be.
pub(super) struct Hubs {
    manual: Vec<String>,
    browser: Browser,
    found: BTreeMap<String, (Option<HouseholdId>, Vec<SocketAddr>)>,
    /// Where the node was welcomed last.
    last: Option<SocketAddr>,
    /// Where it was turned away last.
    unwelcome: Option<SocketAddr>,
    /// What was said since the last welcome.
    said: BTreeSet<String>,
}

impl std::fmt::Debug for Hubs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Hubs").field("manual", &self.manual).field("found", &self.found).finish_non_exhaustive()
    }
}

impl Hubs {
    pub(super) fn new(manual: Vec<String>) -> Self {
        let (browser, found, said) = (Browser::new(), BTreeMap::new(), BTreeSet::new());
        Self { manual, browser, found, last: None, unwelcome: None, said }
    }

    /// Addresses to try, the likeliest first: where a hub was before what announces itself, which may be gone or out of
    /// reach. An address in the settings is the only one that is tried.
    pub(super) async fn candidates(
        &mut self,
        household: Option<HouseholdId>,
        remembered: &[SocketAddr],
    ) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for text in self.manual.clone() {
            match resolve(text.clone()).await {
                Ok(resolved) => addresses.extend(resolved),
                Err(reason) => self.say_once(&format!("hub {text}: {reason}")),
            }
        }
        if self.manual.is_empty() {
            addresses.extend(remembered);
            let ours = self.found.values().filter(|(of, _)| of.is_none() || *of == household);
            addresses.extend(ours.flat_map(|(_, addresses)| addresses.iter().copied()));
            if addresses.is_empty() {
                self.say_once("looking for a hub on this network; give its address with --hub where it is not found");
            }
        }
        let mut known = BTreeSet::new();
        addresses.retain(|address| known.insert(*address));
        addresses.sort_by_key(|address| match Some(*address) {
            last if last == self.last => 0,
            unwelcome if unwelcome == self.unwelcome => 2,
            _ => 1,
        });
        addresses
    }

    /// The hub there is the node's: it comes first from now on.
    pub(super) fn welcomed(&mut self, address: SocketAddr) {
        self.last = Some(address);
        self.said.clear();
        self.unwelcome.take_if(|unwelcome| *unwelcome == address);
    }

    /// The hub there is none for the node: it comes last, or it would answer before another is asked.
    pub(super) fn turned_away(&mut self, address: SocketAddr) {
        self.unwelcome = Some(address);
        self.last.take_if(|last| *last == address);
    }

    /// Says why a hub could not be reached, once for each reason.
    pub(super) fn failed(&mut self, error: &Error) {
        self.say_once(&format!("{error}; trying again"));
    }

    /// Says why a hub does not want the node, or is not wanted, once for each reason.
    pub(super) fn warn_once(&mut self, text: &str) {
        if self.is_new(text) {
            warn!("{text}");
        } else {
            debug!("{text}");
        }
    }

    pub(super) fn say_once(&mut self, text: &str) {
        if self.is_new(text) {
            info!("{text}");
        } else {
            debug!("{text}");
        }
    }

    fn is_new(&mut self, text: &str) -> bool {
        if self.said.len() == REMEMBERED {
            self.said.clear();
        }
        self.said.insert(text.into())
    }

    /// Waits until a hub has announced itself. Loses nothing when it is cancelled.
    async fn news(&mut self) {
        loop {
            match self.browser.next().await {
                Event::Found(hub) => {
                    let news = (hub.record.household, hub.addresses);
                    if self.found.insert(hub.instance, news.clone()).as_ref() != Some(&news) {
                        return;
                    }
                }
                Event::Lost { instance } => {
                    self.found.remove(&instance);
                }
                _ => {}
            }
        }
    }
}

/// Checks how an address is written, for [`resolve`].
pub(crate) fn checked(text: &str) -> Result<String, String> {
    let named = |host: &str| {
        let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        host.trim_end_matches('.').split('.').all(part)
    };
    let bracketed = |host: &str| {
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.is_some_and(|inner| inner.split('%').next().is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()))
    };
    let fine = text.parse::<IpAddr>().is_ok() || named(text) || bracketed(text) || {
        let parts = text.rsplit_once(':').filter(|(host, _)| named(host) || bracketed(host));
        parts.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0))
    };
    if fine { Ok(text.into()) } else { Err(format!("{text:?} is no address; write host or host:port")) }
}

/// An address of the settings: `host`, `host:port`, IPv6 in brackets or bare.
async fn resolve(text: String) -> Result<Vec<SocketAddr>, String> {
    let lookup = move || {
        let bare = text.parse::<IpAddr>().is_ok();
        let with_port = !bare && (text.ends_with(']') || text.rsplit_once(':').is_none());
        let full = match (bare, with_port) {
            (true, _) => return text.parse().map(|ip| vec![SocketAddr::new(ip, HUB_PORT)]).map_err(|_| String::new()),
            (false, true) => format!("{text}:{HUB_PORT}"),
            (false, false) => text,
        };
        full.to_socket_addrs().map(Iterator::collect).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(lookup).await.map_err(|error| error.to_string())?
}

/// How long to wait before the next attempt: longer each time, and never in step with other nodes.
pub(super) struct Backoff {
    next: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new() -> Self {
        let seed = unisono_transport::clock::now::<unisono_core::time::NodeClock>().as_nanos().cast_unsigned();
        Self { next: FIRST, random: fastrand::Rng::with_seed(seed) }
    }

    /// A connection was had; the next attempt is soon.
    pub(super) fn start_over(&mut self) {
        self.next = FIRST;
    }

    /// The next attempt would end like this one.
    pub(super) fn slow_down(&mut self) {
        self.next = REFUSED;
    }

    /// Waits, or until a hub announces itself.
    pub(super) async fn wait(&mut self, hubs: &mut Hubs) {
        let wait = self.next.mul_f64(0.5 + self.random.f64());
        self.next = if self.next > LONGEST { LONGEST } else { (self.next * 2).min(LONGEST) };
        tokio::select! {
            () = sleep_until(Instant::now() + wait) => {}
            () = hubs.news() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[tokio::test]
    async fn where_a_hub_was_comes_before_what_announces_itself() {
        let ours = HouseholdId([1; 32]);
        let (one, two) = (at("192.0.2.1:8470"), at("192.0.2.2:8470"));
        let (stale, other) = (at("[fe80::1]:9000"), at("192.0.2.9:8470"));
        let mut hubs = Hubs::new(Vec::new());
        hubs.found.insert("a".into(), (Some(ours), vec![stale, two]));
        hubs.found.insert("b".into(), (Some(HouseholdId([2; 32])), vec![other]));
        assert_eq!(hubs.candidates(Some(ours), &[one, two]).await, [one, two, stale]);
        hubs.welcomed(two);
        assert_eq!(hubs.candidates(Some(ours), &[one, two]).await, [two, one, stale]);
        hubs.turned_away(two);
        assert_eq!(hubs.candidates(Some(ours), &[one, two]).await, [one, stale, two]);
        hubs.welcomed(two);
        assert_eq!(hubs.candidates(Some(ours), &[one, two]).await, [two, one, stale]);
    }

    #[tokio::test]
    async fn addresses_may_be_written_in_every_usual_way() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:8470"),
            ("192.0.2.1:9000", "192.0.2.1:9000"),
            ("2001:db8::1", "[2001:db8::1]:8470"),
            ("[2001:db8::1]", "[2001:db8::1]:8470"),
            ("[2001:db8::1]:9000", "[2001:db8::1]:9000"),
        ] {
            assert_eq!(resolve(text.into()).await, Ok(vec![expected.parse().unwrap()]), "{text}");
            assert_eq!(checked(text).as_deref(), Ok(text));
        }
        for text in ["hub", "hub.local", "hub.local.", "attic_2:9000", "[fe80::1%eth0]:9000"] {
            assert_eq!(checked(text).as_deref(), Ok(text));
        }
        for text in ["", "not a host!", "hub:", "hub:0", "hub:70000", "hub:port", "[hub]", "a..b", "http://hub"] {
            assert!(checked(text).is_err(), "{text}");
        }
        assert!(resolve("no such host".into()).await.is_err());
    }
}
