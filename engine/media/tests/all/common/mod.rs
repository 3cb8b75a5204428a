//! What the tests share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "each test uses some of it, and may panic"
)]

/// A seed that is printed, so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    seed
}

pub(crate) fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

pub(crate) fn rms(sound: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = sound.into_iter().fold((0.0, 0.0), |(sum, count), sample| (sum + sample * sample, count + 1.0));
    f64::sqrt(sum / count)
}

/// Noise from 0 Hz to a share of the Nyquist frequency, about ±0.5: many sines, so that it is known between samples.
pub(crate) struct Band(Vec<(f64, f64, f64)>);

impl Band {
    pub(crate) fn new(share: f64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let tones = 97;
        let sine = |i: i32| {
            let pitch = std::f64::consts::PI * share * (f64::from(i) + random.f64()) / f64::from(tones);
            (pitch, 0.04 * (0.5 + random.f64()), random.f64() * 6.3)
        };
        Self((0..tones).map(sine).collect())
    }

    /// Always the same, up to 0.4 of the Nyquist frequency; what the fixtures were made from.
    pub(crate) fn of_fixtures(channel: u8) -> Self {
        let sine = |i: u8| {
            let (i, channel) = (f64::from(i), f64::from(channel));
            let jitter = (i * 0.618_033_988_749_895 + channel * 0.37).fract();
            (std::f64::consts::PI * 0.4 * (i + jitter) / 40.0, 0.25 / (1.0 + 0.5 * i), i * i * 0.7 + channel)
        };
        Self((1..40).map(sine).collect())
    }

    /// At a time in frames.
    pub(crate) fn at(&self, time: f64) -> f64 {
        self.0.iter().map(|(pitch, level, phase)| level * (pitch * time + phase).sin()).sum()
    }
}

/// How many decibels lie between a sine of `pitch` (radians a sample) in some sound and all that is not that sine.
pub(crate) fn sinad(sound: &[f32], pitch: f64) -> f64 {
    // Least squares for a sin + b cos + c: the normal equations, solved by elimination.
    let basis = |i: usize| [(pitch * i as f64).sin(), (pitch * i as f64).cos(), 1.0];
    let mut rows = [[0.0_f64; 4]; 3];
    for (i, sample) in sound.iter().enumerate() {
        let values = basis(i);
        for (row, value) in rows.iter_mut().zip(values) {
            for (sum, other) in row.iter_mut().zip(values.into_iter().chain([f64::from(*sample)])) {
                *sum += value * other;
            }
        }
    }
    for pivot in 0..3 {
        let pivot_row = rows[pivot].map(|value| value / rows[pivot][pivot]);
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[pivot];
            for (value, pivot_value) in row.iter_mut().zip(pivot_row) {
                *value = if i == pivot { pivot_value } else { *value - factor * pivot_value };
            }
        }
    }
    let [a, b, c] = rows.map(|row| row[3]);
    let rest = sound.iter().enumerate().map(|(i, sample)| {
        let [sin, cos, one] = basis(i);
        f64::from(*sample) - a * sin - b * cos - c * one
    });
    decibels(a.hypot(b) / f64::sqrt(2.0) / rms(rest))
}

/// A folder for one test's files.
pub(crate) fn folder(test: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What the fixtures were made from: 16 bits, two channels, interleaved.
pub(crate) fn original(frames: usize) -> Vec<i16> {
    let bands = [Band::of_fixtures(0), Band::of_fixtures(1)];
    (0..frames)
        .flat_map(|i| {
            // Silence around it would hide what is missing.
            bands.each_ref().map(|band| (band.at(i as f64) * 32_768.0).round().clamp(-32_768.0, 32_767.0))
        })
        .map(|sample| sample as i16)
        .collect()
}

/// Writes integers, or floats when the format is of floats.
pub(crate) fn write_wav(
    path: &std::path::Path,
    rate: u32,
    channels: u16,
    bits: u32,
    format: hound::SampleFormat,
    integers: &[i32],
    floats: &[f32],
) {
    let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits as u16, sample_format: format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    match format {
        hound::SampleFormat::Int => integers.iter().for_each(|sample| writer.write_sample(*sample).unwrap()),
        hound::SampleFormat::Float => floats.iter().for_each(|sample| writer.write_sample(*sample).unwrap()),
    }
    writer.finalize().unwrap();
}

/// Writes integers of so many bits, in blocks of 4096.
pub(crate) fn write_flac(path: &std::path::Path, rate: usize, channels: usize, bits: u32, integers: &[i32]) {
    use flacenc::{component::BitRepr, error::Verify};

    let config = flacenc::config::Encoder::default().into_verified().unwrap();
    let source = flacenc::source::MemSource::from_samples(integers, channels, bits as usize, rate);
    let mut stream = flacenc::encode_with_fixed_block_size(&config, source, 4_096).unwrap();
    // It takes the short block at the end for the smallest one, which says that blocks vary.
    stream.stream_info_mut().set_block_sizes(4_096, 4_096).unwrap();
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).unwrap();
    std::fs::write(path, sink.as_slice()).unwrap();
}
