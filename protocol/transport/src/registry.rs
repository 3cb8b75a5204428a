//! Brings each clock packet to the connection that it belongs to.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;
use unisono_core::{
    clock::ReplayWindow,
    time::Timestamp,
    wire::{
        clock::{Header, TAG_LEN},
        ids::ClockTag,
    },
};

use crate::{clock::LocalClock, clock_packets::ClockKey, socket::Path};

/// Clock packets that were not delivered, since the port was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockCounters {
    /// For no connection that is open: late ones, and what is no clock packet at all.
    pub unknown: u64,
    /// With a tag that is not genuine.
    pub forged: u64,
    /// Genuine, but seen before or very late.
    pub replayed: u64,
    /// Genuine, but the reader was not fast enough.
    pub overflowed: u64,
}

/// A genuine packet.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) fields: Vec<u8>,
    pub(crate) at: Timestamp<LocalClock>,
}

/// All who wait for clock packets on one port.
///
/// A tag is drawn by the hub of a connection, so two hubs may have drawn the same one for the same node. Whose packet
/// it is then shows by its key.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    listeners: Mutex<HashMap<Name, Vec<Arc<Listener>>>>,
    unknown: AtomicU64,
    forged: AtomicU64,
    replayed: AtomicU64,
    overflowed: AtomicU64,
}

impl Registry {
    /// Waits for packets of one kind and tag, authenticated by `key`. `path` is where answers go at first.
    pub(crate) fn listen(
        &self,
        kind: u8,
        tag: ClockTag,
        key: ClockKey,
        path: Path,
    ) -> (Arc<Listener>, mpsc::Receiver<Arrival>) {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        let (name, seen) = (Name { kind, tag }, Mutex::new(Seen { window: ReplayWindow::default(), highest: 0, path }));
        let listener = Arc::new(Listener { name, key, seen, queue });
        locked(&self.listeners).entry(name).or_default().push(Arc::clone(&listener));
        (listener, arrivals)
    }

    /// Ends what [`Self::listen`] began.
    pub(crate) fn forget(&self, listener: &Arc<Listener>) {
        let mut listeners = locked(&self.listeners);
        if let Some(same) = listeners.get_mut(&listener.name) {
            same.retain(|other| !Arc::ptr_eq(other, listener));
            if same.is_empty() {
                listeners.remove(&listener.name);
            }
        }
    }

    /// Takes a datagram that is not QUIC's. Nothing but its header is understood before its tag has been checked.
    pub(crate) fn deliver(&self, path: Path, at: Timestamp<LocalClock>, datagram: &[u8]) {
        let Err(why) = self.find(datagram).and_then(|genuine| genuine.listener.take(path, at, &genuine)) else {
            return;
        };
        let counter = match why {
            Undelivered::Unknown => &self.unknown,
            Undelivered::Forged => &self.forged,
            Undelivered::Replayed => &self.replayed,
            Undelivered::Overflowed => &self.overflowed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What was not delivered.
    pub(crate) fn counters(&self) -> ClockCounters {
        ClockCounters {
            unknown: self.unknown.load(Ordering::Relaxed),
            forged: self.forged.load(Ordering::Relaxed),
            replayed: self.replayed.load(Ordering::Relaxed),
            overflowed: self.overflowed.load(Ordering::Relaxed),
        }
    }

    fn find<'a>(&self, datagram: &'a [u8]) -> Result<Genuine<'a>, Undelivered> {
        let Header { kind, tag, sequence } = Header::parse(datagram).map_err(|_| Undelivered::Unknown)?;
        let listeners = locked(&self.listeners);
        let candidates = listeners.get(&Name { kind, tag }).ok_or(Undelivered::Unknown)?;
        let (fields, tag) = datagram.split_last_chunk::<TAG_LEN>().ok_or(Undelivered::Forged)?;
        let genuine = candidates.iter().find(|listener| listener.key.is_genuine(sequence, fields, tag));
        let listener = Arc::clone(genuine.ok_or(Undelivered::Forged)?);
        Ok(Genuine { listener, sequence, fields })
    }
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct Listener {
    name: Name,
    key: ClockKey,
    seen: Mutex<Seen>,
    queue: mpsc::Sender<Arrival>,
}

impl Listener {
    /// Where the newest packet came from.
    pub(crate) fn path(&self) -> Path {
        locked(&self.seen).path
    }

    fn take(&self, path: Path, at: Timestamp<LocalClock>, packet: &Genuine<'_>) -> Result<(), Undelivered> {
        let mut seen = locked(&self.seen);
        if !seen.window.accept(packet.sequence) {
            return Err(Undelivered::Replayed);
        }
        // Only the newest packet moves the answers: an old one that somebody kept back must not.
        if packet.sequence > seen.highest {
            seen.highest = packet.sequence;
            seen.path = path;
        }
        let arrival = Arrival { fields: packet.fields.to_vec(), at };
        self.queue.try_send(arrival).map_err(|_| Undelivered::Overflowed)
    }
}

/// What packets are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name {
    kind: u8,
    tag: ClockTag,
}

#[derive(Debug)]
struct Seen {
    window: ReplayWindow,
    highest: u64,
    path: Path,
}

struct Genuine<'a> {
    listener: Arc<Listener>,
    sequence: u64,
    fields: &'a [u8],
}

/// Why a packet is not delivered; see [`ClockCounters`].
enum Undelivered {
    Unknown,
    Forged,
    Replayed,
    Overflowed,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Packets that may wait for a reader: more than half a second at the highest rate.
const QUEUE: usize = 64;

#[cfg(test)]
mod tests {
    use unisono_core::wire::clock::{PROBE, Probe};

    use super::*;

    const TAG: ClockTag = ClockTag(7);

    fn key(secret: u8) -> ClockKey {
        ClockKey::new(&[secret; 32]).unwrap()
    }

    fn path(port: u16) -> Path {
        Path { remote: ([127, 0, 0, 1], port).into(), local: None }
    }

    fn probe(secret: u8, sequence: u64) -> Vec<u8> {
        let fields = Probe { tag: TAG, sequence, report_interval_ms: 20 }.encode();
        [&fields[..], &key(secret).tag(sequence, &fields).unwrap()].concat()
    }

    fn deliver(registry: &Registry, port: u16, datagram: &[u8]) {
        registry.deliver(path(port), Timestamp::from_nanos(5), datagram);
    }

    #[test]
    fn two_hubs_may_draw_the_same_tag() {
        let registry = Registry::default();
        let (_one, mut first) = registry.listen(PROBE, TAG, key(1), path(1));
        let (_two, mut second) = registry.listen(PROBE, TAG, key(2), path(2));
        deliver(&registry, 9, &probe(2, 1));
        assert!(first.try_recv().is_err());
        assert_eq!(second.try_recv().unwrap().fields, probe(2, 1)[..16]);
        assert_eq!(registry.counters(), ClockCounters::default());
    }

    #[test]
    fn answers_follow_the_newest_packet_and_no_older_one() {
        let registry = Registry::default();
        let (listener, _arrivals) = registry.listen(PROBE, TAG, key(1), path(1));
        assert_eq!(listener.path(), path(1));
        deliver(&registry, 2, &probe(1, 10));
        assert_eq!(listener.path(), path(2));
        deliver(&registry, 3, &probe(1, 9));
        deliver(&registry, 3, &probe(1, 10));
        deliver(&registry, 3, &probe(2, 11));
        assert_eq!(listener.path(), path(2));
        deliver(&registry, 3, &probe(1, 11));
        assert_eq!(listener.path(), path(3));
        assert_eq!(registry.counters(), ClockCounters { replayed: 1, forged: 1, ..ClockCounters::default() });
    }

    #[test]
    fn a_reader_that_is_too_slow_loses_packets_and_holds_up_nobody() {
        let registry = Registry::default();
        let (_listener, mut arrivals) = registry.listen(PROBE, TAG, key(1), path(1));
        for sequence in 1..=QUEUE as u64 + 3 {
            deliver(&registry, 1, &probe(1, sequence));
        }
        assert_eq!(registry.counters().overflowed, 3);
        assert_eq!(arrivals.try_recv().unwrap().fields, probe(1, 1)[..16]);
    }

    #[test]
    fn whatever_is_no_packet_of_ours_is_counted_and_nothing_else() {
        let registry = Registry::default();
        let (listener, mut arrivals) = registry.listen(PROBE, TAG, key(1), path(1));
        let genuine = probe(1, 1);
        for length in 0..genuine.len() {
            deliver(&registry, 1, &genuine[..length]);
        }
        deliver(&registry, 1, &[&genuine[..], &[0; 2_000]].concat());
        assert_eq!(registry.counters(), ClockCounters { unknown: 16, forged: 17, ..ClockCounters::default() });
        registry.forget(&listener);
        deliver(&registry, 1, &genuine);
        assert_eq!(registry.counters().unknown, 17);
        assert!(arrivals.try_recv().is_err());
    }
}
