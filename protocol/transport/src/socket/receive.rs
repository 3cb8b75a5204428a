//! Receiving with the kernel's stamps, which quinn-udp does not hand out.
//!
//! One datagram to a call. They come one by one on a node; on a hub, a call costs less than the QUIC packet that it
//! brings by an order of magnitude.

use std::{
    io::{self, IoSliceMut},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    slice,
};

use nix::sys::{
    socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::ReceiveTimestampns},
    time::TimeValLike,
};
use quinn_udp::{EcnCodepoint, RecvMeta};
use socket2::Socket;
use unisono_core::time::Nanos;

/// Asks for stamps; whether there are some. A system that has none only makes arrivals less exact.
pub(super) fn enable_stamps(socket: &Socket) -> bool {
    setsockopt(socket, ReceiveTimestampns, &true).is_ok()
}

/// The next datagram, and when the wall clock says that it arrived.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut IoSliceMut<'_>) -> io::Result<(RecvMeta, Option<Nanos>)> {
    let mut control = Control([0; CONTROL_LEN]);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        slice::from_mut(buffer),
        Some(&mut control.0),
        MsgFlags::empty(),
    )?;
    let addr = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    let mut meta = RecvMeta { addr, len: message.bytes, stride: message.bytes, ..RecvMeta::default() };
    let mut stamp = None;
    // Where they did not all fit there are none; the datagram is good without.
    for told in message.cmsgs().into_iter().flatten() {
        match told {
            ControlMessageOwned::ScmTimestampns(at) => stamp = Some(Nanos::new(at.num_nanoseconds())),
            ControlMessageOwned::Ipv4Tos(tos) => meta.ecn = EcnCodepoint::from_bits(tos),
            ControlMessageOwned::Ipv6TClass(class) => meta.ecn = EcnCodepoint::from_bits(class.to_ne_bytes()[0]),
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                meta.dst_ip = Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into());
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                meta.dst_ip = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
            }
            _ => {}
        }
    }
    Ok((meta, stamp))
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = from.as_sockaddr_in().map(|&address| address.into());
    ipv4.or_else(|| from.as_sockaddr_in6().map(|&address| address.into()))
}

/// Aligned as the kernel's headers in it are.
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);

/// A stamp (32 bytes), an address (40), the marks of both families (24 each), and some room.
const CONTROL_LEN: usize = 160;
