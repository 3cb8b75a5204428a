//! The guest's clock on ours. The guest is asked every few milliseconds what time it is; the answer that came back soonest
//! says most. Its clock was read between question and answer: that is all that is assumed, and half of the time between
//! them is the uncertainty.

/// A question, answered. All in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When it was asked, by our clock.
    pub asked: i64,
    /// What the guest's clock said.
    pub said: i64,
    /// When the answer came, by our clock.
    pub answered: i64,
}

/// From the guest's clock to ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// In the order of time.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    /// By the guest's clock, in seconds.
    at: f64,
    /// What has to be added, in seconds.
    ahead: f64,
    uncertainty: f64,
}

/// How long a stretch one exchange stands for, in nanoseconds: within it both clocks run alike but for some microseconds.
const STRETCH: i64 = 5_000_000_000;

impl Mapping {
    /// From exchanges in the order of time; `None` when there are none.
    pub fn new(exchanges: &[Exchange]) -> Option<Self> {
        let first = exchanges.first()?.said;
        let stretches = exchanges.chunk_by(|a, b| (a.said - first) / STRETCH == (b.said - first) / STRETCH);
        let soonest = stretches.filter_map(|stretch| stretch.iter().min_by_key(|each| each.answered - each.asked));
        let points = soonest.map(|each| {
            let half = (each.answered - each.asked) as f64 / 2.0;
            let ahead = (each.asked - each.said) as f64 + half;
            Point { at: each.said as f64 * 1e-9, ahead: ahead * 1e-9, uncertainty: half * 1e-9 }
        });
        Some(Self { points: points.collect() })
    }

    /// An instant of the guest's clock on ours, both in seconds.
    pub fn ours(&self, theirs: f64) -> f64 {
        let behind = self.points.partition_point(|point| point.at <= theirs);
        // At the ends the nearest two go on.
        let second = behind.clamp(1, self.points.len().max(2) - 1).min(self.points.len() - 1);
        let (a, b) = (self.points[second.saturating_sub(1)], self.points[second]);
        let share = if b.at > a.at { (theirs - a.at) / (b.at - a.at) } else { 0.0 };
        theirs + a.ahead + (b.ahead - a.ahead) * share
    }

    /// How far that may be off, at most, in seconds.
    pub fn uncertainty(&self) -> f64 {
        self.points.iter().map(|point| point.uncertainty).fold(0.0, f64::max)
    }

    /// How much faster the guest's clock runs than ours over all of it, in parts per million.
    pub fn ppm(&self) -> f64 {
        match *self.points.as_slice() {
            [first, .., last] => (first.ahead - last.ahead) / (last.at - first.at) * 1e6,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_is_never_further_off_than_it_says() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        // The guest was started 1000 s after us and is 120 ppm fast.
        let said = |ours: f64| ((ours - 1_000.0) * (1.0 + 120e-6) * 1e9).round();
        let mut exchanges = Vec::new();
        let mut now = 1_020.0;
        while now < 1_320.0 {
            let (there, back) = (random.f64().powi(3) * 3e-3 + 1e-4, random.f64().powi(3) * 3e-3 + 1e-4);
            #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of some minutes")]
            let [asked, said, answered] =
                [now * 1e9, said(now + there), (now + there + back) * 1e9].map(|nanos| nanos.round() as i64);
            exchanges.push(Exchange { asked, said, answered });
            now += there + back + 0.02;
        }
        let mapping = Mapping::new(&exchanges).unwrap();
        // Random delays are seldom both at their least.
        assert!(mapping.uncertainty() < 1e-2, "seed {seed}: {}", mapping.uncertainty());
        assert!((mapping.ppm() - 120.0).abs() < 50.0, "seed {seed}: {}", mapping.ppm());
        for number in 0..3_000 {
            let ours = 1_020.0 + f64::from(number) * 0.1;
            let wrong = mapping.ours(said(ours) * 1e-9) - ours;
            assert!(wrong.abs() < mapping.uncertainty() + 1e-5, "seed {seed}: {wrong} at {ours}");
        }
    }

    #[test]
    fn one_exchange_is_a_mapping_and_none_is_not() {
        let only = Exchange { asked: 5_000_000_000, said: 1_000_000_000, answered: 5_001_000_000 };
        let mapping = Mapping::new(&[only]).unwrap();
        assert!((mapping.ours(2.0) - 6.0005).abs() < 1e-9);
        assert!((mapping.uncertainty() - 5e-4).abs() < 1e-12);
        assert_eq!(Mapping::new(&[]), None);
    }
}
