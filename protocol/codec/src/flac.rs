//! FLAC (RFC 9639), one frame in each packet and no container: written by flacenc, read by symphonia.
//!
//! Every frame says all of itself and has the number 0. The datagram around it says where it belongs, so that a room can
//! join at any frame, and equal sound makes equal packets on every hub.
//!
//! flacenc does not leave out low bits that no sample uses, though sound of 16 bits is common in a stream of 24. So it
//! is given the bits that are used, and its subframes are put into a frame that declares the others as wasted bits (RFC
//! 9639 section 9.2.2). Its Rice parameters end at 14: sound of 24 bits whose noise is above some -40 dB is sent as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use flacenc::{
    bitsink::{BitSink, ByteSink},
    component::{BitRepr, ChannelAssignment, FrameHeader, FrameOffset, StreamInfo, SubFrame},
    config,
    error::{Verified, Verify},
    source::{Fill, FrameBuf},
};
use symphonia::{
    core::{
        checksum::Crc16Ansi,
        codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_FLAC},
        io::Monitor,
        packet::PacketRef,
        units::{Duration, Timestamp},
    },
    default::codecs::FlacDecoder,
};
use unisono_core::wire::control::{Codec, Format};

use crate::{Decode, Encode, Error, check_size, conceal::Concealer, packet_samples, sample::to_int};

/// Bits in a sample: as many as a float of full scale carries.
const DEPTH: u32 = 24;

/// flacenc knows no samples of fewer bits.
const MIN_DEPTH: u32 = 8;

/// What flacenc is told. It wants a rate, but writes it only in a frame header, and those are made here.
const ANY_RATE: usize = 48_000;

/// Coefficients of the predictor: in packets of 10 and 20 ms more of them cost more than they save.
///
/// The fixed predictors are off. flacenc chooses between them by an estimate that leaves its largest Rice parameter out
/// of account: they can make a packet three times as large as it is uncompressed, and save some 3 % where they do not.
const LPC_ORDER: usize = 8;

const ENCODES: &str = "packets of 32 to 32767 frames, and rates of whole hertz to 65535 or of whole tens to 655350";

const DECODES: &str = "a STREAMINFO block of 4 to 24 bits that says what its stream says";

pub(crate) struct Encoder {
    format: Format,
    config: Verified<config::Encoder>,
    /// Interleaved.
    samples: Vec<i32>,
    planes: FrameBuf,
}

impl Encoder {
    /// For a valid format whose header and bit rate are yet to be filled in.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when flacenc cannot make such packets.
    pub(crate) fn new(format: &Format) -> Result<Self, Error> {
        let unsupported = || {
            let what = format!("packets of {} frames at {} Hz", format.packet_frames, format.rate);
            Error::Unsupported { codec: Codec::Flac, what, supported: ENCODES }
        };
        frame_header(format, ChannelAssignment::Independent(format.channels)).map_err(|_| unsupported())?;
        let planes = FrameBuf::with_size(format.channels.into(), format.packet_frames as usize);
        let mut config = config::Encoder::default();
        // Half the sum of two samples has its lowest bit among the wasted ones, so that it would be lost.
        config.stereo_coding.use_midside = false;
        config.subframe_coding.use_fixed = false;
        config.subframe_coding.qlpc.lpc_order = LPC_ORDER;
        // Loud noise cannot be compressed, so that the wire must be able to carry this.
        let bit_rate = format.rate * u32::from(format.channels) * DEPTH;
        Ok(Self {
            format: Format { bit_rate, header: stream_info(format), ..*format },
            config: config.into_verified().map_err(|(_, error)| failed(&error))?,
            samples: vec![0; packet_samples(format)],
            planes: planes.map_err(|_| unsupported())?,
        })
    }
}

impl Encode for Encoder {
    fn format(&self) -> &Format {
        &self.format
    }

    fn encode(&mut self, interleaved: &[f32]) -> Result<Bytes, Error> {
        check_size(&self.format, interleaved.len())?;
        for (integer, sample) in self.samples.iter_mut().zip(interleaved) {
            *integer = to_int(*sample, DEPTH);
        }
        let used = self.samples.iter().fold(0, |used, sample| used | sample);
        // flacenc takes depths that are multiples of four.
        let wasted = (used.trailing_zeros() & !3).min(DEPTH - MIN_DEPTH);
        self.samples.iter_mut().for_each(|sample| *sample >>= wasted);
        self.planes.fill_interleaved(&self.samples).map_err(|error| failed(&error))?;
        let info = StreamInfo::new(ANY_RATE, self.format.channels.into(), (DEPTH - wasted) as usize);
        let info = info.map_err(|error| failed(&error))?;
        let frame = flacenc::encode_fixed_size_frame(&self.config, &self.planes, 0, &info);
        let (header, subframes) = frame.map_err(|error| failed(&error))?.into_parts();
        let header = frame_header(&self.format, header.channel_assignment().clone()).map_err(|error| failed(&error))?;
        let mut out = ByteSink::new();
        header.write(&mut out).map_err(|error| failed(&error))?;
        for subframe in &subframes {
            write_subframe(subframe, wasted as usize, &mut out)?;
        }
        let Ok(_) = out.align_to_byte();
        let mut bytes = out.into_inner();
        bytes.extend(crc16(&bytes));
        Ok(bytes.into())
    }

    fn reset(&mut self) {}
}

/// A header that needs no STREAMINFO. Its error is that of a rate or a size that flacenc cannot write.
fn frame_header(format: &Format, channels: ChannelAssignment) -> Result<FrameHeader, flacenc::error::VerifyError> {
    let (frames, rate) = (format.packet_frames as usize, format.rate as usize);
    FrameHeader::new(frames, channels, DEPTH as usize, rate, FrameOffset::Frame(0))
}

/// Writes a subframe of samples that have lost so many bits.
fn write_subframe(subframe: &SubFrame, wasted: usize, out: &mut ByteSink) -> Result<(), Error> {
    let mut alone = ByteSink::new();
    subframe.write(&mut alone).map_err(|error| failed(&error))?;
    let mut bits = alone.len();
    for (i, byte) in alone.into_inner().into_iter().enumerate() {
        // The last bit of the first byte is the flag of wasted bits; their number follows, less one, in unary.
        let flagged = i == 0 && wasted > 0;
        let Ok(()) = out.write_msbs(byte | u8::from(flagged), bits.min(8));
        if flagged {
            let Ok(()) = out.write_lsbs(1_u32, wasted);
        }
        bits = bits.saturating_sub(8);
    }
    Ok(())
}

pub(crate) struct Decoder {
    format: Format,
    state: FlacDecoder,
    concealer: Concealer,
}

impl Decoder {
    /// For a valid format.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the header is no STREAMINFO block, has more than 24 bits or contradicts the format.
    pub(crate) fn new(format: &Format) -> Result<Self, Error> {
        let refuse = |what: &str| Error::Unsupported { codec: Codec::Flac, what: what.into(), supported: DECODES };
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_FLAC).with_extra_data(format.header.clone().into());
        let state = FlacDecoder::try_new(&parameters, &AudioDecoderOptions::default())
            .map_err(|_| refuse("a header that is no STREAMINFO block"))?;
        let says = state.codec_params();
        if says.bits_per_sample.is_none_or(|bits| bits > DEPTH) {
            return Err(refuse("samples of more than 24 bits"));
        }
        if format.header.len() != STREAM_INFO_LENGTH
            || format.header[..2] != format.header[2..4]
            || says.max_frames_per_packet != Some(format.packet_frames.into())
            || says.sample_rate != Some(format.rate)
            || says.channels.as_ref().is_none_or(|channels| channels.count() != usize::from(format.channels))
        {
            return Err(refuse("a header that contradicts its stream"));
        }
        let concealer = Concealer::new(format.rate, format.channels, format.packet_frames);
        Ok(Self { format: format.clone(), state, concealer })
    }

    /// Reads a frame into `out`, which holds one packet, or says what is wrong with the frame.
    fn read(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), &'static str> {
        let (frame, crc) = packet.split_last_chunk().ok_or("it ends early")?;
        // symphonia leaves this, and what follows, to whoever cuts a stream into frames.
        if crc16(frame) != *crc {
            return Err("its checksum is wrong");
        }
        let [0xff, 0xf8 | 0xf9, _, layout, ..] = *frame else { return Err("it does not begin a frame") };
        let channels = if layout < 0x80 { (layout >> 4) + 1 } else { 2 };
        let has_32_bits = layout >> 1 & 7 == 7;
        if channels != self.format.channels || has_32_bits {
            return Err("it is not of its stream");
        }
        let frame = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, frame);
        // In a build that checks for overflow, samples far beyond full scale end in a panic. Only a frame that was made
        // to harm has them, and the next frame does not depend on what it leaves.
        if !catch_unwind(AssertUnwindSafe(|| self.state.decode_ref(&frame).is_ok())).unwrap_or(false) {
            return Err("symphonia cannot read it");
        }
        let decoded = self.state.last_decoded();
        if decoded.frames() != self.format.packet_frames as usize {
            return Err("it is not of its stream");
        }
        decoded.copy_to_slice_interleaved(out);
        Ok(())
    }
}

impl Decode for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Error> {
        check_size(&self.format, out.len())?;
        self.read(packet, out).map_err(|flaw| Error::Damaged { codec: Codec::Flac, flaw })?;
        self.concealer.learn(out);
        Ok(())
    }

    fn conceal(&mut self, out: &mut [f32]) {
        self.concealer.conceal(out);
    }

    fn reset(&mut self) {
        self.concealer.reset();
    }
}

/// Bytes in a STREAMINFO block without its metadata block header.
const STREAM_INFO_LENGTH: usize = 34;

/// The STREAMINFO block (RFC 9639 section 8.2) of a valid format. The sizes of frames, the length of the stream and the
/// checksum of its sound are not known, and zero says so.
fn stream_info(format: &Format) -> Vec<u8> {
    let [_, _, high, low] = format.packet_frames.to_be_bytes();
    let mut block = vec![high, low, high, low];
    block.resize(10, 0);
    // 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of length.
    let layout = u64::from(format.rate) << 8 | u64::from(format.channels - 1) << 5 | u64::from(DEPTH - 1);
    block.extend((layout << 36).to_be_bytes());
    block.resize(STREAM_INFO_LENGTH, 0);
    block
}

/// The checksum of a frame (RFC 9639 section 9.3).
fn crc16(bytes: &[u8]) -> [u8; 2] {
    let mut crc = Crc16Ansi::new(0);
    crc.process_buf_bytes(bytes);
    crc.crc().to_be_bytes()
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Library { codec: Codec::Flac, reason: error.to_string() }
}
