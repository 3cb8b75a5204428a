//! The socket of a transport: one message is one packet. Real-time once it is made.

mod stamps;
mod waiting;

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::socket::{
        AddressFamily, MsgFlags, SockaddrLike, SockaddrStorage, getsockname, getsockopt, send, setsockopt,
        sockopt::{Priority, SndBuf},
    },
};

use unisono_core::time::Nanos;
use unisono_transport::clock;

use self::stamps::Stamps;
use crate::Failure;

/// Sound that may wait in the kernel. A gap of the radio that is shorter drops nothing, and what is late by more has
/// mostly come too late: speakers have some 100 ms in store.
const QUEUE: Nanos = Nanos::from_millis(80);

/// The most that a program may ask for without a right: what is interactive.
const PRIORITY: i32 = 6;

/// A packet in the kernel takes so many times its own size, until it is known how many: it is cut into pieces of the
/// adapter's size, each with an overhead of some hundred bytes.
const UNKNOWN: usize = 4;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Sent,
    /// There was no room.
    Full,
}

/// The sending end.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// Whether the kernel tells what is free in place of what is taken.
    tells_free: bool,
    /// Packets that may wait in it.
    packets: usize,
    /// What the kernel has as its buffer's size, and of that what the last packet took.
    size: usize,
    packet: usize,
    /// When packets have been sent, where the kernel says so.
    stamps: Option<Stamps>,
}

impl Socket {
    /// Prepares a socket for packets of at most `mtu` bytes that last so long. What is only of use, like the priority and
    /// `stamped` (whether `BlueZ` bears transmit stamps), may be refused.
    pub(super) fn new(fd: OwnedFd, mtu: u16, duration: Nanos, stamped: bool) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let _ = setsockopt(&fd, Priority, &PRIORITY);
        // The kernel's af_bluetooth.c tells the room, Unix sockets, which tests use, what is taken. nix knows no family of
        // that name.
        let family = getsockname::<SockaddrStorage>(fd.as_raw_fd())?.family();
        let packets = QUEUE.as_nanos() / duration.as_nanos().max(1);
        let stamps = stamped.then(|| Stamps::begin(&fd)).flatten();
        let mut socket = Self {
            fd,
            stamps,
            tells_free: family != Some(AddressFamily::Unix),
            packets: usize::try_from(packets).unwrap_or(0).max(2),
            size: 0,
            packet: usize::from(mtu) * UNKNOWN,
        };
        socket.lay_out(socket.packet)?;
        Ok(socket)
    }

    /// Makes the kernel's buffer large enough for as many packets as may wait, and no larger.
    fn lay_out(&mut self, packet: usize) -> nix::Result<()> {
        self.packet = packet;
        // The kernel doubles it.
        setsockopt(&self.fd, SndBuf, &(self.packets * packet / 2))?;
        self.size = getsockopt(&self.fd, SndBuf)?;
        Ok(())
    }

    /// Sends a packet, or says that there is no room for it. It never waits.
    pub(super) fn send(&mut self, packet: &[u8]) -> Result<Sent, Failure> {
        let before = self.waiting();
        let at = clock::now();
        let result = loop {
            match send(self.fd.as_raw_fd(), packet, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Err(Errno::EINTR) => {}
                result => break result,
            }
        };
        match result {
            Ok(_) => {
                let taken = self.waiting().saturating_sub(before);
                // Nothing when it has gone out already.
                if taken >= packet.len() && taken.abs_diff(self.packet) > self.packet / 8 {
                    // The kernel has no reason to refuse; if it does, all stays as it was.
                    let _ = self.lay_out(taken);
                }
                if let Some(stamps) = &mut self.stamps {
                    stamps.handed_over(at);
                }
                Ok(Sent::Sent)
            }
            Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM) => Ok(Sent::Full),
            Err(Errno::ETIMEDOUT | Errno::EHOSTDOWN | Errno::EHOSTUNREACH | Errno::ENETDOWN) => Err(Failure::LinkLost),
            Err(
                Errno::EPIPE
                | Errno::ECONNRESET
                | Errno::ECONNABORTED
                | Errno::ENOTCONN
                | Errno::ESHUTDOWN
                | Errno::EBADFD
                | Errno::ECONNREFUSED,
            ) => Err(Failure::HungUp),
            Err(_) => Err(Failure::Other),
        }
    }

    /// How long a packet took last until the adapter had sent it; `None` where it does not say. Real-time.
    pub(super) fn took(&mut self) -> Option<Nanos> {
        self.stamps.as_mut()?.read(&self.fd)
    }

    /// How many packets wait in the socket, in thousandths of one. What the adapter holds is not seen.
    pub(super) fn waiting_thousandths(&self) -> u64 {
        let bytes = self.waiting() as u64;
        bytes * 1_000 / (self.packet as u64).max(1)
    }

    /// Bytes of the kernel's buffer that are taken; none when it does not say.
    fn waiting(&self) -> usize {
        match waiting::told(&self.fd) {
            Ok(free) if self.tells_free => self.size.saturating_sub(free),
            Ok(taken) => taken,
            Err(_) => 0,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.stamps.is_some() {
            stamps::end(&self.fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{MsgFlags, SockFlag, SockType, recv, socketpair};

    use super::*;

    fn pair() -> (Socket, OwnedFd) {
        let (near, far) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        (Socket::new(near, 672, Nanos::from_millis(13), false).unwrap(), far)
    }

    #[test]
    fn what_waits_is_counted_in_packets_and_a_full_socket_says_so() {
        let (mut socket, far) = pair();
        assert_eq!(socket.waiting_thousandths(), 0);
        for sent in 1..=6 {
            assert_eq!(socket.send(&[7; 600]), Ok(Sent::Sent));
            assert!(socket.waiting_thousandths().abs_diff(sent * 1_000) < 50, "{sent}: {socket:?}");
        }
        assert_eq!(socket.send(&[7; 600]), Ok(Sent::Full), "80 ms wait, and no more");
        let mut buffer = [0; 700];
        for left in (0..6).rev() {
            assert_eq!(recv(far.as_raw_fd(), &mut buffer, MsgFlags::empty()), Ok(600));
            assert!(socket.waiting_thousandths().abs_diff(left * 1_000) < 50);
        }
        assert_eq!(socket.send(&[7; 600]), Ok(Sent::Sent));
    }

    #[test]
    fn who_hung_up_is_told_from_a_full_socket() {
        let (mut socket, far) = pair();
        drop(far);
        assert_eq!(socket.send(&[7; 600]), Err(Failure::HungUp));
    }
}
