//! A clock that is off, runs fast or slow, and wanders.

use unisono_core::time::Timestamp;

/// Wander is drawn anew so often, in nanoseconds of true time.
const STEP: i64 = 1_000_000_000;

/// How long a swing takes, in nanoseconds.
const SWING_PERIOD: f64 = 3.6e12;

/// A crystal. Ask it only about instants that do not go back by more than a step.
#[derive(Clone, Debug)]
pub struct Crystal {
    random: fastrand::Rng,
    /// Standard deviation of the rate's random walk, in ppm per square root of a second.
    wander: f64,
    /// Its rate without the swing, and with it, in ppm.
    walked: f64,
    ppm: f64,
    /// How far the rate swings up and down with the room's warmth, in ppm, and where in that it began, in radians.
    swing: (f64, f64),
    /// True time and reading at the start of the current step.
    from: (i64, f64),
    offset: i64,
}

impl Crystal {
    /// Reads `offset_s` when true time begins, runs `ppm` fast, and its rate walks by `wander` ppm per √s.
    pub fn new(offset_s: f64, ppm: f64, wander: f64, seed: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let offset = (offset_s * 1e9) as i64;
        let random = fastrand::Rng::with_seed(seed);
        Self { random, wander, walked: ppm, ppm, swing: (0.0, 0.0), from: (0, 0.0), offset }
    }

    /// Its rate also swings by `ppm` up and down, once an hour, as a heating comes and goes.
    #[must_use]
    pub fn swinging(mut self, ppm: f64) -> Self {
        if ppm > 0.0 {
            self.swing = (ppm, self.random.f64() * core::f64::consts::TAU);
            self.ppm = self.walked + self.swing_at(0);
        }
        self
    }

    /// Steps what it reads.
    pub const fn step(&mut self, nanos: i64) {
        self.offset += nanos;
    }

    /// What it reads at a true time, both in nanoseconds.
    pub fn read<C>(&mut self, now: i64) -> Timestamp<C> {
        while now - self.from.0 >= STEP {
            self.from = (self.from.0 + STEP, self.from.1 + STEP as f64 * self.ppm * 1e-6);
            let (u, v) = (1.0 - self.random.f64(), self.random.f64());
            self.walked += self.wander * (-2.0 * u.ln()).sqrt() * (core::f64::consts::TAU * v).cos();
            self.ppm = self.walked + self.swing_at(self.from.0);
        }
        let ahead = self.from.1 + (now - self.from.0) as f64 * self.ppm * 1e-6;
        #[expect(clippy::cast_possible_truncation, reason = "far below the range")]
        Timestamp::from_nanos(self.offset + now + ahead.round() as i64)
    }

    /// The first nanosecond of true time after `now` at which it will read `at` or more, at its present rate.
    pub fn when<C>(&mut self, at: Timestamp<C>, now: i64) -> i64 {
        let left = (at - self.read(now)).as_nanos();
        #[expect(clippy::cast_possible_truncation, reason = "far below the range")]
        let mut when = now.saturating_add((left as f64 / (1.0 + self.ppm * 1e-6)).floor() as i64 - 1);
        let ahead = |t: i64| self.from.1 + (t - self.from.0) as f64 * self.ppm * 1e-6;
        #[expect(clippy::cast_possible_truncation, reason = "far below the range")]
        while self.offset + when + (ahead(when).round() as i64) < at.as_nanos() {
            when += 1;
        }
        when.max(now + 1)
    }

    /// Its rate now, in ppm.
    pub const fn ppm(&self) -> f64 {
        self.ppm
    }

    fn swing_at(&self, now: i64) -> f64 {
        let (ppm, phase) = self.swing;
        ppm * (core::f64::consts::TAU * now as f64 / SWING_PERIOD + phase).sin()
    }
}
