//! From samples to frames.

use super::{Config, Error, MAX_SAMPLES, library::Library};
use crate::sample::to_int;

/// Makes frames of SBC, one after another.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    library: Library,
    samples: [i16; MAX_SAMPLES],
}

impl Encoder {
    /// For a configuration; from its four bytes with [`Config::from_bytes`].
    ///
    /// # Errors
    /// [`Error::Configuration`] when there is none like it, [`Error::Library`] when memory is short.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config, library: Library::new(config)?, samples: [0; MAX_SAMPLES] })
    }

    /// Encodes [`Config::frame_samples`] frames of interleaved samples, full scale ±1, into the beginning of `out` and
    /// gives the bytes that it has become: [`Config::frame_len`]. What lies beyond full scale is cut off, and what is
    /// not a number is silence. What a decoder makes of it lags by [`Config::delay`].
    ///
    /// Real-time: nothing is allocated.
    ///
    /// # Errors
    /// [`Error::Bitpool`] when the configuration has no such bitpool, [`Error::BufferSize`] unless `interleaved` is one
    /// frame and `out` has room for it, [`Error::Library`] when libsbc refuses, which it has no reason to.
    pub fn encode(&mut self, interleaved: &[f32], bitpool: u8, out: &mut [u8]) -> Result<usize, Error> {
        if bitpool != self.config.bitpool_within(bitpool) {
            let (min, max) = (self.config.min_bitpool, self.config.bitpool_within(u8::MAX));
            return Err(Error::Bitpool { given: bitpool, min, max });
        }
        let expected = self.config.frame_samples() * usize::from(self.config.channels());
        if interleaved.len() != expected {
            return Err(Error::BufferSize { expected, given: interleaved.len() });
        }
        let (room, length) = (out.len(), self.config.frame_len(bitpool));
        let out = out.get_mut(..length).ok_or(Error::BufferSize { expected: length, given: room })?;
        for (whole, sample) in self.samples.iter_mut().zip(interleaved) {
            #[expect(clippy::cast_possible_truncation, reason = "it is held within 16 bits")]
            (*whole = to_int(*sample, 16) as i16);
        }
        self.library.encode(&self.samples[..expected], bitpool, out)
    }

    /// The next frame does not continue the last one.
    pub fn reset(&mut self) {
        self.library.reset();
    }

    /// What it was made for.
    pub const fn config(&self) -> Config {
        self.config
    }
}
