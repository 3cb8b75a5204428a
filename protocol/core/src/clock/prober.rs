//! When probes leave.
//!
//! Apart from what takes the reports in, for that can wait: a report's arrival is stamped while nobody looks, but a probe
//! has to be woken up for. Who sends probes wakes up for nothing else, which costs a quarter of what it costs to wake up
//! for all that has come.

use super::SendToken;
use crate::{
    time::{Nanos, NodeClock, Timestamp},
    wire::{clock::Probe, ids::ClockTag},
};

/// How often clock packets are to go out, in milliseconds on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two probes.
    pub probes_ms: u8,
    /// Between two reports.
    pub reports_ms: u8,
}

/// Sends probes, at irregular instants: what comes and goes at regular ones would be met in the same phase for ever. Call
/// [`Self::poll_transmit`] when [`Self::poll_timeout`] has come.
#[derive(Debug)]
pub struct Prober {
    tag: ClockTag,
    random: fastrand::Rng,
    last_sequence: u64,
    sent_at: Option<Timestamp<NodeClock>>,
    /// Where within its interval the next one leaves, as a factor.
    phase: f64,
}

impl Prober {
    /// For a connection named by `tag`; `seed` draws the phases. The first probe leaves at once.
    pub fn new(tag: ClockTag, seed: u64) -> Self {
        Self { tag, random: fastrand::Rng::with_seed(seed), last_sequence: 0, sent_at: None, phase: 1.0 }
    }

    /// The probe that is due, if one is.
    pub fn poll_transmit(&mut self, now: Timestamp<NodeClock>, pace: Pace) -> Option<(Probe, SendToken)> {
        if self.poll_timeout(pace).is_some_and(|at| at > now) {
            return None;
        }
        self.sent_at = Some(now);
        self.phase = 0.75 + 0.5 * self.random.f64();
        self.last_sequence += 1;
        let probe = Probe { tag: self.tag, sequence: self.last_sequence, report_interval_ms: pace.reports_ms };
        Some((probe, SendToken(self.last_sequence)))
    }

    /// When [`Self::poll_transmit`] is to be called next; `None` means at once.
    pub fn poll_timeout(&self, pace: Pace) -> Option<Timestamp<NodeClock>> {
        let interval = Nanos::from_secs_f64(self.phase * f64::from(pace.probes_ms) * 1e-3);
        self.sent_at.map(|at| at + interval)
    }
}
