//! What hub and node tell Prometheus: the same names for the same things.
//!
//! What is counted as it happens (requests, writes) lives in its handle. What there is anyway (rooms, groups, clocks) is
//! filled in when somebody asks, from the same state as the API gives: whatever is gone has no series any more, and
//! nothing runs while nobody asks.

mod families;
mod http;
mod page;
mod rooms;

pub use prometheus;

pub use self::{
    http::{HttpMetrics, count_requests},
    page::{CONTENT_TYPE, Page},
    rooms::{RoomMetrics, Told, evidence_name, state_name},
};
