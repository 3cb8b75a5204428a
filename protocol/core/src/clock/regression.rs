//! One line through the edges of pieces, by least squares.
//!
//! The edges of both directions are two lines with a common slope and a common bend. Pieces in which the air was busy
//! count less, as if chance had the tails of Student's distribution.

use super::{
    line::Line,
    pieces::{Piece, SIGNS},
};

/// With fewer pieces of each direction no line is drawn.
const MIN_PIECES: usize = 10;

/// How fast a slope usually changes, in 1/s: the standard deviation of what is believed of a bend. Crystals that wander by
/// 3e-9 a √s and such as swing by half a ppm within an hour were closest together with this (simulated); what a crystal
/// does that warms up faster, minutes of pieces show.
const BEND: f64 = 0.9e-9;

/// Degrees of freedom of Student's distribution, and how often weights are drawn anew.
const FREEDOM: f64 = 5.0;
const ROUNDS: usize = 3;

/// Unknowns: the levels down and up, slope, bend.
const UNKNOWNS: usize = 4;
type Matrix = [[f64; UNKNOWNS]; UNKNOWNS];

/// Draws the line through the newest `window` seconds; `newest` is their end, and heights are above `reference`.
pub(super) fn fit(pieces: &[Piece], window: f64, newest: f64, reference: &Line) -> Option<Line> {
    let first = pieces.partition_point(|piece| piece.age < -window);
    let pieces = &pieces[first..];
    let enough = |way: usize| pieces.iter().filter(|piece| piece.edges[way].is_some()).count() >= MIN_PIECES;
    if !enough(0) || !enough(1) {
        return None;
    }
    let length = -pieces.first()?.age;
    let bow = |age: f64| 0.5 * age * (age + length);
    let row = |way: usize, age: f64| {
        let levels = if way == 0 { [1.0, 0.0] } else { [0.0, 1.0] };
        [levels[0], levels[1], SIGNS[way] * age, SIGNS[way] * bow(age)]
    };
    let edges = || {
        let both = |piece: &Piece| [0, 1].map(|way| Some((way, row(way, piece.age), piece.edges[way]?)));
        pieces.iter().flat_map(both).flatten()
    };
    let mut solved: Option<([f64; UNKNOWNS], Matrix)> = None;
    for _ in 0..ROUNDS {
        let (mut normal, mut right) = ([[0.0; UNKNOWNS]; UNKNOWNS], [0.0; UNKNOWNS]);
        for (_, row, edge) in edges() {
            let off = solved.map_or(0.0, |(solution, _)| edge.level - dot(row, solution));
            let odd = (FREEDOM + 1.0) / (FREEDOM + off * off / edge.variance);
            let weight = if solved.is_some() { odd } else { 1.0 } / edge.variance;
            for i in 0..UNKNOWNS {
                right[i] += weight * row[i] * edge.level;
                (0..UNKNOWNS).for_each(|j| normal[i][j] += weight * row[i] * row[j]);
            }
        }
        normal[3][3] += BEND.powi(-2);
        let covariance = inverse(normal)?;
        solved = Some((covariance.map(|row| dot(row, right)), covariance));
    }
    let ([low, high, slope, bend], covariance) = solved?;
    let floor = |way: usize| {
        let heights = edges()
            .filter(move |(of, ..)| *of == way)
            .map(|(_, row, edge)| edge.floor - row[2] * slope - row[3] * bend);
        heights.fold(f64::INFINITY, f64::min)
    };
    let slope_variance = covariance[2][2] + length * covariance[2][3] + 0.25 * length.powi(2) * covariance[3][3];
    Some(Line {
        slope: reference.slope + slope + 0.5 * length * bend,
        at: newest,
        offset: reference.offset_at(newest) + 0.5 * (low - high),
        rtt: floor(0) + floor(1),
        offset_deviation: (0.25 * (covariance[0][0] + covariance[1][1] - 2.0 * covariance[0][1])).max(0.0).sqrt(),
        slope_deviation: slope_variance.max(0.0).sqrt(),
    })
}

fn dot(a: [f64; UNKNOWNS], b: [f64; UNKNOWNS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The inverse of a symmetric matrix by Gauss and Jordan; `None` when it is not positive definite. Rows are scaled first:
/// seconds and their squares are far apart.
fn inverse(matrix: Matrix) -> Option<Matrix> {
    let scale: [f64; UNKNOWNS] = core::array::from_fn(|i| matrix[i][i].sqrt());
    if !scale.iter().all(|scale| scale.is_finite() && *scale > 0.0) {
        return None;
    }
    let mut left: Matrix = core::array::from_fn(|i| core::array::from_fn(|j| matrix[i][j] / scale[i] / scale[j]));
    let mut right: Matrix = core::array::from_fn(|i| core::array::from_fn(|j| if i == j { 1.0 } else { 0.0 }));
    for i in 0..UNKNOWNS {
        let pivot = left[i][i];
        if pivot.is_nan() || pivot <= 1e-12 {
            return None;
        }
        left[i].iter_mut().chain(&mut right[i]).for_each(|value| *value /= pivot);
        let (from_left, from_right) = (left[i], right[i]);
        for k in (0..UNKNOWNS).filter(|k| *k != i) {
            let factor = left[k][i];
            left[k].iter_mut().zip(from_left).for_each(|(value, of)| *value -= factor * of);
            right[k].iter_mut().zip(from_right).for_each(|(value, of)| *value -= factor * of);
        }
    }
    Some(core::array::from_fn(|i| core::array::from_fn(|j| right[i][j] / scale[i] / scale[j])))
}
