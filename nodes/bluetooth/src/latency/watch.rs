//! The total, where an audio thread can read it, and its parts, where others can.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use unisono_core::time::Nanos;

use super::{Latency, Part};

/// The current total of a latency and its uncertainty: set by whoever models it, read by an audio thread. Real-time, but
/// for the parts.
#[derive(Clone, Debug)]
pub struct LatencyWatch(Arc<Numbers>);

#[derive(Debug)]
struct Numbers {
    total: AtomicI64,
    uncertainty: AtomicI64,
    parts: Mutex<Vec<Part>>,
}

impl LatencyWatch {
    /// Begins with a total, and no uncertainty.
    pub fn new(total: Nanos) -> Self {
        let parts = Mutex::new(Vec::new());
        Self(Arc::new(Numbers { total: AtomicI64::new(total.as_nanos()), uncertainty: AtomicI64::new(0), parts }))
    }

    /// From now on it is this.
    pub fn set(&self, total: Nanos) {
        self.0.total.store(total.as_nanos(), Ordering::Relaxed);
    }

    /// From now on it may be off by so much.
    pub fn set_uncertainty(&self, uncertainty: Nanos) {
        self.0.uncertainty.store(uncertainty.as_nanos(), Ordering::Relaxed);
    }

    /// From now on it is this, all of it. Not real-time.
    pub fn take(&self, latency: &Latency) {
        self.set(latency.total);
        self.set_uncertainty(latency.uncertainty);
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&latency.parts);
    }

    /// What it is made of now; nothing where nobody has said. Not real-time.
    pub fn parts(&self) -> Vec<Part> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
