//! Composes the bundled track: `cargo run --release -p unisono-benches --bin compose -- engine/cli/assets/track.flac`.
//!
//! Twenty-six seconds of plucked strings (Karplus and Strong, 1983), bass and percussion. Attacks from the hand claps
//! and a spectrum up to the hi-hat's make two rooms that are not together easy to hear. The same bytes every time.

use std::{env, fs};

use anyhow::{Context, anyhow, bail};
use flacenc::{component::BitRepr, error::Verify};

const RATE: usize = 48_000;
/// 120 beats a minute.
const BEAT: usize = RATE / 2;
const BEATS: usize = 52;
/// Frames in a FLAC block.
const BLOCK: usize = 4096;

/// Two channels of samples.
struct Tape {
    left: Vec<f32>,
    right: Vec<f32>,
}

impl Tape {
    /// Adds a sound at a beat, panned from −1 (left) to 1 (right).
    fn add(&mut self, beat: f32, pan: f32, gain: f32, sound: &[f32]) {
        let start = samples(beat * BEAT as f32);
        let (left, right) = (gain * (1.0 - pan).min(1.0), gain * (1.0 + pan).min(1.0));
        for (i, sample) in sound.iter().enumerate() {
            if let (Some(l), Some(r)) = (self.left.get_mut(start + i), self.right.get_mut(start + i)) {
                *l += left * sample;
                *r += right * sample;
            }
        }
    }
}

/// A number of samples.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the piece is short")]
fn samples(number: f32) -> usize {
    number as usize
}

/// Frequency of a note; 69 is the A of 440 Hz.
fn hertz(note: i16) -> f32 {
    440.0 * 2_f32.powf(f32::from(note - 69) / 12.0)
}

/// A plucked string: noise in a loop that loses its high partials first.
fn pluck(note: i16, seconds: f32, random: &mut fastrand::Rng) -> Vec<f32> {
    let (length, total) = (samples(RATE as f32 / hertz(note)), samples(seconds * RATE as f32));
    let noise: Vec<f32> = (0..length).map(|_| random.f32() * 2.0 - 1.0).collect();
    // A soft plectrum: the mean of three neighbours.
    let mut string: Vec<f32> =
        (0..length).map(|i| (noise[i] + noise[(i + 1) % length] + noise[(i + 2) % length]) / 3.0).collect();
    let mut sound = Vec::with_capacity(total);
    for i in 0..total {
        let (here, next) = (i % length, (i + 1) % length);
        sound.push(string[here] * (1.0 - i as f32 / total as f32));
        string[here] = 0.5 * 0.994 * (string[here] + string[next]);
    }
    sound
}

/// A sine that dies away, with a little of its octave.
fn bass(note: i16, seconds: f32) -> Vec<f32> {
    let total = samples(seconds * RATE as f32);
    let sample = |i: usize| {
        let t = i as f32 / RATE as f32;
        let phase = core::f32::consts::TAU * hertz(note) * t;
        let envelope = (-3.0 * t).exp() * (t * 200.0).min(1.0) * (1.0 - i as f32 / total as f32);
        (phase.sin() + 0.3 * (2.0 * phase).sin()) * envelope
    };
    (0..total).map(sample).collect()
}

/// A drum: a sine that falls from 150 to 45 Hz.
fn kick() -> Vec<f32> {
    let mut phase = 0.0_f32;
    let mut sound = Vec::new();
    for i in 0..RATE / 5 {
        let t = i as f32 / RATE as f32;
        phase += core::f32::consts::TAU * (45.0 + 105.0 * (-35.0 * t).exp()) / RATE as f32;
        sound.push(phase.sin() * (-14.0 * t).exp());
    }
    sound
}

/// Noise that dies away with a time constant in milliseconds; bright noise has its low end taken off.
fn burst(milliseconds: f32, bright: bool, random: &mut fastrand::Rng) -> Vec<f32> {
    let constant = milliseconds * RATE as f32 / 1_000.0;
    let mut before = 0.0;
    let mut sound = Vec::new();
    for i in 0..samples(4.0 * constant) {
        let noise = random.f32() * 2.0 - 1.0;
        let sample = if bright { noise - before } else { 0.6 * noise + 0.4 * before };
        before = noise;
        sound.push(sample * (-(i as f32) / constant).exp());
    }
    sound
}

fn compose() -> Tape {
    let mut random = fastrand::Rng::with_seed(1912);
    // Whole blocks: a shorter last one would count as the smallest of the stream, and some readers then expect blocks of
    // many sizes.
    let frames = (BEAT * BEATS).next_multiple_of(BLOCK);
    let mut tape = Tape { left: vec![0.0; frames], right: vec![0.0; frames] };
    // C, a minor, F, G; four beats each.
    let chords = [[48, 60, 64, 67, 72], [45, 57, 60, 64, 69], [41, 57, 60, 65, 69], [43, 59, 62, 67, 71]];
    let figure = [1, 3, 2, 4, 3, 2, 4, 3];
    for bar in 0..BEATS / 4 {
        let chord = chords[bar % 4];
        let start = (bar * 4) as f32;
        tape.add(start, 0.0, 0.30, &bass(chord[0] - 12, 1.2));
        if bar == BEATS / 4 - 1 {
            for (i, note) in chords[0][1..].iter().enumerate() {
                tape.add(start + i as f32 * 0.06, 0.0, 0.2, &pluck(*note, 1.8, &mut random));
            }
            break;
        }
        tape.add(start + 2.5, 0.0, 0.24, &bass(chord[0] - 12, 0.7));
        for (i, voice) in figure.iter().enumerate() {
            tape.add(start + i as f32 * 0.5, 0.0, 0.14, &pluck(chord[*voice], 0.45, &mut random));
        }
        if bar >= 2 {
            tape.add(start, 0.0, 0.5, &kick());
            tape.add(start + 2.0, 0.0, 0.5, &kick());
            tape.add(start + 1.0, 0.0, 0.35, &burst(12.0, false, &mut random));
            tape.add(start + 3.0, 0.0, 0.35, &burst(12.0, false, &mut random));
        }
        if bar >= 4 {
            // One hi-hat on either side, so that swapped channels are heard too.
            for i in 0..8_u8 {
                let side = if i % 2 == 0 { -0.6 } else { 0.6 };
                tape.add(start + 0.25 + f32::from(i) * 0.5, side, 0.05, &burst(5.0, true, &mut random));
            }
        }
    }
    tape
}

fn main() -> anyhow::Result<()> {
    let Some(path) = env::args().nth(1) else { bail!("say where to write the track: compose FILE.flac") };
    let tape = compose();
    let peak = tape.left.iter().chain(&tape.right).fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    #[expect(clippy::cast_possible_truncation, reason = "levelled below full scale")]
    let level = |sample: &f32| (sample / peak * 0.5 * 32_767.0).round() as i32;
    let samples: Vec<i32> = tape.left.iter().zip(&tape.right).flat_map(|(l, r)| [level(l), level(r)]).collect();
    let config = flacenc::config::Encoder::default().into_verified();
    let config = config.map_err(|(_, error)| anyhow!("the encoder refuses its own defaults: {error}"))?;
    let source = flacenc::source::MemSource::from_samples(&samples, 2, 16, RATE);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, BLOCK)
        .map_err(|error| anyhow!("cannot encode: {error:?}"))?;
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).map_err(|error| anyhow!("cannot write the stream: {error:?}"))?;
    fs::write(&path, sink.as_slice()).with_context(|| format!("cannot write {path}"))?;
    println!("{path}: {} s, {} bytes", samples.len() / 2 / RATE, sink.as_slice().len());
    Ok(())
}
