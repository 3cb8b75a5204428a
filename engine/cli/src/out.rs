//! How answers are printed.

use std::io::{self, Write as _};

use anyhow::Context;
use serde::Serialize;

/// For a person, or as JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) json: bool,
}

impl Out {
    /// An answer.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { text(value) };
        Ok(unisono_settings::print(text.trim_end())?)
    }

    /// A part of an answer that comes bit by bit.
    pub(crate) fn line(self, line: impl std::fmt::Display) -> anyhow::Result<()> {
        unisono_settings::print(line)?;
        io::stdout().flush().context("standard output")
    }

    /// Something for a person alone.
    pub(crate) fn say(self, text: impl std::fmt::Display) {
        if !self.json {
            unisono_settings::complain(text);
        }
    }
}
