//! Titles in a station's stream: after so many bytes of sound there is one byte that says how long the title is in
//! pieces of sixteen bytes, then the title. Most are empty.
//!
//! Stations write `StreamTitle='Artist - Title';` in UTF-8 or in Latin-1, with apostrophes and semicolons in it.

use std::io::{self, Read};

use unisono_core::wire::control::sentence;

/// Gives the sound of a stream, and keeps what the titles say.
pub struct Titles<R> {
    inner: R,
    /// Bytes of sound between two titles; `None` where there are none.
    interval: Option<usize>,
    /// Bytes of sound before the next title.
    left: usize,
    title: Option<String>,
}

impl<R: Read> Titles<R> {
    /// With so many bytes of sound between titles.
    pub fn new(inner: R, interval: Option<usize>) -> Self {
        Self { inner, interval, left: interval.unwrap_or(0), title: None }
    }

    /// The title that was read last, if it was not taken yet.
    pub fn take_title(&mut self) -> Option<String> {
        self.title.take()
    }

    fn read_title(&mut self) -> io::Result<()> {
        let mut length = [0];
        self.inner.read_exact(&mut length)?;
        let mut said = [0; 255 * 16];
        let said = &mut said[..usize::from(length[0]) * 16];
        self.inner.read_exact(said)?;
        if let Some(title) = stream_title(said) {
            self.title = Some(title);
        }
        Ok(())
    }
}

impl<R: Read> Read for Titles<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(interval) = self.interval else { return self.inner.read(out) };
        if out.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.read_title()?;
            self.left = interval;
        }
        let most = out.len().min(self.left);
        let count = self.inner.read(&mut out[..most])?;
        self.left -= count;
        Ok(count)
    }
}

/// The title in what a station says; `None` when it says none. An empty one is a title: nothing is known any more.
pub fn stream_title(said: &[u8]) -> Option<String> {
    const KEY: &str = "StreamTitle=";
    let said = text(said.split(|byte| *byte == 0).next().unwrap_or_default());
    let from = said.find(KEY)? + KEY.len();
    let rest = &said[from..];
    let title = match rest.strip_prefix('\'') {
        // It ends where another key begins, or with the last apostrophe.
        Some(rest) => {
            let end = rest.find("';Stream").or_else(|| rest.rfind("';")).or_else(|| rest.rfind('\''));
            &rest[..end.unwrap_or(rest.len())]
        }
        None => rest.split(';').next().unwrap_or_default(),
    };
    Some(sentence(title))
}

/// Text in UTF-8, or else in Latin-1.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of so many.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(self.1).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn titles_are_taken_out_of_a_stream_however_it_is_cut() {
        let mut stream = Vec::new();
        for (i, title) in ["StreamTitle='A - One';", "", "StreamTitle='B - Two';StreamUrl='x';"].iter().enumerate() {
            stream.extend([u8::try_from(i).unwrap(); 100]);
            stream.push(u8::try_from(title.len().div_ceil(16)).unwrap());
            stream.extend(title.bytes());
            stream.extend(vec![0; title.len().next_multiple_of(16) - title.len()]);
        }
        stream.extend([9; 30]);
        for step in [1, 7, 100, 1_000] {
            let mut titles = Titles::new(Pieces(&stream, step), Some(100));
            let (mut sound, mut said, mut out) = (Vec::<u8>::new(), Vec::new(), [0; 64]);
            loop {
                let count = titles.read(&mut out).unwrap();
                if count == 0 {
                    break;
                }
                sound.extend(&out[..count]);
                said.extend(titles.take_title());
            }
            assert_eq!(said, ["A - One", "B - Two"], "in pieces of {step}");
            assert_eq!(sound, [vec![0; 100], vec![1; 100], vec![2; 100], vec![9; 30]].concat(), "in pieces of {step}");
        }
    }

    #[test]
    fn a_title_is_what_the_station_means() {
        for (said, title) in [
            (
                &b"StreamTitle='Guns N' Roses - Don't Cry; Live';StreamUrl='';\0\0"[..],
                Some("Guns N' Roses - Don't Cry; Live"),
            ),
            (b"StreamTitle='Bj\xf6rk';", Some("Björk")),
            ("StreamTitle='Björk';".as_bytes(), Some("Björk")),
            (b"StreamTitle='cut off", Some("cut off")),
            (b"StreamTitle=bare;StreamUrl=x", Some("bare")),
            (b"StreamTitle='';", Some("")),
            (b"StreamUrl='x';", None),
            (b"", None),
        ] {
            assert_eq!(stream_title(said).as_deref(), title, "{said:?}");
        }
        assert!(!stream_title(b"StreamTitle='a\nb\x1b[2Jc';").unwrap().contains(['\n', '\x1b']));
    }
}
