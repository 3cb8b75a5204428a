//! What the tests share: machines on the loopback interface, and a relay that plays the network between them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use tokio::{net::UdpSocket, task::JoinSet, time::timeout};
use unisono_core::wire::clock::is_clock_packet;
use unisono_transport::{Connection, Endpoint, Expect, Identity, Options};

pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub fn identity() -> Identity {
    Identity::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref()).unwrap()
}

pub fn hub_options() -> Options {
    Options { accept: true, ..Options::new([1; 64]) }
}

pub fn hub() -> Endpoint {
    Endpoint::bind(LOOPBACK, &identity(), &hub_options()).unwrap()
}

pub fn node() -> Endpoint {
    Endpoint::bind(LOOPBACK, &identity(), &Options::new([2; 64])).unwrap()
}

/// The result of `future`, which must come: a bound for failures only.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("this takes too long")
}

/// Waits until `condition` holds, giving the other tasks their turns.
pub async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// A hub and a node that are connected.
pub struct Pair {
    pub hub: Endpoint,
    pub node: Endpoint,
    pub at_hub: Connection,
    pub at_node: Connection,
}

impl Pair {
    pub async fn connect() -> Self {
        let hub = hub();
        let to = hub.local_address().unwrap();
        Self::through(hub, to).await
    }

    /// Connects to an address that leads to the hub.
    pub async fn through(hub: Endpoint, to: SocketAddr) -> Self {
        let node = node();
        let expect = Expect::Key(hub.peer_id());
        let (at_node, at_hub) = within(async { tokio::join!(node.connect(to, expect), hub.accept()) }).await;
        Self { at_hub: at_hub.unwrap(), at_node: at_node.unwrap(), hub, node }
    }
}

/// Forwards datagrams between one node and a hub.
pub struct Relay {
    /// Where the node is to send to.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    hub: SocketAddr,
}

struct Shared {
    to_node: UdpSocket,
    to_hub: Mutex<Arc<UdpSocket>>,
    node: Mutex<Option<SocketAddr>>,
    /// Nothing gets through.
    cut: AtomicBool,
    /// Nothing gets through to the node.
    deaf: AtomicBool,
    /// Clock packets of the node and of the hub.
    clock: [Mutex<Vec<Vec<u8>>>; 2],
    heard_hub: AtomicBool,
    /// At which of the node's addresses the hub's newest clock packet came.
    newest_report_at: Mutex<Option<SocketAddr>>,
    /// From which of the hub's addresses.
    newest_report_from: Mutex<Option<SocketAddr>>,
}

impl Relay {
    pub async fn start(hub: SocketAddr) -> Self {
        let to_node = UdpSocket::bind(LOOPBACK).await.unwrap();
        let any = if hub.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let to_hub = Arc::new(UdpSocket::bind(any).await.unwrap());
        let address = to_node.local_addr().unwrap();
        let shared = Arc::new(Shared {
            to_node,
            to_hub: Mutex::new(Arc::clone(&to_hub)),
            node: Mutex::default(),
            cut: AtomicBool::default(),
            deaf: AtomicBool::default(),
            clock: Default::default(),
            heard_hub: AtomicBool::default(),
            newest_report_at: Mutex::default(),
            newest_report_from: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).from_node(hub));
        tasks.spawn(Arc::clone(&shared).from_hub(to_hub));
        Self { address, shared, tasks, hub }
    }

    pub fn cut(&self, cut: bool) {
        self.shared.cut.store(cut, Ordering::SeqCst);
    }

    pub fn deafen(&self) {
        self.shared.deaf.store(true, Ordering::SeqCst);
    }

    /// From now on the hub sees the node at another address.
    pub async fn roam(&mut self) -> SocketAddr {
        let to_hub = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
        let address = to_hub.local_addr().unwrap();
        *self.shared.to_hub.lock().unwrap() = Arc::clone(&to_hub);
        self.tasks.spawn(Arc::clone(&self.shared).from_hub(to_hub));
        address
    }

    /// Clock packets that the node has sent.
    pub fn probes(&self) -> Vec<Vec<u8>> {
        self.shared.clock[0].lock().unwrap().clone()
    }

    /// Clock packets that the hub has sent.
    pub fn reports(&self) -> Vec<Vec<u8>> {
        self.shared.clock[1].lock().unwrap().clone()
    }

    /// At which of the node's addresses the hub's newest clock packet came.
    pub fn newest_report_at(&self) -> Option<SocketAddr> {
        *self.shared.newest_report_at.lock().unwrap()
    }

    /// Whether the hub has said anything.
    pub fn heard_hub(&self) -> bool {
        self.shared.heard_hub.load(Ordering::SeqCst)
    }

    /// From which of the hub's addresses it came.
    pub fn newest_report_from(&self) -> Option<SocketAddr> {
        *self.shared.newest_report_from.lock().unwrap()
    }

    /// Sends as if the node had sent it.
    pub async fn send_to_hub(&self, datagram: &[u8]) {
        let socket = Arc::clone(&self.shared.to_hub.lock().unwrap());
        socket.send_to(datagram, self.hub).await.unwrap();
    }

    /// Sends as if the hub had sent it.
    pub async fn send_to_node(&self, datagram: &[u8]) {
        let node = self.shared.node.lock().unwrap().unwrap();
        self.shared.to_node.send_to(datagram, node).await.unwrap();
    }
}

impl Shared {
    async fn from_node(self: Arc<Self>, hub: SocketAddr) {
        let mut buffer = [0; 2_000];
        while let Ok((length, node)) = self.to_node.recv_from(&mut buffer).await {
            *self.node.lock().unwrap() = Some(node);
            self.record(0, &buffer[..length]);
            let to_hub = Arc::clone(&self.to_hub.lock().unwrap());
            if !self.cut.load(Ordering::SeqCst) {
                to_hub.send_to(&buffer[..length], hub).await.unwrap();
            }
        }
    }

    async fn from_hub(self: Arc<Self>, to_hub: Arc<UdpSocket>) {
        let mut buffer = [0; 2_000];
        while let Ok((length, from)) = to_hub.recv_from(&mut buffer).await {
            self.heard_hub.store(true, Ordering::SeqCst);
            if self.record(1, &buffer[..length]) {
                *self.newest_report_at.lock().unwrap() = to_hub.local_addr().ok();
                *self.newest_report_from.lock().unwrap() = Some(from);
            }
            let node = *self.node.lock().unwrap();
            let closed = self.cut.load(Ordering::SeqCst) || self.deaf.load(Ordering::SeqCst);
            if let (Some(node), false) = (node, closed) {
                self.to_node.send_to(&buffer[..length], node).await.unwrap();
            }
        }
    }

    /// Keeps clock packets; whether it is one.
    fn record(&self, direction: usize, datagram: &[u8]) -> bool {
        let is_clock = datagram.first().is_some_and(|first| is_clock_packet(*first));
        if is_clock {
            self.clock[direction].lock().unwrap().push(datagram.to_vec());
        }
        is_clock
    }
}
