//! The dashboards of `engine/dashboards`, asked and drawn without Grafana: a real Prometheus with the files that operators
//! get, and every question that a panel asks.

pub mod draw;
pub mod panels;
pub mod prometheus;
mod units;

use std::path::PathBuf;

/// Where the dashboards and the files of Prometheus are.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/dashboards"))
}
