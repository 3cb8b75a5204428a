//! How addresses are written in settings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// `address:port`, `:port`, `port` or `address`; what is left out is `ip` and `port`.
///
/// # Errors
/// When it is none of these.
pub fn address(text: &str, ip: IpAddr, port: u16) -> Result<SocketAddr, String> {
    let only_port = text.trim_start_matches(':').parse().ok().map(|port| SocketAddr::new(ip, port));
    let only_ip = || text.trim_matches(['[', ']']).parse().ok().map(|ip| SocketAddr::new(ip, port));
    let address = text.parse().ok().or(only_port).or_else(only_ip);
    address.ok_or_else(|| format!("\"{text}\" is no address; write {}", SocketAddr::new(ip, port)))
}

/// As [`address`], for a control API: on this machine only.
///
/// # Errors
/// When it is no address, or one that others can reach.
pub fn api_address(text: &str, port: u16) -> Result<SocketAddr, String> {
    let address = address(text, Ipv4Addr::LOCALHOST.into(), port)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!("{address} can be reached by others, and the API of a node has no access control; use 127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_written_in_part() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for (text, expected) in [("127.0.0.1:9000", 9_000), (":9000", 9_000), ("9000", 9_000), ("127.0.0.1", 8_480)] {
            assert_eq!(api_address(text, 8_480), Ok(at(expected)), "{text}");
        }
        assert_eq!(api_address("[::1]:1", 8_480), Ok("[::1]:1".parse().unwrap()));
        assert!(api_address("192.168.1.2:8480", 8_480).unwrap_err().contains("can be reached by others"));
        assert!(api_address("here", 8_480).unwrap_err().ends_with("write 127.0.0.1:8480"));
    }
}
