//! The page that Prometheus reads.

use std::sync::{Mutex, PoisonError};

use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder, process_collector::ProcessCollector};

/// The form of the page.
pub const CONTENT_TYPE: &str = TEXT_FORMAT;

/// A program's registry, with what every program says of itself.
#[derive(Debug)]
pub struct Page {
    registry: Registry,
    /// One page at a time is filled in.
    filling: Mutex<()>,
}

impl Page {
    /// A registry of its own, never the one that libraries share.
    ///
    /// # Panics
    /// Never: the names are valid, and nothing else is registered yet.
    pub fn new(program: &str, version: &str, protocol: &str) -> Self {
        let registry = Registry::new();
        let build =
            Opts::new("unisono_build_info", "The program, its version, and the protocol that it speaks; always 1.");
        let build = IntGaugeVec::new(build, &["program", "version", "protocol"]).expect("its name is valid");
        build.with_label_values(&[program, version, protocol]).set(1);
        registry.register(Box::new(build)).expect("nothing is registered yet");
        let process = ProcessCollector::for_self();
        registry.register(Box::new(process)).expect("none of ours begins with process_");
        Self { registry, filling: Mutex::new(()) }
    }

    /// Where to register.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Fills in what is filled in when somebody asks, and gives the page. It takes a millisecond or two for fifty rooms:
    /// not to be done where packets are waited for.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn text(&self, fill: impl FnOnce()) -> Result<String, prometheus::Error> {
        // What was filled in half by one that panicked is taken out first by the next.
        let _one_at_a_time = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        fill();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
