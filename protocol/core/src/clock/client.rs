//! The node's side of the clock exchange.

use super::{Estimate, Estimator, ReplayWindow, SendToken};
use crate::{
    time::{Nanos, NodeClock, Timestamp},
    wire::{
        clock::{Probe, Report},
        ids::ClockTag,
    },
};

/// Probes and reports whose other half may still come. At 100 a second this is 2.5 s, longer than packets wait.
const REMEMBERED: usize = 256;

/// While the estimate is worse than the first figure, packets go out at the intervals behind it, in milliseconds: probes
/// and reports as long as stamps are few, probes and reports later. A hundred a second find the floor of a link within
/// seconds; ten keep that of a cable, and a Wi-Fi station awake. A node is awake as often as it asks, while reports wait at
/// its port until it is: on a good link they come twice as often. (Ten rooms were 13 to 15 µs apart with that, p99,
/// simulated, and 17 without. On a bad link packets wait for each other: 37 with 16 ms both ways, 43 with 22, 46 with
/// probes every 10, 69 with more reports than probes. 22 ms are also just less than QUIC lets an acknowledgement wait,
/// which then needs no wake-up of its own.)
const INTERVALS: [(Nanos, [(u8, u8); 2]); 3] = [
    (Nanos::from_micros(20), [(10, 10), (16, 16)]),
    (Nanos::from_micros(6), [(22, 10), (22, 10)]),
    (Nanos::from_micros(4), [(50, 50), (50, 50)]),
];

/// Stamps of so much time are many.
const SETTLED: Nanos = Nanos::from_secs(180);

/// Both intervals at rest, in milliseconds.
const RESTING_INTERVAL_MS: u8 = 100;

/// Where packets wait longer than this on both ways together they queue: more of them would only take room from the sound.
const QUEUED: Nanos = Nanos::from_millis(60);

/// Sends probes, pairs the stamps, feeds the estimator. Call [`Self::poll_transmit`] whenever the node is awake, and when
/// [`Self::poll_timeout`] has come.
#[derive(Debug)]
pub struct ClockClient {
    tag: ClockTag,
    random: fastrand::Rng,
    replay: ReplayWindow,
    estimator: Estimator,
    probes: Box<[(u64, Timestamp<NodeClock>); REMEMBERED]>,
    reports: Box<[(u64, Timestamp<NodeClock>); REMEMBERED]>,
    last_sequence: u64,
    heard_at: Option<Timestamp<NodeClock>>,
    /// The least interval at which the hub answers.
    least_interval_ms: u8,
    /// From when on a probe may leave, and when it must.
    due: [Timestamp<NodeClock>; 2],
}

impl ClockClient {
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
            least_interval_ms: 0,
            due: [now; 2],
        }
    }

    /// The probe that may leave now, if one may: it is cheaper while the node is awake than by a wake-up of its own.
    pub fn poll_transmit(&mut self, now: Timestamp<NodeClock>) -> Option<(Probe, SendToken)> {
        if self.due[0] > now {
            return None;
        }
        // A hub that has no time to answer more often has none for more probes either.
        let (interval, report_interval) = self.intervals_ms(now);
        let report_interval_ms = report_interval.max(self.least_interval_ms);
        let quarter = i64::from(interval.max(self.least_interval_ms)) * 250_000;
        let least = i64::from(self.least_interval_ms) * 1_000_000;
        self.due =
            [least.max(3 * quarter), self.random.i64(5 * quarter..=7 * quarter)].map(|after| now + Nanos::new(after));
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

    /// When [`Self::poll_transmit`] is to be called next at the latest.
    pub const fn poll_timeout(&self) -> Timestamp<NodeClock> {
        self.due[1]
    }

    /// The line between the clocks as it is known now.
    pub fn estimate(&self, now: Timestamp<NodeClock>) -> Option<Estimate> {
        self.estimator.estimate(now)
    }

    /// Ends the exchange and gives back what was learned.
    pub fn into_estimator(self) -> Estimator {
        self.estimator
    }

    /// How often probes go out as things stand.
    pub fn interval(&self, now: Timestamp<NodeClock>) -> Nanos {
        Nanos::from_millis(self.intervals_ms(now).0.into())
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
