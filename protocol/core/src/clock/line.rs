//! One line between two clocks, fitted to one window of stamps.

use super::history::{History, Point, Way};
use crate::envelope::{Edge, edge, zero};

/// Stamps of each direction before a line is drawn: a first one may have waited for a station to wake up.
const MIN_POINTS: u32 = 8;

/// How wide the edges are, as a share of the mean time that packets wait, and the least and the most of it. On log-normal
/// delays the least variance is at twice this (simulated), by little; narrower edges see less of the floors that a link's
/// rate adaptation moves.
const WIDTH_SHARE: f64 = 0.03;
const MIN_WIDTH: f64 = 20e-6;
const MAX_WIDTH: f64 = 120e-6;

/// The soft minimum of a few points is as good as the gap below the lowest of them: the mean time that packets wait,
/// divided by how many there were, times this.
const GAP: f64 = 3.0;

/// How fast a slope usually changes, in 1/s: the standard deviation of what is believed of a bend. It is 0.06 ppm a
/// minute, what a crystal does whose room is heated and cools down once an hour by a degree or two. Without a bend, a
/// line through 240 s lags such a crystal by 5 µs.
const BEND: f64 = 1e-9;

/// What is believed of the slope before the first stamp: a value and its standard deviation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belief {
    pub(super) slope: f64,
    pub(super) deviation: f64,
}

/// One line. Times are in seconds since the estimator's origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// How fast the offset grows.
    pub(super) slope: f64,
    /// For this instant, the newest of the window, the rest holds.
    pub(super) at: f64,
    /// The offset between the clocks: node's reading less hub's.
    pub(super) offset: f64,
    /// The shortest round trip.
    pub(super) rtt: f64,
    /// Standard deviations, ways that are unequal apart.
    pub(super) offset_deviation: f64,
    pub(super) slope_deviation: f64,
}

impl Line {
    /// The offset at another instant.
    pub(super) fn offset_at(&self, at: f64) -> f64 {
        self.offset + self.slope * (at - self.at)
    }

    /// Draws the line through the newest `window` seconds. `waiting` is the mean time that packets wait, `near` a slope
    /// to begin from, `limit` the largest that a slope may be.
    pub(super) fn fit(
        history: &History,
        window: f64,
        waiting: f64,
        near: f64,
        belief: Belief,
        limit: f64,
    ) -> Option<Self> {
        let window = Window::new(history, window, waiting)?;
        let straight = window.best_slope(0.0, near, limit);
        let (bend, bend_variance) = window.bend(straight)?;
        let measured = window.best_slope(bend, straight, limit);
        let Edges { low, high } = window.edges(measured, bend)?;
        let gap = GAP * waiting / f64::from(window.counts.0.min(window.counts.1));
        let length = (-12.0 * low.at.min(high.at)).max(1e-3) / 6.0;
        let slope_variance = window.chance(&Edges { low, high }) + (gap / length).powi(2);
        let (slope, slope_variance) = update((belief.slope, belief.deviation.powi(2)), (measured, slope_variance));
        let slope = slope.clamp(-limit, limit);
        let Edges { low, high } = window.edges(slope, bend)?;
        let age = f64::midpoint(low.at, high.at);
        let offset_variance = 0.25 * (low.variance + high.variance)
            + gap * gap
            + age * age * slope_variance
            + window.bow(age).powi(2) * bend_variance;
        Some(Self {
            slope: slope + 0.5 * window.span * bend,
            at: window.at,
            offset: 0.5 * (low.level - high.level),
            rtt: low.floor + high.floor,
            offset_deviation: offset_variance.sqrt(),
            slope_deviation: (slope_variance + 0.25 * window.span.powi(2) * bend_variance).sqrt(),
        })
    }
}

/// The edges of both directions once slope and bend are taken out, as heights: of reports upwards, of probes downwards.
struct Edges {
    low: Edge,
    high: Edge,
}

/// The stamps that one line is drawn through.
struct Window {
    /// Ages and offsets, down and up: in a row, for they are gone through some twenty times.
    stamps: [Vec<(f64, f64)>; 2],
    /// How many there were, down and up.
    counts: (u32, u32),
    /// The newest instant, and how long before it the oldest stamp is.
    at: f64,
    span: f64,
    /// How soft the edges are.
    width: f64,
}

impl Window {
    /// The newest `length` seconds; `None` while they hold too few stamps.
    fn new(history: &History, length: f64, waiting: f64) -> Option<Self> {
        let (down, up) = (history.within(Way::Down, length), history.within(Way::Up, length));
        if down.1 < MIN_POINTS || up.1 < MIN_POINTS {
            return None;
        }
        let at = history.newest();
        let aged = |point: Point| (point.at - at, point.offset);
        let stamps: [Vec<(f64, f64)>; 2] = [down.0.map(aged).collect(), up.0.map(aged).collect()];
        let span = stamps.iter().flatten().map(|(age, _)| -age).fold(1e-3, f64::max);
        let width = (WIDTH_SHARE * waiting).clamp(MIN_WIDTH, MAX_WIDTH);
        Some(Self { stamps, counts: (down.1, up.1), at, span, width })
    }

    /// What a bend of 1 adds to the offset at an `age` (0 for the newest stamp, less for older ones): nothing at both
    /// ends of the window, so that slope and bend have next to nothing to do with each other.
    fn bow(&self, age: f64) -> f64 {
        0.5 * age * (age + self.span)
    }

    /// The stamps of one direction as ages and heights.
    fn heights(&self, way: Way, slope: f64, bend: f64) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        self.stamps[way as usize]
            .iter()
            .map(move |&(age, offset)| (age, way.sign() * (offset - slope * age - bend * self.bow(age))))
    }

    fn edges(&self, slope: f64, bend: f64) -> Option<Edges> {
        let low = edge(self.heights(Way::Down, slope, bend), self.counts.0.into(), self.width)?;
        let high = edge(self.heights(Way::Up, slope, bend), self.counts.1.into(), self.width)?;
        Some(Edges { low, high })
    }

    /// How fast the ages of the points that make the edges move against each other when the slope changes.
    fn steepness(&self, edges: &Edges) -> f64 {
        ((edges.low.at_variance + edges.high.at_variance) / self.width).max(1e-12)
    }

    /// The variance that chance gives to the best slope.
    fn chance(&self, edges: &Edges) -> f64 {
        (edges.low.at_chance + edges.high.at_chance) / self.steepness(edges).powi(2)
    }

    /// The slope at which the edges stand furthest apart: there the points that make them are of the same age.
    fn best_slope(&self, bend: f64, near: f64, limit: f64) -> f64 {
        zero(near, (-limit, limit), SLOPE_TOLERANCE, |slope| {
            let edges = self.edges(slope, bend);
            edges.map_or((0.0, 1.0), |edges| (edges.high.at - edges.low.at, self.steepness(&edges)))
        })
    }

    /// The bend, found as the slope is (one step of Newton's method is enough), and its variance.
    fn bend(&self, slope: f64) -> Option<(f64, f64)> {
        let bowed = |(age, height)| (self.bow(age), height);
        let low = edge(self.heights(Way::Down, slope, 0.0).map(bowed), self.counts.0.into(), self.width)?;
        let high = edge(self.heights(Way::Up, slope, 0.0).map(bowed), self.counts.1.into(), self.width)?;
        let edges = Edges { low, high };
        let measured = (edges.high.at - edges.low.at) / self.steepness(&edges);
        Some(update((0.0, BEND.powi(2)), (measured, self.chance(&edges))))
    }
}

/// Bayes' rule: what is known, as value and variance, of what was believed and what was measured.
fn update(believed: (f64, f64), measured: (f64, f64)) -> (f64, f64) {
    let (belief, weight) = (1.0 / believed.1, 1.0 / measured.1.max(1e-30));
    let variance = 1.0 / (belief + weight);
    ((belief * believed.0 + weight * measured.0) * variance, variance)
}

/// Half a part in a thousand million: 0.1 µs over the longest window.
const SLOPE_TOLERANCE: f64 = 0.5e-9;
