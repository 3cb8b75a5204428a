//! What the guest is asked to do: a line of JSON each way.

use serde::{Deserialize, Serialize};

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Runs a command to its end, which has to come within so many seconds.
    Run {
        /// The program and its arguments.
        words: Vec<String>,
        /// The limit.
        limit_s: f64,
    },
    /// Starts a program; what it complains of is appended to NAME.stderr in the work folder.
    Start {
        /// What it is called from now on.
        name: String,
        /// The program and its arguments.
        words: Vec<String>,
    },
    /// Gives a program a line of standard input, and waits for the line with which it answers.
    Tell {
        /// Which.
        name: String,
        /// The line.
        line: String,
    },
    /// Ends a program in order: its standard input ends.
    End {
        /// Which.
        name: String,
    },
    /// Ends a program as a power cut would.
    Kill {
        /// Which.
        name: String,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The command has ended.
    Ran {
        /// With this code; none when a signal or the limit ended it.
        code: Option<i32>,
        /// Its standard output.
        said: String,
        /// Its standard error.
        complained: String,
    },
    /// It was done.
    Done,
    /// A program's answer.
    Line(String),
    /// It cannot be done.
    Refused(String),
}
