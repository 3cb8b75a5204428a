//! Finding hubs on the local network by multicast DNS (RFC 6762, RFC 6763).
//!
//! What is found is a claim, not a fact: anyone on the network can announce anything. It says where to connect; the
//! key that answers there says who it is. Nothing that goes wrong here is fatal, since a hub can always be named by its
//! address: it is logged, and tried again.

mod announce;
mod browse;
mod record;

pub use announce::Announcement;
pub use browse::{Browser, Event, Found};
pub use record::Record;

/// The service that hubs announce.
const SERVICE: &str = "_unisono._udp.local.";
