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

/// With fewer reports than this a clock is not found.
const LONGEST_LEAST_INTERVAL: Nanos = Nanos::from_millis(250);

/// So many reports follow the one that answers a probe, at the interval that the probe asks for, unless another probe
/// comes first: reports cost a node next to nothing, while each probe has to be woken up for.
const FOLLOWING: u8 = 3;

/// Stamps probes and answers them with reports. Call [`Self::poll_transmit`] after each, and when [`Self::poll_timeout`]
/// has come.
#[derive(Debug)]
pub struct ClockServer {
    tag: ClockTag,
    replay: ReplayWindow,
    echoes: VecDeque<Echo>,
    sent: [Option<Timestamp<HubClock>>; TRANSMIT_STAMPS],
    last_sequence: u64,
    least_interval: Nanos,
    /// No report goes out before.
    not_before: Timestamp<HubClock>,
    /// Reports that are still to follow, how far apart, and when the next of them is due.
    following: u8,
    interval: Nanos,
    follows_at: Timestamp<HubClock>,
}

impl ClockServer {
    /// For a connection named by `tag`.
    pub fn new(tag: ClockTag) -> Self {
        Self {
            tag,
            replay: ReplayWindow::default(),
            echoes: VecDeque::with_capacity(MAX_ECHOES),
            sent: [None; TRANSMIT_STAMPS],
            last_sequence: 0,
            least_interval: Nanos::ZERO,
            not_before: Timestamp::from_nanos(i64::MIN),
            following: 0,
            interval: Nanos::ZERO,
            follows_at: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// Reports go out no more often than this, however often the node asks, and four times a second all the same: a hub
    /// with many nodes shares its time out among them. One report then answers several probes.
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
        self.following = FOLLOWING;
        self.interval = Nanos::from_millis(probe.report_interval_ms.into());
    }

    /// The report that is due, if one is.
    pub fn poll_transmit(&mut self, now: Timestamp<HubClock>) -> Option<(Report, SendToken)> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return None;
        }
        if self.echoes.is_empty() {
            self.following = self.following.saturating_sub(1);
        }
        self.not_before = now + self.least_interval;
        self.follows_at = self.not_before.max(now + self.interval);
        self.last_sequence += 1;
        let report = Report {
            tag: self.tag,
            sequence: self.last_sequence,
            sent: self.sent,
            least_interval_ms: u8::try_from(self.least_interval.as_nanos() / 1_000_000).unwrap_or(u8::MAX),
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

    /// When [`Self::poll_transmit`] is to be called next; an instant that is over means at once.
    pub fn poll_timeout(&self) -> Option<Timestamp<HubClock>> {
        let follows = (self.following > 0).then_some(self.follows_at);
        if self.echoes.is_empty() { follows } else { Some(self.not_before) }
    }
}
