//! What lies behind the converter: a speaker's own delay, a link's, a trim. It may change while it plays.
//!
//! A small change is followed by reading the stream a little faster or slower for a while, a large one by a jump.
//! Meanwhile the room is not in time, and says so.
//!
//! Real-time: no allocation, no lock, no system call.

use super::timing::MAX_OUTPUT_LATENCY;
use crate::time::Nanos;

/// Up to this, in seconds, a change is slewed, at up to [`MAX_PACE`]; what is larger would be heard as off pitch for
/// longer than a jump is heard.
const MAX_SLEW: f64 = 0.025;

/// The most by which the sound is stretched: 8.6 cents, which few notice in music. 14 ms take 3.3 s.
const MAX_PACE: f64 = 0.005;

/// It is reached, and let go again, within half a second: per second, so that the pitch glides and does not step.
const RAMP: f64 = 0.01;

/// A change below this, in seconds, is what reports of a latency scatter by. Playout's trim takes it out, unheard; it
/// takes out as well what a slew leaves, [`REST`].
const NOISE: f64 = 150e-6;
const REST: f64 = 20e-6;

/// What lies behind the converter as it is, and as the sound allows for it. In seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    /// As it is, within the limit.
    wanted: f64,
    /// What is beyond the limit: by so much the room is late.
    beyond: f64,
    /// What the frames written now allow for.
    allowed: f64,
}

impl Latency {
    /// Allowed for from the first frame on.
    pub(super) fn new(latency: Nanos) -> Self {
        let mut new = Self { wanted: 0.0, beyond: 0.0, allowed: 0.0 };
        new.set(latency);
        new.settle();
        new
    }

    /// Takes it as it is now.
    pub(super) fn set(&mut self, latency: Nanos) {
        let wanted = latency.clamp(Nanos::ZERO, MAX_OUTPUT_LATENCY);
        self.wanted = wanted.as_secs_f64();
        self.beyond = (latency - wanted).as_secs_f64().max(0.0);
    }

    /// Allows for it as it is: nothing plays that could be moved.
    pub(super) fn settle(&mut self) {
        self.allowed = self.wanted;
    }

    /// What the frames written now allow for.
    pub(super) fn allowed(&self) -> Nanos {
        Nanos::from_secs_f64(self.allowed)
    }

    /// What they are to allow for.
    pub(super) fn wanted(&self) -> Nanos {
        Nanos::from_secs_f64(self.wanted)
    }

    /// For how long before it is heard sound must be there, beyond what the device holds: while it is followed, the
    /// larger of what was and what is.
    pub(super) fn reach(&self) -> Nanos {
        Nanos::from_secs_f64(self.allowed.max(self.wanted))
    }

    /// How far the sound has to be moved ahead still; negative when it is to be moved back.
    const fn left(&self) -> f64 {
        self.wanted - self.allowed
    }

    /// By how much the room is late for it.
    pub(super) const fn late(&self) -> f64 {
        self.left() + self.beyond
    }

    /// Whether what is left is too much to be slewed.
    pub(super) const fn is_jump(&self) -> bool {
        self.left().abs() > MAX_SLEW
    }

    /// By how much faster the next `seconds` of sound are to be read, given how much faster the last ones were.
    pub(super) fn pace(&mut self, last: f64, seconds: f64) -> f64 {
        let left = self.left();
        let threshold = if last == 0.0 { NOISE } else { REST };
        if left.abs() <= threshold {
            self.settle();
            return 0.0;
        }
        // As fast as can be let go again in what is left; and the last of it in one step.
        let fastest = (2.0 * RAMP * left.abs()).sqrt().min(MAX_PACE).min(left.abs() / seconds);
        // A step sees what was left at its beginning, so it may be let go a little faster than that.
        last + (fastest.copysign(left) - last).clamp(-2.0 * RAMP * seconds, 2.0 * RAMP * seconds)
    }

    /// So many seconds of sound were read faster by `pace`.
    pub(super) fn advance(&mut self, pace: f64, seconds: f64) {
        self.allowed += pace * seconds;
    }
}
