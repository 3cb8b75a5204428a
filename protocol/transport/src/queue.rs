//! Decides whether a datagram still goes into the send queue.
//!
//! quinn makes room in a full queue by dropping the *oldest* datagram. For sound that is half right: what waits is
//! stale, but so will be what is put behind it. Better that the queue never gets long.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use unisono_core::wire::media::{HEADER_LEN, MAX_PAYLOAD};

/// One connection's rule for its datagram queue.
#[derive(Debug)]
pub(crate) struct Queue {
    limit: AtomicUsize,
    over_since: Mutex<Option<Instant>>,
    dropped: AtomicU64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        let queue = Self { limit: AtomicUsize::new(0), over_since: Mutex::new(None), dropped: AtomicU64::new(0) };
        queue.set_budget(FIRST_BIT_RATE);
        queue
    }

    /// Lets [`SPAN`] of `bit_rate` bits per second wait.
    pub(crate) fn set_budget(&self, bit_rate: u32) {
        let bytes = u128::from(bit_rate) * SPAN.as_nanos() / (8 * 1_000_000_000);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.limit.store(bytes.max(HEADER_LEN + MAX_PAYLOAD), Ordering::Relaxed);
    }

    /// Whether a datagram of `length` bytes goes in behind `queued` bytes where `space` are left. Counts it if not.
    pub(crate) fn admit(&self, length: usize, queued: usize, space: usize, now: Instant) -> bool {
        let mut over_since = self.over_since.lock().unwrap_or_else(PoisonError::into_inner);
        let backlog = if queued <= self.limit.load(Ordering::Relaxed) {
            *over_since = None;
            false
        } else {
            now.saturating_duration_since(*over_since.get_or_insert(now)) > BURST
        };
        let admitted = !backlog && length <= space;
        if !admitted {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// Datagrams that were not admitted.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What waits longer than this is stale: with the smallest useful margin it would come after it is played.
const SPAN: Duration = Duration::from_millis(200);

/// For so long a queue may be over its limit. Datagrams that are handed over in one go (a joining node's lead, the
/// answer to a request for repair) are a burst and not a backlog: the connection's task has not had its turn yet.
const BURST: Duration = Duration::from_millis(20);

/// The budget until one is set: twice the highest step of Opus.
const FIRST_BIT_RATE: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: usize = 512 * 1024;

    #[test]
    fn a_backlog_is_cut_at_a_fifth_of_a_second() {
        let (queue, start) = (Queue::new(), Instant::now());
        queue.set_budget(800_000);
        assert!(queue.admit(500, 20_000, SPACE, start));
        assert!(queue.admit(500, 20_001, SPACE, start));
        assert!(!queue.admit(500, 20_001, SPACE, start + Duration::from_millis(21)));
        assert!(queue.admit(500, 20_000, SPACE, start + Duration::from_millis(22)));
        assert!(queue.admit(500, 20_001, SPACE, start + Duration::from_millis(23)));
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_burst_is_not_a_backlog() {
        let (queue, start) = (Queue::new(), Instant::now());
        queue.set_budget(64_000);
        for packet in 0..200 {
            let (queued, at) = (532 * packet, start + Duration::from_micros(95) * u32::try_from(packet).unwrap());
            assert!(queue.admit(500, queued, SPACE - queued, at));
        }
    }

    #[test]
    fn nothing_that_waits_is_pushed_out() {
        let queue = Queue::new();
        queue.set_budget(u32::MAX);
        assert!(queue.admit(100, SPACE - 100, 100, Instant::now()));
        assert!(!queue.admit(101, SPACE - 100, 100, Instant::now()));
    }

    #[test]
    fn one_datagram_may_always_wait() {
        let (queue, start) = (Queue::new(), Instant::now());
        queue.set_budget(0);
        for second in 0..5 {
            assert!(queue.admit(1_136, 1_136, SPACE, start + Duration::from_secs(second)));
        }
    }
}
