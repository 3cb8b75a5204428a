//! Our FLAC is everybody's FLAC: others read what we write, and we read what others write.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

mod common;

use common::{in_bits, make, music};
use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, StreamInfo},
    error::Verify,
    source::{Fill, FrameBuf},
};
use symphonia::{
    core::{
        codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_FLAC},
        packet::PacketRef,
    },
    default::codecs::FlacDecoder,
};
use unisono_codec::decoder;
use unisono_core::wire::control::{Codec, Format};

const FRAMES: usize = 960;

fn sounds(channels: usize) -> impl Iterator<Item = (u32, Vec<f32>)> {
    [8, 16, 20, 24].into_iter().flat_map(move |bits| {
        let loud: Vec<f32> = music(FRAMES * 10, channels, 11).iter().map(|sample| sample * 4.0).collect();
        [(bits, in_bits(&loud, bits)), (bits, in_bits(&music(FRAMES * 10, channels, 12), bits))]
    })
}

#[test]
fn symphonia_reads_our_frames() {
    for channels in [1, 2, 6] {
        let mut ours = make(Codec::Flac, 48_000, channels, FRAMES as u32);
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_FLAC).with_extra_data(ours.format().header.clone().into());
        let mut theirs = FlacDecoder::try_new(&parameters, &AudioDecoderOptions::default()).unwrap();
        let samples = FRAMES * usize::from(channels);
        let mut out = vec![0.0_f32; samples];
        for (bits, sound) in sounds(usize::from(channels)) {
            for packet in sound.chunks_exact(samples) {
                let bytes = ours.encode(packet).unwrap();
                let decoded = theirs.decode_ref(&PacketRef::new(0, 0.into(), (FRAMES as u64).into(), &bytes)).unwrap();
                decoded.copy_to_slice_interleaved(&mut out);
                assert_eq!(out, packet, "{bits} bits, {channels} channels");
            }
        }
    }
}

#[test]
fn we_read_the_frames_of_flacenc() {
    for channels in [1, 2, 6] {
        for (bits, sound) in sounds(channels) {
            let mut info = StreamInfo::new(48_000, channels, bits as usize).unwrap();
            info.set_block_sizes(FRAMES, FRAMES).unwrap();
            let config = flacenc::config::Encoder::default().into_verified().unwrap();
            let format = Format {
                codec: Codec::Flac,
                rate: 48_000,
                channels: channels as u8,
                packet_frames: FRAMES as u32,
                lookahead: 0,
                bit_rate: 0,
                header: bytes_of(&info),
            };
            let mut ours = decoder(&format).unwrap();
            let mut buffer = FrameBuf::with_size(channels, FRAMES).unwrap();
            let mut out = vec![0.0; FRAMES * channels];
            for (i, packet) in sound.chunks_exact(FRAMES * channels).enumerate() {
                let steps = (1_u32 << (bits - 1)) as f32;
                let integers: Vec<i32> = packet.iter().map(|sample| (sample * steps) as i32).collect();
                buffer.fill_interleaved(&integers).unwrap();
                // A high frame number takes more bytes in the header.
                let frame = flacenc::encode_fixed_size_frame(&config, &buffer, i * 3_000, &info).unwrap();
                ours.decode(&bytes_of(&frame), &mut out).unwrap();
                assert_eq!(out, packet, "{bits} bits, {channels} channels");
            }
        }
    }
}

fn bytes_of(component: &impl BitRepr) -> Vec<u8> {
    let mut sink = ByteSink::new();
    component.write(&mut sink).unwrap();
    sink.into_inner()
}
