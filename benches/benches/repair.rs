//! What a hub keeps of a stream, and how it finds it again.

#![allow(missing_docs, reason = "what criterion generates has none")]

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use unisono_core::{
    repair::{Packet, RepairRing},
    units::{FrameCount, FramePosition},
    wire::ids::StreamId,
};

/// Two seconds and a lead.
const REACH: FrameCount = FrameCount(48_000 * 5 / 2);

fn packet(number: u64, payload: &Bytes) -> Packet {
    let packet = Packet::new(StreamId(1), FramePosition(number * 480), payload.clone(), None);
    packet.expect("it fits")
}

fn ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("repair ring");
    // Opus at 192 kb/s, and 24 bits in two fragments.
    for (name, bytes) in [("opus", 240), ("pcm24", 2_880)] {
        let payload = Bytes::from(vec![7; bytes]);
        let mut ring = RepairRing::new(REACH);
        let mut next = 0;
        group.bench_function(format!("cut and keep a packet of {name}"), |bencher| {
            bencher.iter(|| {
                ring.push(packet(next, &payload));
                next += 1;
            });
        });
        let newest = 10_000;
        (0..=newest).for_each(|number| ring.push(packet(next + number, &payload)));
        let mut random = fastrand::Rng::with_seed(1);
        group.bench_function(format!("answer a request for a packet of {name}"), |bencher| {
            bencher.iter(|| {
                let position = FramePosition((next + newest - random.u64(0..240)) * 480);
                ring.at(position).map(|packet| packet.repairs(u32::MAX).count())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, ring);
criterion_main!(benches);
