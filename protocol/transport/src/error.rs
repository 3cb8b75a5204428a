//! What can go wrong, and what to do about it.

use std::{fmt, io, net::SocketAddr, time::Duration};

use quinn::{ConnectionError, TransportErrorCode};
use unisono_core::wire::{self, ids::PeerId};

/// Why a call failed. Every message is one line that a person can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program, or a second copy of this one, has the port.
    #[error("UDP port {address} is in use; stop the program that has it or choose another port")]
    AddressInUse {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The port could not be opened.
    #[error("cannot open UDP port {address}: {source}")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The clock packet is not one that this side may send, or its sequence number was used before. A defect of the
    /// caller.
    #[error("clock packet refused: {0}")]
    ClockPacket(&'static str),
    /// The clock packet was dropped because the socket had no room at once. Sent later it would be worthless: go on
    /// with the next one.
    #[error("clock packet not sent: {0}")]
    ClockNotSent(io::Error),
    /// The connection is over.
    #[error("the connection is over: {0}")]
    Closed(Closed),
    /// The peer takes control messages more slowly than they are made. Close the connection.
    #[error("the peer does not take control messages as fast as they are made")]
    ControlFull,
    /// The datagram does not fit the path. A defect of the caller: media datagrams always fit.
    #[error("a datagram of {length} bytes does not fit; the limit is {limit}")]
    DatagramTooLong {
        /// The bytes that were to be sent.
        length: usize,
        /// What the path takes now.
        limit: usize,
    },
    /// The handshake broke off for a reason that no other variant names.
    #[error("no connection with {address}: {detail}")]
    Handshake {
        /// The other machine.
        address: SocketAddr,
        /// What either side said.
        detail: String,
    },
    /// The identity key is damaged. It must not be replaced silently: restore it, or pair the machine again.
    #[error("the identity key cannot be used: {0}")]
    Identity(String),
    /// What listens there is no hub of Unisono.
    #[error("what answers at {address} is not a Unisono hub")]
    NotUnisono {
        /// The other machine.
        address: SocketAddr,
    },
    /// The hub has as many connections as it takes. Try again later.
    #[error("{address} takes no more connections")]
    Refused {
        /// The other machine.
        address: SocketAddr,
    },
    /// A connection has one control stream and one clock channel, once. A defect of the caller.
    #[error("the {0} of this connection was taken before")]
    Taken(&'static str),
    /// Nothing answered. The machine may be off, elsewhere, or behind a firewall.
    #[error("nothing answers at {address} within {} s", after.as_secs_f32())]
    TimedOut {
        /// The other machine.
        address: SocketAddr,
        /// How long it was given.
        after: Duration,
    },
    /// This machine has no way there: no network, or no route.
    #[error("cannot reach {address}: {source}")]
    Unreachable {
        /// The other machine.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The peer sent what cannot be read, or a message to be sent is too long. Close the connection.
    #[error("control stream: {0}")]
    Wire(#[from] wire::Error),
    /// Another machine answers than the one that was expected: the address was reused, or somebody pretends.
    #[error("the machine at {address} has key {}, not {}", in_full(found), in_full(expected))]
    WrongKey {
        /// Where the connection went.
        address: SocketAddr,
        /// The key that was pinned.
        expected: PeerId,
        /// The key that answered.
        found: PeerId,
    },
}

/// All of a key: the first digits of another one may be the same.
fn in_full(key: &PeerId) -> String {
    key.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// Closed here, or all its handles were dropped.
    Here,
    /// Closed by the peer, for the reason that it gave; empty when it gave none.
    Peer(String),
    /// Broken off because one side broke the protocol or refused the other's key.
    Protocol(String),
    /// The peer's program was started anew and knows nothing of this connection. Connect again at once.
    Restarted,
    /// Nothing was heard of the peer for as long as a connection may be silent.
    Silent,
}

impl fmt::Display for Closed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => out.write_str("closed here"),
            Self::Peer(reason) if reason.is_empty() => out.write_str("closed by the peer"),
            Self::Peer(reason) => write!(out, "closed by the peer: {reason}"),
            Self::Protocol(detail) => write!(out, "protocol error: {detail}"),
            Self::Restarted => out.write_str("the peer has been restarted"),
            Self::Silent => out.write_str("the peer has fallen silent"),
        }
    }
}

impl From<ConnectionError> for Closed {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Peer(readable(&close.reason)),
            ConnectionError::ConnectionClosed(close) if close.reason.is_empty() => {
                Self::Protocol(close.error_code.to_string())
            }
            ConnectionError::ConnectionClosed(close) => Self::Protocol(readable(&close.reason)),
            ConnectionError::LocallyClosed => Self::Here,
            ConnectionError::Reset => Self::Restarted,
            ConnectionError::TimedOut => Self::Silent,
            other => Self::Protocol(readable(other.to_string().as_bytes())),
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        Self::Closed(error.into())
    }
}

/// Says why no connection came about with the machine at `address`.
pub(crate) fn connecting(address: SocketAddr, after: Duration, error: ConnectionError) -> Error {
    let code = match &error {
        ConnectionError::ConnectionClosed(close) => Some(close.error_code),
        ConnectionError::TransportError(error) => Some(error.code),
        _ => None,
    };
    match error {
        ConnectionError::TimedOut => Error::TimedOut { address, after },
        ConnectionError::VersionMismatch => Error::NotUnisono { address },
        _ if code == Some(TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL)) => Error::NotUnisono { address },
        _ if code == Some(TransportErrorCode::CONNECTION_REFUSED) => Error::Refused { address },
        other => Error::Handshake { address, detail: Closed::from(other).to_string() },
    }
}

/// What the network said, fit to be shown: bounded and without control characters.
fn readable(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(MAX_REASON)];
    String::from_utf8_lossy(bytes).chars().filter(|character| !character.is_control()).collect()
}

/// Bytes of a reason that are sent or shown. Two lines on a terminal.
pub(crate) const MAX_REASON: usize = 160;

/// The TLS alert for "we speak no common protocol" (RFC 7301, 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_from_the_network_is_made_fit_to_be_shown() {
        assert_eq!(readable(b"full\x1b[2J\n, sorry"), "full[2J, sorry");
        assert_eq!(readable(b"\xff"), "\u{fffd}");
        assert_eq!(readable(&[b'x'; 5_000]).len(), MAX_REASON);
    }

    #[test]
    fn errors_are_one_line() {
        let address = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let error = Error::TimedOut { address, after: Duration::from_secs(3) };
        assert_eq!(error.to_string(), "nothing answers at 192.0.2.1:4000 within 3 s");
        let error = Error::WrongKey { address, expected: PeerId([1; 32]), found: PeerId([2; 32]) };
        assert_eq!(
            error.to_string(),
            format!("the machine at 192.0.2.1:4000 has key {}, not {}", "02".repeat(32), "01".repeat(32))
        );
    }
}
