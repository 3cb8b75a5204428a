//! What the rooms played, in figures.

use unisono_core::timeline::Phase;

use super::{
    Recording, Traffic,
    node::{Node, PlayedSample, SAMPLE_INTERVAL},
};

/// One room.
#[derive(Clone, Debug)]
pub struct RoomFigures {
    /// What left the converter, ten times a second.
    pub samples: Vec<PlayedSample>,
    /// All that it was given, when the room was told to record.
    pub recording: Recording,
    /// Times the sound jumped to be in time.
    pub resyncs: u64,
    /// Times it stopped because nothing was queued.
    pub starved: u64,
    /// Frames made up or left silent because their packet was missing.
    pub concealed_frames: u64,
    /// The bit rates that it was sent, in their order.
    pub steps: Vec<u32>,
    /// What went over its link.
    pub traffic: Traffic,
    /// Datagrams that meant nothing.
    pub bad_datagrams: u64,
    /// Why the hub refused the node, if it did.
    pub closed: Option<String>,
}

/// All rooms.
#[derive(Clone, Debug)]
pub struct Report {
    /// By number of the node.
    pub rooms: Vec<RoomFigures>,
}

impl Report {
    pub(super) fn new(nodes: &[Node], traffic: &[Traffic]) -> Self {
        let rooms = nodes.iter().zip(traffic).map(|(node, traffic)| RoomFigures {
            samples: node.samples.clone(),
            recording: node.recording.clone(),
            resyncs: node.status().resyncs,
            starved: node.status().starved,
            concealed_frames: node.concealed_frames,
            steps: node.steps.clone(),
            traffic: *traffic,
            bad_datagrams: node.session.as_ref().map_or(0, unisono_core::session::NodeSession::bad_datagrams),
            closed: node.closed.clone(),
        });
        Self { rooms: rooms.collect() }
    }

    /// The error between two rooms at every sampled instant from `from` to `to` seconds at which both play, in seconds.
    pub fn errors_between(&self, a: usize, b: usize, from: f64, to: f64) -> Vec<f64> {
        let range = range(from, to);
        let pairs = self.rooms[a].samples.iter().zip(&self.rooms[b].samples).skip(range.0).take(range.1 - range.0);
        let phases = pairs.filter_map(|(a, b)| Some((a.phase?, b.phase?)));
        phases.map(|(a, b): (Phase, Phase)| a.distance_from(b) / 48_000.0).collect()
    }

    /// The largest error between any two of these rooms, in seconds; infinite when two never play together.
    pub fn worst_error(&self, rooms: &[usize], from: f64, to: f64) -> f64 {
        let mut worst = 0.0_f64;
        for (i, a) in rooms.iter().enumerate() {
            for b in &rooms[i + 1..] {
                let errors = self.errors_between(*a, *b, from, to);
                let largest = errors.iter().fold(0.0_f64, |largest, error| largest.max(error.abs()));
                worst = worst.max(if errors.is_empty() { f64::INFINITY } else { largest });
            }
        }
        worst
    }

    /// The share of sampled instants from `from` to `to` seconds at which a room is silent.
    pub fn silent_share(&self, room: usize, from: f64, to: f64) -> f64 {
        let range = range(from, to);
        let samples = &self.rooms[room].samples[range.0..range.1.min(self.rooms[room].samples.len())];
        samples.iter().filter(|sample| sample.phase.is_none()).count() as f64 / samples.len().max(1) as f64
    }

    /// The first and the last second at which a room plays.
    pub fn playing_span(&self, room: usize) -> Option<(f64, f64)> {
        let samples = &self.rooms[room].samples;
        let first = samples.iter().position(|sample| sample.phase.is_some())?;
        let last = samples.iter().rposition(|sample| sample.phase.is_some())?;
        let seconds = |i: usize| i as f64 * SAMPLE_INTERVAL as f64 * 1e-9;
        Some((seconds(first), seconds(last)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
fn range(from: f64, to: f64) -> (usize, usize) {
    let index = |seconds: f64| (seconds * 1e9 / SAMPLE_INTERVAL as f64).round() as usize;
    (index(from), index(to))
}
