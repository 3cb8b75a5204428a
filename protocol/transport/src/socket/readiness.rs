//! Waiting for the socket.
//!
//! Only for what arrives: a socket that is watched for room to send as well says after each datagram that there is some
//! again, and the runtime wakes for nothing as often as it sends. A socket that is full is looked at again a little later.
//!
//! Where arrivals are stamped by the kernel nothing is lost when they are read later, and together: a socket can be held,
//! as network cards hold their interrupts.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

#[cfg(not(unix))]
pub(super) use portable::Readiness;
#[cfg(unix)]
pub(super) use unix::Readiness;

#[cfg(unix)]
mod unix {
    use std::{
        io,
        net::{SocketAddr, UdpSocket},
        sync::{Arc, Mutex, MutexGuard, PoisonError},
        task::{Context, Poll, Waker, ready},
    };

    use tokio::{
        io::{Interest, unix::AsyncFd},
        runtime::Handle,
    };

    /// A socket and its place in the runtime.
    #[derive(Debug)]
    pub(in crate::socket) struct Readiness {
        socket: Arc<UdpSocket>,
        runtime: Handle,
        state: Mutex<State>,
    }

    #[derive(Debug)]
    struct State {
        watch: Watch,
        /// Who reads, while there was nothing to be read.
        reader: Option<Waker>,
    }

    #[derive(Debug)]
    enum Watch {
        /// By the runtime, which wakes for each datagram.
        Runtime(AsyncFd<Arc<UdpSocket>>),
        /// By nobody: it is read when somebody asks for it.
        Held {
            /// Somebody has, and not all is read yet.
            asked: bool,
        },
    }

    impl Readiness {
        /// Watches a socket that does not block. Must be called within a tokio runtime.
        pub(in crate::socket) fn new(socket: UdpSocket) -> io::Result<Self> {
            let socket = Arc::new(socket);
            let watch = Watch::Runtime(watch(&socket)?);
            Ok(Self { socket, runtime: Handle::current(), state: Mutex::new(State { watch, reader: None }) })
        }

        /// Waits until there may be something to receive.
        pub(in crate::socket) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            let state = &mut *self.state();
            state.reader.get_or_insert_with(|| context.waker().clone()).clone_from(context.waker());
            match &state.watch {
                Watch::Runtime(watched) => ready!(watched.poll_read_ready(context))?.retain_ready(),
                Watch::Held { asked: false } => return Poll::Pending,
                Watch::Held { asked: true } => {}
            }
            Poll::Ready(Ok(()))
        }

        /// Receives; [`Self::poll_readable`] waits again once that would block.
        pub(in crate::socket) fn try_receive<T>(&self, receive: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
            match &mut self.state().watch {
                Watch::Runtime(watched) => watched.try_io(Interest::READABLE, |_| receive()),
                Watch::Held { asked } => {
                    let received = receive();
                    *asked &= !received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
                    received
                }
            }
        }

        /// Reads what has come, and from now on whenever this is called alone.
        pub(in crate::socket) fn hold(&self) {
            let state = &mut *self.state();
            state.watch = Watch::Held { asked: true };
            state.reader.iter().for_each(Waker::wake_by_ref);
        }

        /// Lets the runtime watch again.
        pub(in crate::socket) fn release(&self) {
            let _runtime = self.runtime.enter();
            let state = &mut *self.state();
            // It has watched this socket before; should it refuse now, all is read that has come so far.
            state.watch = watch(&self.socket).map_or(Watch::Held { asked: true }, Watch::Runtime);
            state.reader.iter().for_each(Waker::wake_by_ref);
        }

        /// The socket itself.
        pub(in crate::socket) fn socket(&self) -> &UdpSocket {
            &self.socket
        }

        pub(in crate::socket) fn local_addr(&self) -> io::Result<SocketAddr> {
            self.socket.local_addr()
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    fn watch(socket: &Arc<UdpSocket>) -> io::Result<AsyncFd<Arc<UdpSocket>>> {
        #[expect(deprecated, reason = "unsound for types that change their descriptor, which this one does not")]
        AsyncFd::with_interest(Arc::clone(socket), Interest::READABLE)
    }
}

#[cfg(not(unix))]
mod portable {
    use std::{
        io,
        net::{SocketAddr, UdpSocket},
        task::{Context, Poll},
    };

    use tokio::io::Interest;

    /// A socket and its place in the runtime.
    #[derive(Debug)]
    pub(in crate::socket) struct Readiness(tokio::net::UdpSocket);

    impl Readiness {
        /// Watches a socket that does not block. Must be called within a tokio runtime.
        pub(in crate::socket) fn new(socket: UdpSocket) -> io::Result<Self> {
            tokio::net::UdpSocket::from_std(socket).map(Self)
        }

        /// Waits until there may be something to receive.
        pub(in crate::socket) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_recv_ready(context)
        }

        /// Receives; [`Self::poll_readable`] waits again once that would block.
        pub(in crate::socket) fn try_receive<T>(&self, receive: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
            self.0.try_io(Interest::READABLE, receive)
        }

        /// Nothing is held here: nothing is stamped.
        pub(in crate::socket) fn hold(&self) {}

        /// Nothing was held.
        pub(in crate::socket) fn release(&self) {}

        /// The socket itself.
        pub(in crate::socket) fn socket(&self) -> &tokio::net::UdpSocket {
            &self.0
        }

        pub(in crate::socket) fn local_addr(&self) -> io::Result<SocketAddr> {
            self.0.local_addr()
        }
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
