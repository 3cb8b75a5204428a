//! When to call next.

use std::collections::VecDeque;

use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// At most so many calls …
pub const CALLS: usize = 10;
/// … in so long, whatever happens; those that a person asks for are not held back, but counted.
pub const CALLS_SPAN: Nanos = Nanos::from_secs(300);
/// How often it is called after that.
pub const POLL: Nanos = Nanos::from_secs(300);

/// The first pause; each is twice the one before …
const FIRST_PAUSE: Nanos = Nanos::from_secs(2);
/// … up to this.
const LONGEST_PAUSE: Nanos = Nanos::from_secs(60);

/// The calls made lately.
#[derive(Debug)]
pub(super) struct Calls {
    /// When the last were made, oldest first; at most [`CALLS`].
    made: VecDeque<Timestamp<NodeClock>>,
    random: fastrand::Rng,
}

impl Calls {
    pub(super) fn new(seed: u64) -> Self {
        Self { made: VecDeque::with_capacity(CALLS), random: fastrand::Rng::with_seed(seed) }
    }

    pub(super) fn made(&mut self, now: Timestamp<NodeClock>) {
        if self.made.len() == CALLS {
            self.made.pop_front();
        }
        self.made.push_back(now);
    }

    /// When the last was made.
    pub(super) fn last(&self) -> Option<Timestamp<NodeClock>> {
        self.made.back().copied()
    }

    /// When to call after so many calls in a row that came to nothing.
    pub(super) fn after(&mut self, now: Timestamp<NodeClock>, failed: u32) -> Timestamp<NodeClock> {
        let pause = FIRST_PAUSE * (1 << failed.saturating_sub(1).min(5));
        let pause = self.jitter(pause.min(LONGEST_PAUSE));
        self.not_before(now + pause)
    }

    /// The next of the slow calls.
    pub(super) fn poll(&mut self, now: Timestamp<NodeClock>) -> Timestamp<NodeClock> {
        let pause = self.jitter(POLL);
        self.not_before(now + pause)
    }

    /// Soon: several speakers on one adapter are not to be called in the same instant.
    pub(super) fn soon(&mut self, now: Timestamp<NodeClock>, pause: Nanos) -> Timestamp<NodeClock> {
        let pause = pause + Nanos::from_millis(self.random.i64(100..600));
        self.not_before(now + pause)
    }

    /// This instant, or when another call is allowed.
    fn not_before(&self, at: Timestamp<NodeClock>) -> Timestamp<NodeClock> {
        match self.made.front() {
            Some(oldest) if self.made.len() == CALLS => at.max(*oldest + CALLS_SPAN),
            _ => at,
        }
    }

    /// Longer by up to a quarter, so that nodes do not call in step.
    fn jitter(&mut self, pause: Nanos) -> Nanos {
        pause + Nanos::new(self.random.i64(0..=pause.as_nanos() / 4))
    }
}
