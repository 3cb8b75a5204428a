//! A connection between two machines that have proved their keys.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use quinn::{SendDatagramError, Side, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::sync::OwnedSemaphorePermit;
use unisono_core::{
    time::Nanos,
    wire::ids::{ClockTag, PeerId},
};

use crate::{
    ClockChannel, ClockSide, Closed, ControlReceiver, ControlSender, Error, certificate, congestion::Window, control,
    error::MAX_REASON, parameters::DATAGRAM_SEND_BUFFER, queue::Queue, socket::SharedSocket,
};

/// A connection. Clones are handles to the same one; it is closed when the last is dropped, its control stream and
/// its clock channel included.
///
/// On the connecting side a connection stands *before* the other side has judged this machine's key (TLS 1.3 has the
/// client speak last): that the hub takes the node in is known from its first control message and not before.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    quinn: quinn::Connection,
    peer: PeerId,
    socket: Arc<SharedSocket>,
    window: Window,
    queue: Queue,
    control_taken: AtomicBool,
    clock_taken: AtomicBool,
    _slot: Option<OwnedSemaphorePermit>,
}

/// Figures of a connection, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// The smoothed round trip, with the peer's own delay in it.
    pub rtt: Nanos,
    /// The largest UDP payload that the path is known to carry, in bytes.
    pub mtu: u16,
    /// QUIC packets sent.
    pub sent_packets: u64,
    /// QUIC packets that were taken for lost.
    pub lost_packets: u64,
    /// Bytes sent in UDP payloads.
    pub sent_bytes: u64,
    /// Bytes received in UDP payloads.
    pub received_bytes: u64,
    /// Datagrams that were not sent because the queue was too long.
    pub dropped_datagrams: u64,
}

impl Connection {
    /// Wraps a connection whose handshake is done. `None` when the peer shows no key, which its verifier rules out.
    pub(crate) fn new(
        quinn: quinn::Connection,
        socket: Arc<SharedSocket>,
        window: Window,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Option<Self> {
        let certificates = quinn.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
        let peer = certificate::public_key(certificates.first()?)?;
        let (control_taken, clock_taken) = (AtomicBool::new(false), AtomicBool::new(false));
        let queue = Queue::new();
        Some(Self(Arc::new(Inner { quinn, peer, socket, window, queue, control_taken, clock_taken, _slot: slot })))
    }

    /// The other machine's key, proved.
    pub fn peer(&self) -> PeerId {
        self.0.peer
    }

    /// Where the other machine is now. A node that roams changes it.
    pub fn remote_address(&self) -> SocketAddr {
        match self.socket_address() {
            SocketAddr::V6(address) if address.ip().to_ipv4_mapped().is_some() => {
                SocketAddr::new(address.ip().to_canonical(), address.port())
            }
            address => address,
        }
    }

    /// Figures for the metrics.
    pub fn statistics(&self) -> Statistics {
        let figures = self.0.quinn.stats();
        Statistics {
            rtt: figures.path.rtt.into(),
            mtu: figures.path.current_mtu,
            sent_packets: figures.path.sent_packets,
            lost_packets: figures.path.lost_packets,
            sent_bytes: figures.udp_tx.bytes,
            received_bytes: figures.udp_rx.bytes,
            dropped_datagrams: self.0.queue.dropped(),
        }
    }

    /// The control stream. The connecting side opens it; on the accepting side this waits until the first message has
    /// come, so bound it. It exists once.
    ///
    /// # Errors
    /// [`Error::Taken`] at the second call, [`Error::Closed`] when the connection is over.
    pub async fn control(&self) -> Result<(ControlSender, ControlReceiver), Error> {
        if self.0.control_taken.swap(true, Ordering::Relaxed) {
            return Err(Error::Taken("control stream"));
        }
        let (send, recv) = match self.0.quinn.side() {
            Side::Client => self.0.quinn.open_bi().await?,
            Side::Server => self.0.quinn.accept_bi().await?,
        };
        Ok(control::start(self, send, recv))
    }

    /// The clock packets of this connection, named by the tag that the hub has drawn. They exist once.
    ///
    /// # Errors
    /// [`Error::Taken`] at the second call.
    pub fn clock<C: ClockSide>(&self, tag: ClockTag) -> Result<ClockChannel<C>, Error> {
        if self.0.clock_taken.swap(true, Ordering::Relaxed) {
            return Err(Error::Taken("clock channel"));
        }
        ClockChannel::open(self.clone(), tag)
    }

    /// Makes room for `bit_rate` bits per second at a group latency of `latency`: what may be in flight, and what may
    /// wait to be sent. Of everything that goes to this peer, repairs not counted.
    pub fn set_budget(&self, bit_rate: u32, latency: Nanos) {
        self.0.window.set_budget(bit_rate, latency);
        self.0.queue.set_budget(bit_rate);
    }

    /// Hands a datagram to the network, unless more than 200 ms of the budgeted rate have been waiting for longer than
    /// a burst takes: then it would come too late, and is dropped and counted. Never waits. Returns whether it goes.
    ///
    /// # Errors
    /// [`Error::DatagramTooLong`]; [`Error::Closed`] when the connection is over.
    pub fn send_datagram(&self, datagram: Bytes) -> Result<bool, Error> {
        let quinn = &self.0.quinn;
        let (length, space) = (datagram.len(), quinn.datagram_send_buffer_space());
        if !self.0.queue.admit(length, DATAGRAM_SEND_BUFFER.saturating_sub(space), space, Instant::now()) {
            return quinn.close_reason().map_or(Ok(false), |reason| Err(reason.into()));
        }
        match quinn.send_datagram(datagram) {
            Ok(()) => Ok(true),
            Err(SendDatagramError::ConnectionLost(reason)) => Err(reason.into()),
            Err(_) => Err(Error::DatagramTooLong { length, limit: self.max_datagram_size() }),
        }
    }

    /// Waits for the next datagram. When they are not read, the oldest are dropped. Loses nothing when it is
    /// cancelled.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is over.
    pub async fn read_datagram(&self) -> Result<Bytes, Error> {
        Ok(self.0.quinn.read_datagram().await?)
    }

    /// The longest datagram that the path carries now, in bytes. Never less than a full media datagram.
    pub fn max_datagram_size(&self) -> usize {
        self.0.quinn.max_datagram_size().unwrap_or(0)
    }

    /// Closes the connection at once and tells the peer why, in at most 160 bytes. What is on its way is lost;
    /// [`ControlSender::finish`] first if it matters.
    pub fn close(&self, reason: &str) {
        self.0.quinn.close(VarInt::from_u32(0), reason_bytes(reason));
    }

    /// Waits until the connection is over, and says why.
    pub async fn closed(&self) -> Closed {
        self.0.quinn.closed().await.into()
    }

    /// Why the connection is over, if it is.
    pub fn close_reason(&self) -> Option<Closed> {
        self.0.quinn.close_reason().map(Closed::from)
    }

    pub(crate) fn socket(&self) -> &SharedSocket {
        &self.0.socket
    }

    /// The peer's address as the socket knows it.
    pub(crate) fn socket_address(&self) -> SocketAddr {
        self.0.quinn.remote_address()
    }

    pub(crate) fn export(&self, secret: &mut [u8], label: &[u8], context: &[u8]) -> Option<()> {
        self.0.quinn.export_keying_material(secret, label, context).ok()
    }
}

/// A reason as it is sent: its first [`MAX_REASON`] bytes.
pub(crate) fn reason_bytes(reason: &str) -> &[u8] {
    &reason.as_bytes()[..reason.len().min(MAX_REASON)]
}
