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

pub(super) use self::model::PIECE;
use self::model::{Labels, Model, Piece, SIGNS};
use super::{
    history::{History, Point},
    line::Line,
};
use crate::envelope::edge;

/// With fewer stamps a piece has no edge.
const MIN_STAMPS: u32 = 10;

/// How wide the edges of pieces are, as a share of the mean time that packets wait, and its bounds. Of 60 to 240
/// log-normal delays the soft minimum is then within a tenth of the least variance there can be (Cramér and Rao).
const WIDTH_SHARE: f64 = 0.06;
const MIN_WIDTH: f64 = 40e-6;
const MAX_WIDTH: f64 = 240e-6;

/// No edge is better known: stamps are taken by processors that have other things to do.
const LEAST_DEVIATION: f64 = 8e-6;

/// How fast a slope usually changes, in 1/s (see `BEND` in [`super::line`]; here it only keeps curves from being bent by
/// jumps).
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
    /// The line between the clocks, if floors jump. `reference` is any line near the truth.
    pub(super) fn line(&mut self, history: &History, reference: &Line, waiting: f64) -> Option<Line> {
        let width = *self.width.get_or_insert((WIDTH_SHARE * waiting).clamp(MIN_WIDTH, MAX_WIDTH));
        let (pieces, span) = pieces(history, reference, width);
        self.last = self.search(&pieces, (BEND * span * span).powi(-2));
        let model = &self.last.as_ref()?.0;
        let [low, high] = [0, 1].map(|way| model.lowest(way));
        let at = history.newest();
        let offset_deviation = DEVIATION * (LONG / span).max(1.0).sqrt();
        Some(Line {
            slope: reference.slope + (model.slope + 0.5 * model.bend) / span,
            at,
            offset: reference.offset_at(at) + 0.5 * (low - high),
            rtt: reference.rtt,
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

/// The edges of all pieces above the line of reference, oldest first, and how many seconds they span.
fn pieces(history: &History, reference: &Line, width: f64) -> (Vec<Piece>, f64) {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut chance = [(0.0, 0.0); 2];
    let mut counts = Vec::new();
    for (number, stamps) in history.pieces() {
        let mut found = [None; 2];
        for ((found, (points, count)), (sign, chance)) in
            found.iter_mut().zip(&stamps).zip(SIGNS.into_iter().zip(&mut chance))
        {
            let height = |point: &Point| (point.at, sign * (point.offset - reference.offset_at(point.at)));
            let edge = edge(points.iter().map(height), f64::from(*count), width).filter(|_| *count >= MIN_STAMPS);
            if let Some(edge) = edge {
                *found = Some((edge.level, 0.0));
                chance.0 += edge.variance;
                chance.1 += 1.0 / f64::from(*count);
            }
        }
        counts.push(stamps.map(|(_, count)| f64::from(count)));
        pieces.push(Piece { number, x: (number as f64 + 0.5) * PIECE, edges: found });
    }
    // One edge knows little of its own variance; all of them together know it well.
    for (piece, counts) in pieces.iter_mut().zip(counts) {
        for way in 0..2 {
            let each = chance[way].0 / chance[way].1;
            if let Some((_, variance)) = &mut piece.edges[way] {
                *variance = each / counts[way] + LEAST_DEVIATION.powi(2);
            }
        }
    }
    let newest = history.newest();
    let span = pieces.first().map_or(PIECE, |first| newest - first.x).max(PIECE);
    pieces.iter_mut().for_each(|piece| piece.x = (piece.x - newest) / span);
    (pieces, span)
}
