//! Waiting for the socket.
//!
//! Only for what arrives: a socket that is watched for room to send as well says after each datagram that there is some
//! again, and the runtime wakes for nothing as often as it sends. A socket that is full is looked at again a little later.

use std::{
    future::Future,
    io,
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::Interest,
    time::{Sleep, sleep},
};

/// What the runtime watches the socket with.
#[cfg(unix)]
type Watched = tokio::io::unix::AsyncFd<UdpSocket>;
#[cfg(not(unix))]
type Watched = tokio::net::UdpSocket;

/// A socket and its place in the runtime.
#[derive(Debug)]
pub(super) struct Readiness(Watched);

impl Readiness {
    /// Watches a socket that does not block. Must be called within a tokio runtime.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        #[cfg(unix)]
        #[expect(deprecated, reason = "unsound for types that change their descriptor, which this one does not")]
        return Watched::with_interest(socket, Interest::READABLE).map(Self);
        #[cfg(not(unix))]
        return Watched::from_std(socket).map(Self);
    }

    /// Waits until there may be something to receive.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(unix)]
        ready!(self.0.poll_read_ready(context))?.retain_ready();
        #[cfg(not(unix))]
        ready!(self.0.poll_recv_ready(context))?;
        Poll::Ready(Ok(()))
    }

    /// Receives; [`Self::poll_readable`] waits again once that would block.
    pub(super) fn try_receive<T>(&self, receive: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        #[cfg(unix)]
        return self.0.try_io(Interest::READABLE, |_| receive());
        #[cfg(not(unix))]
        return self.0.try_io(Interest::READABLE, receive);
    }

    /// The socket itself.
    #[cfg(unix)]
    pub(super) fn socket(&self) -> &UdpSocket {
        self.0.get_ref()
    }

    #[cfg(not(unix))]
    pub(super) fn socket(&self) -> &tokio::net::UdpSocket {
        &self.0
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }
}

/// How long a full socket is left alone: some packets' time in the air.
const FULL: Duration = Duration::from_millis(1);

/// Waits while the socket is full.
#[derive(Debug, Default)]
pub(super) struct Room(Option<Pin<Box<Sleep>>>);

impl Room {
    /// Ready when something can be sent; `full` says that the last attempt failed.
    pub(super) fn poll(&mut self, full: bool, context: &mut Context<'_>) -> Poll<()> {
        if full && self.0.is_none() {
            self.0 = Some(Box::pin(sleep(FULL)));
        }
        if let Some(wait) = &mut self.0 {
            ready!(wait.as_mut().poll(context));
            self.0 = None;
        }
        Poll::Ready(())
    }
}
