//! What tracks, albums and covers are called: the same for as long as they are what they are, across scans and restarts.

use std::{fmt, str::FromStr};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 digits from 0 to f")]
pub struct NoId;

/// Defines an id of 16 bytes, written as 32 hexadecimal digits.
macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u128);

        impl $name {
            /// Made from what it is of.
            pub(super) fn of(parts: &[&[u8]]) -> Self {
                Self(digest(stringify!($name), parts))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:032x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            fn from_str(text: &str) -> Result<Self, NoId> {
                // There is one way to write an id.
                let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                if plain { u128::from_str_radix(text, 16).map(Self).map_err(|_| NoId) } else { Err(NoId) }
            }
        }
    };
}

id! {
    /// A track: a folder of the library and a file's place in it.
    TrackId
}
id! {
    /// An album: its artist and its title.
    AlbumId
}
id! {
    /// A cover: what the picture is, so that another picture is another cover.
    CoverId
}

/// The first half of SHA-256: nobody makes two that are the same.
fn digest(kind: &str, parts: &[&[u8]]) -> u128 {
    let mut context = Context::new(&SHA256);
    for part in [kind.as_bytes()].iter().chain(parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    digest.as_ref().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_they_were_in_every_version() {
        let id = TrackId::of(&[b"/music", b"a/b.flac"]);
        assert_eq!(id.to_string(), "281883be9542731e20f4f8d91dbbfc27");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(TrackId::of(&[b"/music", b"a/b.flac"]), TrackId::of(&[b"/musica", b"/b.flac"]));
        for text in
            ["", "0", "../../etc/passwd", "281883BE9542731E20F4F8D91DBBFC27", "+81883be9542731e20f4f8d91dbbfc27"]
        {
            assert_eq!(text.parse::<TrackId>(), Err(NoId), "{text}");
        }
    }
}
