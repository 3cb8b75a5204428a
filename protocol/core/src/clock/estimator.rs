//! The line between two clocks, from stamps that queues have delayed.
//!
//! A delay is never negative: every report arrives at or above the line "offset plus the shortest way down", every
//! probe at or below "offset less the shortest way up". The estimator looks for the slope at which the two envelopes
//! stand furthest apart (Moon, Skelly and Towsley, INFOCOM 1999; here for both directions with a common slope) and
//! takes the middle between them. What neither this nor any other two-way method sees is half the difference of the
//! two shortest ways.
//!
//! Each envelope is the mean of the lowest hundredth rather than the single lowest point, which keeps directions with
//! unequal numbers of packets from pulling the middle to one side. Points are kept in half-second buckets, the few
//! best of each, so that memory and work are constant.

use std::collections::VecDeque;

use crate::{
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    units::Drift,
};

/// The fastest that one crystal may run against another.
const MAX_DRIFT: f64 = 300e-6;

/// How fast one usually does. In the first seconds, when any slope would fit what queues have left, an unusual one has
/// to explain more: by this many times the square, and the less the longer the window.
const USUAL_DRIFT: f64 = 100e-6;
const USUAL_WINDOW: f64 = 2.0;

const BUCKET: f64 = 0.5;

/// Best points kept of each direction in each bucket.
const KEPT: usize = 3;

/// The longest history, for the slope: 240 s.
const BUCKETS: usize = 480;

/// The longest window for the offset. Floors of a Wi-Fi link move within minutes, crystals too.
const OFFSET_WINDOW: f64 = 60.0;

/// After so long the slope of the offset's window is bound to the slope of the whole history.
const SLOPE_BOUND_AFTER: f64 = 40.0;

/// How tightly.
const SLOPE_BOUND: f64 = 0.3e-6;

/// Estimates are renewed so often; more often in the first seconds.
const UPDATE_INTERVAL: f64 = 0.5;

/// The share of points that makes an envelope.
const ENVELOPE_SHARE: f64 = 0.01;

/// How far the lowest so many points lie above the floor tells how sharp an envelope is.
const NEAR_FLOOR: usize = 8;

/// Points at the start that are not believed yet: a first stamp may have waited for a station to wake up.
const MIN_POINTS: u32 = 8;

/// The envelopes may cross by so much before the clocks are taken to have been stepped.
const STEP_LIMIT: f64 = 200e-6;

/// What is known of the hub's clock.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// From the node's clock to the hub's.
    pub mapping: Mapping<NodeClock, HubClock>,
    /// How far the mapping may be off now, unequal ways apart: more than this in fewer than one of twenty cases.
    pub uncertainty: Nanos,
    /// The shortest round trip of the window; half of it bounds what unequal ways can do.
    pub rtt: Nanos,
    /// A usual round trip: the shortest and the mean waiting time on both ways.
    pub usual_rtt: Nanos,
}

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    /// Seconds on the node's clock since the estimator's origin.
    at: f64,
    /// Node's reading less hub's, both since their origins, in seconds.
    offset: f64,
}

/// The best points of one direction in one bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    points: [Point; KEPT],
    len: usize,
    count: u32,
}

impl Best {
    /// Keeps the point if it is among the lowest once the slope is taken out; `sign` is −1 for the upper envelope.
    fn add(&mut self, point: Point, slope: f64, sign: f64) {
        self.count += 1;
        let height = |p: &Point| sign * (p.offset - slope * p.at);
        if self.len < KEPT {
            self.points[self.len] = point;
            self.len += 1;
            return;
        }
        let worst = self.points.iter_mut().max_by(|a, b| height(a).total_cmp(&height(b)));
        if let Some(worst) = worst
            && height(&point) < height(worst)
        {
            *worst = point;
        }
    }

    fn points(&self) -> &[Point] {
        &self.points[..self.len]
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    start: f64,
    /// Reports: at or above the line.
    down: Best,
    /// Probes: at or below the line.
    up: Best,
}

/// One line fitted to one window.
#[derive(Clone, Copy, Debug)]
struct Fit {
    slope: f64,
    /// Heights of the two envelopes at the origin.
    down: f64,
    up: f64,
    /// How sharp they are: the spread of the points that make them.
    spread: f64,
}

/// Learns the mapping from the node's clock to the hub's. Not for an audio thread: it allocates.
#[derive(Debug, Default)]
pub struct Estimator {
    origin: Option<(Timestamp<NodeClock>, Timestamp<HubClock>)>,
    buckets: VecDeque<Bucket>,
    /// A slope known from an earlier session, and how well.
    prior: Option<(f64, f64)>,
    fit: Option<Fit>,
    fitted_at: f64,
    began_at: f64,
    newest: f64,
    waiting_down: f64,
    waiting_up: f64,
    scratch: Vec<f64>,
}

impl Estimator {
    /// An estimator that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// An estimator that remembers from an earlier session how much faster the hub's clock runs, give or take `within`.
    pub fn with_prior(drift: Drift, within: Drift) -> Self {
        let slope = -drift.excess() / (1.0 + drift.excess());
        Self { prior: Some((slope, within.excess().abs())), ..Self::default() }
    }

    /// A report left the hub at `sent` and reached the node at `received`.
    pub fn add_report(&mut self, sent: Timestamp<HubClock>, received: Timestamp<NodeClock>) {
        let point = self.point(received, sent);
        let slope = self.slope();
        if let Some(fit) = self.fit {
            self.waiting_down += 0.05 * ((point.offset - slope * point.at - fit.down).max(0.0) - self.waiting_down);
        }
        if let Some(bucket) = self.bucket(point.at) {
            bucket.down.add(point, slope, 1.0);
        }
    }

    /// A probe left the node at `sent` and reached the hub at `received`.
    pub fn add_probe(&mut self, sent: Timestamp<NodeClock>, received: Timestamp<HubClock>) {
        let point = self.point(sent, received);
        let slope = self.slope();
        if let Some(fit) = self.fit {
            self.waiting_up += 0.05 * ((fit.up - point.offset + slope * point.at).max(0.0) - self.waiting_up);
        }
        if let Some(bucket) = self.bucket(point.at) {
            bucket.up.add(point, slope, -1.0);
        }
    }

    /// Draws the line anew when that is due. Returns whether it did.
    pub fn update(&mut self, now: Timestamp<NodeClock>) -> bool {
        let Some((node, _)) = self.origin else { return false };
        let at = (now - node).as_secs_f64();
        let due = if at - self.began_at < 5.0 { UPDATE_INTERVAL / 5.0 } else { UPDATE_INTERVAL };
        if self.fit.is_some() && at - self.fitted_at < due {
            return false;
        }
        let window = (at - self.began_at).max(BUCKET);
        let centre = self.prior.map_or((0.0, MAX_DRIFT), |(slope, within)| (slope, within));
        let long = self.fit_window(f64::INFINITY, centre.0, centre.1);
        let fit = match long {
            Some(long) if window > SLOPE_BOUND_AFTER => self.fit_window(OFFSET_WINDOW, long.slope, SLOPE_BOUND),
            other => other,
        };
        let Some(fit) = fit else { return false };
        if fit.down - fit.up < -STEP_LIMIT {
            self.forget(at);
            return false;
        }
        self.fit = Some(fit);
        self.fitted_at = at;
        true
    }

    /// The line as it is known, with the uncertainty that it has `now`; `None` until there is one.
    pub fn estimate(&self, now: Timestamp<NodeClock>) -> Option<Estimate> {
        let (node, hub) = self.origin?;
        let fit = self.fit?;
        let middle = (fit.down + fit.up) / 2.0;
        let at = node + Nanos::from_secs_f64(self.fitted_at);
        let offset = middle + fit.slope * self.fitted_at;
        let mapping = Mapping::new(
            at,
            hub + Nanos::from_secs_f64(self.fitted_at - offset),
            // offset = node - hub grows by `slope` a second, so the hub's clock loses that much.
            Drift::from_ratio(-fit.slope),
        );
        let age = ((now - node).as_secs_f64() - self.newest).max(0.0);
        let rtt = (fit.down - fit.up).max(0.0);
        Some(Estimate {
            mapping,
            uncertainty: Nanos::from_secs_f64(self.spread_now(fit) + age * self.slope_uncertainty()),
            rtt: Nanos::from_secs_f64(rtt),
            usual_rtt: Nanos::from_secs_f64(rtt + self.waiting_down + self.waiting_up),
        })
    }

    /// What is known of the slope, for the next session: the hub's drift and how far it may be off. `None` until a
    /// minute has passed.
    pub fn learned(&self) -> Option<(Drift, Drift)> {
        let fit = self.fit?;
        let known = self.fitted_at - self.began_at > 60.0;
        known.then(|| (Drift::from_ratio(-fit.slope), Drift::from_ratio(self.slope_uncertainty().max(1e-6))))
    }

    fn spread_now(&self, fit: Fit) -> f64 {
        // A young window has seen few packets at the floor: the error falls with the square root of its length. The
        // factors are calibrated by the tests in `tests/clock.rs`.
        let window = (self.fitted_at - self.began_at).clamp(0.2, OFFSET_WINDOW);
        fit.spread * (OFFSET_WINDOW / window).sqrt().min(6.0) + 2e-6
    }

    /// How far the slope may be off, in seconds per second: it is the spread over the window, but never below what a
    /// crystal wanders.
    fn slope_uncertainty(&self) -> f64 {
        let window = (self.fitted_at - self.began_at).max(1.0);
        let spread = self.fit.map_or(1e-3, |fit| fit.spread.max(10e-6));
        (2.0 * spread / window).clamp(0.05e-6, MAX_DRIFT)
    }

    fn slope(&self) -> f64 {
        self.fit.map(|fit| fit.slope).or(self.prior.map(|(slope, _)| slope)).unwrap_or(0.0)
    }

    fn point(&mut self, node: Timestamp<NodeClock>, hub: Timestamp<HubClock>) -> Point {
        let (node_origin, hub_origin) = *self.origin.get_or_insert((node, hub));
        let at = node - node_origin;
        let offset = at - (hub - hub_origin);
        let point = Point { at: at.as_secs_f64(), offset: offset.as_secs_f64() };
        self.newest = self.newest.max(point.at);
        point
    }

    /// The bucket for an instant; `None` when the instant is older than the newest bucket but one.
    fn bucket(&mut self, at: f64) -> Option<&mut Bucket> {
        let start = (at / BUCKET).floor() * BUCKET;
        if self.buckets.back().is_none_or(|last| last.start < start) {
            if self.buckets.len() == BUCKETS {
                self.buckets.pop_front();
            }
            self.buckets.push_back(Bucket { start, down: Best::default(), up: Best::default() });
        }
        self.buckets.iter_mut().rev().take(4).find(|bucket| (bucket.start - start).abs() < BUCKET / 2.0)
    }

    /// Starts over from the newest points: one of the clocks was stepped or slept.
    fn forget(&mut self, at: f64) {
        while self.buckets.len() > 1 {
            self.buckets.pop_front();
        }
        if let Some(last) = self.buckets.back_mut() {
            *last = Bucket { start: last.start, down: Best::default(), up: Best::default() };
        }
        self.prior = self.fit.map(|fit| (fit.slope, 1e-6)).or(self.prior);
        self.fit = None;
        self.began_at = at;
    }

    /// The best line over the newest `window` seconds with a slope within `bound` of `centre`.
    fn fit_window(&mut self, window: f64, centre: f64, bound: f64) -> Option<Fit> {
        let newest = self.buckets.back()?.start + BUCKET;
        let skip = self.buckets.iter().take_while(|bucket| bucket.start < newest - window).count();
        let (down, up) = self
            .buckets
            .iter()
            .skip(skip)
            .fold((0, 0), |(down, up), bucket| (down + bucket.down.count, up + bucket.up.count));
        if down < MIN_POINTS || up < MIN_POINTS {
            return None;
        }
        let span = (self.newest - self.began_at).min(window);
        let mut scratch = core::mem::take(&mut self.scratch);
        // Slopes turn about the newest end: that is where the offset is wanted.
        let pivot = self.newest;
        let mut envelope = |slope: f64, sign: f64, count: u32, best: fn(&Bucket) -> &Best| {
            scratch.clear();
            for bucket in self.buckets.iter().skip(skip) {
                scratch.extend(best(bucket).points().iter().map(|p| sign * (p.offset - slope * (p.at - pivot))));
            }
            lowest_mean(&mut scratch, count)
        };
        let mut gap = |slope: f64| {
            let down = envelope(slope, 1.0, down, |bucket| &bucket.down);
            let up = envelope(slope, -1.0, up, |bucket| &bucket.up);
            (down.0 + up.0, down, up)
        };
        let doubt = self.fit.map_or(200e-6, |fit| fit.spread.max(20e-6)) / (1.0 + (span / USUAL_WINDOW).powi(2));
        let unusual = |slope: f64| doubt * ((slope - centre) / USUAL_DRIFT).powi(2);
        let slope = golden_section(centre - bound, centre + bound, |slope| gap(slope).0 - unusual(slope));
        let (_, down, up) = gap(slope);
        self.scratch = scratch;
        let lift = slope * pivot;
        Some(Fit { slope, down: down.0 - lift, up: -up.0 - lift, spread: 0.5 * down.1.hypot(up.1) })
    }
}

/// Mean of the lowest hundredth of `count` values, of which `values` holds the lowest, and their spread.
fn lowest_mean(values: &mut [f64], count: u32) -> (f64, f64) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let wanted = (f64::from(count) * ENVELOPE_SHARE).ceil() as usize;
    let wanted = wanted.clamp(1, values.len());
    let near = wanted.max(NEAR_FLOOR).min(values.len());
    values.select_nth_unstable_by(near - 1, f64::total_cmp);
    values[..near].select_nth_unstable_by(wanted - 1, f64::total_cmp);
    let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let floor = values[..near].iter().copied().fold(f64::INFINITY, f64::min);
    (mean_of(&values[..wanted]), mean_of(&values[..near]) - floor)
}

/// The argument between `low` and `high` at which a concave function is greatest, to a ten-thousandth of the range.
fn golden_section(mut low: f64, mut high: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (high - RATIO * (high - low), low + RATIO * (high - low));
    let (mut at_a, mut at_b) = (f(a), f(b));
    for _ in 0..26 {
        if at_a > at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - RATIO * (high - low);
            at_a = f(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + RATIO * (high - low);
            at_b = f(b);
        }
    }
    f64::midpoint(low, high)
}
