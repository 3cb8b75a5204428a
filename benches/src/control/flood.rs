//! People who mean ill, or programs that are broken: connections that only hold a place, and requests that never come to
//! their end. Whoever is thrown out comes again.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::anyhow;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Idle,
    /// They send a byte now and then: every other one of the head of a request, the others of a body.
    Slow,
}

impl Kind {
    /// Who was thrown out comes again after so long.
    const fn pause(self) -> Duration {
        match self {
            Self::Idle => Duration::from_secs(5),
            Self::Slow => Duration::from_secs(1),
        }
    }
}

/// Between two bytes of one that is slow.
const BYTE_INTERVAL: Duration = Duration::from_secs(2);

/// So many are opened every 10 ms at the beginning: two thousand a second.
const AT_ONCE: usize = 20;

const HEAD: &[u8] = b"GET /api/v1/rooms HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
const BODY: &[u8] =
    b"POST /api/v1/groups HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n";

/// How many there have been.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that the system has made.
    opened: AtomicU64,
    /// Those that the hub has ended.
    ended: AtomicU64,
    /// Those that the system could not make.
    failed: AtomicU64,
}

/// Connections that go on until they are ended.
#[derive(Debug)]
pub struct Flood {
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<anyhow::Result<()>>,
    count: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Flooded {
    /// Connections that were opened, in all.
    pub opened: u64,
    /// How many were open at the end.
    pub held: u64,
    /// Those that the system could not make.
    pub failed: u64,
}

impl Flood {
    /// Opens so many, every other one from an address of its own, and waits until each has been there once.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(kind: Kind, count: usize, hub: SocketAddr) -> anyhow::Result<Self> {
        let (counts, (stop, stopped)) = (Arc::new(Counts::default()), watch::channel(false));
        let counted = Arc::clone(&counts);
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(kind, count, hub, counted, stopped));
            anyhow::Ok(())
        };
        let thread = thread::Builder::new().name("flood".into()).spawn(run)?;
        let flood = Self { counts, stop, thread, count: count as u64 };
        while !flood.thread.is_finished()
            && flood.counts.opened.load(Relaxed) + flood.counts.failed.load(Relaxed) < flood.count
        {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(flood)
    }

    /// Ends all of them.
    ///
    /// # Errors
    /// Why there was no flood.
    pub fn end(self) -> anyhow::Result<Flooded> {
        let (opened, ended) = (self.counts.opened.load(Relaxed), self.counts.ended.load(Relaxed));
        let failed = self.counts.failed.load(Relaxed);
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| anyhow!("the flood's thread has panicked"))??;
        Ok(Flooded { opened, held: opened - ended, failed })
    }
}

async fn run(kind: Kind, count: usize, hub: SocketAddr, counts: Arc<Counts>, mut stopped: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut pace = interval(Duration::from_millis(10));
    for number in 0..count {
        if number % AT_ONCE == 0 {
            pace.tick().await;
        }
        let counts = Arc::clone(&counts);
        tasks.spawn(async move {
            loop {
                match connect(number, hub).await {
                    Ok(stream) => {
                        counts.opened.fetch_add(1, Relaxed);
                        hold(stream, kind, number).await;
                        counts.ended.fetch_add(1, Relaxed);
                    }
                    Err(_) => {
                        counts.failed.fetch_add(1, Relaxed);
                    }
                }
                sleep(kind.pause()).await;
            }
        });
    }
    // The sender lives as long as the flood.
    let _ = stopped.wait_for(|stop| *stop).await;
    tasks.shutdown().await;
}

/// Every other comes from an address of its own; all are this machine's, for which the hub has no limit of its own.
async fn connect(number: usize, hub: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if number % 4 >= 2 {
        let own = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + u32::try_from(number).unwrap_or_default();
        socket.bind(SocketAddr::from((Ipv4Addr::from(own), 0)))?;
    }
    socket.connect(hub).await
}

/// Until the hub ends it.
async fn hold(mut stream: TcpStream, kind: Kind, number: usize) {
    let mut byte = [0];
    if kind == Kind::Idle {
        // Whatever comes.
        let _ = stream.read(&mut byte).await;
        return;
    }
    let (begin, more) = if number.is_multiple_of(2) { (HEAD, b"a") } else { (BODY, b" ") };
    if stream.write_all(begin).await.is_err() {
        return;
    }
    while timeout(BYTE_INTERVAL, stream.read(&mut byte)).await.is_err() {
        if stream.write_all(more).await.is_err() {
            return;
        }
    }
}
