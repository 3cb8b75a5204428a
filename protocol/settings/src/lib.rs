//! What the programs share: settings files with errors that name the line, the folders in which they keep things, and
//! logging.
#![forbid(unsafe_code)]

mod file;
mod folders;
mod stop;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

pub use file::{Error, checked, read, read_if_there};
pub use folders::{Program, runtime_folder, state_folder};
pub use stop::when_parent_ends;

/// Logs to standard error. `RUST_LOG` chooses what (see `tracing_subscriber::EnvFilter`); otherwise what a person who
/// runs the program wants to know.
pub fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,mdns_sd=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// The UDP port of a hub unless it is set otherwise.
pub const HUB_PORT: u16 = 8470;

/// The TCP port of a hub's control API unless it is set otherwise.
pub const API_PORT: u16 = 8480;
