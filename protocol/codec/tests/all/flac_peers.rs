//! Our FLAC is everybody's FLAC: with a file's beginning before them, our packets are a FLAC file.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test may")]

use std::io::Cursor;

use crate::common::{in_bits, make, music};
use symphonia::{
    core::{
        codecs::audio::{AudioDecoder, AudioDecoderOptions},
        formats::{FormatOptions, FormatReader, TrackType},
        io::MediaSourceStream,
    },
    default::{codecs::FlacDecoder, formats::FlacReader},
};
use unisono_core::wire::control::Codec;

const FRAMES: usize = 960;

/// The header of a stream, its packets in a row, and the sound in them: of all depths, quiet and loud.
fn packets(channels: usize) -> (Vec<u8>, Vec<u8>, Vec<f32>) {
    let mut encoder = make(Codec::Flac, 48_000, channels as u8, FRAMES as u32);
    let (mut packets, mut sound) = (Vec::new(), Vec::new());
    for (i, bits) in [8, 16, 20, 23, 24, 16].into_iter().enumerate() {
        let level = [0.01, 1.0, 4.0][i % 3];
        let part: Vec<f32> = music(FRAMES * 4, channels, 11).iter().map(|sample| sample * level).collect();
        sound.extend(in_bits(&part, bits));
    }
    for packet in sound.chunks_exact(FRAMES * channels) {
        packets.extend(encoder.encode(packet).unwrap());
    }
    (encoder.format().header.clone(), packets, sound)
}

#[test]
fn packets_make_a_flac_file() {
    for channels in [1, 2, 6] {
        let (header, packets, sound) = packets(channels);
        // The mark of a file, and a STREAMINFO block that is the last block before the frames.
        let file = [b"fLaC", &[0x80, 0, 0, header.len() as u8][..], &header, &packets].concat();
        let source = MediaSourceStream::new(Box::new(Cursor::new(file)), Default::default());
        let mut reader = FlacReader::try_new(source, FormatOptions::default()).unwrap();
        let track = reader.default_track(TrackType::Audio).unwrap();
        let parameters = track.codec_params.as_ref().unwrap().audio().unwrap();
        let mut decoder = FlacDecoder::try_new(parameters, &AudioDecoderOptions::default()).unwrap();
        let mut out = vec![0.0_f32; FRAMES * channels];
        let mut heard = Vec::new();
        while let Some(packet) = reader.next_packet().unwrap() {
            decoder.decode(&packet).unwrap().copy_to_slice_interleaved(&mut out);
            heard.extend_from_slice(&out);
        }
        assert!(heard == sound, "{channels} channels");
    }
}

#[test]
fn the_header_is_as_the_rfc_draws_it() {
    let encoder = make(Codec::Flac, 44_100, 2, 882);
    let header = &encoder.format().header;
    // RFC 9639 section 8.2: 34 bytes. 44100 is 0x0ac44; then 001 for two channels, 10111 for 24 bits.
    assert_eq!(header[..10], [0x03, 0x72, 0x03, 0x72, 0, 0, 0, 0, 0, 0]);
    assert_eq!(header[10..14], [0x0a, 0xc4, 0x43, 0x70]);
    assert_eq!(header[14..], [0; 20]);
}
