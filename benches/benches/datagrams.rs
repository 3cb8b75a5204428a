//! A packet of sound on its way: from the encoder to the datagrams of every room, and from a datagram to a decoder.

#![allow(missing_docs, reason = "what criterion generates has none")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unisono_benches::path::{HubPath, NodePath};

fn hub(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hub: a packet to all rooms");
    for rooms in [1, 10, 100, 1_000] {
        let mut path = HubPath::new(rooms);
        group.throughput(Throughput::Elements(rooms.into()));
        group.bench_function(rooms.to_string(), |bencher| bencher.iter(|| path.packet()));
    }
    group.finish();
}

fn node(criterion: &mut Criterion) {
    let mut path = NodePath::new();
    criterion.bench_function("node: a datagram to a packet", |bencher| {
        bencher.iter(|| {
            let datagram = path.datagram();
            path.packet(&datagram)
        });
    });
}

criterion_group!(benches, hub, node);
criterion_main!(benches);
