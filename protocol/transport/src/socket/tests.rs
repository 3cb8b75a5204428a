//! The port, on the loopback interface.

use std::{future::poll_fn, net::Ipv4Addr, task::Waker};

use tokio::net::UdpSocket;

use super::*;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What quinn gets in one poll.
fn poll(socket: &SharedSocket) -> Poll<Vec<Vec<u8>>> {
    let mut memory = vec![vec![0; 2_000]; BATCH_SIZE];
    let mut buffers: Vec<_> = memory.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut context = Context::from_waker(Waker::noop());
    let count = ready!(socket.poll_recv(&mut context, &mut buffers, &mut metas)).unwrap();
    let received = buffers[..count].iter().zip(&metas);
    Poll::Ready(received.map(|(buffer, meta)| buffer[..meta.len].to_vec()).collect())
}

#[tokio::test]
async fn quinn_gets_quic_and_nothing_else() {
    let socket = SharedSocket::bind(ANY).unwrap();
    let sender = UdpSocket::bind(ANY).await.unwrap();
    for datagram in [b"\x01a", b"\x40b", b"\x3fc", b"\xffd"] {
        sender.send_to(datagram, socket.local_addr().unwrap()).await.unwrap();
    }
    poll_fn(|context| socket.io.poll_readable(context)).await.unwrap();
    assert_eq!(poll(&socket), Poll::Ready(vec![b"\x40b".to_vec(), b"\xffd".to_vec()]));
    assert_eq!(socket.registry.counters().unknown, 2);
}

#[tokio::test]
async fn a_clock_packet_is_stamped_before_it_leaves() {
    let socket = SharedSocket::bind(ANY).unwrap();
    let receiver = std::net::UdpSocket::bind(ANY).unwrap();
    let path = Path { remote: receiver.local_addr().unwrap(), local: None };
    let arrivals = std::thread::spawn(move || {
        [(); 100].map(|()| receiver.recv(&mut [0; 10]).map(|_| now::<LocalClock>()).unwrap())
    });
    let sent = [(); 100].map(|()| socket.send_clock(path, b"\x01").unwrap());
    for (sent, arrived) in sent.iter().zip(arrivals.join().unwrap()) {
        assert!(*sent < arrived);
    }
}

#[tokio::test]
async fn a_flood_of_clock_packets_leaves_other_tasks_their_turn() {
    let socket = SharedSocket::bind(ANY).unwrap();
    let sender = UdpSocket::bind(ANY).await.unwrap();
    let one_turn = MAX_ROUNDS * BATCH_SIZE;
    for _ in 0..one_turn + 10 {
        sender.send_to(b"\x01", socket.local_addr().unwrap()).await.unwrap();
    }
    poll_fn(|context| socket.io.poll_readable(context)).await.unwrap();
    assert_eq!(poll(&socket), Poll::Pending);
    assert_eq!(socket.registry.counters().unknown, one_turn as u64);
    assert_eq!(poll(&socket), Poll::Pending);
    assert_eq!(socket.registry.counters().unknown, one_turn as u64 + 10);
}

/// The field that a datagram was marked with, as its receiver is told.
#[cfg(target_os = "linux")]
fn mark_of(receiver: &std::net::UdpSocket) -> i32 {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

    let (mut memory, mut control) = ([0; 2_000], nix::cmsg_space!([i32; 8]));
    let mut buffers = [IoSliceMut::new(&mut memory)];
    let message = recvmsg::<()>(receiver.as_raw_fd(), &mut buffers, Some(&mut control), MsgFlags::empty()).unwrap();
    let marks = message.cmsgs().unwrap().filter_map(|told| match told {
        ControlMessageOwned::Ipv4Tos(tos) => Some(tos.into()),
        ControlMessageOwned::Ipv6TClass(class) => Some(class),
        _ => None,
    });
    marks.last().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn sound_and_clock_are_marked_as_urgent_and_keep_their_congestion_mark() {
    use nix::sys::socket::{setsockopt, sockopt};
    use quinn_udp::EcnCodepoint;

    for (from, to) in [("127.0.0.1:0", "127.0.0.1:0"), ("[::]:0", "127.0.0.1:0"), ("[::]:0", "[::1]:0")] {
        let socket = SharedSocket::bind(from.parse().unwrap()).unwrap();
        let receiver = std::net::UdpSocket::bind(to).unwrap();
        let mut remote = receiver.local_addr().unwrap();
        if remote.is_ipv4() {
            setsockopt(&receiver, sockopt::IpRecvTos, &true).unwrap();
        } else {
            setsockopt(&receiver, sockopt::Ipv6RecvTClass, &true).unwrap();
        }
        if let (true, IpAddr::V4(ip)) = (from.starts_with('['), remote.ip()) {
            remote.set_ip(ip.to_ipv6_mapped().into());
        }
        for local in [None, Some(remote.ip())] {
            socket.send_clock(Path { remote, local }, b"\x01").unwrap();
            assert_eq!(mark_of(&receiver), 0xb8, "{from} to {to}, from {local:?}");
            for (ecn, mark) in [(None, 0xb8), (Some(EcnCodepoint::Ect0), 0xba), (Some(EcnCodepoint::Ce), 0xbb)] {
                for segment_size in [None, Some(1)] {
                    let contents = b"\x40\x40";
                    let sound = Transmit { destination: remote, ecn, contents, segment_size, src_ip: local };
                    socket.try_send(&sound).unwrap();
                    for _ in 0..segment_size.map_or(1, |size| contents.len() / size) {
                        assert_eq!(mark_of(&receiver), mark, "{from} to {to}, from {local:?}");
                    }
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_congestion_mark_is_told_to_quinn() {
    use quinn_udp::EcnCodepoint;

    for address in ["127.0.0.1:0", "[::1]:0"] {
        let socket = SharedSocket::bind(address.parse().unwrap()).unwrap();
        let sender = SharedSocket::bind(address.parse().unwrap()).unwrap();
        let destination = socket.local_addr().unwrap();
        for ecn in [None, Some(EcnCodepoint::Ect0), Some(EcnCodepoint::Ect1), Some(EcnCodepoint::Ce)] {
            let sound = Transmit { destination, ecn, contents: b"\x40", segment_size: None, src_ip: None };
            sender.try_send(&sound).unwrap();
            poll_fn(|context| socket.io.poll_readable(context)).await.unwrap();
            let mut memory = [0; 10];
            let (mut buffers, mut metas) = ([IoSliceMut::new(&mut memory)], [RecvMeta::default()]);
            assert_eq!(socket.receive_quic(&mut buffers, &mut metas).unwrap(), 1);
            let RecvMeta { addr, dst_ip, ecn: told, len, .. } = metas[0];
            assert_eq!((addr, dst_ip), (sender.local_addr().unwrap(), Some(destination.ip())));
            assert_eq!((told, len), (ecn, 1));
        }
    }
}

/// Datagrams that one call sends together are those that the kernel would glue.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn datagrams_are_not_glued_together() {
    let socket = SharedSocket::bind(ANY).unwrap();
    let sender = SharedSocket::bind(ANY).unwrap();
    let transmit = Transmit {
        destination: socket.local_addr().unwrap(),
        ecn: None,
        contents: &[0x40; 800],
        segment_size: Some(100),
        src_ip: None,
    };
    sender.try_send(&transmit).unwrap();
    poll_fn(|context| socket.io.poll_readable(context)).await.unwrap();
    assert_eq!(poll(&socket), Poll::Ready(vec![vec![0x40; 100]; 8]));
    assert_eq!(socket.max_receive_segments(), 1);
}
