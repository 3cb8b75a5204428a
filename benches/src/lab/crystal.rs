//! What makes one process's clock its own; `benches/lab/labclock.c` does it.

use std::{fmt, path::Path, process::Command};

/// A crystal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Crystal {
    /// Ahead of the true clock, in seconds.
    pub offset_s: f64,
    /// Fast of it, in parts per million.
    pub ppm: f64,
    /// The amplitude of a sine of an hour's period that its rate follows besides, in parts per million.
    pub wander_ppm: f64,
    /// What else of the process is to follow it.
    pub reach: Reach,
}

/// Which of a process's clocks and threads have the crystal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// `CLOCK_MONOTONIC_RAW` in all threads; the other is kept on rate by NTP.
    #[default]
    Raw,
    /// `CLOCK_MONOTONIC`, too, though without the offset.
    Monotonic,
    /// `CLOCK_MONOTONIC_RAW` in the audio thread alone. What the process learns of another machine's clock is then of no
    /// use to that thread: it is as if the estimate said that both run alike.
    AudioThread,
}

impl Crystal {
    /// Lets a program run on it; `labclock` is the library.
    pub fn give(&self, labclock: &Path, command: &mut Command) {
        command.env("LD_PRELOAD", labclock).env("LABCLOCK", self.to_string());
    }
}

impl fmt::Display for Crystal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "offset_s={} raw_ppm={} wander_ppm={}", self.offset_s, self.ppm, self.wander_ppm)?;
        match self.reach {
            Reach::Raw => Ok(()),
            Reach::Monotonic => out.write_str(" mono=1"),
            Reach::AudioThread => out.write_str(" only=audio"),
        }
    }
}
