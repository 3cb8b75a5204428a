//! The past in pieces of two seconds: the lower edge of each direction in each of them.
//!
//! Of 60 to 240 log-normal delays a soft minimum of the right width is within a tenth of the least variance that any
//! estimator can have (Cramér and Rao), so that what is drawn through these edges afterwards loses next to nothing, and
//! costs a hundredth of what all stamps cost.

use super::{
    history::{History, Point, Way},
    line::Line,
};
use crate::envelope::edge;

/// Seconds in a piece: short against the time that a floor of Wi-Fi stays, long enough for an edge (25 µs off at home).
pub(super) const PIECE: f64 = 2.0;

/// With fewer stamps a piece has no edge.
const MIN_STAMPS: u32 = 10;

/// How wide the edges are, as a share of the time that half of the packets wait at the most, and its bounds.
const WIDTH_SHARE: f64 = 0.08;
const MIN_WIDTH: f64 = 40e-6;
const MAX_WIDTH: f64 = 240e-6;

/// No edge is better known: stamps are taken by processors that have other things to do.
const LEAST_DEVIATION: f64 = 2e-6;

/// What makes heights of offsets, down and up.
pub(super) const SIGNS: [f64; 2] = [Way::Down.sign(), Way::Up.sign()];

/// How wide the edges of a link are where half of the packets wait so long at the most.
pub(super) fn width(waiting: f64) -> f64 {
    (WIDTH_SHARE * waiting).clamp(MIN_WIDTH, MAX_WIDTH)
}

/// One direction of a piece, as heights above the line of reference: of reports upwards, of probes downwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct PieceEdge {
    /// The soft minimum.
    pub(super) level: f64,
    /// Its variance.
    pub(super) variance: f64,
    /// The lowest stamp.
    pub(super) floor: f64,
}

/// Two seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) number: i64,
    /// From its middle to the newest stamp, in seconds: 0 or less.
    pub(super) age: f64,
    /// Down and up; `None` where stamps are too few.
    pub(super) edges: [Option<PieceEdge>; 2],
}

/// All pieces that are remembered, oldest first, above the line of `reference`.
pub(super) fn pieces(history: &History, reference: &Line, width: f64) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut chance = [(0.0, 0.0); 2];
    let mut counts = Vec::new();
    for (number, stamps) in history.pieces() {
        let mut edges = [None; 2];
        for ((found, (points, count)), (sign, chance)) in
            edges.iter_mut().zip(&stamps).zip(SIGNS.into_iter().zip(&mut chance))
        {
            let height = |point: &Point| (point.at, sign * (point.offset - reference.offset_at(point.at)));
            let edge = edge(points.iter().map(height), f64::from(*count), width).filter(|_| *count >= MIN_STAMPS);
            if let Some(edge) = edge {
                *found = Some(PieceEdge { level: edge.level, variance: 0.0, floor: edge.floor });
                chance.0 += edge.variance;
                chance.1 += 1.0 / f64::from(*count);
            }
        }
        counts.push(stamps.map(|(_, count)| f64::from(count)));
        let age = ((number as f64 + 0.5) * PIECE - history.newest()).min(0.0);
        pieces.push(Piece { number, age, edges });
    }
    // One edge knows little of its own variance; all of them together know it well.
    for (piece, counts) in pieces.iter_mut().zip(counts) {
        for way in 0..2 {
            let by_chance = chance[way].0 / chance[way].1 / counts[way];
            if let Some(edge) = &mut piece.edges[way] {
                edge.variance = by_chance + LEAST_DEVIATION.powi(2);
                // The logarithm of a mean is too low by half its relative variance, so fewer stamps look higher.
                edge.level -= by_chance / (2.0 * width);
            }
        }
    }
    pieces
}
