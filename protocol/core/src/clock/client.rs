//! The node's side of the clock exchange, but for the sending.

use super::{Estimate, Estimator, Pace, ReplayWindow, SendToken};
use crate::{
    time::{Nanos, NodeClock, Timestamp},
    wire::{clock::Report, ids::ClockTag},
};

/// Probes and reports whose other half may still come. At 100 a second this is 2.5 s, longer than packets wait.
const REMEMBERED: usize = 256;

/// While the estimate is worse than the first figure, packets go out at the intervals behind it, in milliseconds:
/// probes and reports as long as stamps are few, probes and reports later. A hundred a second find the floor of a link
/// within seconds; ten keep that of a cable, and a Wi-Fi station awake. Reports wait at a node's port until it is
/// awake, and cost it little: on a good link they come twice as often as probes. (Ten rooms were 14 to 18 µs apart with
/// that, p99, simulated, and 13 to 16 with reports every 10 ms, for which a hub wakes up more often.) On a bad link
/// packets wait for each other, and hardly a report follows that no probe has asked for: 22 ms are more than lie
/// between two probes that leave every 16. (42 to 47 µs, with an eighth fewer packets than with reports every 16 ms: 37
/// to 50; 69 with more reports than probes.)
const INTERVALS: [(Nanos, [(u8, u8); 2]); 3] = [
    (Nanos::from_micros(20), [(10, 14), (16, 22)]),
    (Nanos::from_micros(6), [(22, 10), (22, 11)]),
    (Nanos::from_micros(4), [(50, 50), (50, 50)]),
];

/// Stamps of so much time are many.
const SETTLED: Nanos = Nanos::from_secs(180);

/// Both intervals at rest, in milliseconds.
const RESTING_INTERVAL_MS: u8 = 100;

/// Where packets wait longer than this on both ways together they queue: more of them would only take room from the sound.
const QUEUED: Nanos = Nanos::from_millis(60);

/// Pairs the stamps of probes and reports, feeds the estimator, says how often a [`Prober`] is to send.
#[derive(Debug)]
pub struct ClockClient {
    tag: ClockTag,
    replay: ReplayWindow,
    estimator: Estimator,
    probes: Box<[(u64, Timestamp<NodeClock>); REMEMBERED]>,
    reports: Box<[(u64, Timestamp<NodeClock>); REMEMBERED]>,
    heard_at: Option<Timestamp<NodeClock>>,
    /// The least interval at which the hub answers.
    least_interval_ms: u8,
}

impl ClockClient {
    /// For a connection named by `tag`.
    pub fn new(tag: ClockTag, estimator: Estimator) -> Self {
        let none = (0, Timestamp::from_nanos(0));
        Self {
            tag,
            replay: ReplayWindow::default(),
            estimator,
            probes: Box::new([none; REMEMBERED]),
            reports: Box::new([none; REMEMBERED]),
            heard_at: None,
            least_interval_ms: 0,
        }
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
        self.heard_at = Some(received);
        self.least_interval_ms = report.least_interval_ms;
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

    /// The line between the clocks as it is known now.
    pub fn estimate(&self, now: Timestamp<NodeClock>) -> Option<Estimate> {
        self.estimator.estimate(now)
    }

    /// Ends the exchange and gives back what was learned.
    pub fn into_estimator(self) -> Estimator {
        self.estimator
    }

    /// How often probes and reports are to go out as things stand.
    pub fn pace(&self, now: Timestamp<NodeClock>) -> Pace {
        let (probes, reports) = self.intervals_ms(now);
        // A hub that has no time to answer more often has none for more probes either.
        let [probes_ms, reports_ms] = [probes, reports].map(|interval| interval.max(self.least_interval_ms));
        Pace { probes_ms, reports_ms }
    }

    /// The intervals of probes and of reports.
    fn intervals_ms(&self, now: Timestamp<NodeClock>) -> (u8, u8) {
        let Some(estimate) = self.estimator.estimate(now) else { return INTERVALS[0].1[0] };
        if estimate.usual_rtt - estimate.rtt > QUEUED {
            return (RESTING_INTERVAL_MS, RESTING_INTERVAL_MS);
        }
        let wanted = INTERVALS.iter().find(|(uncertainty, _)| estimate.uncertainty > *uncertainty);
        let is_settled = usize::from(self.estimator.age() >= SETTLED);
        wanted.map_or((RESTING_INTERVAL_MS, RESTING_INTERVAL_MS), |(_, intervals)| intervals[is_settled])
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
