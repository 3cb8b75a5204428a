//! Opus (RFC 6716) through libopus.
//!
//! The bit rate is constrained-variable: about the quality of free variation, and yet no packet outgrows what the
//! congestion window was laid out for. The encoder is told that it hears music: at low rates it would otherwise turn to
//! its speech mode now and then, whose sound is not in phase with that of other codecs.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Signal};
use unisono_core::wire::control::{Codec, Format};

use crate::{Decode, Encode, Error, check_size, conceal::Fade, packet_samples};

/// What libopus can do that music wants. It knows lower rates, but not with 20 kHz.
const RATE: u32 = 48_000;

/// Below this libopus mixes speech coding in, which is out of phase. Above it has no use for more.
const BIT_RATES: std::ops::RangeInclusive<u32> = 32_000..=510_000;

/// 2.5, 5, 10, 20, 40 and 60 ms. Longer packets are several of these in one, and cost latency.
const PACKET_FRAMES: [u32; 6] = [120, 240, 480, 960, 1920, 2880];

const SUPPORTED: &str = "48000 Hz, 1 or 2 channels, 32 to 510 kb/s, packets of 2.5, 5, 10, 20, 40 or 60 ms";

/// How hard libopus looks for the best coding. Where bits are scarce, as hard as it can; where there are enough of them,
/// half as hard takes 0.6 of the time, and the error that is left is the same (`benches/benches/codecs.rs`).
const fn complexity(bit_rate: u32) -> i32 {
    if bit_rate < 128_000 { 10 } else { 5 }
}

/// A frame is at most 1275 bytes (RFC 6716 section 3.4), and 60 ms are three frames.
const MAX_PACKET: usize = 3 * 1275 + 8;

/// Decoded sound may leave ±1 a little; further out it is not music but damage.
const LIMIT: f32 = 2.0;

#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    state: opus::Encoder,
    /// The input within ±1, and the packet.
    input: Vec<f32>,
    packet: Vec<u8>,
}

impl Encoder {
    /// For a valid format whose lookahead and bit rate are yet to be filled in.
    pub(crate) fn new(format: &Format, bit_rate: u32) -> Result<Self, Error> {
        let channels = supported(format)?;
        if !BIT_RATES.contains(&bit_rate) {
            return Err(unsupported(format!("{bit_rate} b/s")));
        }
        let mut state = opus::Encoder::new(RATE, channels, Application::Audio).map_err(failed)?;
        state.set_bitrate(Bitrate::Bits(bit_rate.cast_signed())).map_err(failed)?;
        state.set_vbr(true).map_err(failed)?;
        state.set_vbr_constraint(true).map_err(failed)?;
        state.set_complexity(complexity(bit_rate)).map_err(failed)?;
        state.set_signal(Signal::Music).map_err(failed)?;
        let lookahead = state.get_lookahead().map_err(failed)?.cast_unsigned();
        let input = vec![0.0; packet_samples(format)];
        let format = Format { lookahead, bit_rate, ..format.clone() };
        Ok(Self { format, state, input, packet: vec![0; MAX_PACKET] })
    }
}

impl Encode for Encoder {
    fn format(&self) -> &Format {
        &self.format
    }

    fn encode(&mut self, interleaved: &[f32]) -> Result<Bytes, Error> {
        check_size(&self.format, interleaved.len())?;
        // A room on Opus clips where one on PCM does.
        for (clean, sample) in self.input.iter_mut().zip(interleaved) {
            *clean = if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) };
        }
        let length = self.state.encode_float(&self.input, &mut self.packet).map_err(failed)?;
        Ok(Bytes::copy_from_slice(self.packet.get(..length).unwrap_or_default()))
    }

    fn reset(&mut self) {
        // It can only fail for a null pointer.
        let _ = self.state.reset_state();
    }
}

#[derive(Debug)]
pub(crate) struct Decoder {
    format: Format,
    state: opus::Decoder,
    fade: Fade,
}

impl Decoder {
    /// For a valid format.
    pub(crate) fn new(format: &Format) -> Result<Self, Error> {
        let channels = supported(format)?;
        Ok(Self {
            format: format.clone(),
            state: opus::Decoder::new(RATE, channels).map_err(failed)?,
            fade: Fade::new(format.rate, format.packet_frames),
        })
    }
}

impl Decode for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Error> {
        check_size(&self.format, out.len())?;
        // An empty packet would mean a lost one to libopus, and one of another duration another buffer.
        if packet.is_empty() || packet.len() > MAX_PACKET {
            return Err(damaged("it has no possible length"));
        }
        match opus::packet::get_nb_samples(packet, RATE) {
            Ok(frames) if frames == self.format.packet_frames as usize => {}
            Ok(_) => return Err(damaged("it lasts longer or shorter than its stream says")),
            Err(_) => return Err(damaged("its frames cannot be counted")),
        }
        self.state.decode_float(packet, out, false).map_err(|_| damaged("libopus cannot read it"))?;
        hold_within_limit(out);
        if self.fade.is_loss() {
            // The decoder joins the packet to what it had made up; only the gain is to be brought back.
            let gain = self.fade.gain();
            for (frame, share) in out.chunks_exact_mut(usize::from(self.format.channels)).zip(self.fade.shares()) {
                frame.iter_mut().for_each(|sample| *sample *= gain + (1.0 - gain) * share);
            }
        }
        self.fade.end();
        Ok(())
    }

    fn conceal(&mut self, out: &mut [f32]) {
        if check_size(&self.format, out.len()).is_err() || self.state.decode_float(&[], out, false).is_err() {
            out.fill(0.0);
        }
        hold_within_limit(out);
        for frame in out.chunks_exact_mut(usize::from(self.format.channels)) {
            let gain = self.fade.next_gain();
            frame.iter_mut().for_each(|sample| *sample *= gain);
        }
    }

    fn reset(&mut self) {
        self.fade.end();
        // It can only fail for a null pointer.
        let _ = self.state.reset_state();
    }
}

fn hold_within_limit(out: &mut [f32]) {
    for sample in out {
        *sample = if sample.is_nan() { 0.0 } else { sample.clamp(-LIMIT, LIMIT) };
    }
}

/// The channels, if Opus can do the rest.
fn supported(format: &Format) -> Result<Channels, Error> {
    if format.rate != RATE {
        return Err(unsupported(format!("{} Hz", format.rate)));
    }
    if !PACKET_FRAMES.contains(&format.packet_frames) {
        return Err(unsupported(format!("packets of {} frames", format.packet_frames)));
    }
    match format.channels {
        1 => Ok(Channels::Mono),
        2 => Ok(Channels::Stereo),
        channels => Err(unsupported(format!("{channels} channels"))),
    }
}

fn unsupported(what: String) -> Error {
    Error::Unsupported { codec: Codec::Opus, what, supported: SUPPORTED }
}

fn damaged(flaw: &'static str) -> Error {
    Error::Damaged { codec: Codec::Opus, flaw }
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn failed(error: opus::Error) -> Error {
    Error::Library { codec: Codec::Opus, reason: error.to_string() }
}
