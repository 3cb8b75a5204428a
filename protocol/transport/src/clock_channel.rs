//! One connection's clock packets.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;
use unisono_core::{
    time::{HubClock, NodeClock, Timestamp},
    wire::{
        clock::{Header, TAG_LEN},
        ids::ClockTag,
    },
};

use crate::{
    Connection, Error,
    clock_packets::{ClockKey, EXPORTER_LABEL, MAX_PACKET, exporter_context},
    registry::{Arrival, Listener},
    socket::Path,
};

/// Which side of the clock exchange a machine is on: its clock serves as the hub's or as a node's.
pub trait ClockSide: sealed::Sealed {}

impl ClockSide for HubClock {}

impl ClockSide for NodeClock {}

mod sealed {
    use unisono_core::{
        time::{HubClock, NodeClock},
        wire::clock::{PROBE, REPORT},
    };

    pub trait Sealed {
        /// What this side sends.
        const SENDS: u8;
        /// What it receives.
        const RECEIVES: u8;
        /// Whether the other side may change its address: a node roams, a hub does not.
        const FOLLOWS: bool;
    }

    impl Sealed for HubClock {
        const SENDS: u8 = REPORT;
        const RECEIVES: u8 = PROBE;
        const FOLLOWS: bool = true;
    }

    impl Sealed for NodeClock {
        const SENDS: u8 = PROBE;
        const RECEIVES: u8 = REPORT;
        const FOLLOWS: bool = false;
    }
}

/// A clock packet whose tag was genuine and which was not seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<C> {
    /// The packet without its tag, for [`Probe::parse`](unisono_core::wire::clock::Probe::parse) or
    /// [`Report::parse`](unisono_core::wire::clock::Report::parse).
    pub fields: Vec<u8>,
    /// When it arrived, on this machine's clock.
    pub at: Timestamp<C>,
}

/// Sends and receives the clock packets of one connection, beside QUIC and without its queues. `C` is what this
/// machine's clock serves as: a hub opens a `ClockChannel<HubClock>`, a node a `ClockChannel<NodeClock>`.
///
/// Keeps the connection open. Packets of the connection that come after it was dropped are counted as unknown.
#[derive(Debug)]
pub struct ClockChannel<C> {
    sender: Arc<ClockSender<C>>,
    arrivals: mpsc::Receiver<Arrival>,
}

/// Sends the clock packets of one connection, from any thread, and keeps it open.
#[derive(Debug)]
pub struct ClockSender<C> {
    connection: Connection,
    listener: Arc<Listener>,
    tag: ClockTag,
    key: ClockKey,
    last_sequence: AtomicU64,
    side: PhantomData<fn() -> C>,
}

impl<C: ClockSide> ClockChannel<C> {
    pub(crate) fn open(connection: Connection, tag: ClockTag) -> Result<Self, Error> {
        let key = exported(&connection, C::SENDS)?;
        let path = Path { remote: connection.socket_address(), local: None };
        let registry = connection.socket().registry();
        let (listener, arrivals) = registry.listen(C::RECEIVES, tag, exported(&connection, C::RECEIVES)?, path);
        let last_sequence = AtomicU64::new(0);
        let sender = ClockSender { connection, listener, tag, key, last_sequence, side: PhantomData };
        Ok(Self { sender: Arc::new(sender), arrivals })
    }

    /// Waits for the next packet. Loses nothing when it is cancelled; packets that arrive while more than 64 wait are
    /// dropped and counted.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is over.
    pub async fn recv(&mut self) -> Result<Received<C>, Error> {
        tokio::select! {
            biased;
            Some(Arrival { fields, at }) = self.arrivals.recv() => {
                Ok(Received { fields, at: Timestamp::from_nanos(at.as_nanos()) })
            }
            reason = self.sender.connection.closed() => Err(Error::Closed(reason)),
        }
    }

    /// Sends a packet; see [`ClockSender::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&self, fields: &[u8]) -> Result<Timestamp<C>, Error> {
        self.sender.send(fields)
    }

    /// For another thread that sends.
    pub fn sender(&self) -> Arc<ClockSender<C>> {
        Arc::clone(&self.sender)
    }
}

impl<C: ClockSide> ClockSender<C> {
    /// Sends a packet at once, given without its tag. Gives the instant of the send call, which is to travel in the
    /// next packet.
    ///
    /// # Errors
    /// [`Error::ClockNotSent`] when the socket could not take it at once: send the next one. [`Error::ClockPacket`]
    /// when it is not a packet of this channel, or its sequence number does not rise: one that was used twice would
    /// let anyone forge packets.
    pub fn send(&self, fields: &[u8]) -> Result<Timestamp<C>, Error> {
        let header = Header::parse(fields).map_err(|_| Error::ClockPacket("it has no header"))?;
        if header.kind != C::SENDS || header.tag != self.tag {
            return Err(Error::ClockPacket("it is not of this side and connection"));
        }
        let length = fields.len() + TAG_LEN;
        let mut packet = [0; MAX_PACKET];
        let whole = packet.get_mut(..length).ok_or(Error::ClockPacket("it is too long"))?;
        if self.last_sequence.fetch_max(header.sequence, Ordering::Relaxed) >= header.sequence {
            return Err(Error::ClockPacket("its sequence number was used before"));
        }
        let tag = self.key.tag(header.sequence, fields).ok_or(Error::ClockPacket("it is too long"))?;
        whole[..fields.len()].copy_from_slice(fields);
        whole[fields.len()..].copy_from_slice(&tag);
        let sent = self.connection.socket().send_clock(self.path(), whole);
        sent.map(|at| Timestamp::from_nanos(at.as_nanos())).map_err(Error::ClockNotSent)
    }

    fn path(&self) -> Path {
        if C::FOLLOWS { self.listener.path() } else { Path { remote: self.connection.socket_address(), local: None } }
    }
}

impl<C> Drop for ClockChannel<C> {
    fn drop(&mut self) {
        self.sender.connection.socket().registry().forget(&self.sender.listener);
    }
}

fn exported(connection: &Connection, kind: u8) -> Result<ClockKey, Error> {
    let mut secret = [0; 32];
    let no_key = Error::ClockPacket("the connection gives no key");
    match connection.export(&mut secret, EXPORTER_LABEL, exporter_context(kind)) {
        Some(()) => ClockKey::new(&secret).ok_or(no_key),
        None => Err(no_key),
    }
}
