//! The node's side of the clock exchange.

use super::{Estimate, Estimator, ReplayWindow, SendToken};
use crate::{
    time::{Nanos, NodeClock, Timestamp},
    wire::{
        clock::{Probe, Report},
        ids::ClockTag,
    },
};

/// Probes and reports whose other half may still come. At 100 a second this is 2.5 s, longer than a hub waits.
const REMEMBERED: usize = 256;

/// While the estimate is worse than the first figure, packets go out at the interval behind it, each way. A hundred a
/// second find the floor of a link within seconds, and keep a bad one known; ten keep that of a cable, and a Wi-Fi
/// station awake.
const INTERVALS: [(Nanos, u8); 3] =
    [(Nanos::from_micros(15), 10), (Nanos::from_micros(6), 20), (Nanos::from_micros(3), 50)];

/// The interval at rest, in milliseconds.
const RESTING_INTERVAL_MS: u8 = 100;

/// Where packets wait longer than this on both ways together they queue: more of them would only take room from the sound.
const QUEUED: Nanos = Nanos::from_millis(60);

/// An outage says nothing of how often reports come.
const LONGEST_GAP: Nanos = Nanos::from_millis(500);

/// Sends probes, pairs the stamps, feeds the estimator. Call [`Self::poll_transmit`] when [`Self::poll_timeout`] has
/// come.
#[derive(Debug)]
pub struct Follower {
    tag: ClockTag,
    random: fastrand::Rng,
    replay: ReplayWindow,
    estimator: Estimator,
    probes: Box<[(u64, Timestamp<NodeClock>); REMEMBERED]>,
    reports: Box<[(u64, Timestamp<NodeClock>); REMEMBERED]>,
    last_sequence: u64,
    heard_at: Option<Timestamp<NodeClock>>,
    /// The mean interval at which reports have come lately.
    reports_every: Nanos,
    next_at: Timestamp<NodeClock>,
}

impl Follower {
    /// For a connection named by `tag`, from `now` on; `seed` draws the phases.
    pub fn new(tag: ClockTag, now: Timestamp<NodeClock>, estimator: Estimator, seed: u64) -> Self {
        let none = (0, Timestamp::from_nanos(0));
        Self {
            tag,
            random: fastrand::Rng::with_seed(seed),
            replay: ReplayWindow::default(),
            estimator,
            probes: Box::new([none; REMEMBERED]),
            reports: Box::new([none; REMEMBERED]),
            last_sequence: 0,
            heard_at: None,
            reports_every: Nanos::ZERO,
            next_at: now,
        }
    }

    /// The probe that is due, if one is.
    pub fn poll_transmit(&mut self, now: Timestamp<NodeClock>) -> Option<(Probe, SendToken)> {
        if self.next_at > now {
            return None;
        }
        let report_interval_ms = self.interval_ms(now);
        let wanted = Nanos::from_millis(report_interval_ms.into());
        // A hub that has no time to answer more often has none for more probes either.
        let throttled = self.reports_every > wanted + wanted / 2;
        let interval = if throttled { self.reports_every } else { wanted }.as_nanos();
        self.next_at = now + Nanos::new(interval / 2 + self.random.i64(0..=interval));
        self.last_sequence += 1;
        let probe = Probe { tag: self.tag, sequence: self.last_sequence, report_interval_ms };
        Some((probe, SendToken(self.last_sequence)))
    }

    /// Tells when a probe was handed to the network.
    #[expect(clippy::needless_pass_by_value, reason = "the token is used up")]
    pub fn handle_sent(&mut self, token: SendToken, at: Timestamp<NodeClock>) {
        self.probes[slot(token.0)] = (token.0, at);
    }

    /// Takes a report whose tag was checked, with the instant of its arrival. One seen before changes nothing.
    ///
    /// Returns whether the estimate has changed.
    pub fn handle_report(&mut self, report: &Report, received: Timestamp<NodeClock>) -> bool {
        if report.tag != self.tag || !self.replay.accept(report.sequence) {
            return false;
        }
        if let Some(before) = self.heard_at.replace(received) {
            let gap = (received - before).clamp(Nanos::ZERO, LONGEST_GAP);
            self.reports_every = self.reports_every + (gap - self.reports_every) / 16;
        }
        self.reports[slot(report.sequence)] = (report.sequence, received);
        for (age, sent) in (1..).zip(report.sent) {
            if let Some(sent) = sent
                && let Some(received) = take(&mut self.reports, report.sequence.saturating_sub(age))
            {
                self.estimator.add_report(sent, received);
            }
        }
        for echo in &report.echoes {
            if let Some(sent) = take(&mut self.probes, echo.sequence) {
                self.estimator.add_probe(sent, echo.received);
            }
        }
        self.estimator.update(received)
    }

    /// When a report that was none seen before came last.
    pub const fn heard_at(&self) -> Option<Timestamp<NodeClock>> {
        self.heard_at
    }

    /// When [`Self::poll_transmit`] is to be called next.
    pub const fn poll_timeout(&self) -> Timestamp<NodeClock> {
        self.next_at
    }

    /// The line between the clocks as it is known now.
    pub fn estimate(&self, now: Timestamp<NodeClock>) -> Option<Estimate> {
        self.estimator.estimate(now)
    }

    /// Ends the exchange and gives back what was learned.
    pub fn into_estimator(self) -> Estimator {
        self.estimator
    }

    fn interval_ms(&self, now: Timestamp<NodeClock>) -> u8 {
        let Some(estimate) = self.estimator.estimate(now) else { return INTERVALS[0].1 };
        if estimate.usual_rtt - estimate.rtt > QUEUED {
            return RESTING_INTERVAL_MS;
        }
        let wanted = INTERVALS.iter().find(|(uncertainty, _)| estimate.uncertainty > *uncertainty);
        wanted.map_or(RESTING_INTERVAL_MS, |(_, interval)| *interval)
    }
}

fn slot(sequence: u64) -> usize {
    usize::try_from(sequence % REMEMBERED as u64).expect("less than REMEMBERED")
}

/// The instant remembered for a sequence number, once.
fn take(remembered: &mut [(u64, Timestamp<NodeClock>); REMEMBERED], sequence: u64) -> Option<Timestamp<NodeClock>> {
    let entry = &mut remembered[slot(sequence)];
    (sequence != 0 && entry.0 == sequence).then(|| {
        entry.0 = 0;
        entry.1
    })
}
