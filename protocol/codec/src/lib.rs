//! Encoders and decoders of Unisono: Opus, FLAC and PCM behind one pair of traits, and SBC for Bluetooth speakers.
//!
//! A hub makes one encoder for each rendition of a stream ([`encoder`]) and sends its [`Encode::format`] along; a node
//! makes the decoder from that ([`decoder`]). No codec here needs a container: a packet is one frame of its codec. Output
//! lags input by [`Format::lookahead`] frames and by nothing else, so rooms on different codecs agree to the sample.
//!
//! | module | what is in it |
//! |---|---|
//! | `opus` | libopus, for links that lose or are slow |
//! | `flac` | one FLAC frame (RFC 9639) in each packet, by flacenc and symphonia |
//! | `pcm` | plain big-endian samples |
//! | `conceal` | what is played in the place of a lost packet |
//! | [`sbc`] | libsbc, on Linux; never over QUIC, and with an interface of its own |
#![deny(unsafe_code)]

mod conceal;
mod error;
mod flac;
mod opus;
mod pcm;
mod sample;
#[cfg(target_os = "linux")]
pub mod sbc;

use bytes::Bytes;
use unisono_core::{
    units::SampleRate,
    wire::control::{Codec, Format},
};

pub use error::Error;

/// Makes packets of exactly `format().packet_frames` frames.
pub trait Encode: Send {
    /// What a decoder of these packets has to know.
    fn format(&self) -> &Format;

    /// Encodes one packet of interleaved samples, full scale ±1. What lies beyond is cut off, and what is not a number
    /// is silence.
    ///
    /// # Errors
    /// [`Error::BufferSize`] unless `interleaved` holds `packet_frames * channels` samples; [`Error::Library`] when
    /// the codec's library refuses.
    fn encode(&mut self, interleaved: &[f32]) -> Result<Bytes, Error>;

    /// The next packet does not continue the last one.
    fn reset(&mut self);
}

/// Turns packets back into sound.
pub trait Decode: Send {
    /// Decodes one packet into interleaved samples, full scale ±1; `out` holds `packet_frames * channels` of them.
    /// After an error the packet counts as lost: call [`Self::conceal`] for the same `out`.
    ///
    /// # Errors
    /// [`Error::BufferSize`] when `out` has another size, [`Error::Damaged`] when the packet cannot be read.
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Error>;

    /// Makes up the sound of a lost packet. It has faded to silence after 100 ms of loss. An `out` of another size than
    /// a packet's is filled with silence.
    fn conceal(&mut self, out: &mut [f32]);

    /// The next packet does not continue the last one.
    fn reset(&mut self);
}

/// What to encode to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How packets are coded.
    pub codec: Codec,
    /// Bits per second, for Opus; the others have none to choose and ignore it.
    pub bit_rate: u32,
}

/// What [`encoder`] and [`decoder`] can do, best first: over Wi-Fi the fewer bytes win.
pub const SUPPORTED: &[Codec] = &[Codec::Opus, Codec::Flac, Codec::Pcm24, Codec::Pcm16];

/// Makes an encoder for packets of `packet_frames` frames.
///
/// # Errors
/// [`Error::Unsupported`] when the codec cannot do this, with what it can; [`Error::Format`] when no stream may have
/// such packets; [`Error::Library`] when the codec's library refuses.
pub fn encoder(step: Step, rate: SampleRate, channels: u8, packet_frames: u32) -> Result<Box<dyn Encode>, Error> {
    let format = Format {
        codec: step.codec,
        rate: rate.hertz(),
        channels,
        packet_frames,
        lookahead: 0,
        bit_rate: 0,
        header: Vec::new(),
    };
    format.validate()?;
    Ok(match step.codec {
        Codec::Opus => Box::new(opus::Encoder::new(&format, step.bit_rate)?),
        Codec::Flac => Box::new(flac::Encoder::new(&format)?),
        Codec::Pcm16 => Box::new(pcm::Encoder::new(&format, 16)),
        Codec::Pcm24 => Box::new(pcm::Encoder::new(&format, 24)),
        Codec::Other(_) => return Err(Error::unknown(step.codec)),
    })
}

/// Makes the decoder of a rendition. The format may come from anyone: it is checked here.
///
/// # Errors
/// [`Error::Format`] when no stream may look like this, [`Error::Unsupported`] when this codec cannot,
/// [`Error::Library`] when the codec's library refuses.
pub fn decoder(format: &Format) -> Result<Box<dyn Decode>, Error> {
    format.validate()?;
    Ok(match format.codec {
        Codec::Opus => Box::new(opus::Decoder::new(format)?),
        Codec::Flac => Box::new(flac::Decoder::new(format)?),
        Codec::Pcm16 => Box::new(pcm::Decoder::new(format, 16)),
        Codec::Pcm24 => Box::new(pcm::Decoder::new(format, 24)),
        Codec::Other(_) => return Err(Error::unknown(format.codec)),
    })
}

/// Packets that a decoder wants before the first one that is heard. The format must be valid.
pub fn warm_up_packets(format: &Format) -> u64 {
    match format.codec {
        // RFC 7845 section 4.6: an Opus decoder has converged after 80 ms.
        Codec::Opus => (u64::from(format.rate) * 80 / 1000).div_ceil(u64::from(format.packet_frames).max(1)),
        _ => 0,
    }
}

/// Samples in a packet of a valid format.
fn packet_samples(format: &Format) -> usize {
    format.packet_frames as usize * usize::from(format.channels)
}

/// Refuses a buffer that does not hold exactly one packet.
fn check_size(format: &Format, given: usize) -> Result<(), Error> {
    let expected = packet_samples(format);
    if given == expected { Ok(()) } else { Err(Error::BufferSize { expected, given }) }
}
