//! SBC in RTP packets at absolute deadlines, on the socket of a `BlueZ` transport (A2DP 1.3.2, AVDTP 1.3).
//!
//! [`start`] gives two ends. The [`Feed`] belongs to the audio thread, which writes sound as it does to any converter;
//! the [`Stream`] belongs to the service. Between them a thread of its own takes a packet's worth of frames whenever one
//! is due, encodes and sends it:
//!
//! - `pacing` says when: `start + n * duration` of the node's clock, whatever happened before, and never in bursts;
//! - `feed` hands frames over without a lock, and silence when there are none;
//! - `idle` keeps a speaker awake, or lets it go, while there is only silence;
//! - `packet` has the headers; `socket` the socket and what waits in it;
//! - `bitpool` gives way when the radio does not keep up.
//!
//! A packet that the socket has no room for is dropped, one that is far too late is not made; both count on, so that the
//! sound behind them is heard when it should be.

mod bitpool;
mod config;
mod counters;
mod feed;
mod idle;
mod pacing;
pub mod packet;
mod position;
mod sender;
mod shared;
mod socket;
mod stream;
#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;

use unisono_core::time::Nanos;

pub use config::{CAPABILITIES, Quality, select, validate};
pub use counters::Counters;
pub use feed::{Feed, FeedFault, FeedRoom};
pub(crate) use idle::nudge;
pub use idle::{Awake, IdleMode};
pub use sender::start;
pub use stream::{Stream, Wish};
pub use unisono_codec::sbc::{Allocation, Blocks, ChannelMode, Config as SbcConfig, Subbands};

/// What `BlueZ` hands over for a stream.
#[derive(Debug)]
pub struct Transport {
    /// The socket; each packet is one message.
    pub fd: OwnedFd,
    /// Bytes that a packet may have.
    pub mtu: u16,
    /// What was agreed on with the speaker.
    pub config: SbcConfig,
    /// Whether `BlueZ` bears transmit stamps on the socket (`tx-timestamping` among the features of `Media1`): before
    /// 5.83 it takes one for an error, and ends the stream.
    pub stamped: bool,
}

/// What a person may set.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What becomes of the speaker while nothing plays.
    pub idle: IdleMode,
    /// Silence lasts so long before it is suspended or disconnected.
    pub idle_after: Nanos,
    /// The bitpool is never greater than this; without, what is usual for the configuration.
    pub bitpool: Option<u8>,
    /// Run first on the thread that sends: what makes it real-time.
    pub before: fn(),
}

impl Default for Options {
    fn default() -> Self {
        Self { idle: IdleMode::default(), idle_after: IDLE_AFTER, bitpool: None, before: || {} }
    }
}

/// Longer than the pause between two albums, shorter than what any speaker waits before it switches off (3 minutes).
const IDLE_AFTER: Nanos = Nanos::from_secs(120);
