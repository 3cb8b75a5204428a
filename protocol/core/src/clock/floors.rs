//! The floors of a link: which of its shortest ways each piece of the past was on.
//!
//! Wi-Fi that changes its rate changes how long a packet is on the air. The shortest way of each direction then jumps
//! among a few **floors**, every few seconds, and an edge through minutes of stamps follows whichever of them came last.
//! But a floor jumps in one direction alone and comes back to where it was, while clocks drift smoothly and move both
//! directions against each other. So each direction's lower edge, piece by piece of two seconds, is taken to be one
//! smooth curve, which both share, plus one of a few floors, plus chance. Which floor a piece was on is a hidden Markov
//! chain; the Baum-Welch algorithm finds it, with the curve and all floors drawn anew by least squares in each round.
//! From the lowest floors and the curve comes the line between the clocks. A link that stands still is found to have one
//! floor, and is left to [`Line::fit`].

mod model;

use self::model::{Labels, Model, Piece};
use super::{
    line::Line,
    pieces::{self, PIECE},
};

/// How far the edges of a link that stands still may be apart besides.
const LEAST_DEVIATION: f64 = 8e-6;

/// How fast a slope usually changes, in 1/s (see `BEND` in [`super::regression`]; here it only keeps curves from being
/// bent by jumps).
const BEND: f64 = 2e-9;

/// A link has stood still while its pieces lie about one floor as chance would have it (half a unit of log-likelihood
/// each), and when several floors explain them better by less than so many units.
const CALM: f64 = 0.75;
const GAIN: f64 = 20.0;

/// A new start has to explain the pieces better by so much: the old one has proved itself.
const BETTER: f64 = 1.0;

/// Rounds from a new start, in which chance is at first taken to be three times as large and shrinks (deterministic
/// annealing), from where the last search ended, and from there with the newest end of the curve bent up or down by so
/// much: what else fails is a curve that has followed a jump, and floors that have followed the curve.
const ROUNDS_ANEW: i32 = 20;
const ROUNDS: i32 = 6;
const ANNEALED: f64 = 9.0;
const COOLING: f64 = 0.75;
const BENT: f64 = 40e-6;

/// The standard deviation of the offset from so many seconds of jumping floors (simulated); and that of the slope at the
/// newest end of a curve, as a multiple of the offset's over the span.
const DEVIATION: f64 = 9e-6;
const LONG: f64 = 360.0;
const SLOPE_DEVIATION: f64 = 5.0;

/// Learns the floors of one link.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// How wide edges are. It stays: a floor seen with another width is another.
    width: Option<f64>,
    last: Option<(Model, Vec<(i64, Labels)>)>,
}

impl Floors {
    /// How wide edges are to be, which would be `width` at first.
    pub(super) fn width(&mut self, width: f64) -> f64 {
        *self.width.get_or_insert(width)
    }

    /// The line between the clocks at `at`, the newest instant, if floors jump. `line` is the one that holds if they do
    /// not; the heights of pieces are above `reference`.
    pub(super) fn line(&mut self, pieces: &[pieces::Piece], reference: &Line, at: f64, line: &Line) -> Option<Line> {
        let span = pieces.first().map_or(PIECE, |first| -first.age).max(PIECE);
        let known = |edge: pieces::PieceEdge| (edge.level, edge.variance + LEAST_DEVIATION.powi(2));
        let scaled = |piece: &pieces::Piece| Piece {
            number: piece.number,
            x: piece.age / span,
            edges: piece.edges.map(|edge| edge.map(known)),
        };
        let pieces: Vec<Piece> = pieces.iter().map(scaled).collect();
        self.last = self.search(&pieces, (BEND * span * span).powi(-2));
        let model = &self.last.as_ref()?.0;
        let [low, high] = [0, 1].map(|way| model.lowest(way));
        let offset_deviation = DEVIATION * (LONG / span).max(1.0).sqrt();
        Some(Line {
            slope: reference.slope + (model.slope + 0.5 * model.bend) / span,
            at,
            offset: reference.offset_at(at) + 0.5 * (low - high),
            rtt: line.rtt,
            offset_deviation,
            slope_deviation: SLOPE_DEVIATION * offset_deviation / span,
        })
    }

    /// The best of several starts; `None` where one floor explains what is seen.
    fn search(&self, pieces: &[Piece], stiffness: f64) -> Option<(Model, Vec<(i64, Labels)>)> {
        let mut single = Model::single();
        let mut labels = vec![[[1.0, 0.0, 0.0, 0.0]; 2]; pieces.len()];
        let mut likelihood = 0.0;
        for _ in 0..3 {
            single.maximise(pieces, &labels, stiffness);
            (labels, likelihood) = single.expect(pieces, 1.0);
        }
        let edges = pieces.iter().flat_map(|piece| piece.edges).flatten().count();
        if -likelihood < CALM * edges as f64 {
            return None;
        }
        let mut best = None;
        let mut least = likelihood + GAIN;
        let mut consider = |mut model: Model, rounds: i32, annealed: f64, handicap: f64| {
            let (mut labels, mut likelihood) = model.expect(pieces, annealed);
            for round in 1..=rounds {
                model.maximise(pieces, &labels, stiffness);
                let annealed = (annealed * COOLING.powi(round)).max(1.0);
                if annealed <= 1.0 {
                    model.join();
                }
                (labels, likelihood) = model.expect(pieces, annealed);
            }
            if likelihood > least + handicap {
                least = likelihood;
                best = Some((model, labels));
            }
        };
        if let Some((model, labels)) = &self.last {
            let known = |piece: &Piece| labels.binary_search_by_key(&piece.number, |known| known.0);
            let labels: Vec<Labels> =
                pieces.iter().map(|piece| known(piece).map_or_else(|_| Labels::default(), |at| labels[at].1)).collect();
            let mut model = *model;
            model.maximise(pieces, &labels, stiffness);
            consider(model, ROUNDS, 1.0, 0.0);
            consider(model.bent(BENT), ROUNDS, 1.0, BETTER);
            consider(model.bent(-BENT), ROUNDS, 1.0, BETTER);
        }
        consider(single.spread(pieces), ROUNDS_ANEW, ANNEALED, BETTER);
        best.map(|(model, labels)| (model, pieces.iter().map(|piece| piece.number).zip(labels).collect()))
    }
}
