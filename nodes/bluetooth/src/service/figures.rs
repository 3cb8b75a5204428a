//! What has been counted of the remembered speakers since the node started, for those who watch: read without waiting for
//! the task.

use std::collections::BTreeMap;

use unisono_core::time::Nanos;

use super::{run::Service, speaker::Speaker};
use crate::{Address, Failure, a2dp::Counters, latency::Latency};

/// Figures of a remembered speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeakerFigures {
    /// Which.
    pub address: Address,
    /// The adapter that it is paired with.
    pub adapter: Address,
    /// Whether a stream goes to it.
    pub playing: bool,
    /// Whether it is connected.
    pub connected: bool,
    /// Times that it was.
    pub connects: u64,
    /// Delays that it has reported, each time another.
    pub delay_reports: u64,
    /// What went wrong with it, and how often.
    pub failures: BTreeMap<&'static str, u64>,
    /// Packets that went out.
    pub packets: u64,
    /// Packets that did not.
    pub dropped: u64,
    /// Packets that went out late.
    pub late: u64,
    /// How late it is, in parts, while a stream goes to it.
    pub latency: Option<Latency>,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    connects: u64,
    delay_reports: u64,
    reported: Option<Nanos>,
    failures: BTreeMap<&'static str, u64>,
    /// Of streams that are over.
    packets: u64,
    dropped: u64,
    late: u64,
}

impl Tally {
    pub(super) fn connected(&mut self) {
        self.connects += 1;
        self.reported = None;
    }

    /// The delay that it reports now; the same again is no new report.
    pub(super) fn reports(&mut self, delay: Nanos) {
        if self.reported.replace(delay) != Some(delay) {
            self.delay_reports += 1;
        }
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        *self.failures.entry(failure.name()).or_default() += 1;
    }

    /// A stream to it is over.
    pub(super) fn add(&mut self, counters: Counters) {
        self.packets += counters.packets;
        self.dropped += counters.dropped + counters.skipped;
        self.late += counters.late;
    }
}

impl Service {
    /// Shows what has been counted.
    pub(super) fn show_figures(&self) {
        let figures = self.speakers.values().map(figures_of);
        self.figures.send_replace(figures.collect());
    }
}

fn figures_of(speaker: &Speaker) -> SpeakerFigures {
    let (tally, playing) = (&speaker.tally, speaker.playing());
    let counters = playing.map(|playing| playing.stream.counters()).unwrap_or_default();
    SpeakerFigures {
        address: speaker.kept.address,
        adapter: speaker.kept.adapter,
        playing: playing.is_some(),
        connected: speaker.link.is_connected(),
        connects: tally.connects,
        delay_reports: tally.delay_reports,
        failures: tally.failures.clone(),
        packets: tally.packets + counters.packets,
        dropped: tally.dropped + counters.dropped + counters.skipped,
        late: tally.late + counters.late,
        latency: playing.map(|playing| playing.model.latency()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_that_stays_is_one_report_and_streams_that_are_over_stay_counted() {
        let mut tally = Tally::default();
        tally.connected();
        for millis in [150, 150, 164, 164, 150] {
            tally.reports(Nanos::from_millis(millis));
        }
        tally.connected();
        tally.reports(Nanos::from_millis(150));
        tally.failed(Failure::PageTimeout);
        tally.failed(Failure::PageTimeout);
        for _ in 0..2 {
            tally.add(Counters { packets: 100, dropped: 3, skipped: 2, late: 1, ..Counters::default() });
        }
        assert_eq!((tally.connects, tally.delay_reports, tally.failures["page_timeout"]), (2, 4, 2));
        assert_eq!((tally.packets, tally.dropped, tally.late), (200, 10, 2));
    }
}
