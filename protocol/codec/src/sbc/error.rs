//! Why SBC could not be encoded or decoded. Made on a real-time thread, so no part of it is allocated.

/// Why SBC could not be encoded or decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such configuration.
    #[error("SBC has no such configuration: {flaw}")]
    Configuration {
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// The bitpool is not one of the configuration's.
    #[error("bitpool {given} is not within {min} to {max}")]
    Bitpool {
        /// What was asked for.
        given: u8,
        /// The least that the configuration allows.
        min: u8,
        /// The most.
        max: u8,
    },
    /// The caller's buffer does not hold exactly one frame's samples, or holds fewer than its bytes.
    #[error("a frame takes {expected}, the buffer has {given}")]
    BufferSize {
        /// Samples or bytes of a frame.
        expected: usize,
        /// Those in the buffer.
        given: usize,
    },
    /// The bytes are not a frame of this configuration. It counts as lost.
    #[error("damaged SBC frame: {flaw}")]
    Damaged {
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// libsbc refused.
    #[error("libsbc failed with {code}")]
    Library {
        /// What it returned.
        code: isize,
    },
}
