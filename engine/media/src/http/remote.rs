//! A file on another host, read as if it were here: where the connection breaks it goes on at the same byte, and where
//! the host gives parts of it any byte can be gone to.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use symphonia::core::io::MediaSource;
use ureq::BodyReader;

use super::{
    backoff::Backoff,
    buffer::Buffer,
    client::{Answer, Client},
    run::shown,
};

/// It is tried so often to go on where a connection broke, half a minute in all.
const TRIES: u32 = 8;

/// A gap that is sooner read than asked for again, in bytes.
const SHORT: u64 = 128 * 1024;

/// The file.
pub(super) struct Remote {
    client: Client,
    url: String,
    length: u64,
    has_ranges: bool,
    /// The next byte to give.
    at: u64,
    /// What comes, and which byte of the file comes next there.
    open: Option<(BodyReader<'static>, u64)>,
    buffer: Arc<Buffer>,
}

impl Remote {
    /// From the answer to a first request, which said how long it is.
    pub(super) fn new(client: Client, answer: Answer, length: u64, buffer: Arc<Buffer>) -> Self {
        Self {
            client,
            url: answer.url,
            length,
            has_ranges: answer.has_ranges,
            at: 0,
            open: Some((answer.body, 0)),
            buffer,
        }
    }

    /// Reads on, from the connection that there is or a new one.
    fn try_read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some((_, next)) = &self.open
            && (*next > self.at || self.has_ranges && self.at - *next > SHORT)
        {
            self.open = None;
        }
        let (body, next) = match &mut self.open {
            Some(open) => open,
            None => {
                let opened = self.ask()?;
                self.open.insert(opened)
            }
        };
        while *next < self.at {
            let most = usize::try_from(self.at - *next).unwrap_or(usize::MAX).min(out.len());
            match body.read(&mut out[..most])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => *next += count as u64,
            }
        }
        match body.read(out)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                *next += count as u64;
                self.at += count as u64;
                Ok(count)
            }
        }
    }

    /// Asks for the file from the byte on that is wanted, as far as the host does that.
    fn ask(&self) -> io::Result<(BodyReader<'static>, u64)> {
        let from = self.has_ranges.then_some(self.at);
        let answer = self.client.get(&self.url, from).map_err(|refusal| io::Error::other(refusal.reason))?;
        let (whole, next) = match answer.whole {
            Some(whole) => (Some(whole), self.at),
            None => (answer.length, 0),
        };
        if whole.is_some_and(|whole| whole != self.length) {
            return Err(io::Error::other("it is another file by now"));
        }
        Ok((answer.body, next))
    }
}

impl Read for Remote {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length || out.is_empty() {
            return Ok(0);
        }
        let mut backoff = Backoff::new();
        let mut tries = 0;
        loop {
            match self.try_read(out) {
                Ok(count) => return Ok(count),
                Err(error) if tries >= TRIES => return Err(error),
                Err(error) => {
                    self.open = None;
                    tries += 1;
                    self.buffer.trouble(format!("{} does not go on ({error}); it is tried again", shown(&self.url)));
                    if !self.buffer.wait(backoff.wait(super::chance())) {
                        return Err(io::Error::other("nobody listens"));
                    }
                }
            }
        }
    }
}

impl Seek for Remote {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl MediaSource for Remote {
    fn is_seekable(&self) -> bool {
        self.has_ranges
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
