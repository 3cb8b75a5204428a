//! The hub's side of the clock exchange, one for each node.

use std::collections::VecDeque;

use super::{ReplayWindow, SendToken};
use crate::{
    time::{HubClock, Nanos, Timestamp},
    wire::{
        clock::{Echo, MAX_ECHOES, Probe, Report, TRANSMIT_STAMPS},
        ids::ClockTag,
    },
};

/// Without a probe for so long, reports stop: nobody listens.
const PROBE_SILENCE_LIMIT: Nanos = Nanos::from_secs(3);

/// With fewer reports than this a clock is not found.
const LONGEST_LEAST_INTERVAL: Nanos = Nanos::from_millis(250);

/// Stamps probes and sends reports. Call [`Self::poll_transmit`] when [`Self::poll_timeout`] has come.
#[derive(Debug)]
pub struct Leader {
    tag: ClockTag,
    random: fastrand::Rng,
    replay: ReplayWindow,
    echoes: VecDeque<Echo>,
    sent: [Option<Timestamp<HubClock>>; TRANSMIT_STAMPS],
    last_sequence: u64,
    interval: Nanos,
    least_interval: Nanos,
    next_at: Option<Timestamp<HubClock>>,
    heard_at: Timestamp<HubClock>,
}

impl Leader {
    /// For a connection named by `tag`; `seed` draws the phases.
    pub fn new(tag: ClockTag, seed: u64) -> Self {
        Self {
            tag,
            random: fastrand::Rng::with_seed(seed),
            replay: ReplayWindow::default(),
            echoes: VecDeque::with_capacity(MAX_ECHOES),
            sent: [None; TRANSMIT_STAMPS],
            last_sequence: 0,
            interval: Nanos::from_millis(10),
            least_interval: Nanos::ZERO,
            next_at: None,
            heard_at: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// Reports go out no more often than this on average, whatever the node wants, and four times a second all the same:
    /// a hub with many nodes shares its time out among them.
    pub fn set_least_interval(&mut self, interval: Nanos) {
        self.least_interval = interval.min(LONGEST_LEAST_INTERVAL);
    }

    /// What clock packets name the connection by.
    pub const fn tag(&self) -> ClockTag {
        self.tag
    }

    /// Takes a probe whose tag was checked, with the instant of its arrival. One seen before changes nothing.
    pub fn handle_probe(&mut self, probe: &Probe, received: Timestamp<HubClock>) {
        if probe.tag != self.tag || !self.replay.accept(probe.sequence) {
            return;
        }
        if self.echoes.len() == MAX_ECHOES {
            self.echoes.pop_front();
        }
        self.echoes.push_back(Echo { sequence: probe.sequence, received });
        self.interval = Nanos::from_millis(i64::from(probe.report_interval_ms.max(10)));
        self.heard_at = self.heard_at.max(received);
        if self.next_at.is_none() {
            self.schedule(received);
        }
    }

    /// The report that is due, if one is.
    pub fn poll_transmit(&mut self, now: Timestamp<HubClock>) -> Option<(Report, SendToken)> {
        if self.next_at.is_none_or(|at| at > now) {
            return None;
        }
        if now - self.heard_at > PROBE_SILENCE_LIMIT {
            self.next_at = None;
            return None;
        }
        self.schedule(now);
        self.last_sequence += 1;
        let report = Report {
            tag: self.tag,
            sequence: self.last_sequence,
            sent: self.sent,
            echoes: self.echoes.drain(..).collect(),
        };
        self.sent.rotate_right(1);
        self.sent[0] = None;
        Some((report, SendToken(self.last_sequence)))
    }

    /// Tells when a report was handed to the network. The next report carries it.
    #[expect(clippy::needless_pass_by_value, reason = "the token is used up")]
    pub fn handle_sent(&mut self, token: SendToken, at: Timestamp<HubClock>) {
        if token.0 == self.last_sequence {
            self.sent[0] = Some(at);
        }
    }

    /// When [`Self::poll_transmit`] is to be called next.
    pub const fn poll_timeout(&self) -> Option<Timestamp<HubClock>> {
        self.next_at
    }

    fn schedule(&mut self, now: Timestamp<HubClock>) {
        let interval = self.interval.max(self.least_interval).as_nanos();
        self.next_at = Some(now + Nanos::new(interval / 2 + self.random.i64(0..=interval)));
    }
}
