//! The converter's clock: when will the frame that is written now be heard?
//!
//! A converter says at some instants how many frames it has emitted. Its counter moves in steps (one frame on a good
//! card, 1 ms on USB, 10 ms on some boards), so what it says is at or below the truth and touches it just after a step.
//! The clock therefore fits the *upper* envelope: the highest point of each bucket, and a robust line through those.
//! Real-time: no allocation, no lock, no system call.

use crate::{
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

/// How far a crystal is usually off, and by how many frames a reading at least: what the first seconds say of the rate
/// counts by how well it could be known, and the rest is what was believed before (Bayes' rule for a line).
const USUAL_DRIFT: f64 = 50e-6;
const READING_NOISE: f64 = 0.5;

/// Readings before the first answer is given.
const MIN_READINGS: u32 = 8;

/// A reading that is off by more than this is a fault of the driver or a restart of the device.
const OUTLIER: f64 = 0.05;

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    /// Seconds since the first reading.
    at: f64,
    /// Frames beyond the nominal rate.
    ahead: f64,
}

/// Learns the rate and the phase of a converter from its readings.
#[derive(Clone, Debug)]
pub struct DacClock {
    rate: f64,
    origin: Option<DacReading>,
    /// The highest point of each bucket, oldest first from `head`.
    points: [Point; BUCKETS],
    head: usize,
    len: usize,
    current: Option<(f64, Point)>,
    readings: u32,
    /// The slope that was believed before the first reading.
    prior: f64,
    slope: f64,
    height: f64,
    spread: f64,
    outliers: u32,
}

impl DacClock {
    /// A clock that knows only its nominal rate.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            rate: f64::from(rate.hertz()),
            origin: None,
            points: [Point::default(); BUCKETS],
            head: 0,
            len: 0,
            current: None,
            readings: 0,
            prior: 0.0,
            slope: 0.0,
            height: 0.0,
            spread: 0.0,
            outliers: 0,
        }
    }

    /// Forgets everything: the device was opened anew or its counter started over.
    pub fn reset(&mut self) {
        let drift = self.slope;
        *self = Self { rate: self.rate, ..Self::new(SampleRate::HZ_48000) };
        // The crystal is still the same one.
        (self.prior, self.slope) = (drift, drift);
    }

    /// Takes a reading.
    pub fn observe(&mut self, reading: DacReading) {
        let origin = *self.origin.get_or_insert(reading);
        let at = (reading.at - origin.at).as_secs_f64();
        let played = reading.played.0 as f64 - origin.played.0 as f64;
        let point = Point { at, ahead: played - at * self.rate };
        if self.readings >= MIN_READINGS && (point.ahead - self.line(at)).abs() > OUTLIER * self.rate {
            self.outliers += 1;
            if self.outliers > 20 {
                self.reset();
            }
            return;
        }
        self.outliers = 0;
        self.readings = self.readings.saturating_add(1);
        let slope = self.slope;
        let residual = |p: Point| p.ahead - slope * p.at;
        match &mut self.current {
            Some((start, best)) if at - *start < BUCKET => {
                if residual(point) > residual(*best) {
                    *best = point;
                    if self.len < 4 {
                        self.fit();
                    }
                } else if self.len == 0 && self.readings == MIN_READINGS {
                    self.fit();
                }
            }
            _ => {
                if let Some((_, best)) = self.current {
                    self.push(best);
                }
                self.current = Some((at, point));
                self.fit();
            }
        }
    }

    /// When the converter emits a frame; `None` until enough was heard of it.
    pub fn instant_of(&self, frame: OutputPosition) -> Option<Timestamp<NodeClock>> {
        let origin = self.origin.filter(|_| self.is_known())?;
        // Solve frame = rate * t + height + slope * t for t.
        let frames = frame.0 as f64 - origin.played.0 as f64;
        let seconds = (frames - self.height) / (self.rate + self.slope);
        Some(origin.at + Nanos::from_secs_f64(seconds))
    }

    /// Whether [`Self::instant_of`] answers.
    pub const fn is_known(&self) -> bool {
        self.readings >= MIN_READINGS
    }

    /// How much faster the converter runs than the node's clock.
    pub fn drift(&self) -> Drift {
        Drift::from_ratio(self.slope / self.rate)
    }

    /// Frames per second of the node's clock.
    pub fn frames_per_second(&self) -> f64 {
        self.rate + self.slope
    }

    /// How far the readings scatter below the line: the quality of this converter's position.
    pub fn spread(&self) -> Nanos {
        Nanos::from_secs_f64(self.spread / self.rate)
    }

    fn line(&self, at: f64) -> f64 {
        self.height + self.slope * at
    }

    fn push(&mut self, point: Point) {
        let slot = (self.head + self.len) % BUCKETS;
        self.points[slot] = point;
        if self.len < BUCKETS {
            self.len += 1;
        } else {
            self.head = (self.head + 1) % BUCKETS;
        }
    }

    fn iter(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.len).map(|i| self.points[(self.head + i) % BUCKETS])
    }

    /// A least-squares line through the highest points, drawn again without those that lie far below it.
    fn fit(&mut self) {
        let floor = |this: &Self, keep_above: f64| {
            let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for p in this.iter().chain(this.current.map(|(_, best)| best)) {
                if p.ahead - this.line(p.at) >= keep_above {
                    n += 1.0;
                    sx += p.at;
                    sy += p.ahead;
                    sxx += p.at * p.at;
                    sxy += p.at * p.ahead;
                }
            }
            (n, sx, sy, sxx, sxy)
        };
        for keep_above in [f64::NEG_INFINITY, -1.0, -0.5] {
            let keep_above = if keep_above.is_finite() { keep_above * 2.5 * self.spread.max(0.02) } else { keep_above };
            let (n, sx, sy, sxx, sxy) = floor(self, keep_above);
            if n < 1.0 {
                break;
            }
            let (spread_x, spread_xy) = (sxx - sx * sx / n, sxy - sx * sy / n);
            let doubt = (self.spread.max(READING_NOISE) / (USUAL_DRIFT * self.rate)).powi(2);
            let slope = (spread_xy + doubt * self.prior) / (spread_x + doubt);
            self.slope = slope.clamp(-MAX_DRIFT * self.rate, MAX_DRIFT * self.rate);
            self.height = (sy - self.slope * sx) / n;
            let (slope, height) = (self.slope, self.height);
            let below = |p: Point| (height + slope * p.at - p.ahead).abs();
            let points = self.iter().chain(self.current.map(|(_, best)| best));
            let (count, sum) = points.fold((0.0, 0.0), |(count, sum), p| (count + 1.0, sum + below(p)));
            self.spread = if count > 0.0 { sum / count } else { 0.0 };
        }
    }
}

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
            t += 0.004 + 0.002 * random.f64();
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
    fn a_fine_counter_is_followed_to_a_few_microseconds() {
        for ppm in [-100.0, 0.0, 40.0, 100.0] {
            let worst = worst_error(ppm, 1, 20.0);
            assert!(worst < 25e-6, "{worst} s at {ppm} ppm");
        }
    }

    #[test]
    fn a_counter_that_moves_in_milliseconds_is_followed_to_its_edge() {
        for ppm in [-100.0, 0.0, 40.0] {
            let worst = worst_error(ppm, 48, 40.0);
            assert!(worst < 60e-6, "{worst} s at {ppm} ppm");
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
