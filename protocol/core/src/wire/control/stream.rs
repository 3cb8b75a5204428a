//! What plays: streams, their formats and anchors, and how loud a room is.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::{Trailing, open_enum};
use crate::{
    leadership::Term,
    sound::RoomSound,
    time::Nanos,
    timeline::Anchor,
    units::{FrameCount, FramePosition, Gain, SampleRate},
    wire::{
        Error,
        ids::{RoomIndex, StreamId},
    },
};

open_enum! {
    /// How packets are coded.
    Codec {
        /// Opus (RFC 6716), one packet each.
        Opus = 1,
        /// FLAC (RFC 9639), one frame each.
        Flac = 2,
        /// Interleaved signed 16-bit big-endian samples.
        Pcm16 = 3,
        /// Interleaved signed 24-bit big-endian samples, three bytes each.
        Pcm24 = 4,
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opus => out.write_str("opus"),
            Self::Flac => out.write_str("flac"),
            Self::Pcm16 => out.write_str("pcm16"),
            Self::Pcm24 => out.write_str("pcm24"),
            Self::Other(number) => write!(out, "codec {number}"),
        }
    }
}

/// What a decoder and a playout need to know of a rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// How packets are coded.
    pub codec: Codec,
    /// Frames per second.
    pub rate: u32,
    /// Samples in a frame.
    pub channels: u8,
    /// Frames in a packet; every packet's position is a multiple of it.
    pub packet_frames: u32,
    /// Frames by which the decoder's output lags the encoder's input. The playout takes them off, so that rooms on
    /// different codecs agree to the sample.
    pub lookahead: u32,
    /// Nominal bits per second on the wire.
    pub bit_rate: u32,
    /// What the decoder needs besides (FLAC: its STREAMINFO block); empty for most.
    pub header: Vec<u8>,
}

impl Format {
    /// The rate as a checked unit.
    ///
    /// # Errors
    /// When any field is outside what a stream may have. Nothing behind this check divides by zero or grows without
    /// bound.
    pub fn validate(&self) -> Result<SampleRate, Error> {
        let rate = SampleRate::new(self.rate).ok_or(Error::Field("rate"))?;
        if !(1..=8).contains(&self.channels) {
            return Err(Error::Field("channels"));
        }
        // 2.5 ms is the shortest Opus packet, 120 ms the longest.
        if !(self.rate / 400..=self.rate / 8).contains(&self.packet_frames) {
            return Err(Error::Field("packet_frames"));
        }
        if self.lookahead > self.rate / 10 {
            return Err(Error::Field("lookahead"));
        }
        if self.header.len() > 1024 {
            return Err(Error::Field("header"));
        }
        Ok(rate)
    }

    /// Frames in a packet.
    pub fn packet(&self) -> FrameCount {
        FrameCount(u64::from(self.packet_frames))
    }
}

/// From a hub: one room of the node is to play this stream. Sent once for each room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamStart {
    /// The rendition.
    pub stream: StreamId,
    /// The room.
    pub room: RoomIndex,
    /// Under which term the hub leads this room.
    pub term: Term,
    /// How the packets are coded.
    pub format: Format,
    /// What the positions mean.
    pub anchors: Vec<Anchor>,
    /// How long before it is heard the hub sends a packet. What has not come by then is missing, even when nothing
    /// came after it.
    pub lead: Nanos,
    /// The stream is another rendition of what the room plays: its positions mean the same, and the room goes over to it
    /// without a gap. This packet is the first that is to be heard; those before it warm the decoder up. The hub ends the
    /// old stream with a [`StreamStop`] once that is done. Since 1.1; an older node ends what it plays with a fade.
    pub continues: Trailing<Option<FramePosition>>,
}

/// From a hub: what the positions of a stream mean from some instant on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchors {
    /// The rendition.
    pub stream: StreamId,
    /// New segments; one with a sequence number already known replaces it as long as it lies in the future.
    pub anchors: Vec<Anchor>,
    /// How long before it is heard the hub sends a packet from now on, see [`StreamStart::lead`]. Since 1.2; without it
    /// that is as it was.
    pub lead: Trailing<Option<Nanos>>,
}

/// From a hub: a room is to leave a stream, with a fade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStop {
    /// The rendition.
    pub stream: StreamId,
    /// The room.
    pub room: RoomIndex,
}

/// From a hub: how loud a room is. Until the first of these a room is silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetGain {
    /// The room.
    pub room: RoomIndex,
    /// The linear factor.
    pub gain: Gain,
    /// How long the change takes, in milliseconds.
    pub ramp_ms: u16,
}

/// From a hub: how a room's sound is shaped. It stays so, whoever has the room play, until the next of these. Since 1.3; an
/// older node plays what it is sent as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSound {
    /// The room.
    pub room: RoomIndex,
    /// Its channels and its equaliser.
    pub sound: RoomSound,
}

/// From a node: another hub leads this room at a higher term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outranked {
    /// The room.
    pub room: RoomIndex,
    /// The term that it obeys.
    pub term: Term,
}
