//! Join tokens: all that a new node needs to find its hub, to know it, and to be let in.
//!
//! A token is `unisono1-` and base32 (RFC 4648) in lower case without padding of
//!
//! | bytes | what |
//! |---|---|
//! | 1 | number of addresses, 1 to 4 |
//! | each 7 or 19 | 4 or 6, the IP address, the port (big-endian) |
//! | 32 | the hub's public key |
//! | 16 | the secret |
//! | 4 | the first of the SHA-256 of `join token`, a zero byte, and everything before |
//!
//! The hub's whole key is in it, not a fingerprint: the transport pins it as it stands, with nothing to look up, for
//! 26 characters more. With one IPv4 address a token has 105 characters.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use unisono_core::wire::ids::PeerId;

use crate::{Error, code};

/// The most addresses in a token: two networks, with both kinds of address.
pub const MAX_ADDRESSES: usize = 4;

/// An invitation into a household. Whoever reads it can use it: `Display` prints the secret, `Debug` does not.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    addresses: Vec<SocketAddr>,
    hub: PeerId,
    secret: [u8; 16],
}

impl JoinToken {
    /// A token for one hub. The zone of a link-local address is dropped: it means nothing on another machine.
    ///
    /// # Errors
    /// When there is no address, or more than [`MAX_ADDRESSES`].
    pub fn new(addresses: &[SocketAddr], hub: PeerId, secret: [u8; 16]) -> Result<Self, Error> {
        if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
            return Err(Error::AddressCount { given: addresses.len(), limit: MAX_ADDRESSES });
        }
        let addresses = addresses.iter().map(|address| SocketAddr::new(address.ip(), address.port())).collect();
        Ok(Self { addresses, hub, secret })
    }

    /// Where the hub is, in the order to try.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The hub's key: whoever answers must prove that he holds it.
    pub fn hub(&self) -> PeerId {
        self.hub
    }

    /// What the hub lets the node in for.
    pub fn secret(&self) -> &[u8; 16] {
        &self.secret
    }

    fn to_payload(&self) -> Vec<u8> {
        let mut payload = vec![u8::try_from(self.addresses.len()).expect("at most four")];
        for address in &self.addresses {
            match address.ip() {
                IpAddr::V4(ip) => {
                    payload.push(4);
                    payload.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    payload.push(6);
                    payload.extend(ip.octets());
                }
            }
            payload.extend(address.port().to_be_bytes());
        }
        payload.extend(self.hub.0);
        payload.extend(self.secret);
        payload
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let [count] = take(&mut rest)?;
        let mut addresses = Vec::new();
        for _ in 0..count {
            let ip = match take(&mut rest)? {
                [4] => IpAddr::from(Ipv4Addr::from(take::<4>(&mut rest)?)),
                [6] => IpAddr::from(Ipv6Addr::from(take::<16>(&mut rest)?)),
                _ => return None,
            };
            addresses.push(SocketAddr::new(ip, u16::from_be_bytes(take(&mut rest)?)));
        }
        let hub = PeerId(take(&mut rest)?);
        let secret = take(&mut rest)?;
        Self::new(&addresses, hub, secret).ok().filter(|_| rest.is_empty())
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{VERSION}-{}", code::encode(KIND, &self.to_payload()))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("JoinToken")
            .field("addresses", &self.addresses)
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text: String = text.split_whitespace().collect();
        let (head, code) = text.split_once('-').ok_or(Error::NotAToken)?;
        let version = head.to_ascii_lowercase();
        let version = version.strip_prefix(PREFIX).and_then(|version| version.parse::<u8>().ok());
        match version {
            Some(VERSION) => {
                let payload = code::decode(KIND, code).ok_or(Error::Mistyped { what: KIND })?;
                Self::from_payload(&payload).ok_or(Error::NotAToken)
            }
            Some(version) if version > VERSION => Err(Error::NewerText { what: KIND }),
            _ => Err(Error::NotAToken),
        }
    }
}

/// SHA-256 of a token's secret: what a hub keeps of a token. The secret is random, so it needs no salt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a secret.
    pub fn of(secret: &[u8; 16]) -> Self {
        Self(*digest(&SHA256, secret).as_ref().first_chunk().expect("SHA-256 is as long"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", data_encoding::HEXLOWER.encode(&self.0[..5]))
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

const KIND: &str = "join token";
const PREFIX: &str = "unisono";
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "unisono1-aecmbkabcqrssbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifbaeaqcaibaeaqcaibaeaqcaibbgdpyjl";

    fn token() -> JoinToken {
        JoinToken::new(&["192.168.1.20:9001".parse().unwrap()], PeerId([5; 32]), [8; 16]).unwrap()
    }

    #[test]
    fn a_token_is_this_text() {
        assert_eq!(token().to_string(), TEXT);
        assert_eq!(TEXT.parse::<JoinToken>().unwrap(), token());
    }

    #[test]
    fn four_addresses_of_both_kinds_come_back() {
        let addresses = ["10.0.0.1:1", "[2001:db8::1]:65535", "[fe80::1%3]:7000", "127.0.0.1:7000"]
            .map(|text| text.parse::<SocketAddr>().unwrap());
        let token = JoinToken::new(&addresses, PeerId([1; 32]), [2; 16]).unwrap();
        let read: JoinToken = token.to_string().parse().unwrap();
        assert_eq!(read, token);
        assert_eq!(read.addresses()[2], "[fe80::1]:7000".parse().unwrap());
        assert!(JoinToken::new(&[addresses, addresses].concat(), PeerId([1; 32]), [2; 16]).is_err());
        assert!(JoinToken::new(&[], PeerId([1; 32]), [2; 16]).is_err());
    }

    #[test]
    fn case_spaces_and_dashes_do_not_matter() {
        let (head, tail) = TEXT.split_at(40);
        let written = format!("  {}-\n  {tail} ", head.to_uppercase());
        assert_eq!(written.parse::<JoinToken>().unwrap(), token());
    }

    #[test]
    fn an_error_says_whether_it_is_mistyped_or_newer_or_no_token() {
        let mistyped = TEXT.replace("gdpy", "gdyp");
        assert!(matches!(mistyped.parse::<JoinToken>(), Err(Error::Mistyped { .. })));
        assert!(matches!(TEXT[..60].parse::<JoinToken>(), Err(Error::Mistyped { .. })));
        assert!(matches!("unisono1-".parse::<JoinToken>(), Err(Error::Mistyped { .. })));
        assert!(matches!(TEXT.replace("o1-", "o2-").parse::<JoinToken>(), Err(Error::NewerText { .. })));
        for text in ["", "-", "hello", "http://hub-1.local/", "unisono-", "unisonox-abc", &TEXT[9..]] {
            assert!(matches!(text.parse::<JoinToken>(), Err(Error::NotAToken)), "{text}");
        }
    }

    #[test]
    fn what_a_stranger_has_checksummed_is_still_checked() {
        let genuine = token().to_payload();
        let cut = |length| genuine[..length].to_vec();
        let many = [vec![200], genuine[1..].to_vec()].concat();
        for payload in [vec![], vec![0], many, cut(1), cut(20), [genuine.as_slice(), &[0]].concat()] {
            let text = format!("unisono1-{}", code::encode(KIND, &payload));
            assert!(matches!(text.parse::<JoinToken>(), Err(Error::NotAToken)), "{text}");
        }
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let shown = format!("{:?}", token());
        assert_eq!(shown, "JoinToken { addresses: [192.168.1.20:9001], hub: 0505050505, .. }");
    }
}
