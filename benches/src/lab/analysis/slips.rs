//! Frames dropped or repeated: the recording is followed through the original, window by window, and a window that is
//! not where its neighbours let expect it tells of a slip.

use serde::Serialize;

use super::{
    lag::Correlator,
    statistics::median,
    track::{Run, Track},
};

/// Frames in a window that is followed.
const WINDOW: usize = 2_048;

/// Frames by which it may be off on either side.
const REACH: usize = 300;

/// Windows that are less alike do not match; what Opus makes of noise is more alike than this.
const LIKE: f64 = 0.6;

/// A piece that is looked for afresh, and how far on either side: 8 s. A player may miss the beginning.
const ANCHOR: usize = 8_192;
const FAR: usize = 384_000;

/// After so many windows without a match it is looked for afresh.
const LOST: usize = 24;

/// A step between a window and the one after the next that is larger, in frames, is a slip. The window between may hold
/// both sides of it. A converter's rate is taken out before; a ratio that changes by 20 ppm makes 0.08.
const STEP: f64 = 0.75;

/// So far off, in frames, the windows before and behind are the same sound: a ratio that is off by 400 ppm makes 1.6.
const STRAY: f64 = 2.0;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slips {
    /// Windows looked at.
    pub windows: usize,
    /// Of those, not like the original.
    pub unmatched: usize,
    /// Frames dropped or repeated.
    pub frames: u64,
}

/// Follows all runs of a room, each by itself, until `end`, in seconds of the true clock. The first sound is near the
/// start of the original.
pub fn slips(room: &Track, original: &[f32], end: f64) -> Slips {
    let mut slips = Slips::default();
    let Some(first) = room.first_sound() else { return slips };
    let follower = Follower::new(original);
    for run in &room.runs {
        let mut offsets = follower.follow(run, first, end, &mut slips);
        slips.unmatched += leave_out_strays(&mut offsets);
        slips.frames += steps(&offsets);
    }
    slips
}

struct Follower<'a> {
    original: &'a [f32],
    near: Correlator,
    far: Correlator,
}

impl<'a> Follower<'a> {
    fn new(original: &'a [f32]) -> Self {
        let near = Correlator::new(WINDOW, WINDOW + 2 * REACH);
        Self { original, near, far: Correlator::new(ANCHOR, ANCHOR + 2 * FAR) }
    }

    /// Of each window that matches, where it begins and how much further on that is in the original.
    #[expect(clippy::cast_possible_truncation, reason = "places in a recording")]
    fn follow(&self, run: &Run, first: f64, end: f64, slips: &mut Slips) -> Vec<(f64, f64)> {
        let mut offsets = Vec::new();
        let begin = run.position(first).max(0.0).ceil() as i64;
        let last = run.position(end).floor() as i64;
        // Until something was found: as if the original had begun with the first sound.
        let (mut offset, mut without) = (-run.position(first), LOST);
        for at in (begin..last).step_by(WINDOW) {
            let Some(window) = run.piece(at, WINDOW) else { break };
            slips.windows += 1;
            if without >= LOST
                && let Some(anchor) = run.piece(at, ANCHOR)
            {
                without = 0;
                if let Some(found) = self.look(&self.far, anchor, at as f64 + offset, FAR) {
                    offset = found - at as f64;
                }
            }
            if let Some(found) = self.look(&self.near, window, at as f64 + offset, REACH) {
                offset = found - at as f64;
                offsets.push((at as f64, offset));
                without = 0;
            } else {
                slips.unmatched += 1;
                without += 1;
            }
        }
        offsets
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place in the original")]
    fn look(&self, correlator: &Correlator, piece: &[f32], expected: f64, reach: usize) -> Option<f64> {
        let low = expected.round() as i64 - reach.cast_signed() as i64;
        let at = |frame: i64| usize::try_from(frame).ok().and_then(|frame| self.original.get(frame)).copied();
        let length = piece.len() + 2 * reach;
        let haystack: Vec<f32> = (low..).take(length).map(|frame| at(frame).unwrap_or(0.0)).collect();
        let place = correlator.find(piece, &haystack)?;
        // What is most alike at the end of what was looked at is more alike beyond it.
        let inside = place.frame >= 1.0 && place.frame <= (2 * reach - 1) as f64;
        (inside && place.likeness > LIKE).then_some(low as f64 + place.frame)
    }
}

/// Takes out windows that were found where those around them were not, and says how many: a frame that was dropped stays
/// dropped, but of a window that is hardly alike anywhere some other place may be more alike by chance.
fn leave_out_strays(offsets: &mut Vec<(f64, f64)>) -> usize {
    let is_stray = |around: &[(f64, f64)]| {
        let [before, it, after] = [around[0].1, around[1].1, around[2].1];
        (before - after).abs() < STRAY && (it - before).abs() > STRAY && (it - after).abs() > STRAY
    };
    let strays: Vec<usize> = offsets.windows(3).enumerate().filter(|(_, a)| is_stray(a)).map(|(i, _)| i + 1).collect();
    strays.iter().rev().for_each(|stray| {
        offsets.remove(*stray);
    });
    strays.len()
}

fn steps(offsets: &[(f64, f64)]) -> u64 {
    let slopes: Vec<f64> = offsets.windows(2).map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0)).collect();
    let usual = median(&slopes);
    let (mut frames, mut number) = (0, 0);
    while let Some([before, _, after]) = offsets.get(number..number + 3) {
        let step = after.1 - before.1 - usual * (after.0 - before.0);
        if step.abs() > STEP {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of a run")]
            let slipped = step.abs().round() as u64;
            frames += slipped;
            number += 2;
        } else {
            number += 1;
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::analysis::waves::Waves;

    const SECONDS: usize = 8;

    fn played(samples: Vec<f32>) -> Track {
        Track { runs: vec![Run { start: 50.0, rate: 48_000.0, samples }] }
    }

    #[test]
    fn a_steered_converter_is_no_slip_and_every_dropped_or_repeated_frame_is_one() {
        let waves = Waves::new(fastrand::u64(..));
        let original = waves.sampled(0.0, 1.0 / 48_000.0, SECONDS * 48_000);
        // 120 ppm fast, and 1 s of silence before.
        let fast = waves.sampled(0.0, 1.000_12 / 48_000.0, (SECONDS - 1) * 48_000);
        let sound = [&vec![0.0; 48_000][..], &fast].concat();
        let none = slips(&played(sound.clone()), &original, 57.9);
        assert_eq!((none.frames, none.unmatched), (0, 0), "{waves}: {none:?}");
        assert!(none.windows > 150, "{waves}: {none:?}");
        // Anywhere in a window, two of them next to each other, one of two frames at once.
        let mut slipped = sound;
        slipped.remove(150_000);
        slipped.remove(200_123);
        slipped.insert(260_500, slipped[260_500]);
        slipped.drain(320_777..320_779);
        let five = slips(&played(slipped), &original, 57.9);
        assert_eq!((five.frames, five.unmatched), (5, 0), "{waves}: {five:?}");
    }

    #[test]
    fn one_window_that_was_found_elsewhere_is_no_slip_and_what_stays_is_one() {
        let found = |shifts: &[(usize, f64)]| {
            let mut offsets: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i) * 2_048.0, f64::from(i) * 0.08)).collect();
            for (from, shift) in shifts {
                offsets[*from..].iter_mut().for_each(|(_, offset)| *offset += shift);
            }
            let strays = leave_out_strays(&mut offsets);
            (strays, steps(&offsets))
        };
        assert_eq!(found(&[(7, 298.0), (8, -298.0)]), (1, 0));
        assert_eq!(found(&[(7, 298.0)]), (0, 298));
        assert_eq!(found(&[(7, 1.0), (12, -1.0)]), (0, 2));
        assert_eq!(found(&[(7, 5.0), (9, -5.0)]), (0, 10));
    }

    #[test]
    fn a_hole_is_no_slip_but_unlike_the_original() {
        let waves = Waves::new(fastrand::u64(..));
        let original = waves.sampled(0.0, 1.0 / 48_000.0, SECONDS * 48_000);
        let mut holed = original.clone();
        holed[150_000..170_000].fill(0.0);
        let found = slips(&played(holed), &original, 57.9);
        assert_eq!(found.frames, 0, "{waves}: {found:?}");
        assert!((9..=11).contains(&found.unmatched), "{waves}: {found:?}");
    }
}
