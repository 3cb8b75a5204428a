//! What is played: sound that can be found again.

use std::{io::Write, path::Path};

use hound::{SampleFormat, WavSpec, WavWriter};

/// Frames a second of everything here.
pub const RATE: u32 = 48_000;

/// A sound, the same in both channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Material {
    /// What it is.
    pub sound: Sound,
    /// Bits of a sample, 16 or 24.
    pub bits: u16,
    /// How long it is, in seconds.
    pub seconds: u32,
}

/// Kinds of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sound {
    /// Pink noise from a seed: it never falls silent, and no piece of it is like another.
    Pink(u64),
    /// A sine of so many hertz, 3 dB below full scale.
    Sine(f64),
    /// A sine at full scale that goes from 80 to 120 Hz and back in four seconds: nothing shakes a speaker more.
    Bass,
}

impl Material {
    /// Its samples, full scale ±1.
    pub fn samples(&self) -> impl Iterator<Item = f32> + use<> {
        let scale = self.full_scale();
        #[expect(clippy::cast_possible_truncation, reason = "24 bits are exact")]
        self.integers().map(move |sample| (f64::from(sample) / scale) as f32)
    }

    /// Writes it as WAV.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_wav(&self, path: &Path) -> anyhow::Result<()> {
        let (bits_per_sample, sample_format) = (self.bits, SampleFormat::Int);
        let spec = WavSpec { channels: 2, sample_rate: RATE, bits_per_sample, sample_format };
        let mut writer = WavWriter::create(path, spec)?;
        for sample in self.integers() {
            writer.write_sample(sample)?;
            writer.write_sample(sample)?;
        }
        Ok(writer.finalize()?)
    }

    /// Writes its samples alone: 16 bits in two bytes, 24 in four.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn write_raw(&self, to: &mut impl Write) -> std::io::Result<()> {
        let width = if self.bits == 16 { 2 } else { 4 };
        for sample in self.integers() {
            let bytes = &sample.to_le_bytes()[..width];
            to.write_all(bytes)?;
            to.write_all(bytes)?;
        }
        to.flush()
    }

    fn full_scale(&self) -> f64 {
        f64::from(1_u32 << (self.bits - 1))
    }

    fn integers(&self) -> impl Iterator<Item = i32> + use<> {
        let mut sound: Box<dyn FnMut(u32) -> f64> = match self.sound {
            Sound::Pink(seed) => {
                let mut pink = Pink::new(seed);
                Box::new(move |_| pink.next())
            }
            Sound::Sine(hertz) => {
                let step = core::f64::consts::TAU * hertz / f64::from(RATE);
                Box::new(move |frame| (step * f64::from(frame)).sin() * core::f64::consts::FRAC_1_SQRT_2)
            }
            Sound::Bass => {
                let mut phase = 0.0_f64;
                Box::new(move |frame| {
                    let swing = (core::f64::consts::TAU * f64::from(frame) / f64::from(4 * RATE)).cos();
                    phase += core::f64::consts::TAU * (100.0 - 20.0 * swing) / f64::from(RATE);
                    phase.sin() * 0.999
                })
            }
        };
        let scale = self.full_scale();
        #[expect(clippy::cast_possible_truncation, reason = "below full scale")]
        (0..self.seconds * RATE).map(move |frame| (sound(frame) * scale).round() as i32)
    }
}

/// White noise through Paul Kellet's filter, within 0.05 dB of pink from 9 Hz up.
struct Pink {
    random: fastrand::Rng,
    state: [f64; 7],
}

impl Pink {
    fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), state: [0.0; 7] }
    }

    fn next(&mut self) -> f64 {
        const POLES: [(f64, f64); 6] = [
            (0.998_86, 0.055_517_9),
            (0.993_32, 0.075_075_9),
            (0.969_00, 0.153_852_0),
            (0.866_50, 0.310_485_6),
            (0.550_00, 0.532_952_2),
            (-0.761_6, -0.016_898_0),
        ];
        let white = self.random.f64() * 2.0 - 1.0;
        let mut sum = white * 0.5362 + self.state[6];
        for (state, (pole, gain)) in self.state.iter_mut().zip(POLES) {
            *state = pole * *state + white * gain;
            sum += *state;
        }
        self.state[6] = white * 0.115_926;
        // About −20 dB, with room for every peak.
        (sum * 0.06).clamp(-0.99, 0.99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pink_noise_is_never_silent_and_never_clipped() {
        let seed = fastrand::u64(..);
        let noise: Vec<f32> = Material { sound: Sound::Pink(seed), bits: 16, seconds: 5 }.samples().collect();
        assert_eq!(noise.len(), 5 * RATE as usize);
        for block in noise.chunks(480) {
            let mean_square = block.iter().map(|sample| sample * sample).sum::<f32>() / 480.0;
            assert!(mean_square > 1e-4, "seed {seed}: {mean_square}");
        }
        assert!(noise.iter().all(|sample| sample.abs() < 0.98), "seed {seed}");
    }
}
