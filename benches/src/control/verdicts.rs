//! Figures against their limits.

use unisono_settings::print;

/// What was found, and whether all of it was within its limits.
#[derive(Debug, Default)]
pub struct Verdicts {
    missed: Vec<String>,
}

impl Verdicts {
    /// A figure that may be so large.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub fn at_most(&mut self, what: &str, found: f64, limit: f64, unit: &str) -> anyhow::Result<()> {
        // What is not a number is no figure.
        let holds = found <= limit;
        if !holds {
            self.missed.push(format!("{what}: {found:.2} {unit}"));
        }
        let mark = if holds { "" } else { "   MISSED" };
        Ok(print(format_args!("  {what:<58} {found:>9.2} {unit}, at most {limit}{mark}"))?)
    }

    /// What missed its limit.
    pub fn missed(&self) -> &[String] {
        &self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_its_limit_or_no_number_is_missed() {
        let mut verdicts = Verdicts::default();
        for found in [1.0, 10.0, 10.1, f64::INFINITY, f64::NAN] {
            verdicts.at_most("it", found, 10.0, "ms").unwrap();
        }
        assert_eq!(verdicts.missed().len(), 3);
    }
}
