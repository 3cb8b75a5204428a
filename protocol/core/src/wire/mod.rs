//! Every byte that crosses the network. `protocol/SPEC.md` is the text; these files are the code, one message each.
//!
//! Parsing gives an error for every input it does not like. Nothing here panics, loops without end or allocates more
//! than the input is long.

pub mod clock;
pub mod control;
pub mod frame;
pub mod ids;
pub mod media;
pub mod nack;
mod version;

pub use version::{VERSION, Version};

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A control body that is not what its type says.
    #[error("the body of control message {kind} cannot be read")]
    Body {
        /// The message type.
        kind: u16,
    },
    /// A field holds a value that cannot be.
    #[error("field {0} holds an impossible value")]
    Field(&'static str),
    /// The first byte names no known kind of datagram.
    #[error("unknown datagram kind {0:#04x}")]
    Kind(u8),
    /// A control message longer than [`frame::MAX_BODY`].
    #[error("control message of {0} bytes is too long")]
    TooLong(u32),
    /// The bytes end early.
    #[error("the message ends early")]
    TooShort,
}

/// Reads fixed-width big-endian fields from the front of a slice.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Error::TooShort)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Error> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}
