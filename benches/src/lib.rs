//! Simulator, proofs and benchmarks of Unisono.
#![forbid(unsafe_code)]

use std::{
    fmt::Display,
    io::{Write, stdout},
};

use anyhow::Context;

pub mod lab;
pub mod path;
pub mod scale;
pub mod sim;

/// Prints a line of what was found.
///
/// # Errors
/// When nobody can read it: standard output is closed or full.
pub fn say(line: impl Display) -> anyhow::Result<()> {
    writeln!(stdout(), "{line}").context("standard output cannot be written")
}
