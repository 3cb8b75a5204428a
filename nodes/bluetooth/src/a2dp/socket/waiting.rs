//! The kernel's word on a socket's queue, which nix has no call for: the only unsafe code of the stream.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::{errno::Errno, libc};

nix::ioctl_read_bad!(outq, libc::TIOCOUTQ, libc::c_int);

/// What `SIOCOUTQ` tells, in bytes of the kernel's buffer: on a Bluetooth socket what is free, elsewhere what is taken.
/// Real-time.
pub(super) fn told(fd: &OwnedFd) -> Result<usize, Errno> {
    let mut bytes = 0;
    // SAFETY: the descriptor is open, and the call writes one `int`.
    unsafe { outq(fd.as_raw_fd(), &raw mut bytes) }?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}
