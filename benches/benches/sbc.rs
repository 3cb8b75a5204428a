//! A minute of sound to SBC and back on one core, beside what `sbcenc` takes for the same (process, file and pipe included).

#![allow(missing_docs, reason = "what criterion generates has none")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use unisono_codec::sbc::{ChannelMode, Config, Decoder, Encoder, MAX_FRAME};

const SECONDS: u32 = 60;

fn sbc(criterion: &mut Criterion) {
    for bytes in [[0x11, 0x15, 2, 51], [0x21, 0x15, 2, 53], [0x24, 0x15, 2, 38]] {
        let config = Config::from_bytes(bytes).expect("it is one");
        let mut group = criterion.benchmark_group(config.to_string());
        // Frames per second in the report, divided by the rate, are rooms per core.
        group.throughput(Throughput::Elements((config.rate.hertz() * SECONDS).into())).sample_size(10);
        bench(&mut group, config);
        group.finish();
    }
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, config: Config) {
    let mut random = fastrand::Rng::with_seed(1);
    let tone = |i: u32, hertz: f32| (i as f32 * hertz * core::f32::consts::TAU / 48_000.0).sin();
    let sample = |i: u32| 0.2 * (tone(i, 220.0) + tone(i, 277.2) + tone(i, 329.6)) + 0.01 * random.f32();
    let mono: Vec<f32> = (0..config.rate.hertz() * SECONDS).map(sample).collect();
    let sound: Vec<f32> = mono.iter().flat_map(|sample| [*sample, 0.8 * sample]).collect();
    let samples = config.frame_samples() * 2;
    let mut encoder = Encoder::new(config).expect("libsbc has memory");
    let mut frame = [0; MAX_FRAME];
    let mut encoded = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            encoded.clear();
            for part in sound.chunks_exact(samples) {
                let length = encoder.encode(part, config.max_bitpool, &mut frame).expect("it fits");
                encoded.extend_from_slice(&frame[..length]);
            }
        });
    });
    let mut decoder = Decoder::new(config).expect("libsbc has memory");
    let mut out = vec![0.0; samples];
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let mut rest = &encoded[..];
            while !rest.is_empty() {
                let length = decoder.decode(rest, &mut out).expect("it was encoded here");
                rest = &rest[length..];
            }
        });
    });
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join("sound.au");
    write_au(&path, config, &sound);
    let bitpool = config.max_bitpool.to_string();
    let mode = if config.mode == ChannelMode::Dual { "-d" } else { "-j" };
    group.bench_function("sbcenc", |bencher| {
        bencher.iter(|| {
            let done = Command::new("sbcenc")
                .args(["-s", "8", "-B", "16", "-b", bitpool.as_str(), mode])
                .arg(&path)
                .stdout(Stdio::null())
                .status();
            assert!(done.expect("apt-get install sbc-tools").success());
        });
    });
}

/// A Sun audio file: a header of 24 bytes, then samples of 16 bits, big-endian.
fn write_au(path: &Path, config: Config, sound: &[f32]) {
    let mut file = b".snd".to_vec();
    let length = u32::try_from(sound.len() * 2).expect("a minute");
    for word in [24, length, 3, config.rate.hertz(), 2] {
        file.extend(word.to_be_bytes());
    }
    #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
    file.extend(sound.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_be_bytes()));
    std::fs::write(path, file).expect("there is room for a file");
}

criterion_group!(benches, sbc);
criterion_main!(benches);
