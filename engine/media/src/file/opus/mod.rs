//! Opus in Ogg (RFC 7845): what the reader has no decoder for. One channel to eight, the encoder's gain applied.

mod streams;

use std::sync::{Mutex, PoisonError};

use opus::Channels as Streams;
use symphonia::core::{
    audio::{AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef, Position},
    codecs::{
        CodecInfo,
        audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult, well_known::CODEC_ID_OPUS},
    },
    errors::{Error as Failure, Result},
    packet::PacketRef,
};

use self::streams::{Head, Source, split};

/// The longest packet there is, 120 ms.
const MAX_FRAMES: usize = 5_760;

/// Opus plays at this rate, whatever was recorded.
const RATE: u32 = 48_000;

static INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };

pub(crate) struct OpusDecoder {
    params: AudioCodecParameters,
    /// Whether the padding behind the music is cut off.
    gapless: bool,
    head: Head,
    /// One of each stream in a packet. In a lock because symphonia wants to be able to share what never is.
    decoders: Vec<Mutex<opus::Decoder>>,
    /// What each stream's decoder gave.
    decoded: Vec<Vec<f32>>,
    /// Which plane of the sound each of the file's channels is.
    planes: Vec<usize>,
    sound: AudioBuffer<f32>,
}

impl OpusDecoder {
    pub(crate) fn boxed(params: &AudioCodecParameters, options: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>> {
        let head = params.extra_data.as_deref().and_then(Head::parse);
        let head = head.ok_or(Failure::DecodeError("opus: its head is damaged"))?;
        let channels = params.channels.clone().filter(|channels| channels.count() == head.channels.len());
        let channels = channels.ok_or(Failure::DecodeError("opus: its channels do not fit"))?;
        let decoder = |i| {
            let streams = if i < head.coupled { Streams::Stereo } else { Streams::Mono };
            let mut decoder = opus::Decoder::new(RATE, streams)?;
            decoder.set_gain(head.gain.into())?;
            Ok(Mutex::new(decoder))
        };
        let decoders = (0..head.streams).map(decoder).collect::<std::result::Result<Vec<_>, opus::Error>>();
        Ok(Box::new(Self {
            params: params.clone(),
            gapless: options.gapless,
            decoders: decoders.map_err(|_| Failure::DecodeError("opus: no decoder can be had"))?,
            decoded: vec![Vec::new(); head.streams],
            planes: planes(&channels),
            sound: AudioBuffer::new(AudioSpec::new(RATE, channels), MAX_FRAMES),
            head,
        }))
    }

    /// Decodes each stream of a packet, and gives its frames.
    fn decode_streams(&mut self, packet: &[u8]) -> Option<usize> {
        let packets = split(packet, self.head.streams)?;
        let mut frames = None;
        for (i, packet) in packets.iter().enumerate() {
            let decoder = self.decoders[i].get_mut().unwrap_or_else(PoisonError::into_inner);
            let channels = if i < self.head.coupled { 2 } else { 1 };
            self.decoded[i].resize(MAX_FRAMES * channels, 0.0);
            let count = decoder.decode_float(packet, &mut self.decoded[i], false).ok()?;
            if *frames.get_or_insert(count) != count {
                return None;
            }
        }
        frames
    }
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        for decoder in &mut self.decoders {
            // It has no way to fail.
            let _ = decoder.get_mut().unwrap_or_else(PoisonError::into_inner).reset_state();
        }
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.sound.clear();
        let frames = self.decode_streams(packet.data).ok_or(Failure::DecodeError("opus: a packet is damaged"))?;
        self.sound.render_silence(Some(frames));
        for (channel, plane) in self.head.channels.iter().zip(&self.planes) {
            let (Some(out), Source::Stream { stream, offset, step }) = (self.sound.plane_mut(*plane), *channel) else {
                continue;
            };
            let samples = self.decoded[stream].iter().skip(offset).step_by(step);
            out.iter_mut().zip(samples).for_each(|(out, sample)| *out = *sample);
        }
        if self.gapless {
            let frames = |duration: u64| usize::try_from(duration).unwrap_or(usize::MAX).min(MAX_FRAMES);
            let (start, end) = (frames(packet.trim_start.get()), frames(packet.trim_end.get()));
            self.sound.trim(start, end);
        }
        Ok(self.sound.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.sound.as_generic_audio_buffer_ref()
    }
}

/// Which plane each channel of the file is: files have Vorbis's order (RFC 7845, 5.1.1.2), planes that of `Position`.
fn planes(channels: &Channels) -> Vec<usize> {
    const FRONT: [Position; 3] = [Position::FRONT_LEFT, Position::FRONT_CENTER, Position::FRONT_RIGHT];
    const SIDES: [Position; 2] = [Position::SIDE_LEFT, Position::SIDE_RIGHT];
    const REAR: [Position; 2] = [Position::REAR_LEFT, Position::REAR_RIGHT];
    let count = channels.count();
    let order: Vec<Position> = match count {
        3 => FRONT.into(),
        5 => [&FRONT[..], &REAR].concat(),
        6 => [&FRONT[..], &REAR, &[Position::LFE1]].concat(),
        7 => [&FRONT[..], &SIDES, &[Position::REAR_CENTER, Position::LFE1]].concat(),
        8 => [&FRONT[..], &SIDES, &REAR, &[Position::LFE1]].concat(),
        _ => return (0..count).collect(),
    };
    order.iter().map(|position| order.iter().filter(|other| other.bits() < position.bits()).count()).collect()
}

/// Whether it is what this decodes.
pub(crate) fn decodes(params: &AudioCodecParameters) -> bool {
    params.codec == CODEC_ID_OPUS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_in_the_order_of_the_mix() {
        let of = |count| {
            let six = Position::from_count(count).unwrap();
            planes(&Channels::Positioned(six))
        };
        assert_eq!(of(1), [0]);
        assert_eq!(of(2), [0, 1]);
        // Left, centre, right, behind left and right, effects.
        assert_eq!(of(6), [0, 2, 1, 4, 5, 3]);
        assert_eq!(of(8), [0, 2, 1, 6, 7, 4, 5, 3]);
    }
}
