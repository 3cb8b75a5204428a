#![allow(missing_docs)]
use serde::Serialize;
use std::sync::{Arc, atomic::*};
use unisono_core::time::*;
#[derive(Clone, Debug)]
pub struct LatencyWatch(Arc<AtomicI64>);
impl LatencyWatch {
    pub fn new(n: Nanos) -> Self {
        Self(Arc::new(AtomicI64::new(n.as_nanos())))
    }
    pub fn set(&self, n: Nanos) {
        self.0.store(n.as_nanos(), Ordering::Relaxed)
    }
    pub fn read(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    pub total: Nanos,
}
pub struct Prior {
    pub value: Nanos,
    pub uncertainty: Nanos,
}
pub struct LatencyModel {
    r: Nanos,
    t: Nanos,
}
impl LatencyModel {
    pub fn new(_: &crate::a2dp::SbcConfig, _: Nanos) -> Self {
        Self { r: Nanos::from_millis(150), t: Nanos::ZERO }
    }
    pub fn set_prior(&mut self, _p: Option<Prior>) {}
    pub fn set_trim(&mut self, t: Nanos) {
        self.t = t
    }
    pub fn handle_report(&mut self, r: Option<Nanos>) {
        if let Some(r) = r {
            self.r = r
        }
    }
    pub fn handle_queue(&mut self, _n: Timestamp<NodeClock>, _q: Nanos) {}
    pub fn latency(&self) -> Latency {
        Latency { total: self.r + self.t }
    }
}
