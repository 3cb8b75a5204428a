//! How far rooms are apart, by correlating what each emitted around the same instants. Nothing is taken out: neither an
//! offset that stays nor a slope.

use super::{lag::Correlator, track::Track};

/// Frames in one window, 85 ms at 48 kHz.
const WINDOW: usize = 4_096;

/// Frames searched either side: 100 ms at 48 kHz. What is further apart is not the same sound for anyone.
const SEARCH: usize = 4_800;

/// Seconds from window to window.
pub const STEP: f64 = 0.1;

/// Windows that are less alike do not match.
const LIKE: f64 = 0.6;

/// From the first sound to the middle of the first window, in seconds: half a window and a little.
const FIRST: f64 = 0.05;

/// Rooms compared around one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// In seconds of the true clock.
    pub instant: f64,
    /// By how many seconds the rooms that are furthest apart are so; the sign tells which is ahead when there are two.
    /// `None` when the sound of two rooms does not match.
    pub error: Option<f64>,
}

/// Compares rooms from the first sound that all have until `end`, in seconds of the true clock.
pub fn compare(rooms: &[Track], end: f64) -> Vec<Window> {
    let first: Option<Vec<f64>> = rooms.iter().map(Track::first_sound).collect();
    let Some(first) = first.and_then(|first| first.into_iter().reduce(f64::max)) else { return Vec::new() };
    let correlator = Correlator::new(WINDOW, WINDOW + 2 * SEARCH);
    let instants = (0..).map(|number| first + FIRST + f64::from(number) * STEP);
    let window = |instant| Window { instant, error: furthest(rooms, instant, &correlator) };
    instants.take_while(|instant| *instant < end).map(window).collect()
}

fn furthest(rooms: &[Track], instant: f64, correlator: &Correlator) -> Option<f64> {
    let mut furthest = 0.0_f64;
    for (number, room) in rooms.iter().enumerate() {
        for other in &rooms[number + 1..] {
            let apart = apart(room, other, instant, correlator)?;
            if apart.abs() > furthest.abs() {
                furthest = apart;
            }
        }
    }
    Some(furthest)
}

/// By how much `other` is behind.
fn apart(room: &Track, other: &Track, instant: f64, correlator: &Correlator) -> Option<f64> {
    let (ours, theirs) = (room.at(instant)?, other.at(instant)?);
    #[expect(clippy::cast_possible_truncation, reason = "a place in a recording")]
    let whole = |position: f64| position.round() as i64;
    let (half, reach) = ((WINDOW / 2).cast_signed() as i64, SEARCH.cast_signed() as i64);
    let middle = whole(ours.position(instant));
    // Where they would be at the instant of the middle frame.
    let expected = theirs.position(ours.instant(middle as f64));
    let low = whole(expected) - half - reach;
    let needle = ours.piece(middle - half, WINDOW)?;
    let place = correlator.find(needle, &theirs.padded(low, WINDOW + 2 * SEARCH))?;
    let found = low as f64 + place.frame + half as f64;
    (place.likeness > LIKE).then_some((found - expected) / theirs.rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::analysis::{track::Run, waves::Waves};

    /// A converter that is `ppm` fast plays a sound that is behind by `delay` seconds and so many parts per million fast.
    fn room(waves: &Waves, start: f64, ppm: f64, delay: f64, fast_ppm: f64) -> Track {
        let rate = 48_000.0 * (1.0 + ppm * 1e-6);
        let samples =
            waves.sampled((start - delay) * (1.0 + fast_ppm * 1e-6), (1.0 + fast_ppm * 1e-6) / rate, 5 * 48_000);
        Track { runs: vec![Run { start, rate, samples }] }
    }

    #[test]
    fn an_offset_and_a_slope_are_seen_to_a_tenth_of_a_microsecond() {
        let waves = Waves::new(fastrand::u64(..));
        let (ours, theirs) = (room(&waves, 10.0, 0.0, 0.0, 0.0), room(&waves, 10.012_3, 40.0, 17.3e-6, 0.0));
        for window in compare(&[ours.clone(), theirs], 14.8) {
            assert!((window.error.unwrap() - 17.3e-6).abs() < 1e-7, "{waves}: {window:?}");
        }
        // 40 µs in every second since both were at 0.
        let fast = room(&waves, 10.0, 0.0, 0.0, 40.0);
        let windows = compare(&[ours, fast], 14.8);
        assert!(windows.len() > 40);
        for window in windows {
            let early = window.instant * 40e-6 / (1.0 + 40e-6);
            assert!((window.error.unwrap() + early).abs() < 1e-7, "{waves}: {window:?}");
        }
    }

    #[test]
    fn silence_and_other_sound_do_not_match() {
        let waves = Waves::new(fastrand::u64(..));
        let ours = room(&waves, 10.0, 0.0, 0.0, 0.0);
        let mut holed = ours.clone();
        holed.runs[0].samples[96_000..120_000].fill(0.0);
        let missing = compare(&[ours.clone(), holed], 14.9).into_iter().filter(|window| window.error.is_none());
        // Half a second, in steps of a tenth.
        let missing: Vec<f64> = missing.map(|window| window.instant).collect();
        assert!((4..=6).contains(&missing.len()), "{waves}: {missing:?}");
        let other = room(&Waves::new(1), 10.0, 0.0, 0.0, 0.0);
        let matched = compare(&[ours, other], 14.9).into_iter().filter(|window| window.error.is_some()).count();
        assert!(matched < 3, "{waves}: {matched}");
    }
}
