//! Where in a recording each piece of the original is, found by correlation alone.
//!
//! The search for a first piece goes over a whole run; from there it goes on piece by piece in both directions, each
//! within [`REACH`] frames of where the one before it lets expect it. A frame that was dropped or repeated shows as a
//! step of one frame between two pieces. Where it breaks off a stretch ends, and what is still missing is searched for
//! again.

use std::sync::Arc;

use realfft::RealFftPlanner;

use super::recording::Recording;

/// Frames in a piece; every second half of one is the first half of the next.
pub const PIECE: usize = 2_048;
const HOP: usize = PIECE / 2;

/// Frames by which two neighbours may be further apart than they should be, to be found at all.
const REACH: i64 = 24;

/// Frames in the piece that is looked for everywhere; with 150 ppm its ends are half a frame out of step.
const ANCHOR: usize = 4_096;

/// Below this mean square (−60 dB) a piece is taken for silence, which is found anywhere.
const SILENCE: f64 = 1e-6;

/// Such pieces begin so many frames apart.
const ANCHORS_APART: usize = 16 * HOP;

/// Fewer pieces in a row are another place in the music that is like this one.
const STRETCH: usize = 24;

/// A place that is less like the original is not where to begin.
const ANCHOR_LIKE: f64 = 0.8;

/// A piece of the original, found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Where it begins in the original, in frames.
    pub source: usize,
    /// Which unbroken stretch of the original it belongs to.
    pub stretch: usize,
    /// Where in its run of the recording it begins, in frames.
    pub position: f64,
    /// When it was emitted, in seconds of the true clock.
    pub time: f64,
    /// The correlation coefficient: 1 is equal but for the volume.
    pub likeness: f64,
}

/// What was heard of an original.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The pieces that are no silence, in the order of the recording.
    pub found: Vec<Found>,
}

/// Looks for an original (one channel) in everything that a converter emitted. A piece whose likeness is below `like` is
/// not found.
///
/// # Errors
/// When the recording is of another kind.
pub fn listen(original: &[f32], recording: &Recording, like: f64) -> anyhow::Result<Heard> {
    let mut heard = Heard::default();
    let mut stretch = 0;
    for (index, run) in recording.runs.iter().enumerate() {
        let emitted = recording.mono(index)?;
        let mut found: Vec<Found> = Vec::new();
        for (source, at) in anchors(original, &emitted) {
            if found.iter().any(|found| found.source.abs_diff(source) < PIECE) {
                continue;
            }
            let mut pieces = follow(original, &emitted, (source, at), HOP.cast_signed(), like);
            pieces.extend(follow(original, &emitted, (source, at), -HOP.cast_signed(), like).into_iter().skip(1));
            if pieces.len() < STRETCH {
                continue;
            }
            found.extend(pieces.into_iter().map(|(source, position, likeness)| Found {
                source,
                stretch,
                position,
                time: run.seconds_of(position),
                likeness,
            }));
            stretch += 1;
        }
        found.sort_by(|a, b| a.position.total_cmp(&b.position));
        heard.found.extend(found);
    }
    Ok(heard)
}

impl Heard {
    /// Starts of the pieces of an original that are no silence.
    pub fn pieces_of(original: &[f32]) -> Vec<usize> {
        let starts = (0..original.len().saturating_sub(PIECE - 1)).step_by(HOP);
        starts.filter(|start| mean_square(&original[*start..start + PIECE]) > SILENCE).collect()
    }

    /// The largest step between pieces that follow each other, beyond their usual one, in frames: a frame that was
    /// dropped or repeated makes one of 1. The usual step is that of a converter that runs fast or slow, for as long as
    /// the pieces are apart: where the original is silent, longer.
    pub fn largest_step(&self) -> f64 {
        // The piece between the two shares half of itself with either.
        let neighbours = self.found.windows(3).filter(|pieces| pieces[0].stretch == pieces[2].stretch);
        let steps = neighbours.map(|pieces| {
            let expected = pieces[2].source as f64 - pieces[0].source as f64;
            (expected, pieces[2].position - pieces[0].position - expected)
        });
        let mut steps: Vec<(f64, f64)> = steps.filter(|(expected, _)| *expected > 0.0).collect();
        steps.sort_by(|(a, by_a), (b, by_b)| (by_a / a).total_cmp(&(by_b / b)));
        let usual = steps.get(steps.len() / 2).map_or(0.0, |(expected, step)| step / expected);
        steps.iter().map(|(expected, step)| (step - usual * expected).abs()).fold(0.0, f64::max)
    }

    /// Whether a piece of the original was emitted.
    pub fn has(&self, source: usize) -> bool {
        self.found.iter().any(|found| found.source == source)
    }

    /// The largest time between two rooms' sound of the same piece, in seconds, over the pieces that both have, and how
    /// many those are. A piece that was played twice is compared with the one that is nearest.
    pub fn apart(&self, other: &Self) -> (f64, usize) {
        let nearest = |found: &Found| {
            let same = other.found.iter().filter(|theirs| theirs.source == found.source);
            same.map(|theirs| (found.time - theirs.time).abs()).min_by(f64::total_cmp)
        };
        let pairs = self.found.iter().filter_map(nearest);
        pairs.fold((0.0, 0), |(worst, count), apart| (worst.max(apart), count + 1))
    }
}

/// Places that are in both, the surest first: the frame in the original, and in what was emitted.
fn anchors(original: &[f32], emitted: &[f32]) -> Vec<(usize, f64)> {
    if emitted.len() < ANCHOR || original.len() < ANCHOR {
        return Vec::new();
    }
    let finder = Finder::new(emitted);
    let places = (0..original.len() - ANCHOR).step_by(ANCHORS_APART).filter_map(|start| {
        let piece = &original[start..start + ANCHOR];
        if mean_square(piece) <= SILENCE {
            return None;
        }
        let at = finder.best(piece);
        Some((likeness(piece, emitted.get(at..at + ANCHOR)?), start, at))
    });
    // Music repeats itself, though never as well as it is itself.
    let mut places: Vec<_> = places.filter(|(like, ..)| *like > ANCHOR_LIKE).collect();
    places.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    places.into_iter().map(|(_, start, at)| (start, at as f64)).collect()
}

/// Correlates with one long signal.
struct Finder {
    size: usize,
    /// The energy of the signal before each frame.
    energy: Vec<f64>,
    spectrum: Vec<realfft::num_complex::Complex<f32>>,
    forward: Arc<dyn realfft::RealToComplex<f32>>,
    back: Arc<dyn realfft::ComplexToReal<f32>>,
}

impl Finder {
    fn new(signal: &[f32]) -> Self {
        let size = (signal.len() + ANCHOR).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        let (forward, back) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
        let spectrum = Self::transform(&*forward, signal);
        let energy = std::iter::once(0.0).chain(signal.iter().scan(0.0, |sum, sample| {
            *sum += f64::from(*sample) * f64::from(*sample);
            Some(*sum)
        }));
        Self { size, energy: energy.collect(), spectrum, forward, back }
    }

    fn transform(forward: &dyn realfft::RealToComplex<f32>, signal: &[f32]) -> Vec<realfft::num_complex::Complex<f32>> {
        let mut input = forward.make_input_vec();
        input[..signal.len()].copy_from_slice(signal);
        let mut output = forward.make_output_vec();
        forward.process(&mut input, &mut output).expect("the buffers were made for this");
        output
    }

    /// Where the signal is most like `piece`.
    fn best(&self, piece: &[f32]) -> usize {
        let mut product = Self::transform(&*self.forward, piece);
        product.iter_mut().zip(&self.spectrum).for_each(|(piece, signal)| *piece = piece.conj() * signal);
        let mut correlation = vec![0.0; self.size];
        // The ends of a product of two real signals' spectra are real but for rounding.
        for end in [0, self.size / 2] {
            product[end].im = 0.0;
        }
        self.back.process(&mut product, &mut correlation).expect("the buffers were made for this");
        // What is loud is not more alike for that.
        let held = self.energy.iter().zip(&self.energy[piece.len()..]).map(|(before, after)| after - before);
        let quiet = SILENCE * piece.len() as f64;
        let places = correlation.iter().zip(held).map(|(product, held)| f64::from(*product) / held.max(quiet).sqrt());
        places.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(at, _)| at)
    }
}

/// Pieces one after the other, from a place that is in both.
fn follow(
    original: &[f32],
    emitted: &[f32],
    (mut source, mut position): (usize, f64),
    hop: isize,
    like: f64,
) -> Vec<(usize, f64, f64)> {
    let mut pieces = Vec::new();
    while let Some(piece) = original.get(source..source + PIECE) {
        if mean_square(piece) > SILENCE {
            match place(piece, emitted, position) {
                Some((at, likeness)) if likeness > like => {
                    pieces.push((source, at, likeness));
                    position = at;
                }
                _ => break,
            }
        }
        let Some(next) = source.checked_add_signed(hop) else { break };
        source = next;
        position += hop as f64;
    }
    pieces
}

/// The place near `expected` where what was emitted is most like `piece`, to a small part of a frame.
fn place(piece: &[f32], emitted: &[f32], expected: f64) -> Option<(f64, f64)> {
    #[expect(clippy::cast_possible_truncation, reason = "a place in a recording")]
    let first = expected.round() as i64 - REACH;
    let at = |start: i64| emitted.get(usize::try_from(start).ok()?..).and_then(|rest| rest.get(..piece.len()));
    let like = |start: i64| at(start).map(|window| likeness(piece, window));
    let places = (first..=first + 2 * REACH).filter_map(|start| Some((start, like(start)?)));
    let (start, best) = places.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    // Between frames: the sound is read at fractions of a frame, and the top of a parabola through three of them found.
    let between = |offset: f64| -> f64 {
        shifted(emitted, start, offset, piece.len()).map_or(0.0, |window| likeness(piece, &window))
    };
    let (mut top, mut likest) = (0.0, best);
    for step in [0.25, 0.05] {
        let (before, after) = (between(top - step), between(top + step));
        let curve = before - 2.0 * likest + after;
        if curve < 0.0 {
            top += (0.5 * step * (before - after) / curve).clamp(-2.0 * step, 2.0 * step);
            likest = between(top);
        }
    }
    Some((start as f64 + top, likest.max(best)))
}

/// Frames read at a fraction of a frame behind `start`, with a windowed sinc of 32 taps.
fn shifted(emitted: &[f32], start: i64, offset: f64, length: usize) -> Option<Vec<f32>> {
    const HALF: i64 = 16;
    let taps: Vec<f64> = (1 - HALF..=HALF)
        .map(|tap| {
            let x = tap as f64 - offset;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
            sinc * (std::f64::consts::PI * x / (2 * HALF) as f64).cos().max(0.0).powi(2)
        })
        .collect();
    let first = usize::try_from(start + 1 - HALF).ok()?;
    let window = emitted.get(first..first + length + taps.len() - 1)?;
    #[expect(clippy::cast_possible_truncation, reason = "to 32 bits")]
    let read =
        |frames: &[f32]| frames.iter().zip(&taps).map(|(frame, tap)| f64::from(*frame) * tap).sum::<f64>() as f32;
    Some(window.windows(taps.len()).map(read).collect())
}

fn mean_square(sound: &[f32]) -> f64 {
    energy(sound) / sound.len() as f64
}

fn energy(sound: &[f32]) -> f64 {
    sound.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum()
}

fn likeness(a: &[f32], b: &[f32]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    product / (energy(a) * energy(b)).sqrt().max(1e-30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::recording::Run;

    fn noise(frames: usize) -> Vec<f32> {
        let mut random = fastrand::Rng::with_seed(9);
        let white: Vec<f32> = (0..frames + 2).map(|_| random.f32() - 0.5).collect();
        white.windows(3).map(|near| (near[0] + near[1] + near[2]) / 3.0).collect()
    }

    /// A recording of one run: 1000 frames of silence, then this.
    fn recorded(sound: &[f32]) -> Recording {
        let frames = [&vec![0.0; 1_000][..], sound].concat();
        let bytes = frames.iter().flat_map(|sample| [sample.to_le_bytes(), sample.to_le_bytes()]).flatten().collect();
        let run = Run { first: 0, start: 0, frames_per_nano: 48e-6, format: "FLOAT_LE 2".into(), end: None };
        Recording { bytes, runs: vec![run] }
    }

    #[test]
    fn sound_is_found_to_a_small_part_of_a_frame() {
        let original = noise(60_000);
        for offset in [0.0, 0.3, -0.45] {
            let late = shifted(&[&[0.0; 40][..], &original, &[0.0; 40]].concat(), 40, -offset, 60_000).unwrap();
            let heard = listen(&original, &recorded(&late), 0.9).unwrap();
            assert_eq!(heard.found.len(), Heard::pieces_of(&original).len());
            for found in &heard.found {
                let wrong = found.position - found.source as f64 - 1_000.0 - offset;
                assert!(wrong.abs() < 0.02 && found.likeness > 0.99, "{offset}: {found:?}");
            }
        }
    }

    #[test]
    fn a_converter_that_runs_fast_makes_no_step_where_the_original_is_silent() {
        let sources = (0..20).chain(100..120).map(|piece| piece * HOP);
        let found = |dropped: f64| Heard {
            found: sources
                .clone()
                .map(|source| {
                    let position = source as f64 * (1.0 + 100e-6) - if source > 110 * HOP { dropped } else { 0.0 };
                    Found { source, stretch: 0, position, time: position / 48e3, likeness: 1.0 }
                })
                .collect(),
        };
        assert!(found(0.0).largest_step() < 1e-6, "{}", found(0.0).largest_step());
        assert!((found(1.0).largest_step() - 1.0).abs() < 1e-6, "{}", found(1.0).largest_step());
    }

    #[test]
    fn a_dropped_frame_is_a_step_and_a_hole_ends_the_search() {
        let original = noise(60_000);
        let mut dropped = original.clone();
        dropped.remove(30_000);
        let heard = listen(&original, &recorded(&dropped), 0.9).unwrap();
        assert!((heard.largest_step() - 1.0).abs() < 0.2, "{}", heard.largest_step());
        let mut holed = original.clone();
        holed[30_000..34_000].fill(0.0);
        let heard = listen(&original, &recorded(&holed), 0.9).unwrap();
        assert!(heard.found.len() < Heard::pieces_of(&original).len());
        assert!(!heard.has(31 * HOP));
    }
}
