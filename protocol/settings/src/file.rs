//! Settings files in TOML. What is wrong with one is said in one line: file, line, what.

use std::{
    fmt, fs,
    io::{self, Read as _},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor},
};

/// The status of a program that cannot use its settings (`EX_CONFIG` of `sysexits.h`): to start it again changes nothing.
pub const FAULTY_SETTINGS: u8 = 78;

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("{}: {reason}; name a file that can be read", path.display())]
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
        let key = key_at(&text, at).map(|key| format!("{key}: ")).unwrap_or_default();
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let what =
            if message.contains(&format!("`{}`", key.trim_end_matches(": "))) { message } else { key + &message };
        Error::Wrong { path: path.into(), line, what }
    })
}

fn text_of(path: &Path) -> Result<String, Error> {
    let unreadable = |reason: io::Error| Error::Unreadable { path: path.into(), reason };
    let mut bytes = Vec::new();
    // A FIFO or a terminal would be waited for; /dev/null is how one says that there is nothing.
    if !fs::metadata(path).map_err(unreadable)?.is_file() && path != Path::new("/dev/null") {
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

/// [`checked`] for a folder: an empty path would be the one that the program happens to be started in.
///
/// # Errors
/// When it is no text, or empty.
pub fn folder<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    checked(from, |path: PathBuf| {
        if path.as_os_str().is_empty() { Err("it is empty; name a folder, or leave it out".into()) } else { Ok(path) }
    })
}

/// As [`checked`], for each value of a list: what is impossible is said with the line on which it begins.
///
/// # Errors
/// When one is of another type, or `check` refuses it.
pub fn each_checked<'de, D, T, V>(from: D, check: impl FnMut(T) -> Result<V, String>) -> Result<Vec<V>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_seq(Each { check, of: PhantomData })
}

struct Each<C, T> {
    check: C,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, V, C: FnMut(T) -> Result<V, String>> Visitor<'de> for Each<C, T> {
    type Value = Vec<V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Vec<V>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(One { check: &mut self.check, of: PhantomData })? {
            values.push(value);
        }
        Ok(values)
    }
}

/// Within a newtype, so that the format adds to an error where it is.
struct One<'a, C, T> {
    check: &'a mut C,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, V, C: FnMut(T) -> Result<V, String>> DeserializeSeed<'de> for One<'_, C, T> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<V, D::Error> {
        from.deserialize_newtype_struct("One", self)
    }
}

impl<'de, T: Deserialize<'de>, V, C: FnMut(T) -> Result<V, String>> Visitor<'de> for One<'_, C, T> {
    type Value = V;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<V, D::Error> {
        (self.check)(T::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// The key that is at this byte of a file, or whose value is.
fn key_at(text: &str, at: usize) -> Option<&str> {
    let (before, from) = text.split_at_checked(at)?;
    let before = before.rsplit('\n').next().unwrap_or(before);
    let here = from.lines().next().and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
    // Behind what else an inline table has set.
    let set = before.rsplit_once('=').and_then(|(keys, _)| keys.trim_end().rsplit(['{', ',', ' ']).next());
    let is_bare =
        |key: &&str| !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter));
    here.filter(is_bare).or(set.filter(is_bare))
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
        for path in [folder.path(), &fifo, Path::new("/dev/zero")] {
            let said = read::<Settings>(path).unwrap_err().to_string();
            assert!(said.ends_with("it is no file; name a file that can be read"), "{said}");
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
    fn what_is_no_text_is_said_with_its_line_and_what_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        fs::write(&path, b"name = \"a\"\nname = \"\xff\"\n").unwrap();
        assert!(read::<Settings>(&path).unwrap_err().to_string().ends_with("hub.toml:2: it is no text in UTF-8"));
        fs::File::create(&path).unwrap().set_len(MAX_LEN + 1).unwrap();
        let said = read::<Settings>(&path).unwrap_err().to_string();
        assert!(said.contains("hub.toml: it is longer than 1048576 bytes;"), "{said}");
        assert_eq!(read::<Settings>(Path::new("/dev/null")).unwrap(), Settings::default());
    }

    #[test]
    fn a_file_that_is_not_there_means_the_defaults_unless_it_was_asked_for() {
        let path = Path::new("/nonexistent/unisono.toml");
        assert_eq!(read_if_there::<Settings>(path).unwrap(), Settings::default());
        assert!(read::<Settings>(path).unwrap_err().to_string().starts_with("/nonexistent/unisono.toml: "));
    }
}
