//! Sending with a mark of urgency, which quinn-udp leaves no room for: it sets the whole field to its ECN bits.

use std::{
    io::{self, IoSlice},
    net::{IpAddr, UdpSocket},
    os::fd::AsRawFd,
};

use nix::{
    libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo},
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt::Priority},
};
use quinn_udp::Transmit;
use socket2::Socket;

/// Asks for the queue of what is urgent on this machine. A system that grants it not only is less quick.
pub(super) fn prioritise(socket: &Socket) {
    let _ = setsockopt(socket, Priority, &INTERACTIVE);
}

/// Sends it all in one call, or says why not.
pub(super) fn send(socket: &UdpSocket, transmit: &Transmit<'_>) -> io::Result<()> {
    let mark = EXPEDITED_FORWARDING | transmit.ecn.map_or(0, |ecn| ecn as u8);
    let class = i32::from(mark);
    let ipv4 = transmit.destination.ip().to_canonical().is_ipv4();
    let mark = if ipv4 { ControlMessage::Ipv4Tos(&mark) } else { ControlMessage::Ipv6TClass(&class) };
    let (mut control, mut count) = ([mark; 3], 1);
    let mut push = |message| {
        control[count] = message;
        count += 1;
    };

    let segment = transmit.segment_size.filter(|size| *size < transmit.contents.len());
    let segment = segment.map(|size| u16::try_from(size).unwrap_or(u16::MAX));
    if let Some(size) = &segment {
        push(ControlMessage::UdpGsoSegments(size));
    }
    let source = transmit.src_ip.map(source);
    match &source {
        Some(Source::Ipv4(info)) => push(ControlMessage::Ipv4PacketInfo(info)),
        Some(Source::Ipv6(info)) => push(ControlMessage::Ipv6PacketInfo(info)),
        None => {}
    }
    let (contents, to) = ([IoSlice::new(transmit.contents)], SockaddrStorage::from(transmit.destination));
    sendmsg(socket.as_raw_fd(), &contents, &control[..count], MsgFlags::empty(), Some(&to))?;
    Ok(())
}

/// From which address a datagram is to leave.
enum Source {
    Ipv4(in_pktinfo),
    Ipv6(in6_pktinfo),
}

fn source(address: IpAddr) -> Source {
    match address {
        IpAddr::V4(ip) => Source::Ipv4(in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
            ipi_addr: in_addr { s_addr: 0 },
        }),
        IpAddr::V6(ip) => Source::Ipv6(in6_pktinfo { ipi6_addr: in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 }),
    }
}

/// The class for sound and its clock (RFC 3246), above the two bits of ECN. Access points send it as voice.
const EXPEDITED_FORWARDING: u8 = 46 << 2;

/// The highest that needs no privilege.
const INTERACTIVE: i32 = 6;
