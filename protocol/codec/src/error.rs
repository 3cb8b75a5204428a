//! Why something could not be encoded or decoded.

use unisono_core::wire::{self, control::Codec};

/// Why something could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's buffer does not hold exactly one packet.
    #[error("a packet has {expected} samples, the buffer {given}")]
    BufferSize {
        /// Samples in a packet.
        expected: usize,
        /// Samples in the buffer.
        given: usize,
    },
    /// The packet is not what its codec says. It counts as lost.
    #[error("damaged {codec} packet: {flaw}")]
    Damaged {
        /// The codec.
        codec: Codec,
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// No stream may look like this.
    #[error("impossible stream format: {0}")]
    Format(#[from] wire::Error),
    /// The codec's library refused.
    #[error("{codec} failed: {reason}")]
    Library {
        /// The codec.
        codec: Codec,
        /// What the library says.
        reason: String,
    },
    /// The codec cannot do this; choose what it can, or another codec.
    #[error("{codec} does not support {what}; it supports {supported}")]
    Unsupported {
        /// The codec.
        codec: Codec,
        /// What was asked of it.
        what: String,
        /// What can be asked of it.
        supported: &'static str,
    },
}

impl Error {
    /// A codec that this build does not know.
    pub(crate) fn unknown(codec: Codec) -> Self {
        Self::Unsupported { codec, what: "anything here".into(), supported: "newer versions of Unisono" }
    }
}
