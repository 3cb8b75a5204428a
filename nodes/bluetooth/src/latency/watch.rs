//! The total, where an audio thread can read it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use unisono_core::time::Nanos;

/// The current total of a latency and its uncertainty: set by whoever models it, read by an audio thread. Real-time.
#[derive(Clone, Debug)]
pub struct LatencyWatch(Arc<Numbers>);

#[derive(Debug)]
struct Numbers {
    total: AtomicI64,
    uncertainty: AtomicI64,
}

impl LatencyWatch {
    /// Begins with a total, and no uncertainty.
    pub fn new(total: Nanos) -> Self {
        Self(Arc::new(Numbers { total: AtomicI64::new(total.as_nanos()), uncertainty: AtomicI64::new(0) }))
    }

    /// From now on it is this.
    pub fn set(&self, total: Nanos) {
        self.0.total.store(total.as_nanos(), Ordering::Relaxed);
    }

    /// From now on it may be off by so much.
    pub fn set_uncertainty(&self, uncertainty: Nanos) {
        self.0.uncertainty.store(uncertainty.as_nanos(), Ordering::Relaxed);
    }

    /// What it is now.
    pub fn read(&self) -> Nanos {
        Nanos::new(self.0.total.load(Ordering::Relaxed))
    }

    /// By how much it may be off.
    pub fn uncertainty(&self) -> Nanos {
        Nanos::new(self.0.uncertainty.load(Ordering::Relaxed))
    }
}
