//! Settings files in TOML. What is wrong with one is said in one line: file, line, what.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

/// The status of a program that cannot use its settings (`EX_CONFIG` of `sysexits.h`): to start it again changes nothing.
pub const FAULTY_SETTINGS: u8 = 78;

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("{}: {reason}; name a settings file that can be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// It says something that cannot be.
    #[error("{}:{line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, and what is wrong with it.
        what: String,
    },
}

/// Reads a settings file.
///
/// # Errors
/// When it cannot be read, or holds an unknown key or an impossible value.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = text_of(path)?;
    toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        let key = key_of(&text, line).map(|key| format!("{key}: ")).unwrap_or_default();
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let what =
            if message.contains(&format!("`{}`", key.trim_end_matches(": "))) { message } else { key + &message };
        Error::Wrong { path: path.into(), line, what }
    })
}

fn text_of(path: &Path) -> Result<String, Error> {
    let unreadable = |reason: io::Error| Error::Unreadable { path: path.into(), reason };
    let mut bytes = Vec::new();
    if is_waited_for(fs::metadata(path).map_err(unreadable)?.file_type()) {
        return Err(unreadable(io::Error::other("it is no file")));
    }
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(unreadable(io::Error::other(format!("it is longer than {MAX_LEN} bytes"))));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::Wrong { path: path.into(), line, what: "it is no text in UTF-8".into() }
    })
}

/// Whether what is there is no file, nor a device such as /dev/null: a FIFO, say, to which somebody may write one day.
fn is_waited_for(kind: fs::FileType) -> bool {
    #[cfg(unix)]
    let is_device = std::os::unix::fs::FileTypeExt::is_char_device(&kind);
    #[cfg(not(unix))]
    let is_device = false;
    !kind.is_file() && !is_device
}

/// No settings are longer, in bytes; what is has been named by mistake.
const MAX_LEN: u64 = 1024 * 1024;

/// As [`read`], and the defaults when there is no such file.
///
/// # Errors
/// As [`read`].
pub fn read_if_there<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    match read(path) {
        Err(Error::Unreadable { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}

/// For `#[serde(deserialize_with)]` of an optional setting: its value once `check` has taken it, so that what is
/// impossible is said with its line.
///
/// # Errors
/// When it is of another type, or `check` refuses it.
pub fn checked<'de, D, T, V>(from: D, check: impl FnOnce(T) -> Result<V, String>) -> Result<Option<V>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    check(T::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

/// The key that a line sets.
fn key_of(text: &str, line: usize) -> Option<&str> {
    let (key, _) = text.lines().nth(line - 1)?.split_once('=')?;
    Some(key.trim())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        name: String,
        margin_ms: u16,
        #[serde(deserialize_with = "even")]
        even: Option<u16>,
    }

    fn even<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
        checked(from, |number: u16| if number.is_multiple_of(2) { Ok(number) } else { Err(format!("{number} is odd")) })
    }

    fn parse(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        fs::write(&path, text).unwrap();
        let said = read(&path).map_err(|error| error.to_string());
        said.map_err(|said| said.replace(&format!("{}", folder.path().display()), ""))
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for path in [folder.path(), &fifo] {
            let said = read::<Settings>(path).unwrap_err().to_string();
            assert!(said.ends_with("it is no file; name a settings file that can be read"), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_and_key() {
        assert_eq!(
            parse("name = \"a\"\nmargin_ms = 300\n"),
            Ok(Settings { name: "a".into(), margin_ms: 300, even: None })
        );
        for (text, expected) in [
            ("name = \"a\"\n\nmargin_ms = 70000\n", "/hub.toml:3: margin_ms: invalid value"),
            ("margin_ms = \"long\"\n", "/hub.toml:1: margin_ms: invalid type"),
            ("name = \"a\"\nmargn_ms = 3\n", "/hub.toml:2: unknown field `margn_ms`"),
            ("even = 3\n", "/hub.toml:1: even: 3 is odd"),
            ("name = \"a\n", "/hub.toml:1: name: "),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.starts_with(expected) && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn what_is_no_text_is_said_with_its_line_and_what_has_no_end_is_not_read_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        fs::write(&path, b"name = \"a\"\nname = \"\xff\"\n").unwrap();
        assert!(read::<Settings>(&path).unwrap_err().to_string().ends_with("hub.toml:2: it is no text in UTF-8"));
        let said = read::<Settings>(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(said.starts_with("/dev/zero: it is longer than 1048576 bytes;"), "{said}");
    }

    #[test]
    fn a_file_that_is_not_there_means_the_defaults_unless_it_was_asked_for() {
        let path = Path::new("/nonexistent/unisono.toml");
        assert_eq!(read_if_there::<Settings>(path).unwrap(), Settings::default());
        assert!(read::<Settings>(path).unwrap_err().to_string().starts_with("/nonexistent/unisono.toml: "));
    }
}
