//! Which frame of a stream belongs to which instant of the hub's clock.
//!
//! A timeline is a short list of **anchors**. From its instant on, an anchor says which position is to be heard and at
//! which rate positions go by, or that nothing is. Whatever moves a stream in time (play, pause, seek, a change of
//! latency or leader, the drift of a source) is a new anchor for the whole group, announced ahead; nodes never move
//! alone.

use serde::{Deserialize, Serialize};

use crate::{
    time::{HubClock, Nanos, Timestamp},
    units::{FramePosition, SampleRate},
    wire::Error,
};

/// What holds from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Counts the anchors of a stream; the later one is right where two differ.
    pub sequence: u32,
    /// From when on, in the clock of the hub that sends it.
    pub at: Timestamp<HubClock>,
    /// What is heard then; `None` is silence.
    pub play: Option<Play>,
}

/// The frame that is heard at the anchor's instant, and how fast positions go by after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// Anchors of one run continue each other without a jump; a new run is a jump.
    pub run: u32,
    /// The position that is heard at the anchor's instant.
    pub position: FramePosition,
    /// How much faster than nominal positions go by, in parts per billion.
    pub drift_ppb: i32,
}

/// The fastest that an announced anchor may run, ±0.5 % and the ±300 ppm of a source, in parts per billion.
pub const MAX_DRIFT_PPB: i32 = 5_300_000;

impl Anchor {
    /// # Errors
    /// When the rate is beyond [`MAX_DRIFT_PPB`].
    pub fn validate(&self) -> Result<(), Error> {
        match self.play {
            Some(play) if !(-MAX_DRIFT_PPB..=MAX_DRIFT_PPB).contains(&play.drift_ppb) => Err(Error::Field("drift_ppb")),
            _ => Ok(()),
        }
    }
}

/// A position with its fraction: 64 bits of frames and 64 bits below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Phase(u128);

impl Phase {
    /// The start of a frame.
    pub const fn at(position: FramePosition) -> Self {
        Self((position.0 as u128) << 64)
    }

    /// The frame in which the phase lies.
    pub const fn frame(self) -> FramePosition {
        FramePosition((self.0 >> 64) as u64)
    }

    /// How far into that frame, 0 to 1.
    pub fn fraction(self) -> f64 {
        #[expect(clippy::cast_possible_truncation, reason = "the top 53 bits of the lower half")]
        let bits = ((self.0 >> 11) as u64) & ((1 << 53) - 1);
        bits as f64 / (1_u64 << 53) as f64
    }

    /// The fraction in units of 2^-64 frame.
    pub const fn fraction_bits(self) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half of 128 bits")]
        {
            self.0 as u64
        }
    }

    /// The phase so many frames later; saturates at either end.
    #[must_use]
    pub fn advanced_by(self, frames: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        let (whole, part) = (frames.floor() as i128, ((frames - frames.floor()) * 2_f64.powi(64)) as i128);
        let step = whole.saturating_mul(1 << 64).saturating_add(part);
        Self(self.0.saturating_add_signed(step))
    }

    /// The distance from `earlier`, in frames; negative when that is later.
    pub fn distance_from(self, earlier: Self) -> f64 {
        let magnitude = self.0.abs_diff(earlier.0) as f64 / 2_f64.powi(64);
        if self >= earlier { magnitude } else { -magnitude }
    }
}

/// An anchor together with the instant at which the next one takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The anchor.
    pub anchor: Anchor,
    /// When the next anchor takes over, and that anchor.
    pub next: Option<Anchor>,
}

/// Anchors held at once. A pause and a seek make two each; what is older than the one that governs is dropped first.
const CAPACITY: usize = 8;

/// The anchors of one stream. It is `Copy` and holds no heap memory, so that it can be handed to an audio thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeline {
    rate: SampleRate,
    anchors: [Option<Anchor>; CAPACITY],
}

impl Timeline {
    /// A timeline on which nothing plays yet.
    pub const fn new(rate: SampleRate) -> Self {
        Self { rate, anchors: [None; CAPACITY] }
    }

    /// Takes a new anchor. Anchors at or after its instant with a lower sequence number are void; when a later
    /// sequence number is already known for an instant at or before it, it is itself void.
    pub fn insert(&mut self, anchor: Anchor) {
        if self.iter().any(|known| known.sequence >= anchor.sequence && known.at <= anchor.at) {
            return;
        }
        let mut kept = [None; CAPACITY];
        let survivors = self.iter().filter(|known| known.sequence > anchor.sequence || known.at < anchor.at).count();
        let skipped = (survivors + 1).saturating_sub(CAPACITY);
        let mut slots = kept.iter_mut();
        let mut inserted = false;
        for known in self.iter().filter(|known| known.sequence > anchor.sequence || known.at < anchor.at).skip(skipped)
        {
            if !inserted && known.at > anchor.at {
                inserted = true;
                if let Some(slot) = slots.next() {
                    *slot = Some(anchor);
                }
            }
            if let Some(slot) = slots.next() {
                *slot = Some(*known);
            }
        }
        if !inserted && let Some(slot) = slots.next() {
            *slot = Some(anchor);
        }
        self.anchors = kept;
    }

    /// Nominal frames per second.
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The anchors in the order of their instants.
    pub fn iter(&self) -> impl Iterator<Item = &Anchor> {
        self.anchors.iter().flatten()
    }

    /// The segment that governs an instant; `None` before the first anchor.
    pub fn segment_at(&self, at: Timestamp<HubClock>) -> Option<Segment> {
        let anchor = *self.iter().take_while(|anchor| anchor.at <= at).last()?;
        Some(Segment { anchor, next: self.next_after(at) })
    }

    /// The first anchor after an instant.
    pub fn next_after(&self, at: Timestamp<HubClock>) -> Option<Anchor> {
        self.iter().find(|anchor| anchor.at > at).copied()
    }

    /// The segment that starts with the first anchor, and then the one after each.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        self.iter().enumerate().map(|(i, anchor)| Segment { anchor: *anchor, next: self.iter().nth(i + 1).copied() })
    }

    /// What is heard at an instant; `None` when nothing is.
    pub fn phase_at(&self, at: Timestamp<HubClock>) -> Option<Phase> {
        let play = self.segment_at(at)?;
        play.anchor.play.map(|_| self.phase_within(&play.anchor, at))
    }

    /// What an anchor says of an instant, whether or not it governs it. A silent anchor gives position 0.
    pub fn phase_within(&self, anchor: &Anchor, at: Timestamp<HubClock>) -> Phase {
        let Some(play) = anchor.play else { return Phase::default() };
        let scale = self.scale(play);
        let frames = i128::from((at - anchor.at).as_nanos()) * scale;
        let (whole, rest) = (frames.div_euclid(SCALE), frames.rem_euclid(SCALE).unsigned_abs());
        let position = i128::from(play.position.0).saturating_add(whole).clamp(0, i128::from(u64::MAX));
        Phase((position.unsigned_abs() << 64) | ((rest << 64) / SCALE.unsigned_abs()))
    }

    /// Frames in 10^18 seconds.
    fn scale(&self, play: Play) -> i128 {
        let parts = 1_000_000_000 + play.drift_ppb.clamp(-MAX_DRIFT_PPB, MAX_DRIFT_PPB);
        i128::from(self.rate.hertz()) * i128::from(parts)
    }

    /// When an anchor says that a position is heard, to the nearest nanosecond. A silent anchor gives its own instant.
    pub fn instant_within(&self, anchor: &Anchor, position: FramePosition) -> Timestamp<HubClock> {
        let Some(play) = anchor.play else { return anchor.at };
        let scale = self.scale(play);
        let frames = i128::from(position.distance_from(play.position));
        anchor.at + Nanos::saturating_from((frames * SCALE + scale / 2).div_euclid(scale))
    }

    /// When a position is heard, by the latest segment that has it; `None` when none has.
    pub fn instant_of(&self, position: FramePosition) -> Option<Timestamp<HubClock>> {
        let found = self.segments().filter(|segment| segment.anchor.play.is_some()).filter_map(|segment| {
            let at = self.instant_within(&segment.anchor, position);
            let begun = segment.anchor.play.is_some_and(|play| play.position <= position);
            (begun && segment.next.is_none_or(|next| at < next.at)).then_some(at)
        });
        found.last()
    }
}

/// Nanoseconds in a second times parts in a billion.
const SCALE: i128 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<HubClock> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn play(sequence: u32, millis: i64, position: u64, drift_ppb: i32) -> Anchor {
        Anchor { sequence, at: at(millis), play: Some(Play { run: 1, position: FramePosition(position), drift_ppb }) }
    }

    fn silence(sequence: u32, millis: i64) -> Anchor {
        Anchor { sequence, at: at(millis), play: None }
    }

    fn timeline(anchors: &[Anchor]) -> Timeline {
        let mut timeline = Timeline::new(SampleRate::HZ_48000);
        for anchor in anchors {
            timeline.insert(*anchor);
        }
        timeline
    }

    #[test]
    fn positions_and_instants_are_each_others_inverse() {
        for drift_ppb in [0, 40_000, -300_000, MAX_DRIFT_PPB] {
            let line = timeline(&[play(1, 1_000, 960, drift_ppb)]);
            for position in [960, 961, 48_960, 48_000 * 86_400] {
                let instant = line.instant_of(FramePosition(position)).unwrap();
                let phase = line.phase_at(instant).unwrap();
                let error = phase.distance_from(Phase::at(FramePosition(position)));
                assert!(error.abs() < 5e-5, "{error} frames at {position} with {drift_ppb} ppb");
            }
        }
    }

    #[test]
    fn nothing_is_heard_before_the_first_anchor_or_after_a_silent_one() {
        let line = timeline(&[play(1, 1_000, 0, 0), silence(2, 3_000)]);
        assert_eq!(line.phase_at(at(999)), None);
        assert_eq!(line.phase_at(at(2_000)).unwrap().frame(), FramePosition(48_000));
        assert_eq!(line.phase_at(at(3_000)), None);
        assert_eq!(line.instant_of(FramePosition(47_999 * 2)), Some(at(1_000) + Nanos::new(1_999_958_333)));
        assert_eq!(line.instant_of(FramePosition(48_000 * 2)), None);
    }

    #[test]
    fn a_new_anchor_voids_later_plans() {
        let line = timeline(&[play(1, 1_000, 0, 0), silence(2, 60_000), silence(3, 5_000), play(4, 9_000, 192_000, 0)]);
        assert_eq!(line.iter().map(|anchor| anchor.sequence).collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(line.phase_at(at(61_000)).unwrap().frame(), FramePosition(192_000 + 52 * 48_000));
    }

    #[test]
    fn anchors_may_arrive_in_any_order_and_twice() {
        let anchors = [play(1, 1_000, 0, 0), silence(3, 5_000), play(4, 9_000, 192_000, 0)];
        let expected: Vec<Anchor> = timeline(&anchors).iter().copied().collect();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut line = Timeline::new(SampleRate::HZ_48000);
            for i in order.into_iter().chain(order) {
                line.insert(anchors[i]);
            }
            assert_eq!(line.iter().copied().collect::<Vec<_>>(), expected, "{order:?}");
        }
    }

    #[test]
    fn the_oldest_anchors_are_dropped_first() {
        let mut line = Timeline::new(SampleRate::HZ_48000);
        for i in 0..20 {
            line.insert(play(i, i64::from(i) * 100, u64::from(i) * 4_800, 0));
        }
        assert_eq!(line.iter().count(), CAPACITY);
        assert_eq!(line.phase_at(at(1_950)).unwrap().frame(), FramePosition(19 * 4_800 + 2_400));
    }

    #[test]
    fn a_slewed_segment_runs_faster_by_exactly_what_it_says() {
        let line = timeline(&[play(1, 0, 0, 5_000_000)]);
        assert_eq!(line.phase_at(at(1_000)).unwrap(), Phase::at(FramePosition(48_240)));
    }

    #[test]
    fn anchors_from_a_hostile_hub_do_not_overflow() {
        let mut line = timeline(&[]);
        line.insert(Anchor {
            sequence: u32::MAX,
            at: Timestamp::from_nanos(i64::MIN),
            play: play(0, 0, u64::MAX, i32::MAX).play,
        });
        let _ = line.phase_at(Timestamp::from_nanos(i64::MAX));
        let _ = line.instant_of(FramePosition(0));
        line.insert(Anchor { sequence: 0, at: Timestamp::from_nanos(i64::MAX), play: play(0, 0, 0, i32::MIN).play });
        let _ = line.phase_at(Timestamp::from_nanos(i64::MAX));
    }

    #[test]
    fn phases_step_by_less_than_a_millionth_of_a_frame() {
        let start = Phase::at(FramePosition(1 << 40));
        let mut phase = start;
        for _ in 0..1_000 {
            phase = phase.advanced_by(1.000_000_1);
        }
        assert!((phase.distance_from(start) - 1_000.000_1).abs() < 1e-9);
        assert!((phase.fraction() - 0.000_1).abs() < 1e-9);
        assert_eq!(phase.advanced_by(-1_000.000_1 - 1e-12).frame(), FramePosition((1 << 40) - 1));
    }
}
