//! Something to play.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

/// Writes a file of quiet noise, which Opus spends its whole rate on.
///
/// # Errors
/// When it cannot be written.
pub fn write_noise(path: &Path, seconds: u64) -> anyhow::Result<()> {
    let spec = WavSpec { channels: 2, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec)?;
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..seconds * 48_000 * 2 {
        writer.write_sample(random.i16(-3_000..3_000))?;
    }
    Ok(writer.finalize()?)
}
