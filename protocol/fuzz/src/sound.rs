//! What a hub says that sound is, and the sound.

use std::sync::LazyLock;

use unisono_codec::{Decode, Error, SUPPORTED, Step, decoder, encoder, warm_up_packets};
use unisono_core::{
    units::SampleRate,
    wire::control::{Codec, Format},
};

/// Packets of one stream, each after its length. The first byte is what the stream is; its top bit asks that FLAC's
/// checksums be made right, which no fuzzer does by chance.
pub fn codec_packets(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let format = &FORMATS[usize::from(*first & 0x7f) % FORMATS.len()];
    let mut decoder = decoder(format).expect("an encoder has made the format");
    let mut out = vec![0.0; samples(format)];
    while let [high, low, packets @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(packets.len());
        let (packet, after) = packets.split_at(length);
        rest = after;
        let mut packet = packet.to_vec();
        if first & 0x80 != 0 && format.codec == Codec::Flac {
            mend(&mut packet);
        }
        play(decoder.as_mut(), &packet, &mut out);
    }
}

/// The format of a stream as it stands in a control message, and then a packet.
pub fn stream_format(data: &[u8]) {
    let Ok((format, packet)) = postcard::take_from_bytes::<Format>(data) else { return };
    if let Ok(mut decoder) = decoder(&format) {
        assert_eq!(format.validate().map(SampleRate::hertz), Ok(format.rate));
        assert!(warm_up_packets(&format) <= 40);
        let mut out = vec![0.0; samples(&format)];
        decoder.conceal(&mut out);
        play(decoder.as_mut(), packet, &mut out);
    }
}

fn play(decoder: &mut dyn Decode, packet: &[u8], out: &mut [f32]) {
    if let Err(error) = decoder.decode(packet, out) {
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        decoder.conceal(out);
    }
    assert!(out.iter().all(|sample| sample.abs() <= 2.0), "louder than anything that is played");
}

fn samples(format: &Format) -> usize {
    format.packet_frames as usize * usize::from(format.channels)
}

/// In each codec one channel and two, of packets long and short, and six channels where there can be.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let mut formats = Vec::new();
    for codec in SUPPORTED {
        for (channels, packet_frames) in [(2, 480), (1, 480), (2, 120), (1, 2880), (6, 480)] {
            let step = Step { codec: *codec, bit_rate: 128_000 };
            let made = encoder(step, SampleRate::HZ_48000, channels, packet_frames);
            formats.extend(made.map(|encoder| encoder.format().clone()));
        }
    }
    formats
});

/// Makes the checksums of a FLAC frame right (RFC 9639 sections 9.1.8 and 9.3).
fn mend(frame: &mut [u8]) {
    let &mut [_, _, sizes, _, number, ..] = frame else { return };
    let number = (number.leading_ones() as usize).max(1);
    let block_size = match sizes >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match sizes & 0x0f {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    if let Some((header, [check, ..])) = frame.split_at_mut_checked(4 + number + block_size + rate) {
        *check = header.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 7 })
        });
    }
    if let Some((frame, check)) = frame.split_last_chunk_mut::<2>() {
        let crc = frame.iter().fold(0, |crc: u16, byte| {
            let crc = crc ^ u16::from(*byte) << 8;
            (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
        });
        *check = crc.to_be_bytes();
    }
}
