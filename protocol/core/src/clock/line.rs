//! One line between two clocks, fitted to one window of stamps.

use super::history::{History, Way};
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
        let (down, up) = (history.within(Way::Down, window), history.within(Way::Up, window));
        if down.1 < MIN_POINTS || up.1 < MIN_POINTS {
            return None;
        }
        let width = (WIDTH_SHARE * waiting).clamp(MIN_WIDTH, MAX_WIDTH);
        let at = history.newest();
        let edges = |slope: f64| -> Option<(Edge, Edge)> {
            let heights = |way: Way| {
                move |point: super::history::Point| {
                    (point.at - at, way.sign() * (point.offset - slope * (point.at - at)))
                }
            };
            let low = edge(down.0.clone().map(heights(Way::Down)), f64::from(down.1), width)?;
            let high = edge(up.0.clone().map(heights(Way::Up)), f64::from(up.1), width)?;
            Some((low, high))
        };
        // The slope at which the edges stand furthest apart: there the points that make them are of the same age.
        let curvature = |low: &Edge, high: &Edge| ((low.at_variance + high.at_variance) / width).max(1e-12);
        let measured = zero(near, (-limit, limit), SLOPE_TOLERANCE, |slope| {
            edges(slope).map_or((0.0, 1.0), |(low, high)| (high.at - low.at, curvature(&low, &high)))
        });
        let (low, high) = edges(measured)?;
        let gap = GAP * waiting / f64::from(down.1.min(up.1));
        let span = (-12.0 * low.at.min(high.at)).max(1e-3) / 6.0;
        let slope_variance = (low.at_chance + high.at_chance) / curvature(&low, &high).powi(2) + (gap / span).powi(2);
        // Bayes' rule for what was believed before.
        let (known, believed) = (1.0 / slope_variance.max(1e-24), 1.0 / belief.deviation.powi(2));
        let slope = ((known * measured + believed * belief.slope) / (known + believed)).clamp(-limit, limit);
        let (low, high) = edges(slope)?;
        let slope_deviation = (1.0 / (known + believed)).sqrt();
        let age = 0.5 * (low.at + high.at);
        let offset_variance = 0.25 * (low.variance + high.variance) + gap * gap + (age * slope_deviation).powi(2);
        Some(Self {
            slope,
            at,
            offset: 0.5 * (low.level - high.level),
            rtt: low.floor + high.floor,
            offset_deviation: offset_variance.sqrt(),
            slope_deviation,
        })
    }
}

/// Half a part in a thousand million: 0.1 µs over the longest window.
const SLOPE_TOLERANCE: f64 = 0.5e-9;
