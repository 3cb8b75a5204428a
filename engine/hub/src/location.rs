//! Files as the API names them: an absolute path, or where that is no UTF-8 a `file://` URL (RFC 8089).

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// How a URL of a file on this machine begins, its path aside.
const SCHEME: &str = "file://";

/// The text for an absolute path.
pub fn of(path: &Path) -> String {
    path.to_str().map_or_else(|| format!("{SCHEME}{}", escaped(path.as_os_str().as_bytes())), String::from)
}

/// The path of a text; `None` when it is neither an absolute path nor a URL of a file on this machine.
pub fn path(text: &str) -> Option<PathBuf> {
    if text.starts_with('/') {
        return Some(text.into());
    }
    let bytes = unescaped(text.strip_prefix(SCHEME).filter(|path| path.starts_with('/'))?)?;
    Some(OsString::from_vec(bytes).into())
}

/// All but letters, digits and what no URL gives a meaning, as percent and two digits.
fn escaped(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let escape = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(escape).collect()
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let [b'%', high, low, after @ ..] = rest else {
            if *first == b'%' {
                return None;
            }
            bytes.push(*first);
            rest = after;
            continue;
        };
        let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(*high)? << 4 | digit(*low)?);
        rest = after;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_survives_being_named() {
        let every: Vec<u8> = (1..=255).collect();
        for name in [&b"/a/b c%20.flac"[..], "/Küche.wav".as_bytes(), b"/caf\xe9.wav", &[b"/", &every[..]].concat()] {
            let file = PathBuf::from(OsString::from_vec(name.to_vec()));
            assert_eq!(path(&of(&file)), Some(file));
        }
        assert_eq!(of(Path::new("/a%20b")), "/a%20b", "a path that can be read is as it is");
    }
}
