//! The converter's clock: when will the frame that is written now be heard?
//!
//! A converter says at some instants how many frames it has emitted. Its counter moves in steps (one frame on a good
//! card, 1 ms on USB, 10 ms on some boards), so what it says is at or below the truth and touches it just after a step;
//! a stamp that is taken late puts it below, too. The clock therefore looks for the *upper* edge of the readings: the
//! slope at which the readings that make it lie around the middle of the window (Moon, Skelly and Towsley, INFOCOM
//! 1999, for one direction), with a soft edge as the clock between hub and node has. A thousand readings find the edge
//! of a step to a thousandth of it.
//! Real-time: no allocation, no lock, no system call.

use crate::{
    envelope::{Edge, edge, zero},
    time::{Nanos, NodeClock, Timestamp},
    units::{Drift, OutputPosition, SampleRate},
};

/// What a converter says of itself.
#[derive(Clone, Copy, Debug)]
pub struct DacReading {
    /// Frames that it has emitted since it was opened.
    pub played: OutputPosition,
    /// When that was so.
    pub at: Timestamp<NodeClock>,
}

/// A crystal further off than this is none; the fit is held within it.
const MAX_DRIFT: f64 = 400e-6;

const BUCKET: f64 = 0.25;

/// 30 s: longer windows follow a warming crystal too slowly, shorter ones see the counter's steps (`sync.md` 2.3 in
/// simulation: 0.4 µs against 4 µs with 10 s on a card with interrupt jitter).
const BUCKETS: usize = 120;

/// Highest readings kept of each bucket, in which there are about twenty.
const KEPT: usize = 4;

/// How wide the edge is, as a share of how far readings lie below it on average (half a step), and the least of it in
/// frames: 1 µs. Wider edges are worse where steps are long, narrower ones hang on a single reading.
const WIDTH_SHARE: f64 = 0.002;
const MIN_WIDTH: f64 = 0.05;

/// How far a crystal is usually off: what the first seconds say of the rate counts by how well it could be known, and
/// the rest is what was believed before (Bayes' rule for a line).
const USUAL_DRIFT: f64 = 50e-6;

/// The gap below the highest of a few readings: how far they lie below the edge on average, divided by how many there
/// were, times this.
const GAP: f64 = 2.0;

/// Readings before the first answer is given.
const MIN_READINGS: u32 = 8;

/// How well the edge is to be known before sound is put in its place, as a standard deviation, and after how long it is
/// put there however badly it is known, both in seconds. What begins in the wrong place is moved for a minute, for a rate
/// that hears nothing of it moves but little. Steps of 1 ms are known so well after a third of a second.
const GOOD_ENOUGH: f64 = 40e-6;
const LONG_ENOUGH: f64 = 1.5;

/// How well it is to be known where sound broke off: there every moment of silence is heard, and the trim takes out the
/// rest in seconds. Of a counter that moves by 1 ms the first eight readings say so much, of one by 10 ms thirty-three.
const GOOD_ENOUGH_TO_GO_ON: f64 = 300e-6;

/// A reading that is off by more than this is a fault of the driver or a restart of the device.
const OUTLIER: f64 = 0.05;

/// Where readings lie lower than this, in seconds, and lower than four times the usual, the device plays later than it
/// did: something behind it holds more.
const SLIP: f64 = 0.002;

/// So many in a row are not chance.
const IN_A_ROW: u32 = 20;

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    /// Seconds since the first reading.
    at: f64,
    /// Frames beyond the nominal rate.
    ahead: f64,
}

/// The highest readings of a quarter of a second.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    start: f64,
    points: [Point; KEPT],
    len: usize,
    count: u32,
}

impl Bucket {
    /// Keeps a reading if it is among the highest; says whether it is the highest of all.
    fn add(&mut self, point: Point, slope: f64) -> bool {
        self.count += 1;
        let height = |p: &Point| p.ahead - slope * p.at;
        let kept = &self.points[..self.len];
        let highest = kept.iter().all(|other| height(other) < height(&point));
        if self.len < KEPT {
            self.points[self.len] = point;
            self.len += 1;
        } else if let Some(lowest) = self.points.iter_mut().min_by(|a, b| height(a).total_cmp(&height(b)))
            && height(lowest) < height(&point)
        {
            *lowest = point;
        }
        highest
    }

    fn points(&self) -> impl Iterator<Item = Point> + Clone + '_ {
        self.points[..self.len].iter().copied()
    }
}

/// Learns the rate and the phase of a converter from its readings.
#[derive(Clone, Debug)]
pub struct DacClock {
    rate: f64,
    origin: Option<DacReading>,
    /// The newest is at `newest`; the others before it, around the end.
    buckets: [Bucket; BUCKETS],
    newest: usize,
    len: usize,
    readings: u32,
    /// Seconds from the first reading to the newest.
    heard_for: f64,
    /// The slope that was believed before the first reading.
    prior: f64,
    slope: f64,
    /// The line's value at `middle`.
    middle: f64,
    height: f64,
    /// How far readings lie below the line on average, in frames; and how far they did before the device started over,
    /// which holds until there are enough of them.
    below: f64,
    below_before: f64,
    /// How far the line may be off at its newest end, in frames; and to be known, in seconds.
    deviation: f64,
    good_enough: f64,
    outliers: u32,
    /// Readings in a row that no step of the counter explains.
    slipped: u32,
}

impl DacClock {
    /// A clock that knows only its nominal rate.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            rate: f64::from(rate.hertz()),
            origin: None,
            buckets: [Bucket::default(); BUCKETS],
            newest: 0,
            len: 0,
            readings: 0,
            heard_for: 0.0,
            prior: 0.0,
            slope: 0.0,
            middle: 0.0,
            height: 0.0,
            below: 0.0,
            below_before: 0.0,
            deviation: 0.0,
            good_enough: GOOD_ENOUGH,
            outliers: 0,
            slipped: 0,
        }
    }

    /// Forgets where the counter is: the device started over. Its crystal is still the same one, and its steps.
    pub fn reset(&mut self) {
        *self = Self {
            rate: self.rate,
            prior: self.slope,
            slope: self.slope,
            below_before: self.usually_below(),
            good_enough: if self.is_known() { GOOD_ENOUGH_TO_GO_ON } else { self.good_enough },
            ..Self::new(SampleRate::HZ_48000)
        };
    }

    /// Takes a reading.
    pub fn observe(&mut self, reading: DacReading) {
        let origin = *self.origin.get_or_insert(reading);
        let at = (reading.at - origin.at).as_secs_f64();
        let played = reading.played.0 as f64 - origin.played.0 as f64;
        let point = Point { at, ahead: played - at * self.rate };
        let below = self.line(at) - point.ahead;
        if self.readings >= MIN_READINGS && below.abs() > OUTLIER * self.rate {
            self.outliers += 1;
            if self.outliers > IN_A_ROW {
                self.reset();
            }
            return;
        }
        self.outliers = 0;
        let slipped = self.readings >= MIN_READINGS && below > (SLIP * self.rate).max(4.0 * self.below);
        self.slipped = if slipped { self.slipped + 1 } else { 0 };
        if self.slipped > IN_A_ROW {
            return self.reset();
        }
        self.readings = self.readings.saturating_add(1);
        self.heard_for = self.heard_for.max(at);
        self.below += (below.max(0.0) - self.below) / f64::from(self.readings.min(2_000));
        let slope = self.slope;
        let bucket = &mut self.buckets[self.newest];
        if self.len > 0 && at - bucket.start < BUCKET {
            // What is known is little at first: every reading that lies higher than those before it counts.
            if bucket.add(point, slope) && self.len < 4 || self.readings == MIN_READINGS {
                self.fit();
            }
            return;
        }
        self.fit();
        self.newest = (self.newest + 1) % BUCKETS;
        self.len = (self.len + 1).min(BUCKETS);
        self.buckets[self.newest] = Bucket { start: at, ..Bucket::default() };
        self.buckets[self.newest].add(point, slope);
    }

    /// When the converter emits a frame; `None` until enough was heard of it.
    pub fn instant_of(&self, frame: OutputPosition) -> Option<Timestamp<NodeClock>> {
        let origin = self.origin.filter(|_| self.is_known())?;
        // Solve frame = rate * t + height + slope * (t - middle) for t.
        let frames = frame.0 as f64 - origin.played.0 as f64;
        let seconds = (frames - self.height + self.slope * self.middle) / (self.rate + self.slope);
        Some(origin.at + Nanos::from_secs_f64(seconds))
    }

    /// Whether [`Self::instant_of`] answers: the line is known well, or not well but for so long that it will not be.
    pub fn is_known(&self) -> bool {
        self.readings >= MIN_READINGS && (self.deviation < self.good_enough * self.rate || self.heard_for > LONG_ENOUGH)
    }

    /// How much faster the converter runs than the node's clock.
    pub fn drift(&self) -> Drift {
        Drift::from_ratio(self.slope / self.rate)
    }

    /// Frames per second of the node's clock.
    pub fn frames_per_second(&self) -> f64 {
        self.rate + self.slope
    }

    /// How far [`Self::instant_of`] may be off: more than this in fewer than one of twenty cases, if the converter's own
    /// counter is right.
    pub fn uncertainty(&self) -> Nanos {
        Nanos::from_secs_f64(2.0 * self.deviation / self.rate)
    }

    /// How far readings lie below the line on average: half a step of the counter, and what stamps come late.
    pub fn spread(&self) -> Nanos {
        Nanos::from_secs_f64(self.below / self.rate)
    }

    /// The first readings of a coarse counter lie too near a line that was drawn along them.
    fn usually_below(&self) -> f64 {
        if self.heard_for > LONG_ENOUGH { self.below } else { self.below.max(self.below_before) }
    }

    fn line(&self, at: f64) -> f64 {
        self.height + self.slope * (at - self.middle)
    }

    fn window(&self) -> impl Iterator<Item = &Bucket> + Clone + '_ {
        (0..self.len).map(|age| &self.buckets[(self.newest + BUCKETS - age) % BUCKETS])
    }

    /// Draws the line along the upper edge of the readings.
    fn fit(&mut self) {
        let (first, last) = self.window().fold((f64::INFINITY, 0.0_f64), |(first, last), bucket| {
            bucket.points().fold((first, last), |(first, last), point| (first.min(point.at), last.max(point.at)))
        });
        if !first.is_finite() {
            return;
        }
        let middle = f64::midpoint(first, last);
        let count: f64 = self.window().map(|bucket| f64::from(bucket.count)).sum();
        let width = (WIDTH_SHARE * self.below).max(MIN_WIDTH);
        let along = |slope: f64| -> Option<Edge> {
            let points = self.window().flat_map(Bucket::points);
            edge(points.map(|p| (p.at - middle, slope * (p.at - middle) - p.ahead)), count, width)
        };
        let limit = MAX_DRIFT * self.rate;
        let curvature = |edge: &Edge| (edge.at_variance / width).max(1e-12);
        let measured = zero(self.slope, (-limit, limit), SLOPE_TOLERANCE * self.rate, |slope| {
            along(slope).map_or((0.0, 1.0), |edge| (edge.at, curvature(&edge)))
        });
        let Some(found) = along(measured) else { return };
        let gap = GAP * self.usually_below().max(0.5) / count;
        let span = (last - first).max(1e-3);
        let variance = found.at_chance / curvature(&found).powi(2) + (3.0 * gap / span).powi(2);
        let (known, believed) = (1.0 / variance.max(1e-18), 1.0 / (USUAL_DRIFT * self.rate).powi(2));
        let slope = ((known * measured + believed * self.prior) / (known + believed)).clamp(-limit, limit);
        let Some(edge) = along(slope) else { return };
        self.slope = slope;
        self.middle = middle;
        // Evenly spread readings lie a width below their edge; more than the gap above the highest it is not.
        self.height = (width - edge.touching).min(gap - edge.floor);
        let slope_variance = 1.0 / (known + believed);
        self.deviation = (width * width * edge.share + gap * gap + slope_variance * span * span / 4.0).sqrt();
    }
}

/// A part in a thousand million.
const SLOPE_TOLERANCE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a converter `ppm` fast whose counter moves in steps of `quantum` frames, at irregular instants.
    fn worst_error(ppm: f64, quantum: u64, seconds: f64) -> f64 {
        let mut random = fastrand::Rng::with_seed(7);
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        let rate = 48_000.0 * (1.0 + ppm * 1e-6);
        let (mut t, mut worst) = (0.0, 0.0_f64);
        while t < seconds {
            t += 0.008 + 0.004 * random.f64();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
            let played = (t * rate) as u64 / quantum * quantum;
            let at = Timestamp::from_nanos(5_000_000_000) + Nanos::from_secs_f64(t);
            clock.observe(DacReading { played: OutputPosition(played), at });
            if t > seconds * 0.5 {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
                let frame = (t * rate) as u64 + 4_800;
                let truth = frame as f64 / rate;
                let said = (clock.instant_of(OutputPosition(frame)).unwrap() - Timestamp::from_nanos(5_000_000_000))
                    .as_secs_f64();
                worst = worst.max((said - truth).abs());
            }
        }
        worst
    }

    #[test]
    fn a_counter_is_followed_to_the_edge_of_its_steps() {
        for (quantum, seconds, limit) in [(1, 20.0, 3e-6), (48, 40.0, 6e-6), (480, 60.0, 60e-6)] {
            for ppm in [-100.0, 0.0, 40.0, 100.0] {
                let worst = worst_error(ppm, quantum, seconds);
                println!("steps of {quantum} frames, {ppm} ppm: {:.2} µs", worst * 1e6);
                assert!(worst < limit, "{worst} s at {ppm} ppm in steps of {quantum}");
            }
        }
    }

    #[test]
    fn a_device_that_starts_over_is_noticed() {
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        let reading = |played: u64, millis: i64| DacReading {
            played: OutputPosition(played),
            at: Timestamp::from_nanos(millis * 1_000_000),
        };
        for i in 0..400 {
            clock.observe(reading(u64::try_from(i).unwrap() * 240, i * 5));
        }
        for i in 0..100 {
            clock.observe(reading(u64::try_from(i).unwrap() * 240, 60_000 + i * 5));
        }
        let heard = clock.instant_of(OutputPosition(48_000)).unwrap();
        assert!((heard - Timestamp::from_nanos(61_000_000_000)).abs() < Nanos::from_millis(1), "{heard:?}");
    }

    /// A converter that runs true, read every 5 ms from one instant to another, in milliseconds.
    fn read(clock: &mut DacClock, ppm: f64, millis: std::ops::Range<i64>) {
        for at in millis.step_by(5) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below 2^53")]
            let played = (at as f64 * 48.0 * (1.0 + ppm * 1e-6)) as u64;
            let at = Timestamp::from_nanos(at * 1_000_000);
            clock.observe(DacReading { played: OutputPosition(played), at });
        }
    }

    #[test]
    fn nothing_is_said_of_a_converter_that_was_heard_only_a_few_times() {
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        read(&mut clock, 0.0, 0..35);
        assert_eq!((clock.is_known(), clock.instant_of(OutputPosition(480))), (false, None));
        read(&mut clock, 0.0, 35..40);
        let heard = clock.instant_of(OutputPosition(480)).unwrap();
        assert!((heard - Timestamp::from_nanos(10_000_000)).abs() < Nanos::from_micros(25), "{heard:?}");
    }

    #[test]
    fn a_month_of_playing_does_not_make_it_less_exact() {
        const MONTH: i64 = 30 * 86_400_000;
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        for day in 0..30 {
            read(&mut clock, 40.0, day * 86_400_000..day * 86_400_000 + 60_000);
        }
        read(&mut clock, 40.0, MONTH..MONTH + 60_000);
        assert_eq!(clock.origin.unwrap().at, Timestamp::from_nanos(0), "it has started over");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below 2^53")]
        let frame = ((MONTH + 60_100) as f64 * 48.0 * (1.0 + 40e-6)) as u64;
        let error =
            clock.instant_of(OutputPosition(frame)).unwrap() - Timestamp::from_nanos((MONTH + 60_100) * 1_000_000);
        assert!(error.abs() < Nanos::from_micros(30), "{error} off");
        assert!((clock.drift().ppm() - 40.0).abs() < 0.5, "{} ppm", clock.drift().ppm());
    }

    #[test]
    fn a_few_wild_readings_of_a_driver_move_nothing() {
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        read(&mut clock, 40.0, 0..20_000);
        let before = clock.instant_of(OutputPosition(960_000)).unwrap();
        for (played, millis) in [(0, 20_001), (u64::MAX, 20_002), (960_000, i64::from(i32::MAX))] {
            let at = Timestamp::from_nanos(millis * 1_000_000);
            clock.observe(DacReading { played: OutputPosition(played), at });
        }
        assert_eq!(clock.instant_of(OutputPosition(960_000)), Some(before));
        read(&mut clock, 40.0, 20_005..25_000);
        let heard = clock.instant_of(OutputPosition(960_000)).unwrap();
        assert!((heard - before).abs() < Nanos::from_micros(25), "moved by {}", heard - before);
    }

    #[test]
    fn a_device_that_holds_more_than_before_is_noticed_within_a_second() {
        for late in [3, 20, 45] {
            let mut clock = DacClock::new(SampleRate::HZ_48000);
            read(&mut clock, 0.0, 0..30_000);
            for at in (30_000..31_000).step_by(5) {
                let played = OutputPosition(u64::try_from((at - late) * 48).unwrap());
                clock.observe(DacReading { played, at: Timestamp::from_nanos(at * 1_000_000) });
            }
            let heard = clock.instant_of(OutputPosition(31_000 * 48)).unwrap();
            let error = heard - Timestamp::from_nanos((31_000 + late) * 1_000_000);
            assert!(error.abs() < Nanos::from_micros(100), "{late} ms later: {error} off");
        }
    }

    #[test]
    fn a_device_opened_anew_keeps_the_rate_of_its_crystal_and_no_crystal_is_off_by_much() {
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        read(&mut clock, 80.0, 0..30_000);
        clock.reset();
        assert!(!clock.is_known());
        assert!((clock.drift().ppm() - 80.0).abs() < 1.0, "{} ppm", clock.drift().ppm());
        let mut clock = DacClock::new(SampleRate::HZ_48000);
        read(&mut clock, 2_000.0, 0..10_000);
        assert!(clock.drift().ppm() < 401.0, "{} ppm", clock.drift().ppm());
    }
}
