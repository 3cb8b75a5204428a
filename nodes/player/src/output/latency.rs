//! What the latency of an output is made of, for those who want to know more than the sum.

use std::{fmt, sync::Arc};

use unisono_core::wire::control::LatencyPart;

/// Reads the parts of a latency as they are now.
#[derive(Clone)]
pub struct LatencyParts(Arc<dyn Fn() -> Vec<LatencyPart> + Send + Sync>);

impl LatencyParts {
    /// That are read so.
    pub fn new(read: impl Fn() -> Vec<LatencyPart> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// As they are now.
    pub fn read(&self) -> Vec<LatencyPart> {
        (self.0)()
    }
}

impl fmt::Debug for LatencyParts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.read()).finish()
    }
}
