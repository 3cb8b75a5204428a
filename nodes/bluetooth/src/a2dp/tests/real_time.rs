//! The thread itself. A machine may be slow: what is promised here does not depend on how much it sends in time.

use std::{
    os::fd::AsRawFd,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{MsgFlags, recv};
use unisono_core::time::NodeClock;
use unisono_transport::clock;

use super::rig::{JOINT, MTU, noise, socket_pair};
use crate::a2dp::{FeedFault, Options, SbcConfig, Transport, packet::Received, start};

/// Far longer than anything takes.
const LIMIT: Duration = Duration::from_secs(60);

static BEFORE: AtomicU32 = AtomicU32::new(0);

fn count() {
    BEFORE.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_stream_runs_on_a_thread_of_its_own_until_its_feed_is_dropped() {
    let (near, far) = socket_pair();
    let reader = thread::spawn(move || {
        let (mut buffer, mut packets) = ([0; 2_048], Vec::new());
        // Ends when the sender closes its end.
        while let Ok(length @ 1..) = recv(far.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            let received = Received::read(&buffer[..length]).unwrap();
            packets.push((received.sequence, received.timestamp, clock::now::<NodeClock>()));
        }
        packets
    });
    let config = SbcConfig::from_bytes(JOINT).unwrap();
    let options = Options { before: count, ..Options::default() };
    let began = clock::now::<NodeClock>();
    let (mut feed, stream) = start(Transport { fd: near, mtu: MTU, config, stamped: false }, options).unwrap();
    let (limit, mut written, mut positions) = (Instant::now() + LIMIT, 0, Vec::new());
    while stream.counters().packets < 60 {
        assert!(Instant::now() < limit, "{:?}", stream.counters());
        thread::sleep(Duration::from_millis(10));
        let step = feed.taken().and_then(|taken| {
            positions.extend(taken);
            let room = feed.room()?.writable;
            let frames: Vec<f32> = (written..written + u64::from(room)).flat_map(noise).collect();
            feed.write(&frames)
        });
        match step {
            Ok(frames) => written += u64::from(frames),
            Err(FeedFault::Underrun) => positions.clear(),
            Err(fault) => panic!("{fault}"),
        }
    }
    assert_eq!(BEFORE.load(Ordering::Relaxed), 1);
    drop(feed);
    while !stream.has_ended() {
        assert!(Instant::now() < limit);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(stream.is_over(), None);
    let packets = reader.join().unwrap();
    assert!(packets.len() >= 60);
    for (sequence, timestamp, at) in packets {
        assert_eq!(timestamp, u32::from(sequence) * 640);
        let due = began + stream.packet_duration() * i64::from(sequence);
        assert!(at >= due, "packet {sequence} came early");
    }
    for pair in positions.windows(2) {
        let (frames, span) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        assert!((span.as_secs_f64() * 48_000.0 - frames as f64).abs() < 0.01, "{frames} frames in {span}");
    }
}
