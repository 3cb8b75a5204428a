//! From the name of a host to addresses that may be connected to.
//!
//! A name is looked up once for each connection, every address is judged, and one of those very addresses is connected
//! to. So it does not matter where a redirect leads, or whether a name means another address a second later.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, mpsc},
    thread,
};

use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

use super::address::{Allowed, forbidden};

/// Looks a host and a port up.
pub type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// What the system knows.
pub(super) fn system() -> Lookup {
    Arc::new(|host, port| Ok((host, port).to_socket_addrs()?.collect()))
}

/// The most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 4;

/// A host that is not connected to.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} is {what} ({ip}), and stations are on the Internet; `radio_hosts = [\"{host}\"]` in hub.toml allows it"
)]
pub(super) struct Forbidden {
    host: String,
    ip: IpAddr,
    what: &'static str,
}

/// Gives only addresses that may be connected to.
pub(super) struct Guard {
    pub(super) allowed: Allowed,
    pub(super) lookup: Lookup,
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        // The system's own look-up cannot be told how long it may take.
        let (answer, answered) = mpsc::sync_channel(1);
        let (lookup, name) = (Arc::clone(&self.lookup), host.clone());
        thread::Builder::new().name("resolve".into()).spawn(move || {
            // Whoever asked may have given up.
            let _ = answer.send(lookup(&name, port));
        })?;
        let found = answered.recv_timeout(*timeout.after).map_err(|_| Error::Timeout(timeout.reason))?;
        let found = found.map_err(|_| Error::HostNotFound)?;
        let mut addresses = self.empty();
        for address in found {
            let judged = forbidden(address.ip()).filter(|_| !self.allowed.contains(&host));
            if let Some(what) = judged {
                return Err(Error::Other(Box::new(Forbidden { host, ip: address.ip(), what })));
            }
            if addresses.len() < MAX_ADDRESSES {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Gives one answer after the other.
    fn guard(answers: &[&[&str]], allowed: &[&str]) -> Guard {
        let parsed = |answer: &&[&str]| answer.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect();
        let answers: Mutex<Vec<Vec<SocketAddr>>> = Mutex::new(answers.iter().rev().map(parsed).collect());
        let lookup: Lookup = Arc::new(move |_, _| Ok(answers.lock().unwrap().pop().unwrap()));
        Guard { allowed: Allowed::new(allowed), lookup }
    }

    fn resolve(guard: &Guard, url: &str) -> Result<Vec<SocketAddr>, String> {
        let found = guard.resolve(&url.parse().unwrap(), &Config::default(), NextTimeout::default());
        found.map(|found| found.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_that_means_a_private_address_a_second_later_is_refused_then() {
        let guard = guard(&[&["1.1.1.1"], &["192.168.1.1"], &["::1"]], &[]);
        assert_eq!(resolve(&guard, "http://radio.test/"), Ok(vec!["1.1.1.1:80".parse().unwrap()]));
        assert!(resolve(&guard, "http://radio.test/").unwrap_err().contains("radio.test is a private address"));
        assert!(resolve(&guard, "http://radio.test/").unwrap_err().contains("this machine itself"));
    }

    #[test]
    fn a_private_address_among_others_is_refused_and_a_host_that_is_named_is_not() {
        let guard_of = |allowed: &[&str]| guard(&[&["1.1.1.1", "10.0.0.1"]], allowed);
        assert!(resolve(&guard_of(&[]), "http://radio.test/").is_err());
        assert!(resolve(&guard_of(&["other.test"]), "http://radio.test/").is_err());
        assert_eq!(resolve(&guard_of(&["radio.test"]), "http://RADIO.test./").unwrap().len(), 2);
    }
}
