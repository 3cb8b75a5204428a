//! One UDP port for QUIC and clock packets.
//!
//! quinn sees a socket on which only QUIC arrives; clock packets are taken out below it and go to the [`Registry`], each
//! with the instant at which the kernel got it, where the kernel tells.
//!
//! **Receive offload (GRO) is switched off.** With it the kernel glues datagrams of one sender together and keeps one
//! receive stamp for all of them, which is exactly the time that a clock packet is sent for; and quinn would reserve
//! 64 times the receive memory (3 MB instead of 47 kB). What it saves, system calls at thousands of packets a second,
//! no stream of sound needs. Buffers with several datagrams are split all the same: another system may glue, too.
//!
//! On Linux all that leaves is marked EF, so that an access point sends it as it does a call.

mod readiness;
#[cfg(target_os = "linux")]
mod receive;
#[cfg(target_os = "linux")]
mod send;
mod stamp;
#[cfg(test)]
mod tests;

use std::{
    cell::OnceCell,
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use quinn::{AsyncUdpSocket, UdpPoller};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use unisono_core::time::{Nanos, Timestamp};

use self::{
    readiness::{Readiness, Room},
    stamp::{Moment, Moments},
};
use crate::{
    clock::{LocalClock, now},
    registry::Registry,
    split::split,
};

/// Where packets come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// The other machine.
    pub(crate) remote: SocketAddr,
    /// Which of this machine's addresses the other one talks to; answers must come from the same.
    pub(crate) local: Option<IpAddr>,
}

/// The port.
#[derive(Debug)]
pub(crate) struct SharedSocket {
    io: Readiness,
    state: UdpSocketState,
    /// The last datagram did not fit in.
    full: AtomicBool,
    receive_segments: usize,
    moments: Moments,
    registry: Registry,
    /// Whether the kernel stamps what arrives.
    stamps: bool,
}

impl SharedSocket {
    /// Opens a port. Must be called within a tokio runtime.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        // Best effort: the system may grant less.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        let state = UdpSocketState::new((&socket).into())?;
        let receive_segments = if disable_receive_offload(&socket) { 1 } else { state.gro_segments() };
        #[cfg(target_os = "linux")]
        let stamps = receive::enable_stamps(&socket);
        #[cfg(not(target_os = "linux"))]
        let stamps = false;
        #[cfg(target_os = "linux")]
        send::prioritise(&socket);
        let (moments, registry) = (Moments::default(), Registry::default());
        let io = Readiness::new(socket.into())?;
        Ok(Self { io, state, full: AtomicBool::new(false), receive_segments, moments, registry, stamps })
    }

    /// Who waits for clock packets.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// See [`Endpoint::hold`](crate::Endpoint::hold).
    pub(crate) fn hold(self: &Arc<Self>) -> Option<Held> {
        self.stamps.then(|| {
            self.io.hold();
            Held(Arc::clone(self))
        })
    }

    /// Sends a clock packet at once or not at all; gives the instant of the send call.
    pub(crate) fn send_clock(&self, path: Path, packet: &[u8]) -> io::Result<Timestamp<LocalClock>> {
        let transmit =
            Transmit { destination: path.remote, ecn: None, contents: packet, segment_size: None, src_ip: path.local };
        let at = now();
        self.send_marked(&transmit, || self.state.try_send(self.io.socket().into(), &transmit))?;
        Ok(at)
    }

    /// Sends with a mark, or in quinn's way what cannot be sent so. That sees the same error, and knows what to do about
    /// it: it learns that there is no segmentation, leaves out what the kernel does not know, and logs what remains.
    fn send_marked(&self, transmit: &Transmit<'_>, otherwise: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        match send::send(self.io.socket(), transmit) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            sent => return sent,
        }
        otherwise()
    }

    /// Receives until there is nothing more or the buffers are full.
    #[cfg(target_os = "linux")]
    fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
        arrivals: &mut Arrivals,
    ) -> io::Result<()> {
        for ((buffer, meta), stamp) in buffers.iter_mut().zip(metas).zip(&mut arrivals.stamps) {
            (*meta, *stamp) = receive::receive(self.io.socket(), buffer)?;
            arrivals.count += 1;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
        arrivals: &mut Arrivals,
    ) -> io::Result<()> {
        arrivals.count = self.state.recv(self.io.socket().into(), buffers, metas)?;
        Ok(())
    }

    /// Receives, and hands clock packets to who waits for them. Returns the number of buffers that hold QUIC.
    fn receive_quic(&self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        let mut arrivals = Arrivals::default();
        let result = self.io.try_receive(|| self.receive(buffers, metas, &mut arrivals));
        let count = arrivals.count;
        if count == 0 {
            result?;
        }
        // Otherwise an error came after what is there, and all that matters of it is known to the runtime: that it is
        // to wait until there is more.
        let moment = OnceCell::new();
        Ok(split(&mut buffers[..count], &mut metas[..count], |index, meta, datagram| {
            let path = Path { remote: meta.addr, local: meta.dst_ip };
            let moment: &Moment = moment.get_or_init(|| self.moments.read());
            self.registry.deliver(path, moment.arrival(arrivals.stamps.get(index).copied().flatten()), datagram);
        }))
    }
}

/// What arrives at a port waits until it is asked for; dropping this ends that.
#[derive(Debug)]
pub struct Held(Arc<SharedSocket>);

impl Held {
    /// Has what has arrived by now read and handed on, which happens while this task yields.
    pub fn receive(&self) {
        self.0.io.hold();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.io.release();
    }
}

impl AsyncUdpSocket for SharedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(WritePoller { socket: self, room: Room::default() })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let sent = self.send_marked(transmit, || self.state.send(self.io.socket().into(), transmit));
        let full = sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.full.store(full, Ordering::Relaxed);
        sent
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        for _ in 0..MAX_ROUNDS {
            ready!(self.io.poll_readable(context))?;
            match self.receive_quic(buffers, metas) {
                Ok(0) => {}
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(error) if is_passing(error.kind()) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.receive_segments
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// What was received in one go.
#[derive(Default)]
struct Arrivals {
    count: usize,
    /// The kernel's stamp of each buffer's datagram.
    stamps: [Option<Nanos>; BATCH_SIZE],
}

/// Waits on behalf of one connection until the socket can take more.
#[derive(Debug)]
struct WritePoller {
    socket: Arc<SharedSocket>,
    room: Room,
}

impl UdpPoller for WritePoller {
    fn poll_writable(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let full = self.socket.full.swap(false, Ordering::Relaxed);
        self.room.poll(full, context).map(Ok)
    }
}

/// Errors that the network can provoke or that pass by themselves. Any other ends the endpoint.
fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::WouldBlock
    )
}

#[cfg(target_os = "linux")]
fn disable_receive_offload(socket: &Socket) -> bool {
    use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};

    setsockopt(socket, UdpGroSegment, &false).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn disable_receive_offload(_socket: &Socket) -> bool {
    false
}

/// Receive calls in a row that may bring nothing but clock packets before other tasks get their turn.
const MAX_ROUNDS: usize = 8;

/// What the kernel may hold for us, in bytes: tens of milliseconds of a busy hub's traffic.
const RECEIVE_BUFFER: usize = 1024 * 1024;
