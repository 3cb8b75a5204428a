//! How answers are printed.

use std::io::{self, Write as _};

use anyhow::Context;
use serde::Serialize;
use unisono_core::wire::control::disturbs;

/// For a person, or as JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) json: bool,
}

impl Out {
    /// An answer.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { harmless(&text(value)) };
        Ok(unisono_settings::print(text.trim_end())?)
    }

    /// A part of an answer that comes bit by bit.
    pub(crate) fn line(self, line: impl std::fmt::Display) -> anyhow::Result<()> {
        let line = line.to_string();
        unisono_settings::print(if self.json { line } else { harmless(&line) })?;
        io::stdout().flush().context("standard output")
    }

    /// Something for a person alone.
    pub(crate) fn say(self, text: impl std::fmt::Display) {
        if !self.json {
            unisono_settings::complain(text);
        }
    }
}

/// A terminal obeys what is in a name, and a name may be anybody's: what is no text is left out.
fn harmless(text: &str) -> String {
    text.chars().filter(|character| *character == '\n' || !disturbs(*character)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_moves_the_cursor_or_turns_the_writing() {
        assert_eq!(harmless("Küche\n\x1b[2J\u{9b}31m\r\u{202e}gnp.exe"), "Küche\n[2J31mgnp.exe");
    }
}
