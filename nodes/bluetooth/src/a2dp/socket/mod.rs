//! The socket of a transport: one message is one packet. Real-time once it is made.

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

use crate::Failure;

/// Packets that may wait in the kernel, which doubles that for its own needs: with `PipeWire`'s four a short gap of the
/// radio drops nothing, and what waits is never worth more than a tenth of a second.
const PACKETS: usize = 4;

/// The most that a program may ask for without a right: what is interactive.
const PRIORITY: i32 = 6;

/// A packet in the kernel is at least so much larger than it says, until it is known how much.
const OVERHEAD: usize = 768;

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
    /// What the kernel calls its buffer's size; on a Bluetooth socket it tells what is left of that.
    size: Option<usize>,
    /// Bytes of the buffer that the last packet took.
    packet: usize,
}

impl Socket {
    /// Prepares a socket for packets of at most `mtu` bytes. What is only of use, like the priority, may be refused.
    pub(super) fn new(fd: OwnedFd, mtu: u16) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        setsockopt(&fd, SndBuf, &(PACKETS * usize::from(mtu)))?;
        let _ = setsockopt(&fd, Priority, &PRIORITY);
        let family = getsockname::<SockaddrStorage>(fd.as_raw_fd())?.family();
        let size = match family {
            // The kernel's af_bluetooth.c tells the room, every other family what is taken.
            Some(AddressFamily::Bluetooth) => Some(getsockopt(&fd, SndBuf)?),
            _ => None,
        };
        Ok(Self { fd, size, packet: usize::from(mtu) + OVERHEAD })
    }

    /// Sends a packet, or says that there is no room for it. It never waits.
    pub(super) fn send(&mut self, packet: &[u8]) -> Result<Sent, Failure> {
        let before = self.waiting();
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
                if taken >= packet.len() {
                    self.packet = taken;
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

    /// How many packets wait in the socket, in thousandths. What the adapter holds is not seen.
    pub(super) fn waiting_thousandths(&self) -> u64 {
        let bytes = self.waiting() as u64;
        bytes * 1_000 / (self.packet as u64).max(1)
    }

    /// Bytes of the kernel's buffer that are taken; none when it does not say.
    fn waiting(&self) -> usize {
        let told = waiting::told(&self.fd).unwrap_or(0);
        self.size.map_or(told, |size| if told == 0 { size } else { size.saturating_sub(told) })
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{MsgFlags, SockFlag, SockType, recv, socketpair};

    use super::*;

    fn pair() -> (Socket, OwnedFd) {
        let (near, far) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        (Socket::new(near, 672).unwrap(), far)
    }

    #[test]
    fn what_waits_is_counted_in_packets_and_a_full_socket_says_so() {
        let (mut socket, far) = pair();
        assert_eq!(socket.waiting_thousandths(), 0);
        let mut sent = 0;
        while socket.send(&[7; 600]) == Ok(Sent::Sent) {
            sent += 1;
            let waiting = socket.waiting_thousandths();
            assert!(waiting.abs_diff(sent * 1_000) < 100, "{waiting} after {sent}");
            assert!(sent < 20, "it is never full");
        }
        assert!(sent >= 2, "{sent}");
        let mut buffer = [0; 700];
        for left in (0..sent).rev() {
            assert_eq!(recv(far.as_raw_fd(), &mut buffer, MsgFlags::empty()), Ok(600));
            assert!(socket.waiting_thousandths().abs_diff(left * 1_000) < 100);
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
