//! The stamps of the last minutes: of each half second the few that lay nearest the edge, so that memory and work are
//! constant.

use std::collections::VecDeque;

use super::pieces::PIECE;

/// Seconds in a bucket.
pub(super) const BUCKET: f64 = 0.5;

/// Buckets kept: 360 s.
const BUCKETS: usize = 720;

/// Best points kept of each direction in each bucket: most of them at 50 a second. What lies higher weighs next to
/// nothing in an edge.
const KEPT: usize = 20;

/// One stamp.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Point {
    /// Seconds on the node's clock since the estimator's origin.
    pub(super) at: f64,
    /// Node's reading less hub's, both since their origins, in seconds.
    pub(super) offset: f64,
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the node: at or above the line between the clocks.
    Down,
    /// To the hub: at or below it.
    Up,
}

impl Way {
    /// What makes of an offset a height above the edge.
    pub(super) const fn sign(self) -> f64 {
        match self {
            Self::Down => 1.0,
            Self::Up => -1.0,
        }
    }
}

/// The best points of one direction in one bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    points: [Point; KEPT],
    len: usize,
    count: u32,
}

impl Best {
    fn points(&self) -> &[Point] {
        &self.points[..self.len]
    }

    /// Keeps the point if it is among the lowest once the slope is taken out.
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
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    start: f64,
    down: Best,
    up: Best,
}

impl Bucket {
    /// The number of the piece that it is part of.
    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    fn piece(&self) -> i64 {
        ((self.start + BUCKET / 2.0) / PIECE).floor() as i64
    }

    const fn best(&self, way: Way) -> &Best {
        match way {
            Way::Down => &self.down,
            Way::Up => &self.up,
        }
    }
}

/// The stamps that are remembered.
#[derive(Debug, Default)]
pub(super) struct History {
    buckets: VecDeque<Bucket>,
    newest: f64,
}

impl History {
    /// Keeps a point; one that is older than the newest by seconds is left out. `slope` tells which points are low.
    pub(super) fn add(&mut self, way: Way, point: Point, slope: f64) {
        self.newest = self.newest.max(point.at);
        let start = (point.at / BUCKET).floor() * BUCKET;
        if self.buckets.back().is_none_or(|last| last.start < start) {
            if self.buckets.len() == BUCKETS {
                self.buckets.pop_front();
            }
            self.buckets.push_back(Bucket { start, down: Best::default(), up: Best::default() });
        }
        let bucket = self.buckets.iter_mut().rev().take(4).find(|bucket| (bucket.start - start).abs() < BUCKET / 2.0);
        match (bucket, way) {
            (Some(bucket), Way::Down) => bucket.down.add(point, slope, way.sign()),
            (Some(bucket), Way::Up) => bucket.up.add(point, slope, way.sign()),
            (None, _) => {}
        }
    }

    /// The instant of the newest point.
    pub(super) const fn newest(&self) -> f64 {
        self.newest
    }

    /// Points of one direction within the newest `window` seconds, and how many there were before the high ones were
    /// left out.
    pub(super) fn within(&self, way: Way, window: f64) -> (impl Iterator<Item = Point> + Clone + '_, u32) {
        let skip = self.buckets.partition_point(|bucket| bucket.start < self.newest - window);
        let count = self.buckets.iter().skip(skip).map(|bucket| bucket.best(way).count).sum();
        let points = self.buckets.iter().skip(skip).flat_map(move |bucket| bucket.best(way).points().iter().copied());
        (points, count)
    }

    /// All stamps piece by piece, oldest first: the piece's number, and of each direction the points and how many there
    /// were.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (i64, [(Vec<Point>, u32); 2])> + '_ {
        let mut buckets = self.buckets.iter().peekable();
        core::iter::from_fn(move || {
            let number = buckets.peek()?.piece();
            let mut stamps = [(Vec::new(), 0), (Vec::new(), 0)];
            while let Some(bucket) = buckets.next_if(|bucket| bucket.piece() == number) {
                for ((points, count), best) in stamps.iter_mut().zip([&bucket.down, &bucket.up]) {
                    points.extend_from_slice(best.points());
                    *count += best.count;
                }
            }
            Some((number, stamps))
        })
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.buckets.clear();
    }
}
