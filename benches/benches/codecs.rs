//! One packet of 20 ms in stereo through each codec, both ways.

#![allow(missing_docs, reason = "what criterion generates has none")]

use criterion::{Criterion, criterion_group, criterion_main};
use unisono_codec::{Step, decoder, encoder};
use unisono_core::{units::SampleRate, wire::control::Codec};

const PACKET: u16 = 960;

/// Different packets, so that no codec meets the same sound over and over.
const PACKETS: usize = 50;

fn codecs(criterion: &mut Criterion) {
    let mut random = fastrand::Rng::with_seed(1);
    // A chord with a little noise: lossless codecs find something to predict, and something that they cannot.
    let tone = |i: usize, hertz: f32| (i as f32 * hertz * core::f32::consts::TAU / 48_000.0).sin();
    let sample = |i: usize| 0.2 * (tone(i, 220.0) + tone(i, 277.2) + tone(i, 329.6)) + 0.01 * random.f32();
    let mono: Vec<f32> = (0..PACKETS * usize::from(PACKET)).map(sample).collect();
    let sound: Vec<f32> = mono.iter().flat_map(|sample| [*sample, 0.8 * sample]).collect();
    let pieces: Vec<&[f32]> = sound.chunks_exact(2 * usize::from(PACKET)).collect();
    let steps = [("opus 192", Codec::Opus), ("flac", Codec::Flac), ("pcm24", Codec::Pcm24), ("pcm16", Codec::Pcm16)];
    for (name, codec) in steps {
        let step = Step { codec, bit_rate: 192_000 };
        let new = || encoder(step, SampleRate::HZ_48000, 2, PACKET.into()).expect("every codec can do this");
        let mut group = criterion.benchmark_group(name);
        let mut encode = new();
        let mut turn = pieces.iter().cycle();
        group.bench_function("encode", |bencher| {
            bencher.iter(|| turn.next().map(|piece| encode.encode(piece)));
        });
        let mut encode = new();
        let packets: Vec<_> = pieces.iter().filter_map(|piece| encode.encode(piece).ok()).collect();
        let mut decode = decoder(encode.format()).expect("it decodes what it encodes");
        let mut out = vec![0.0; 2 * usize::from(PACKET)];
        let mut turn = packets.iter().cycle();
        group.bench_function("decode", |bencher| {
            bencher.iter(|| turn.next().map(|packet| decode.decode(packet, &mut out)));
        });
        group.finish();
    }
}

criterion_group!(benches, codecs);
criterion_main!(benches);
