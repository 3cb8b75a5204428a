//! What was heard in the guest and outside, on one clock.

use std::path::Path;

use super::clock::Mapping;
use crate::lab::analysis::{
    sync::{Window, compare},
    track::{Run, Track},
};

/// Reads a recording that was made in the guest, on our clock.
///
/// # Errors
/// When it is not there, or of another kind.
pub fn in_guest(prefix: &Path, clock: &Mapping) -> anyhow::Result<Track> {
    let track = Track::read(prefix)?;
    let ours = |run: Run| {
        let (start, end) = (clock.ours(run.start), clock.ours(run.start + run.seconds()));
        Run { start, rate: run.samples.len() as f64 / (end - start), samples: run.samples }
    };
    Ok(Track { runs: track.runs.into_iter().map(ours).collect() })
}

/// How far two rooms were apart between two instants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Apart {
    /// Half of the windows were nearer than this, in seconds.
    pub median: f64,
    /// No window was further, in seconds.
    pub worst: f64,
    /// How late the second room was on average, in seconds.
    pub mean: f64,
    /// Windows in which both could be compared.
    pub windows: usize,
    /// Windows in which they did not match.
    pub unmatched: usize,
}

/// Compares two rooms from one instant to another.
pub fn apart(rooms: &[Track; 2], from: f64, to: f64) -> Apart {
    apart_in(&compare(rooms, to), from, to)
}

/// As [`apart`], when they were compared already.
pub fn apart_in(windows: &[Window], from: f64, to: f64) -> Apart {
    let within: Vec<_> = windows.iter().filter(|window| (from..to).contains(&window.instant)).collect();
    let mut errors: Vec<f64> = within.iter().filter_map(|window| window.error).collect();
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    errors.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let at = |index: usize| errors.get(index).map_or(f64::NAN, |error| error.abs());
    Apart {
        median: at(errors.len() / 2),
        worst: at(errors.len().wrapping_sub(1)),
        mean,
        windows: within.len(),
        unmatched: within.len() - errors.len(),
    }
}
