//! One curve and the floors above it, and which floor each piece was on.

use super::super::pieces::{PIECE, SIGNS};

/// Floors of each direction at the most. Links have more rates than that, but use few of them at a time.
pub(super) const FLOORS: usize = 4;

/// How long a floor usually stays, in seconds.
const STAY: f64 = 12.0;

/// Floors nearer to each other are one.
const APART: f64 = 30e-6;

/// How likely it is that a piece is on no floor at all, as a share of what is likely on one: air that was busy.
const ODD: f64 = 0.004;

/// How likely a piece is to be on each floor, down and up.
pub(super) type Labels = [[f64; FLOORS]; 2];

/// The lower edges of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) number: i64,
    /// From -1 for the oldest instant to 0 for the newest.
    pub(super) x: f64,
    /// Heights above the line of reference and their variances, down and up; `None` where stamps are too few.
    pub(super) edges: [Option<(f64, f64)>; 2],
}

/// A curve and the floors above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    floors: Labels,
    /// How often each is used; what is never used is 0.
    shares: Labels,
    /// What the offset has of `x`, and of `x (x + 1) / 2`.
    pub(super) slope: f64,
    pub(super) bend: f64,
}

impl Model {
    pub(super) const fn single() -> Self {
        Self { floors: [[0.0; FLOORS]; 2], shares: [[1.0, 0.0, 0.0, 0.0]; 2], slope: 0.0, bend: 0.0 }
    }

    /// Several floors where one was, in the middle of equal parts of the pieces.
    pub(super) fn spread(mut self, pieces: &[Piece]) -> Self {
        for way in 0..2 {
            let heights = pieces.iter().filter_map(|piece| Some(piece.edges[way]?.0 - self.curve(way, piece.x)));
            let mut heights: Vec<f64> = heights.collect();
            heights.sort_by(f64::total_cmp);
            for (floor, number) in self.floors[way].iter_mut().zip(0..) {
                *floor = heights.get(heights.len() * (2 * number + 1) / (2 * FLOORS)).copied().unwrap_or(0.0);
            }
            self.shares[way] = [1.0 / FLOORS as f64; FLOORS];
        }
        self
    }

    /// The same with the curve's newest end moved, and the oldest kept in place and in direction.
    pub(super) fn bent(mut self, by: f64) -> Self {
        self.slope += by;
        self.bend += 2.0 * by;
        for (floors, sign) in self.floors.iter_mut().zip(SIGNS) {
            floors.iter_mut().for_each(|floor| *floor += sign * by);
        }
        self
    }

    /// What the curve adds to heights of one direction.
    fn curve(&self, way: usize, x: f64) -> f64 {
        SIGNS[way] * (self.slope * x + self.bend * bow(x))
    }

    /// How likely each piece is to be on each floor, by the forward-backward algorithm, and the logarithm of how likely
    /// all of them are together. Variances are taken to be `annealed` times as large.
    pub(super) fn expect(&self, pieces: &[Piece], annealed: f64) -> (Vec<Labels>, f64) {
        let mut labels = vec![Labels::default(); pieces.len()];
        let mut likelihood = 0.0;
        let leaves = 1.0 - (-PIECE / STAY).exp();
        for way in 0..2 {
            let shares = self.shares[way];
            let fits: Vec<[f64; FLOORS]> = pieces
                .iter()
                .map(|piece| {
                    let Some((height, variance)) = piece.edges[way] else { return [1.0; FLOORS] };
                    let height = height - self.curve(way, piece.x);
                    self.floors[way].map(|floor| (-0.5 * (height - floor).powi(2) / (variance * annealed)).exp() + ODD)
                })
                .collect();
            let mut before = shares;
            for (label, fit) in labels.iter_mut().zip(&fits) {
                let mut now: [f64; FLOORS] =
                    core::array::from_fn(|k| ((1.0 - leaves) * before[k] + leaves * shares[k]) * fit[k]);
                likelihood += normalise(&mut now).ln();
                label[way] = now;
                before = now;
            }
            let mut after = [1.0; FLOORS];
            for ((label, fit), piece) in labels.iter_mut().zip(&fits).zip(pieces).rev() {
                let label = &mut label[way];
                (0..FLOORS).for_each(|k| label[k] *= after[k]);
                normalise(label);
                let another: f64 = (0..FLOORS).map(|k| leaves * shares[k] * fit[k] * after[k]).sum();
                after = core::array::from_fn(|k| (1.0 - leaves) * fit[k] * after[k] + another);
                normalise(&mut after);
                // What is on no floor tells nothing.
                let seen = |k: usize| if piece.edges[way].is_some() { 1.0 - ODD / fit[k] } else { 0.0 };
                (0..FLOORS).for_each(|k| label[k] *= seen(k));
            }
        }
        (labels, likelihood)
    }

    /// The curve and the floors that suit the labels best, by least squares.
    pub(super) fn maximise(&mut self, pieces: &[Piece], labels: &[Labels], stiffness: f64) {
        let mut sums = [[0.0; UNKNOWNS + 1]; UNKNOWNS];
        let mut used = Labels::default();
        for (piece, labels) in pieces.iter().zip(labels) {
            for way in 0..2 {
                let Some((height, variance)) = piece.edges[way] else { continue };
                let curve = [SIGNS[way] * piece.x, SIGNS[way] * bow(piece.x)];
                for k in 0..FLOORS {
                    let (weight, floor) = (labels[way][k] / variance, way * FLOORS + k);
                    used[way][k] += labels[way][k];
                    let row = [(floor, 1.0), (SLOPE, curve[0]), (SLOPE + 1, curve[1]), (UNKNOWNS, height)];
                    for (i, a) in &row[..3] {
                        row.iter().for_each(|(j, b)| sums[*i][*j] += weight * a * b);
                    }
                }
            }
        }
        for (i, floor) in self.floors.iter().flatten().enumerate() {
            sums[i][i] += HOLD;
            sums[i][UNKNOWNS] += HOLD * floor;
        }
        sums[SLOPE][SLOPE] += HOLD;
        sums[SLOPE + 1][SLOPE + 1] += stiffness;
        let solved = solve(sums);
        (self.slope, self.bend) = (solved[SLOPE], solved[SLOPE + 1]);
        for way in 0..2 {
            self.floors[way].copy_from_slice(&solved[way * FLOORS..(way + 1) * FLOORS]);
            // A floor of which little is seen may be seen again.
            let count = used[way].map(|used| used + 0.5);
            let all: f64 = (0..FLOORS).filter(|k| self.shares[way][*k] > 0.0).map(|k| count[k]).sum();
            for (share, count) in self.shares[way].iter_mut().zip(count) {
                *share = if *share > 0.0 { count / all } else { 0.0 };
            }
        }
    }

    /// Makes one floor of those that are near each other.
    pub(super) fn join(&mut self) {
        for (floors, shares) in self.floors.iter_mut().zip(&mut self.shares) {
            for (i, j) in (0..FLOORS).flat_map(|i| (0..FLOORS).map(move |j| (i, j))) {
                let near = (floors[i] - floors[j]).abs() < APART;
                if i != j && near && shares[i] >= shares[j] && shares[j] > 0.0 {
                    let both = shares[i] + shares[j];
                    floors[i] = (shares[i] * floors[i] + shares[j] * floors[j]) / both;
                    (shares[i], shares[j]) = (both, 0.0);
                }
            }
        }
    }

    /// The lowest floor of a direction that is used now and then.
    pub(super) fn lowest(&self, way: usize) -> f64 {
        let used = (0..FLOORS).filter(|k| self.shares[way][*k] >= SELDOM).map(|k| self.floors[way][k]);
        used.fold(f64::INFINITY, f64::min)
    }
}

/// Unknowns of the least squares: floors down, floors up, slope, bend.
const SLOPE: usize = 2 * FLOORS;
const UNKNOWNS: usize = SLOPE + 2;

/// What is believed of each unknown before the first piece, as the inverse of a variance: that it is as it was, give or
/// take 10 ms. It only keeps unknowns of which nothing is seen in place.
const HOLD: f64 = 1e4;

/// A floor that is used less often may be no floor.
const SELDOM: f64 = 0.06;

const fn bow(x: f64) -> f64 {
    0.5 * x * (x + 1.0)
}

/// Divides by the sum, which it gives back.
fn normalise(values: &mut [f64; FLOORS]) -> f64 {
    let sum: f64 = values.iter().sum::<f64>().max(1e-300);
    values.iter_mut().for_each(|value| *value /= sum);
    sum
}

/// Solves normal equations, of which the last column is the right side, by Gauss and Jordan. They are positive definite.
fn solve(mut rows: [[f64; UNKNOWNS + 1]; UNKNOWNS]) -> [f64; UNKNOWNS] {
    for i in 0..UNKNOWNS {
        let pivot = rows[i][i];
        rows[i].iter_mut().for_each(|value| *value /= pivot);
        let pivot = rows[i];
        for (_, row) in rows.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = row[i];
            row.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= factor * pivot);
        }
    }
    rows.map(|row| row[UNKNOWNS])
}
