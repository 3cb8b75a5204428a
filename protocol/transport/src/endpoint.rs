//! One UDP port, from which connections go out and at which they may come in.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn::{ClientConfig, NoneTokenStore, ServerConfig, VarInt};
use tokio::{
    sync::{Mutex, mpsc},
    task::AbortHandle,
    time::timeout,
};
use unisono_core::wire::ids::PeerId;

use crate::{
    ClockCounters, Connection, Error, Expect, Identity,
    acceptor::Acceptor,
    congestion::Window,
    connection::reason_bytes,
    error,
    parameters::transport,
    restart,
    runtime::Runtime,
    socket::{Held, SharedSocket},
    tls::{self, Connector, SERVER_NAME},
};

/// How an endpoint behaves.
#[derive(Clone)]
pub struct Options {
    /// A secret of this machine, made once and kept: with it the next run of the program can tell peers at once that
    /// their connections are gone. A new one only costs them the idle time-out.
    pub reset_key: [u8; 64],
    /// Whether connections may come in.
    pub accept: bool,
    /// Connections that may have come in at a time: those to which the program holds a handle, and handshakes. More
    /// are refused.
    pub max_connections: usize,
    /// What an outgoing handshake may take.
    pub connect_timeout: Duration,
}

impl Options {
    /// No connections come in; if they are let in, up to 500; three seconds for an outgoing one.
    pub fn new(reset_key: [u8; 64]) -> Self {
        Self { reset_key, accept: false, max_connections: 500, connect_timeout: Duration::from_secs(3) }
    }
}

/// A UDP port with an identity. Dropping it ends the accepting; its connections live on by themselves, and the port is
/// free when the last is gone.
#[derive(Debug)]
pub struct Endpoint {
    quinn: quinn::Endpoint,
    socket: Arc<SharedSocket>,
    peer_id: PeerId,
    connector: Connector,
    connect_timeout: Duration,
    accepted: Option<Accepted>,
}

impl Endpoint {
    /// Opens a port. `[::]` stands for every address of both families, and for those of IPv4 on a machine without IPv6;
    /// port 0 for any that is free. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::AddressInUse`], [`Error::Bind`]; [`Error::Identity`] when TLS cannot use the key.
    pub fn bind(address: SocketAddr, identity: &Identity, options: &Options) -> Result<Self, Error> {
        let connector = Connector::new(identity)?;
        let server = options.accept.then(|| server_config(identity)).transpose()?;
        let socket = Arc::new(open(address)?);
        let mut config = restart::endpoint_config(&options.reset_key);
        // Clock packets are told apart by the bit that this would make random.
        config.grease_quic_bit(false);
        let runtime = Arc::new(Runtime);
        let quinn =
            quinn::Endpoint::new_with_abstract_socket(config, server.clone(), Arc::clone(&socket) as _, runtime)
                .map_err(|source| Error::Bind { address, source })?;
        let accepted = server.map(|config| {
            let (endpoint, socket) = (quinn.clone(), Arc::clone(&socket));
            let acceptor = Acceptor { endpoint, config, socket, max_connections: options.max_connections };
            let (connections, task) = acceptor.start();
            Accepted { connections: Mutex::new(connections), task }
        });
        let (peer_id, connect_timeout) = (identity.peer_id(), options.connect_timeout);
        Ok(Self { quinn, socket, peer_id, connector, connect_timeout, accepted })
    }

    /// This machine's key.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The address and port that were opened.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.quinn.local_addr()
    }

    /// Waits for the next machine that has proved its key; whether it may stay is for the caller to judge. `None` when
    /// the endpoint lets none in, or was shut down. Loses nothing when it is cancelled.
    pub async fn accept(&self) -> Option<Connection> {
        match &self.accepted {
            Some(accepted) => accepted.connections.lock().await.recv().await,
            None => None,
        }
    }

    /// Connects to the machine at an address.
    ///
    /// It may yet turn this one away: see [`Connection`].
    ///
    /// # Errors
    /// One line that says what failed and on what: [`Error::Unreachable`], [`Error::TimedOut`], [`Error::WrongKey`],
    /// [`Error::NotUnisono`], [`Error::Refused`], or [`Error::Handshake`] for anything else.
    pub async fn connect(&self, to: SocketAddr, expect: Expect) -> Result<Connection, Error> {
        has_route(to).map_err(|source| Error::Unreachable { address: to, source })?;
        let (crypto, verifier) = self.connector.config(expect)?;
        let window = Window::default();
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport(&window, 0))).token_store(Arc::new(NoneTokenStore));
        let failed = |detail: String| Error::Handshake { address: to, detail };
        let connecting = self.quinn.connect_with(config, to, SERVER_NAME).map_err(|error| failed(error.to_string()))?;
        let after = self.connect_timeout;
        match timeout(after, connecting).await {
            Ok(Ok(quinn)) => Connection::new(quinn, Arc::clone(&self.socket), window, None)
                .ok_or_else(|| failed("the peer shows no key".into())),
            Ok(Err(error)) => Err(match verifier.mismatch() {
                Some((expected, found)) => Error::WrongKey { address: to, expected, found },
                None => error::connecting(to, after, error),
            }),
            Err(_) => Err(Error::TimedOut { address: to, after }),
        }
    }

    /// From now on what arrives waits until [`Held::receive`] is called, and is handed on together: a node that plays
    /// from a buffer need not wake up for each packet. Clock packets keep the instants at which they arrived; where the
    /// system does not stamp them, nothing is held, and this is `None`.
    pub fn hold(&self) -> Option<Held> {
        self.socket.hold()
    }

    /// Clock packets that were not delivered.
    pub fn clock_counters(&self) -> ClockCounters {
        self.socket.registry().counters()
    }

    /// Closes all connections, tells the peers why, and lets no more in. Waits until they have been told, for a second
    /// at most.
    pub async fn shut_down(&self, reason: &str) {
        self.quinn.close(VarInt::from_u32(0), reason_bytes(reason));
        // Whoever was not told by then finds out by the idle time-out.
        let _ = timeout(SHUT_DOWN_LIMIT, self.quinn.wait_idle()).await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(accepted) = &self.accepted {
            accepted.task.abort();
            // What still comes is turned away instead of waiting for nobody.
            self.quinn.set_server_config(None);
        }
    }
}

#[derive(Debug)]
struct Accepted {
    connections: Mutex<mpsc::Receiver<Connection>>,
    task: AbortHandle,
}

fn server_config(identity: &Identity) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::with_crypto(Arc::new(tls::acceptor(identity)?));
    config
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER * MAX_INCOMING as u64);
    Ok(config)
}

/// Opens the first that can be opened.
fn open(address: SocketAddr) -> Result<SharedSocket, Error> {
    match SharedSocket::bind(address) {
        Ok(socket) => Ok(socket),
        Err(source) if source.kind() == io::ErrorKind::AddrInUse => Err(Error::AddressInUse { address }),
        Err(source) => match without_ipv6(address).map(SharedSocket::bind) {
            Some(Ok(socket)) => Ok(socket),
            _ => Err(Error::Bind { address, source }),
        },
    }
}

/// What `[::]` means on a machine without IPv6.
fn without_ipv6(address: SocketAddr) -> Option<SocketAddr> {
    let everywhere = address.is_ipv6() && address.ip().is_unspecified();
    everywhere.then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
}

/// Asks the system whether it has a way there; sends nothing. QUIC itself would take a missing network for packets
/// that are lost, and try until its time is up.
fn has_route(to: SocketAddr) -> io::Result<()> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0))?.connect(to)
}

/// First packets that may wait to be looked at.
const MAX_INCOMING: usize = 256;

/// Bytes of later packets that each of them may bring: a whole first flight.
const INCOMING_BUFFER: u64 = 16 * 1024;

const SHUT_DOWN_LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_every_address_of_both_families_falls_back_to_those_of_ipv4() {
        let fallback = |address: &str| without_ipv6(address.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(fallback("[::]:4000").as_deref(), Some("0.0.0.0:4000"));
        assert_eq!(fallback("[::1]:4000"), None);
        assert_eq!(fallback("0.0.0.0:4000"), None);
    }

    #[test]
    fn a_machine_has_a_route_to_itself_and_none_to_nowhere() {
        assert!(has_route(([127, 0, 0, 1], 4_000).into()).is_ok());
        assert!(has_route(([255, 255, 255, 255], 4_000).into()).is_err());
    }
}
