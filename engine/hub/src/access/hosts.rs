//! The names by which the hub may be called. A page elsewhere may have its own name point to this machine (DNS
//! rebinding); then the browser takes the hub for that page's server, but still calls it by that name.

use std::net::IpAddr;

/// The names beside those that nobody else can have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// The machine's own name, and those of the settings.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: names.into_iter().map(|name| name.trim_end_matches('.').to_lowercase()).collect() }
    }

    /// Whether a request that names this host (and port) is meant for the hub: an address, `localhost`, a name that
    /// mDNS alone gives, or one of ours.
    pub(crate) fn is_ours(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else { return false };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            let bracketed = host.starts_with('[') && host.ends_with(']');
            return bracketed == address.is_ipv6() && !address.to_canonical().is_unspecified();
        }
        let host = host.trim_end_matches('.').to_lowercase();
        let local = host == "localhost" || host.strip_suffix(".local").is_some_and(|name| !name.is_empty());
        Self::is_name(&host) && (local || self.names.contains(&host))
    }

    /// Whether a machine can be called so.
    pub(crate) fn is_name(host: &str) -> bool {
        let can_be_in_it = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        host.bytes().any(|byte| byte != b'.') && host.bytes().all(can_be_in_it)
    }
}

/// An authority without its port.
fn host_of(authority: &str) -> Option<&str> {
    let Some((host, port)) = authority.rsplit_once(':') else { return Some(authority) };
    if authority.starts_with('[') && authority.ends_with(']') {
        return Some(authority);
    }
    // Else it is an IPv6 address without brackets, or worse.
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && (!host.contains(':') || host.starts_with('['))).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_local_names_and_our_own_are_taken() {
        let hosts = Hosts::new(["attic", "Music.Example"]);
        for host in [
            "localhost",
            "LOCALHOST:8480",
            "127.0.0.1",
            "192.168.1.2:8480",
            "[::1]:8480",
            "[fe80::1]",
            "attic",
            "attic.local",
            "anything.local.:80",
            "music.example:8480",
        ] {
            assert!(hosts.is_ours(host), "{host}");
        }
    }

    #[test]
    fn every_other_name_is_refused() {
        let hosts = Hosts::new(["attic"]);
        for host in [
            "",
            ":80",
            ".local",
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "attic.evil.example",
            "evil.example/attic.local",
            "evil.example#.local",
            "0.0.0.0",
            "0.0.0.0:8480",
            "[::]",
            "[::ffff:0.0.0.0]",
            "::1",
            "[127.0.0.1]",
            "localhost:80:evil.example",
            "localhost:port",
            "localhost:",
            "2130706433",
        ] {
            assert!(!hosts.is_ours(host), "{host}");
        }
    }
}
