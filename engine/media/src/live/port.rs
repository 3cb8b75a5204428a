//! Where the bytes of a live input come from. A port is read by a thread of its own, which may wait a little.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::AsFd,
    thread,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What comes of reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing came in the time.
    Nothing,
    /// Whoever wrote has gone. Another may come.
    Gone,
    /// Bytes were lost before those that come next.
    Lost,
    /// It does not work, and why; it is tried again.
    Failed(String),
}

/// A place from which bytes come.
pub(super) trait Port: Send {
    /// Reads what is there, and waits for it no longer than said.
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got;

    /// Whether more is there.
    fn has_more(&mut self) -> bool;
}

/// Waits until something can be read; `false` when nothing can within the time.
pub(super) fn wait_for(from: impl AsFd, wait: Duration) -> io::Result<bool> {
    let mut ready = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
    let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
    match poll(&mut ready, wait) {
        Ok(count) => Ok(count > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a read of something that never waits has given.
pub(super) fn got(read: io::Result<usize>) -> Got {
    match read {
        Ok(0) => Got::Gone,
        Ok(count) => Got::Bytes(count),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Got::Nothing,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Got::Gone,
        Err(error) => Got::Failed(error.to_string()),
    }
}

/// The standard input of this program.
pub(super) struct StandardInput {
    file: File,
    is_over: bool,
}

impl StandardInput {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { file: File::from(io::stdin().as_fd().try_clone_to_owned()?), is_over: false })
    }

    #[cfg(test)]
    pub(super) const fn of(file: File) -> Self {
        Self { file, is_over: false }
    }
}

impl Port for StandardInput {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got {
        if self.is_over {
            thread::sleep(wait);
            return Got::Nothing;
        }
        match wait_for(&self.file, wait) {
            Ok(true) => {}
            Ok(false) => return Got::Nothing,
            Err(error) => return Got::Failed(error.to_string()),
        }
        let got = got(self.file.read(bytes));
        self.is_over = got == Got::Gone;
        got
    }

    fn has_more(&mut self) -> bool {
        !self.is_over && wait_for(&self.file, Duration::ZERO).unwrap_or(false)
    }
}
