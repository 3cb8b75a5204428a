//! Instants and spans. An instant knows which clock it was read from, and the compiler keeps the clocks apart.
//!
//! Three clocks meet in a room: the hub's, the node's and the converter's. The first two are read in nanoseconds
//! ([`Timestamp`]); the converter's is read in frames ([`crate::units::OutputPosition`]).
//!
//! ```compile_fail
//! use unisono_core::time::{HubClock, NodeClock, Timestamp};
//! let hub = Timestamp::<HubClock>::from_nanos(5);
//! let node = Timestamp::<NodeClock>::from_nanos(3);
//! let nonsense = hub - node; // two clocks that share neither origin nor rate
//! ```
//!
//! ```compile_fail
//! use unisono_core::units::FramePosition;
//! let nonsense = FramePosition(1) + FramePosition(2); // a position and a position make no position
//! ```

use core::{cmp::Ordering, fmt, marker::PhantomData, ops, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::Drift;

/// The clock of the hub that leads: `CLOCK_MONOTONIC_RAW` there.
#[derive(Clone, Copy, Debug)]
pub enum HubClock {}

/// The clock of a node (or of a hub that follows another): `CLOCK_MONOTONIC_RAW` there.
#[derive(Clone, Copy, Debug)]
pub enum NodeClock {}

/// A signed span in nanoseconds. Arithmetic saturates: what comes from the network must not overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nanos(i64);

impl Nanos {
    /// The longest span, 292 years.
    pub const MAX: Self = Self(i64::MAX);
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// From seconds with a fraction, to the nearest nanosecond; saturates, and what is not a number is zero.
    pub fn from_secs_f64(seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        Self((seconds * 1e9).round() as i64)
    }

    /// From a wider integer; saturates.
    pub fn saturating_from(nanos: i128) -> Self {
        Self(i64::try_from(nanos).unwrap_or(if nanos > 0 { i64::MAX } else { i64::MIN }))
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds.
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Microseconds.
    pub const fn as_micros_f64(self) -> f64 {
        self.0 as f64 * 1e-3
    }

    /// Whole milliseconds, towards zero.
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000_000
    }

    /// The span without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As an unsigned duration; zero when negative.
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.unsigned_abs() {
            0..1_000 => write!(out, "{} ns", self.0),
            1_000..1_000_000 => write!(out, "{:.1} µs", self.as_micros_f64()),
            1_000_000..1_000_000_000 => write!(out, "{:.2} ms", self.as_secs_f64() * 1e3),
            _ => write!(out, "{:.3} s", self.as_secs_f64()),
        }
    }
}

impl ops::Add for Nanos {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl ops::Sub for Nanos {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl ops::Neg for Nanos {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl ops::Mul<i64> for Nanos {
    type Output = Self;

    fn mul(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl ops::Div<i64> for Nanos {
    type Output = Self;

    fn div(self, divisor: i64) -> Self {
        Self(self.0.saturating_div(divisor))
    }
}

/// An instant on the clock `C`, in nanoseconds since an origin that means nothing by itself.
pub struct Timestamp<C> {
    nanos: i64,
    clock: PhantomData<fn() -> C>,
}

impl<C> Timestamp<C> {
    /// From a reading of the clock, in nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos, clock: PhantomData }
    }

    /// The reading in nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }
}

impl<C> Clone for Timestamp<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Timestamp<C> {}

impl<C> fmt::Debug for Timestamp<C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:09} s", self.nanos.div_euclid(1_000_000_000), self.nanos.rem_euclid(1_000_000_000))
    }
}

impl<C> PartialEq for Timestamp<C> {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl<C> Eq for Timestamp<C> {}

impl<C> PartialOrd for Timestamp<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<C> Ord for Timestamp<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl<C> ops::Sub for Timestamp<C> {
    type Output = Nanos;

    fn sub(self, other: Self) -> Nanos {
        Nanos(self.nanos.saturating_sub(other.nanos))
    }
}

impl<C> ops::Add<Nanos> for Timestamp<C> {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self::from_nanos(self.nanos.saturating_add(span.0))
    }
}

impl<C> ops::Sub<Nanos> for Timestamp<C> {
    type Output = Self;

    fn sub(self, span: Nanos) -> Self {
        Self::from_nanos(self.nanos.saturating_sub(span.0))
    }
}

impl<C> Serialize for Timestamp<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.nanos.serialize(serializer)
    }
}

impl<'de, C> Deserialize<'de> for Timestamp<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::from_nanos)
    }
}

/// A straight line from clock `A` to clock `B`: they met at a pair of instants, and `B` runs `drift` faster.
#[derive(Debug)]
pub struct Mapping<A, B> {
    a: Timestamp<A>,
    b: Timestamp<B>,
    drift: Drift,
}

impl<A, B> Clone for Mapping<A, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, B> Copy for Mapping<A, B> {}

impl<A, B> Mapping<A, B> {
    /// The line through the instant at which `A` read `a` and `B` read `b`.
    pub const fn new(a: Timestamp<A>, b: Timestamp<B>, drift: Drift) -> Self {
        Self { a, b, drift }
    }

    /// What `B` reads when `A` reads `at`.
    pub fn forward(&self, at: Timestamp<A>) -> Timestamp<B> {
        let elapsed = at - self.a;
        self.b + elapsed + scaled(elapsed, self.drift.excess())
    }

    /// What `A` reads when `B` reads `at`.
    pub fn backward(&self, at: Timestamp<B>) -> Timestamp<A> {
        let elapsed = at - self.b;
        self.a + elapsed + scaled(elapsed, -self.drift.excess() / (1.0 + self.drift.excess()))
    }

    /// By how much more `B` reads by this line than by another when `A` reads `at`.
    pub fn ahead_of(&self, other: &Self, at: Timestamp<A>) -> Nanos {
        self.forward(at) - other.forward(at)
    }

    /// How much faster `B` runs than `A`.
    pub const fn drift(&self) -> Drift {
        self.drift
    }
}

/// A span times a small factor; the span itself stays exact to the nanosecond for years.
fn scaled(span: Nanos, factor: f64) -> Nanos {
    #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
    Nanos((span.0 as f64 * factor).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_goes_there_and_back_over_a_year() {
        let start = Timestamp::<NodeClock>::from_nanos(7_000_000_000);
        let map = Mapping::<NodeClock, HubClock>::new(
            start,
            Timestamp::from_nanos(-3_000_000_000_000),
            Drift::from_ppm(-47.25),
        );
        for seconds in [0, 1, 60, 86_400, 31_536_000] {
            let at = start + Nanos::from_secs(seconds);
            let back = map.backward(map.forward(at));
            assert!((back - at).abs() <= Nanos::new(1), "off by {} after {seconds} s", back - at);
        }
        let later = map.forward(start + Nanos::from_secs(1_000_000)) - map.forward(start);
        assert_eq!(later, Nanos::from_secs(1_000_000) - Nanos::from_millis(47_250));
    }

    #[test]
    fn extreme_instants_saturate_instead_of_overflowing() {
        let late = Timestamp::<HubClock>::from_nanos(i64::MAX);
        let early = Timestamp::<HubClock>::from_nanos(i64::MIN);
        assert_eq!(late - early, Nanos::MAX);
        assert_eq!(late + Nanos::from_secs(i64::MAX), late);
        let map = Mapping::<HubClock, NodeClock>::new(early, Timestamp::from_nanos(0), Drift::from_ppm(300.0));
        let _ = map.forward(late);
        let _ = map.backward(Timestamp::from_nanos(i64::MIN));
    }

    #[test]
    fn spans_read_well() {
        assert_eq!(Nanos::new(900).to_string(), "900 ns");
        assert_eq!(Nanos::from_micros(-15).to_string(), "-15.0 µs");
        assert_eq!(Nanos::from_millis(2).to_string(), "2.00 ms");
        assert_eq!(Nanos::from_millis(1_500).to_string(), "1.500 s");
    }
}
