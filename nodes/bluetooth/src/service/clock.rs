//! The time that the machines live in.

use std::time::Duration;

use tokio::time::Instant;
use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// The node's clock, from its start on. In tests it is in a hurry: limits of seconds pass in a fraction of that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
    hurry: u32,
}

impl Clock {
    pub(super) fn new(hurry: u32) -> Self {
        Self { origin: Instant::now(), hurry: hurry.max(1) }
    }

    pub(super) fn now(&self) -> Timestamp<NodeClock> {
        Timestamp::from_nanos((Nanos::from(self.origin.elapsed()) * i64::from(self.hurry)).as_nanos())
    }

    /// When that is for the runtime.
    pub(super) fn instant(&self, at: Timestamp<NodeClock>) -> Instant {
        let since = u64::try_from(at.as_nanos()).unwrap_or(0) / u64::from(self.hurry);
        // A timer that comes early is set again and again until it is time.
        self.origin + Duration::from_nanos(since) + Duration::from_micros(100)
    }

    /// A span of real time that means so much.
    pub(super) fn span(&self, span: Nanos) -> Duration {
        Duration::from_nanos(u64::try_from(span.as_nanos()).unwrap_or(0)) / self.hurry
    }
}
