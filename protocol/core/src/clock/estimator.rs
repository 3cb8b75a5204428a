//! The line between two clocks, from stamps that queues have delayed.
//!
//! A delay is never negative: every report arrives at or above the line "offset plus the shortest way down", every
//! probe at or below "offset less the shortest way up". The estimator looks for the slope at which the two edges stand
//! furthest apart (Moon, Skelly and Towsley, INFOCOM 1999; here for both directions with a common slope, and with soft
//! edges, see [`crate::envelope`]) and takes the middle between them. What neither this nor any other two-way method
//! sees is half the difference of the two shortest ways.
//!
//! Windows of several lengths are fitted side by side. The longest leaves the least noise and is taken, unless a shorter
//! one has foretold the stamps that came next better (as linuxptp's `linreg` servo does): then a crystal is warming up.
//! A steady change of the slope, which minutes of stamps show, is taken out of each window.
//!
//! As long as stamps are few, all of them count at once ([`super::line`]); later the past is taken in pieces of two
//! seconds ([`super::pieces`]), and lines are drawn through the edges of these ([`super::regression`]). Where the shortest
//! ways jump, the line comes from the floors that they come back to ([`super::floors`]).

use super::{
    floors::Floors,
    history::{History, Point, Way},
    line::{Belief, Line},
    pieces::{self, Piece, pieces},
    regression,
};
use crate::{
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    units::Drift,
};

/// The fastest that one crystal may run against another.
const MAX_DRIFT: f64 = 300e-6;

/// How fast one usually does: the standard deviation of what is believed before the first stamp.
const USUAL_DRIFT: f64 = 50e-6;

/// The windows, in seconds, shortest first.
const WINDOWS: [f64; 4] = [60.0, 120.0, 240.0, 360.0];

/// A window's line is judged by the stamps of the next so many seconds.
const BLOCK: f64 = 10.0;

/// How much of a new judgement goes into the old ones: the last five minutes count.
const JUDGEMENT: f64 = 1.0 / 30.0;

/// A shorter window is taken when the longer ones have foretold worse by this factor of the mean square. Half of what
/// there is to be foretold is chance, the same for all.
const WORSE: f64 = 1.3;

/// Estimates are renewed so often: in the first seconds, in the first minute, in the first three, later.
const UPDATE_INTERVALS: [(f64, f64); 3] = [(5.0, 0.1), (60.0, 1.0), (180.0, 2.0)];
const UPDATE_INTERVAL: f64 = 4.0;

/// The edges may cross by so much before the clocks are taken to have been stepped, and so many stamps in a row lie
/// beyond the other edge: one may be wrong.
const STEP_LIMIT: f64 = 200e-6;
const MAX_IMPOSSIBLE: u32 = 3;

/// What a crystal may do that no line shows, as an error of the offset.
const UNSEEN: f64 = 1e-6;

/// No slope is known better: crystals wander.
const LEAST_SLOPE_DEVIATION: f64 = 0.03e-6;

/// From when on the past is taken in pieces, in seconds: the slope is known well enough to take it out of each.
const PIECES_AFTER: f64 = 60.0;

/// Where half of the packets wait longer than this they wait for each other, for seconds on end in one direction. Pieces
/// then differ by more than chance, and edges through all stamps at once are better (43 µs between ten rooms in place of
/// 47, simulated).
const CROWDED: f64 = 1.8e-3;

/// From when on floors are told apart, in seconds: several of them have to be seen to come back.
const JUMPS_AFTER: f64 = 180.0;

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

/// One window's line, and how well its lines have foretold what came next.
#[derive(Clone, Copy, Debug, Default)]
struct Candidate {
    line: Option<Line>,
    /// The line that is being judged.
    judged: Option<Line>,
    /// The mean square of what its lines were off.
    square: Option<f64>,
}

/// Learns the mapping from the node's clock to the hub's. Not for an audio thread: it allocates.
#[derive(Debug)]
pub struct Estimator {
    origin: Option<(Timestamp<NodeClock>, Timestamp<HubClock>)>,
    history: History,
    floors: Floors,
    belief: Belief,
    candidates: [Candidate; WINDOWS.len()],
    line: Option<Line>,
    began_at: f64,
    judged_at: f64,
    /// Stamps in a row that no delay explains, down and up.
    impossible: [u32; 2],
    waiting_down: f64,
    waiting_up: f64,
    /// How long half of the packets wait at the most, of both ways.
    median_waiting: f64,
}

impl Default for Estimator {
    fn default() -> Self {
        Self {
            origin: None,
            history: History::default(),
            floors: Floors::default(),
            belief: Belief { slope: 0.0, deviation: USUAL_DRIFT },
            candidates: [Candidate::default(); WINDOWS.len()],
            line: None,
            began_at: 0.0,
            judged_at: 0.0,
            impossible: [0; 2],
            waiting_down: WAITING_AT_FIRST,
            waiting_up: WAITING_AT_FIRST,
            median_waiting: WAITING_AT_FIRST,
        }
    }
}

impl Estimator {
    /// An estimator that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// An estimator that remembers from an earlier session how much faster the hub's clock runs, give or take `within`.
    pub fn with_prior(drift: Drift, within: Drift) -> Self {
        let slope = -drift.excess() / (1.0 + drift.excess());
        let deviation = within.excess().abs().clamp(LEAST_SLOPE_DEVIATION, USUAL_DRIFT);
        Self { belief: Belief { slope, deviation }, ..Self::default() }
    }

    /// A report left the hub at `sent` and reached the node at `received`.
    pub fn add_report(&mut self, sent: Timestamp<HubClock>, received: Timestamp<NodeClock>) {
        let point = self.point(received, sent);
        self.notice_gap(point.at);
        if let Some(line) = self.line {
            let waited = point.offset - line.offset_at(point.at) - line.rtt / 2.0;
            self.check(Way::Down, waited + line.rtt);
            self.waiting_down += WAITING_SHARE * (waited.clamp(0.0, MAX_WAITING) - self.waiting_down);
            self.note_waiting(waited);
        }
        self.history.add(Way::Down, point, self.slope());
    }

    /// A probe left the node at `sent` and reached the hub at `received`.
    pub fn add_probe(&mut self, sent: Timestamp<NodeClock>, received: Timestamp<HubClock>) {
        let point = self.point(sent, received);
        self.notice_gap(point.at);
        if let Some(line) = self.line {
            let waited = line.offset_at(point.at) - line.rtt / 2.0 - point.offset;
            self.check(Way::Up, waited + line.rtt);
            self.waiting_up += WAITING_SHARE * (waited.clamp(0.0, MAX_WAITING) - self.waiting_up);
            self.note_waiting(waited);
        }
        self.history.add(Way::Up, point, self.slope());
    }

    /// Draws the line anew when that is due. Returns whether it did.
    pub fn update(&mut self, now: Timestamp<NodeClock>) -> bool {
        let Some((node, _)) = self.origin else { return false };
        if self.impossible.iter().any(|count| *count >= MAX_IMPOSSIBLE) {
            self.forget(self.history.newest());
        }
        let at = (now - node).as_secs_f64();
        let age = at - self.began_at;
        let due = UPDATE_INTERVALS.iter().find(|(until, _)| age < *until).map_or(UPDATE_INTERVAL, |(_, due)| *due);
        if self.line.is_some_and(|line| at - line.at < due) {
            return false;
        }
        self.judge();
        let reference = self.line.filter(|_| age >= PIECES_AFTER);
        let jumps = age >= JUMPS_AFTER;
        let past = reference.map_or_else(Vec::new, |reference| {
            let width = pieces::width(self.median_waiting);
            let width = if jumps { self.floors.width(width) } else { width };
            pieces(&self.history, &reference, width)
        });
        self.fit(&past, reference.filter(|_| self.median_waiting < CROWDED));
        let Some(mut line) = self.choose() else { return false };
        if let Some(reference) = reference.filter(|_| jumps)
            && let Some(above_floors) = self.floors.line(&past, &reference, self.history.newest(), &line)
        {
            line = above_floors;
        }
        if line.rtt < -STEP_LIMIT {
            self.forget(self.history.newest());
            return false;
        }
        self.line = Some(line);
        true
    }

    /// The line as it is known, with the uncertainty that it has `now`; `None` until there is one.
    pub fn estimate(&self, now: Timestamp<NodeClock>) -> Option<Estimate> {
        let (node, hub) = self.origin?;
        let line = self.line?;
        let mapping = Mapping::new(
            node + Nanos::from_secs_f64(line.at),
            hub + Nanos::from_secs_f64(line.at - line.offset),
            // offset = node - hub grows by `slope` a second, so the hub's clock loses that much.
            Drift::from_ratio(-line.slope),
        );
        // Stamps that have come since it was due anew make a line no surer.
        let newest = Some(self.history.newest()).filter(|newest| newest - line.at < UPDATE_INTERVAL);
        let age = ((now - node).as_secs_f64() - newest.unwrap_or(line.at)).max(0.0);
        let deviation = line.offset_deviation + age * line.slope_deviation.max(LEAST_SLOPE_DEVIATION);
        let rtt = line.rtt.max(0.0);
        Some(Estimate {
            mapping,
            uncertainty: Nanos::from_secs_f64(2.0 * deviation + UNSEEN),
            rtt: Nanos::from_secs_f64(rtt),
            usual_rtt: Nanos::from_secs_f64(rtt + self.waiting_down + self.waiting_up),
        })
    }

    /// What is known of the slope, for the next session: the hub's drift and how far it may be off. `None` until a
    /// minute has passed.
    pub fn learned(&self) -> Option<(Drift, Drift)> {
        let line = self.line.filter(|line| line.at - self.began_at > 60.0)?;
        // By the next session the room may be warmer.
        Some((Drift::from_ratio(-line.slope), Drift::from_ratio(line.slope_deviation.max(1e-6))))
    }

    /// From the first stamp that counts to the newest.
    pub(super) fn age(&self) -> Nanos {
        Nanos::from_secs_f64(self.history.newest() - self.began_at)
    }

    /// Counts a stamp that lies beyond the edge of the other direction, by `left` of the round trip.
    fn check(&mut self, way: Way, left: f64) {
        let count = &mut self.impossible[usize::from(way == Way::Up)];
        *count = if left < -STEP_LIMIT { *count + 1 } else { 0 };
    }

    fn slope(&self) -> f64 {
        self.line.map_or(self.belief.slope, |line| line.slope)
    }

    /// The median goes up by a step at each packet that has waited longer and down at each other: whatever a stall of the
    /// link holds up is only so many packets.
    fn note_waiting(&mut self, waited: f64) {
        let step = if waited > self.median_waiting { MEDIAN_STEP } else { 1.0 / MEDIAN_STEP };
        self.median_waiting = (self.median_waiting * step).clamp(1e-6, MAX_WAITING);
    }

    fn waiting(&self) -> f64 {
        f64::midpoint(self.waiting_down, self.waiting_up)
    }

    fn point(&mut self, node: Timestamp<NodeClock>, hub: Timestamp<HubClock>) -> Point {
        let (node_origin, hub_origin) = *self.origin.get_or_insert((node, hub));
        let at = node - node_origin;
        let offset = at - (hub - hub_origin);
        Point { at: at.as_secs_f64(), offset: offset.as_secs_f64() }
    }

    /// Fits every window that is filled, and the shortest that is not; `past` is above the line of `reference`.
    fn fit(&mut self, past: &[Piece], reference: Option<Line>) {
        let age = self.age().as_secs_f64();
        let newest = self.history.newest();
        let (waiting, near, belief) = (self.waiting(), self.slope(), self.belief);
        for (i, window) in WINDOWS.into_iter().enumerate() {
            let filled = i == 0 || age > WINDOWS[i - 1];
            let fit = || {
                let through = reference.and_then(|reference| regression::fit(past, window, newest, &reference));
                through.or_else(|| Line::fit(&self.history, window, waiting, near, belief, MAX_DRIFT))
            };
            self.candidates[i].line = if filled { fit() } else { None };
        }
    }

    /// Every block, compares what each window's line has foretold with what came.
    fn judge(&mut self) {
        let now = self.history.newest();
        if now - self.judged_at < BLOCK {
            return;
        }
        self.judged_at = now;
        let block = Line::fit(
            &self.history,
            BLOCK,
            self.waiting(),
            self.slope(),
            Belief { slope: self.slope(), deviation: LEAST_SLOPE_DEVIATION },
            MAX_DRIFT,
        );
        for candidate in &mut self.candidates {
            if let (Some(block), Some(judged)) = (block, candidate.judged) {
                let middle = now - BLOCK / 2.0;
                let square = (block.offset_at(middle) - judged.offset_at(middle)).powi(2);
                let mean = candidate.square.unwrap_or(square);
                candidate.square = Some(mean + JUDGEMENT * (square - mean));
            }
            candidate.judged = candidate.line;
        }
    }

    /// The longest window whose lines are not clearly worse than those of a shorter one.
    fn choose(&self) -> Option<Line> {
        let best = self.candidates.iter().filter_map(|candidate| candidate.square).fold(f64::INFINITY, f64::min);
        let good = |candidate: &&Candidate| candidate.square.is_none_or(|square| square <= WORSE * best);
        let mut lines = self.candidates.iter().rev().filter(|candidate| candidate.line.is_some());
        lines.clone().find(good).or_else(|| lines.next_back()).and_then(|candidate| candidate.line)
    }

    /// Starts over behind a time without stamps that no window spans: what was known is too old to be drawn on, and what
    /// comes has to be learned as fast as at first.
    fn notice_gap(&mut self, at: f64) {
        if at - self.history.newest() > WINDOWS[WINDOWS.len() - 1] {
            self.forget(at);
        }
    }

    /// Starts over at an instant: one of the clocks was stepped or slept, or nothing came for long. The crystals are still
    /// the same.
    fn forget(&mut self, at: f64) {
        if let Some(line) = self.line {
            self.belief = Belief { slope: line.slope, deviation: line.slope_deviation.max(1e-6) };
        }
        (self.began_at, self.judged_at) = (at, at);
        self.history.clear();
        self.floors = Floors::default();
        self.impossible = [0; 2];
        self.candidates = [Candidate::default(); WINDOWS.len()];
        self.line = None;
    }
}

/// How much of a packet's waiting time goes into the mean.
const WAITING_SHARE: f64 = 0.01;

/// By what factor the median of waiting times moves at each packet.
const MEDIAN_STEP: f64 = 1.005;

/// What waits longer says nothing of how packets usually wait.
const MAX_WAITING: f64 = 0.25;

/// What packets are taken to wait before any has come.
const WAITING_AT_FIRST: f64 = 1e-3;
