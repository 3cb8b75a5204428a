//! What the programs share: command lines, settings files with errors that name the line, the folders in which they
//! keep things, and logging.
#![forbid(unsafe_code)]

mod address;
mod file;
mod folders;
mod log;
mod stop;
mod usage;

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write, stderr, stdout},
};

pub use address::{address, api_address};
pub use file::{Error, FAULTY_SETTINGS, checked, each_checked, folder, read, read_if_there};
pub use folders::{Program, runtime_folder, state_folder, user_runtime_folder};
pub use log::start_logging;
pub use stop::{hangup_ends, when_parent_ends};
pub use usage::{WRONG_USAGE, arguments, misunderstood, one_line};

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

/// Says on standard error what went wrong, in one line, if anybody listens.
pub fn complain(problem: impl Display) {
    let _ = writeln!(stderr(), "{}", harmless(&problem.to_string()));
}

/// A line in which names of files and keys do nothing to a terminal.
fn harmless(line: &str) -> String {
    line.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}

/// The UDP port of a hub unless it is set otherwise.
pub const HUB_PORT: u16 = 8470;

/// The TCP port of a hub's control API unless it is set otherwise.
pub const API_PORT: u16 = 8480;

/// The TCP port of a node's own control API unless it is set otherwise.
pub const NODE_API_PORT: u16 = 8481;

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_said_of_a_name_with_control_characters_in_it_is_one_line() {
        assert_eq!(super::harmless("/tmp/a\nb\u{1b}[2J é"), "/tmp/a\\nb\\u{1b}[2J é");
    }
}
