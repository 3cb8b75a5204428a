//! From frames to samples: what a speaker does, for tests and for the speaker that tests are done with.

use super::{Config, Error, MAX_FRAME, MAX_SAMPLES, SYNC_WORD, library::Library};
use crate::sample::to_float;

/// Turns frames of SBC back into sound. The bytes may come from anyone.
#[derive(Debug)]
pub struct Decoder {
    config: Config,
    library: Library,
    frame: [u8; MAX_FRAME + 1],
    samples: [i16; MAX_SAMPLES],
}

impl Decoder {
    /// For a configuration; from its four bytes with [`Config::from_bytes`].
    ///
    /// # Errors
    /// [`Error::Configuration`] when there is none like it, [`Error::Library`] when memory is short.
    pub fn new(config: Config) -> Result<Self, Error> {
        let library = Library::new(config)?;
        Ok(Self { config, library, frame: [0; MAX_FRAME + 1], samples: [0; MAX_SAMPLES] })
    }

    /// Decodes the frame at the beginning of `bytes` into interleaved samples, full scale ±1, and gives how many bytes
    /// it has: the next one follows there. `out` holds one frame's samples. They lag what the encoder was given by
    /// [`Config::delay`].
    ///
    /// # Errors
    /// [`Error::BufferSize`] when `out` has another size, [`Error::Damaged`] when there is no frame of this
    /// configuration: it counts as lost, and `out` is as it was.
    pub fn decode(&mut self, bytes: &[u8], out: &mut [f32]) -> Result<usize, Error> {
        let expected = self.config.frame_samples() * usize::from(self.config.channels());
        if out.len() != expected {
            return Err(Error::BufferSize { expected, given: out.len() });
        }
        // libsbc itself would take a frame of any configuration, and is laid out for that of its first.
        let length = self.length(bytes)?;
        let (frame, rest) = self.frame.split_at_mut(length);
        frame.copy_from_slice(&bytes[..length]);
        rest.fill(0);
        if self.library.decode(&self.frame, length, &mut self.samples[..expected])? != expected {
            return Err(Error::Damaged { flaw: "it has another number of samples" });
        }
        for (sample, whole) in out.iter_mut().zip(&self.samples) {
            *sample = to_float((*whole).into(), 16);
        }
        Ok(length)
    }

    /// The next frame does not continue the last one.
    pub fn reset(&mut self) {
        self.library.reset();
    }

    /// The length of the frame at the beginning of some bytes, all of which are there.
    fn length(&self, bytes: &[u8]) -> Result<usize, Error> {
        let damaged = |flaw| Err(Error::Damaged { flaw });
        let [sync, header, bitpool, ..] = *bytes else { return damaged("it is too short for a header") };
        if sync != SYNC_WORD {
            return damaged("it does not begin as a frame does");
        }
        if header != self.header() {
            return damaged("it is of another configuration");
        }
        if bitpool != self.config.bitpool_within(bitpool) {
            return damaged("its bitpool is out of range");
        }
        let length = self.config.frame_len(bitpool);
        if bytes.len() < length { damaged("it is cut off") } else { Ok(length) }
    }

    /// The second byte of each frame.
    fn header(&self) -> u8 {
        let Config { mode, blocks, subbands, allocation, .. } = self.config;
        let allocation = u8::from(allocation == super::Allocation::Snr);
        let rate = self.config.rate_number().unwrap_or(0);
        rate << 6 | (blocks as u8) << 4 | (mode as u8) << 2 | allocation << 1 | subbands as u8
    }
}
