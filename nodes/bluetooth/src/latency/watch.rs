//! The total, where an audio thread can read it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use unisono_core::time::Nanos;

/// The current total of a latency: set by whoever models it, read by an audio thread. Real-time.
#[derive(Clone, Debug)]
pub struct LatencyWatch(Arc<AtomicI64>);

impl LatencyWatch {
    /// Begins with a total.
    pub fn new(total: Nanos) -> Self {
        Self(Arc::new(AtomicI64::new(total.as_nanos())))
    }

    /// From now on it is this.
    pub fn set(&self, total: Nanos) {
        self.0.store(total.as_nanos(), Ordering::Relaxed);
    }

    /// What it is now.
    pub fn read(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}
