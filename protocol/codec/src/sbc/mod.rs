//! SBC (A2DP specification 1.3.2, appendix B), which every Bluetooth speaker knows, through libsbc.
//!
//! It has an interface of its own, and not [`crate::Encode`] and [`crate::Decode`]: it never goes over QUIC, so it has no
//! [`unisono_core::wire::control::Format`] that a hub could announce; its frames are shorter than a packet of any stream;
//! their bitpool may change with every packet; and the thread that encodes them may not allocate.
//!
//! Output lags input by [`Config::delay`]: 73 frames with eight subbands, through any decoder.

mod config;
mod decoder;
mod encoder;
mod error;
#[allow(unsafe_code, reason = "libsbc is written in C")]
mod library;

pub use config::{Allocation, Blocks, ChannelMode, Config, Subbands};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::Error;

/// No frame has more bytes: two channels of their own, eight subbands, sixteen blocks, bitpool 128.
pub const MAX_FRAME: usize = 524;

/// No frame has more samples: 16 blocks of 8 subbands in two channels.
pub const MAX_SAMPLES: usize = 256;

/// The first byte of a frame.
const SYNC_WORD: u8 = 0x9c;
