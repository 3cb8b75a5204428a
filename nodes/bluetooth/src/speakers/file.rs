//! Reading a table, and saying where it is wrong.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

use super::Model;

/// A table that cannot be used, and where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTable {
    pub(super) path: PathBuf,
    pub(super) fault: Fault,
}

/// What is wrong, and on which line (from one) and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    line: Option<usize>,
    key: Option<String>,
    message: String,
}

impl Fault {
    /// Of the file as such.
    pub(super) const fn whole(message: String) -> Self {
        Self { line: None, key: None, message }
    }

    fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        // The first line of it; the others paint the place.
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        let Some(at) = error.span().map(|span| span.start.min(text.len())).filter(|at| text.is_char_boundary(*at))
        else {
            return Self::whole(message);
        };
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
        Self { line: Some(text[..start].matches('\n').count() + 1), key, message }
    }
}

impl fmt::Display for BadTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path.display())?;
        if let Some(line) = self.fault.line {
            write!(out, ", line {line}")?;
        }
        if let Some(key) = &self.fault.key {
            write!(out, ", {key}")?;
        }
        write!(out, ": {}", self.fault.message)
    }
}

impl std::error::Error for BadTable {}

pub(super) fn parse(text: &str) -> Result<Vec<Model>, Fault> {
    let file: File = toml::from_str(text).map_err(|error| Fault::of_toml(text, &error))?;
    Ok(file.speaker)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    speaker: Vec<Model>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of a table with values that may be anything.
    fn table() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "name",
            "names",
            "latency_ms",
            "uncertainty_ms",
            "codecs",
            "quirks",
            "eq",
            "source",
        ]);
        let value = prop_oneof![
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| format!("{number:?}")),
            "[a-z*_]{0,12}".prop_map(|text| format!("{text:?}")),
            "[a-z*_]{0,12}".prop_map(|text| format!("[{text:?}]")),
            any::<(f32, f32)>().prop_map(|(hz, db)| format!("[{{ frequency_hz = {hz:?}, gain_db = {db:?} }}]")),
            "\\PC{0,12}",
        ];
        let line = prop_oneof![9 => (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")), 1 => Just("[[speaker]]\n".to_owned())];
        prop::collection::vec(line, 0..12).prop_map(|lines| format!("[[speaker]]\n{}", lines.concat()))
    }

    proptest! {
        #[test]
        fn any_table_is_taken_or_refused_in_one_line(text in prop_oneof![table(), "(?s).{0,200}"]) {
            if let Err(fault) = parse(&text) {
                prop_assert!(!fault.message.contains('\n'), "{}", fault.message);
            }
        }
    }
}
