//! A file that was cut off, as long as it says that it is.
//!
//! The reader of MP4 passes over a box that goes beyond the end of the file: over all of the sound, when a download has
//! broken off. With nothing behind the file's end but an end it reads what there is.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use symphonia::core::io::MediaSource;

use super::mp4;

pub(super) struct Stretched {
    file: File,
    /// How long it would be.
    len: u64,
}

/// A file for a reader, and whether it is known to be cut off.
pub(super) fn source(mut file: File) -> (Box<dyn MediaSource>, bool) {
    match mp4::len_before_it_was_cut_off(&mut file) {
        Some(len) => (Box::new(Stretched { file, len }), true),
        None => (Box::new(file), false),
    }
}

impl Read for Stretched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

impl Seek for Stretched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(by) => SeekFrom::Start(self.len.saturating_add_signed(by)),
            other => other,
        };
        self.file.seek(to)
    }
}

impl MediaSource for Stretched {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
