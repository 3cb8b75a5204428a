//! What the audio thread does for each block.

#![allow(missing_docs, reason = "what criterion generates has none")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unisono_core::{timeline::Phase, units::FramePosition};
use unisono_media::resample::Resampler;

/// Frames that a converter takes at a time, 5 ms.
const BLOCK: usize = 240;

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resampler");
    group.throughput(Throughput::Elements(BLOCK as u64));
    for channels in [1, 2, 8] {
        let mut resampler = Resampler::new(channels, 4_800);
        let sound: Vec<f32> = (0..4_800 * channels).map(|i| (i as f32 * 0.01).sin()).collect();
        resampler.push(FramePosition(0), &sound);
        let start = Phase::at(FramePosition(100)).advanced_by(0.3);
        let mut out = vec![0.0; BLOCK * channels];
        group.bench_function(format!("{BLOCK} frames of {channels} channels"), |bencher| {
            bencher.iter(|| resampler.read(start, 1e-4, &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
