//! The server below the routes: connections are few, have to say soon what they want, and are held up by nobody.
//!
//! When there are as many as there may be, one that is missed little makes room for the next: people who only hold
//! connections, who never come to the end of a request, or who take nothing of the answer, keep nobody out and throw out
//! nobody who may ask.

mod book;
mod stalling;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{Request, StatusCode},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, warn};

use self::{
    book::{Book, Verdict},
    stalling::Stalling,
};
use super::guard::Peer;

/// What connections may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one address; this machine has no limit of its own.
    pub per_address: usize,
    /// A request's head is here within this; a connection that asks nothing for so long is closed.
    pub head: Duration,
    /// For so long whoever asked may take nothing of the answer.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, per_address: 64, head: Duration::from_secs(15), stall: Duration::from_secs(30) }
    }
}

/// The longest head of a request, in bytes: a browser's with cookies is a tenth of that.
const MAX_HEAD: usize = 16 * 1024;

/// When the hub stops, what is being answered has so long to be finished.
const FAREWELL: Duration = Duration::from_secs(2);

/// When the system has no more connections to give, the hub waits so long before it asks again.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop` says so.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let connections = Connections::new(limits);
    let mut is_short = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, from)) => {
                is_short = false;
                connections.take(stream, from, router.clone(), stop.clone());
            }
            Err(error) => {
                // Said once, until it works again. A connection that has ended before it was taken is nothing.
                if !is_of_one(&error) {
                    if !is_short {
                        warn!("the control API can take no connection: {error}");
                        is_short = true;
                    }
                    sleep(BREATH).await;
                }
            }
        }
    }
    drop(listener);
    let all_gone = async {
        while !connections.lock().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(FAREWELL, all_gone).await;
    let left = connections.lock().drain_handles();
    for handle in left {
        handle.abort();
    }
}

fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The connections that are there.
#[derive(Clone)]
struct Connections {
    limits: Limits,
    open: Arc<Mutex<Book<AbortHandle>>>,
}

impl Connections {
    fn new(limits: Limits) -> Self {
        let open = Book::new(limits.connections, limits.per_address);
        Self { limits, open: Arc::new(Mutex::new(open)) }
    }

    fn lock(&self) -> MutexGuard<'_, Book<AbortHandle>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, stream: TcpStream, from: SocketAddr, router: Router, mut stop: watch::Receiver<bool>) {
        let address = from.ip().to_canonical();
        let (id, verdict) = self.lock().arrive(address, address.is_loopback());
        match verdict {
            Verdict::Come => {}
            Verdict::InPlaceOf(handle) => {
                if let Some(handle) = handle {
                    handle.abort();
                }
            }
            Verdict::Full => {
                debug!("{from} is not let in: too many connections");
                return;
            }
        }
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let slot = Slot { id, connections: self.clone() };
        let limits = self.limits;
        let connections = self.clone();
        let task = tokio::spawn(async move {
            let io = TokioIo::new(Stalling::new(stream, limits.stall, slot));
            let service = service_fn(move |request: Request<Incoming>| {
                answer(router.clone(), request, from, Standing { id, connections: connections.clone() })
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
            let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!("the connection of {from} has ended: {error}");
                    }
                    return;
                }
                () = stopped(&mut stop) => {}
            }
            connection.as_mut().graceful_shutdown();
            let _ = timeout(FAREWELL, connection).await;
        });
        self.lock().started(id, task.abort_handle());
    }
}

/// Answers a request. From when all of it is here until all of its answer has gone its connection is missed more than
/// others.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    from: SocketAddr,
    standing: Standing,
) -> Result<axum::http::Response<Answered>, std::convert::Infallible> {
    let mut busy = Busy { standing: standing.clone(), stays: false };
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(from));
    request.extensions_mut().insert(standing);
    let response = router.oneshot(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        busy.stays = true;
    }
    Ok(response.map(|body| Answered { body, _busy: busy }))
}

/// A place among the connections; goes with the socket.
pub(super) struct Slot {
    id: u64,
    connections: Connections,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.lock().leave(self.id);
    }
}

/// What whoever judges a request tells of its connection.
#[derive(Clone)]
pub(super) struct Standing {
    id: u64,
    connections: Connections,
}

impl Standing {
    /// The request is here to its last byte.
    pub(super) fn is_whole(&self) {
        self.connections.lock().busy(self.id);
    }

    /// Whoever asks is let in.
    pub(super) fn is_known(&self) {
        self.connections.lock().known(self.id);
    }
}

/// Goes with an answer, or with what was given up on the way to one.
struct Busy {
    standing: Standing,
    /// Whether the connection is another thing from now on.
    stays: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.stays {
            self.standing.connections.lock().idle(self.standing.id);
        }
    }
}

/// The body of an answer, on its way.
struct Answered {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// Waits until `stop` says so; where nobody is left to say it, for ever.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether an address is this machine's own.
pub(super) fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
