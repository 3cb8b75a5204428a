//! Figures and their limits: each is printed as it is found, and a run goes on behind one that is missed.

use std::fmt::Display;

use unisono_settings::print;

/// What was found.
#[derive(Debug)]
pub struct Verdicts {
    /// Limits from above are so many times as wide.
    slack: f64,
    kept: usize,
    missed: Vec<String>,
}

impl Verdicts {
    /// Figures may be so many times as large as their limits.
    pub fn new(slack: f64) -> Self {
        Self { slack, kept: 0, missed: Vec::new() }
    }

    /// Begins something new.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn about(&self, what: impl Display) -> anyhow::Result<()> {
        Ok(print(format_args!("{what}:"))?)
    }

    /// Says something without a limit.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn note(&self, what: impl Display) -> anyhow::Result<()> {
        Ok(print(format_args!("  {what}"))?)
    }

    /// A figure that may be as large as this.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn at_most(&mut self, what: impl Display, found: f64, limit: f64, unit: &str) -> anyhow::Result<()> {
        let limit = self.slack * limit;
        self.judge(format!("{what}: {found:.3} {unit} (at most {limit:.3})"), found <= limit)
    }

    /// A figure that may be as small as this.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn at_least(&mut self, what: impl Display, found: f64, limit: f64, unit: &str) -> anyhow::Result<()> {
        self.judge(format!("{what}: {found:.3} {unit} (at least {limit})"), found >= limit)
    }

    /// Something that went wrong where no figure could be had.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn failed(&mut self, what: impl Display, error: &anyhow::Error) -> anyhow::Result<()> {
        self.judge(format!("{what}: {error:#}"), false)
    }

    /// How many were kept, and those that were missed.
    pub fn all(&self) -> (usize, &[String]) {
        (self.kept, &self.missed)
    }

    fn judge(&mut self, line: String, kept: bool) -> anyhow::Result<()> {
        print(format_args!("  {line}{}", if kept { "" } else { "  <- missed" }))?;
        if kept {
            self.kept += 1;
        } else {
            self.missed.push(line);
        }
        Ok(())
    }
}
