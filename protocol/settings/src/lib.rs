//! What the programs share: command lines, settings files with errors that name the line, the folders in which they
//! keep things, and logging.
#![forbid(unsafe_code)]

mod address;
mod file;
mod folders;
mod stop;
mod usage;

use std::{
    fmt::Display,
    io::{self, ErrorKind, IsTerminal, Write, stderr, stdout},
};

use tracing_subscriber::EnvFilter;

pub use address::{address, api_address};
pub use file::{Error, checked, read, read_if_there};
pub use folders::{Program, runtime_folder, state_folder};
pub use stop::{hangup_ends, when_parent_ends};
pub use usage::{WRONG_USAGE, arguments, misunderstood, one_line};

/// Logs to standard error. `RUST_LOG` chooses what (see `tracing_subscriber::EnvFilter`); otherwise what a person who
/// runs the program wants to know.
pub fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,mdns_sd=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        // Where standard error takes nothing, nobody reads why; the programs play on.
        .log_internal_errors(false)
        .init();
}

/// Prints an answer. Whoever closes standard output has seen enough.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(answer: impl Display) -> io::Result<()> {
    match writeln!(stdout(), "{answer}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}"))),
    }
}

/// Says on standard error what went wrong, if anybody listens.
pub fn complain(problem: impl Display) {
    let _ = writeln!(stderr(), "{problem}");
}

/// The UDP port of a hub unless it is set otherwise.
pub const HUB_PORT: u16 = 8470;

/// The TCP port of a hub's control API unless it is set otherwise.
pub const API_PORT: u16 = 8480;

/// The TCP port of a node's own control API unless it is set otherwise.
pub const NODE_API_PORT: u16 = 8481;
