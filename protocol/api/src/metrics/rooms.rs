//! How a room is doing, as its node says: the node shows it, and so does the hub that is told of it.

use unisono_core::wire::control::{
    ClockReport, Evidence, LatencyPart, OutputChoice, OutputReport, RoomFigures, RoomReport, RoomState,
};

crate::families! {
    /// Everything about rooms that their nodes know.
    pub struct RoomMetrics {
        state: GaugeVec "unisono_room_state" ["room", "state"]
            "1 for what a room is doing: offline, starting, idle, playing, no_output, no_clock, or alone while its node plays what it has itself.";
        sync_error: GaugeVec "unisono_sync_error_seconds" ["room", "evidence"]
            "How far what a room plays is ahead of (positive) or behind its group, and what the figure rests on: a device's reported position, an estimate, a model (nothing is heard), or a microphone. Only while it plays.";
        sync_uncertainty: GaugeVec "unisono_sync_uncertainty_seconds" ["room", "evidence"]
            "How far unisono_sync_error_seconds may be off, clock and converter together; unequal ways of the network and what a speaker adds unsaid are not in it.";
        clock_locked: GaugeVec "unisono_clock_locked" ["room"]
            "Whether the hub's clock is known well enough to play by.";
        clock_uncertainty: GaugeVec "unisono_clock_uncertainty_seconds" ["room"]
            "How far the hub's clock may be off as the room's node knows it.";
        clock_drift: GaugeVec "unisono_clock_drift_ratio" ["room"]
            "How much faster the node's clock runs than the hub's; 0.000001 is 1 ppm.";
        dac_drift: GaugeVec "unisono_dac_drift_ratio" ["room"]
            "How much faster the room's converter runs than its node's clock; 0.000001 is 1 ppm.";
        rtt: GaugeVec "unisono_rtt_seconds" ["room"]
            "The shortest round trip between node and hub lately.";
        buffer: GaugeVec "unisono_buffer_seconds" ["room"]
            "Sound that has arrived and has not been decoded.";
        received: CounterVec "unisono_packets_received_total" ["room"]
            "Packets of sound that arrived, the repaired ones included.";
        lost: CounterVec "unisono_packets_lost_total" ["room"]
            "Packets that did not arrive the first time.";
        repaired: CounterVec "unisono_packets_repaired_total" ["room"]
            "Of the lost packets, those that arrived in time after all.";
        late: CounterVec "unisono_packets_late_total" ["room"]
            "Packets that came after they were given up.";
        concealed: CounterVec "unisono_concealed_seconds_total" ["room"]
            "Sound that was made up or left out because its packet was missing.";
        underruns: CounterVec "unisono_underruns_total" ["room"]
            "Times that the converter ran dry.";
        resyncs: CounterVec "unisono_resyncs_total" ["room", "kind"]
            "Times that the sound could not simply go on: jump, it had to jump to be in time; starved, there was none to play. any where a node does not tell them apart.";
        latency: GaugeVec "unisono_output_latency_seconds" ["room", "stage", "source"]
            "What lies between a packet leaving the hub and its sound being heard, in parts: network, what packets have for their way and for being asked for again; device, packet, codec, link, speaker, trim, added; output where a node gives no parts. A trim may be negative. Who says so: computed, socket, completion, report, report_bounded, remembered, table, default, setting, or unknown.";
        latency_uncertainty: GaugeVec "unisono_output_latency_uncertainty_seconds" ["room", "stage"]
            "How far a part of unisono_output_latency_seconds may be off, about one standard deviation, where that is known.";
        output: GaugeVec "unisono_room_output" ["room", "choice"]
            "1 for which of its outputs a room uses: first, fallback, or none because none works.";
        speaker_connected: GaugeVec "unisono_bluetooth_connected" ["room"]
            "Whether a Bluetooth speaker of the room is connected. Only for rooms that may use one.";
        speaker_packets: CounterVec "unisono_bluetooth_packets_total" ["room"]
            "Packets that went out to the room's Bluetooth speakers.";
        speaker_dropped: CounterVec "unisono_bluetooth_packets_dropped_total" ["room"]
            "Packets that did not: the socket had no room for them, or they were far too late.";
        speaker_late: CounterVec "unisono_bluetooth_packets_late_total" ["room"]
            "Packets to Bluetooth speakers that went out more than half of their length late.";
        speaker_reports: CounterVec "unisono_bluetooth_delay_reports_total" ["room"]
            "Delays that the room's Bluetooth speakers have reported.";
        speaker_connects: CounterVec "unisono_bluetooth_connects_total" ["room"]
            "Times that a Bluetooth speaker of the room was connected.";
        speaker_failures: CounterVec "unisono_bluetooth_failures_total" ["room", "reason"]
            "What went wrong with the room's Bluetooth speakers; `unisono doctor` and the runbook know each reason.";
    }
}

/// What a node has told of one room.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its clock.
    pub clock: &'a ClockReport,
    /// The room.
    pub report: &'a RoomReport,
    /// Its output.
    pub output: Option<&'a OutputReport>,
    /// What its latency is made of; nothing where its node does not say.
    pub latency: &'a [LatencyPart],
    /// What else is known of it.
    pub figures: Option<&'a RoomFigures>,
    /// Frames per second.
    pub rate: u32,
}

/// Every state that a room can be in.
const STATES: [&str; 7] = ["offline", "starting", "idle", "playing", "no_output", "no_clock", "alone"];

impl RoomMetrics {
    /// What a room is doing.
    pub fn set_state(&self, room: &str, state: &str) {
        for known in STATES {
            self.state.with_label_values(&[room, known]).set(f64::from(u8::from(known == state)));
        }
    }

    /// Fills in what a node has told of a room.
    pub fn set(&self, room: &str, told: &Told<'_>) {
        let Told { clock, report, output, latency, figures, rate } = told;
        if let Some(evidence) = evidence_name(report.evidence) {
            self.sync_error.with_label_values(&[room, evidence]).set(report.sync_error.as_secs_f64());
            self.sync_uncertainty.with_label_values(&[room, evidence]).set(report.uncertainty.as_secs_f64());
        }
        let gauge = |family: &prometheus::GaugeVec, value: f64| family.with_label_values(&[room]).set(value);
        gauge(&self.clock_locked, f64::from(u8::from(clock.locked)));
        // Before the first estimate there is nothing to be told of.
        if clock.rtt.as_nanos() > 0 {
            gauge(&self.clock_uncertainty, clock.uncertainty.as_secs_f64());
            gauge(&self.clock_drift, f64::from(clock.drift_ppb) * 1e-9);
            gauge(&self.rtt, clock.rtt.as_secs_f64());
        }
        gauge(&self.dac_drift, f64::from(report.dac_drift_ppb) * 1e-9);
        gauge(&self.buffer, report.buffered.as_secs_f64());
        let counter = |family: &prometheus::CounterVec, count: u64| count_of(family, &[room], count);
        counter(&self.received, report.received);
        counter(&self.lost, report.lost);
        counter(&self.repaired, report.repaired);
        counter(&self.late, report.late);
        counter(&self.underruns, report.underruns);
        let concealed = report.concealed_frames as f64 / f64::from((*rate).max(1));
        self.concealed.with_label_values(&[room]).inc_by(concealed);
        if let Some(output) = output {
            for choice in [OutputChoice::First, OutputChoice::Fallback, OutputChoice::None] {
                let chosen = f64::from(u8::from(output.choice == choice));
                self.output.with_label_values(&[room, choice.name()]).set(chosen);
            }
        }
        match figures {
            Some(figures) => self.set_figures(room, report, figures),
            None => count_of(&self.resyncs, &[room, "any"], report.resyncs),
        }
        for part in *latency {
            // Two parts that a newer node knows come together in one.
            let stage = part.stage.name();
            self.latency.with_label_values(&[room, stage, part.source.name()]).add(part.value.as_secs_f64());
            if let Some(uncertainty) = part.uncertainty {
                self.latency_uncertainty.with_label_values(&[room, stage]).add(uncertainty.as_secs_f64());
            }
        }
        if let Some(output) = output.filter(|_| latency.is_empty()) {
            self.latency.with_label_values(&[room, "output", "unknown"]).set(output.latency.as_secs_f64());
        }
    }

    fn set_figures(&self, room: &str, report: &RoomReport, figures: &RoomFigures) {
        count_of(&self.resyncs, &[room, "starved"], figures.starved);
        count_of(&self.resyncs, &[room, "jump"], report.resyncs.saturating_sub(figures.starved));
        let Some(speaker) = &figures.speaker else { return };
        self.speaker_connected.with_label_values(&[room]).set(f64::from(u8::from(speaker.connected)));
        for (family, count) in [
            (&self.speaker_packets, speaker.packets),
            (&self.speaker_dropped, speaker.dropped),
            (&self.speaker_late, speaker.late),
            (&self.speaker_reports, speaker.delay_reports),
            (&self.speaker_connects, speaker.connects),
        ] {
            count_of(family, &[room], count);
        }
        for (reason, count) in &speaker.failures {
            count_of(&self.speaker_failures, &[room, reason], *count);
        }
    }
}

/// Adds what somebody else has counted to a series that was just taken out.
fn count_of(family: &prometheus::CounterVec, labels: &[&str], count: u64) {
    family.with_label_values(labels).inc_by(count as f64);
}

/// What a figure rests on; `None` when there is none.
pub const fn evidence_name(evidence: Evidence) -> Option<&'static str> {
    match evidence {
        Evidence::Estimate => Some("estimate"),
        Evidence::Device => Some("device"),
        Evidence::Acoustic => Some("acoustic"),
        Evidence::Model => Some("model"),
        Evidence::Nothing | Evidence::Other(_) => None,
    }
}

/// What a room is doing.
pub const fn state_name(state: RoomState) -> &'static str {
    match state {
        RoomState::Idle => "idle",
        RoomState::Playing => "playing",
        RoomState::NoOutput => "no_output",
        RoomState::NoClock => "no_clock",
        RoomState::Alone => "alone",
        RoomState::Starting | RoomState::Other(_) => "starting",
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::{
        time::Nanos,
        wire::{
            control::{LatencySource, LatencyStage, SpeakerFigures},
            ids::RoomIndex,
        },
    };

    use super::*;
    use crate::metrics::Page;

    fn report(evidence: Evidence) -> RoomReport {
        RoomReport {
            room: RoomIndex(0),
            state: RoomState::Playing,
            stream: None,
            output: "model".into(),
            sync_error: Nanos::from_micros(-42),
            evidence,
            uncertainty: Nanos::from_micros(15),
            buffered: Nanos::from_millis(300),
            dac_drift_ppb: 40_000,
            received: 1_000,
            lost: 20,
            repaired: 19,
            late: 1,
            concealed_frames: 960,
            underruns: 2,
            resyncs: 3,
        }
    }

    fn figures() -> RoomFigures {
        let speaker =
            SpeakerFigures { connects: 4, failures: vec![("page_timeout".into(), 6)], ..SpeakerFigures::default() };
        RoomFigures { room: RoomIndex(0), starved: 1, speaker: Some(speaker) }
    }

    #[test]
    fn nothing_is_said_of_a_microphone_before_one_has_heard_it_and_nothing_stays_of_a_room_that_is_gone() {
        let page = Page::new("test", "1", "1");
        let rooms = RoomMetrics::register(page.registry());
        let part = |stage, millis, source, uncertainty: Option<i64>| LatencyPart {
            stage,
            value: Nanos::from_millis(millis),
            source,
            uncertainty: uncertainty.map(Nanos::from_millis),
        };
        let latency = [
            part(LatencyStage::Speaker, 150, LatencySource::ReportBounded, Some(30)),
            part(LatencyStage::Trim, -5, LatencySource::Setting, None),
        ];
        let (clock, figures) = (ClockReport { rtt: Nanos::from_millis(2), ..ClockReport::default() }, figures());
        let filled = |evidence, with_figures: bool| {
            let report = report(evidence);
            let figures = with_figures.then_some(&figures);
            page.text(|| {
                rooms.reset();
                rooms.set_state("kitchen", "playing");
                let told =
                    Told { clock: &clock, report: &report, output: None, latency: &latency, figures, rate: 48_000 };
                rooms.set("kitchen", &told);
            })
            .unwrap()
        };
        let text = filled(Evidence::Device, true);
        for line in [
            r#"unisono_sync_error_seconds{evidence="device",room="kitchen"} -0.000042"#,
            r#"unisono_concealed_seconds_total{room="kitchen"} 0.02"#,
            r#"unisono_resyncs_total{kind="jump",room="kitchen"} 2"#,
            r#"unisono_resyncs_total{kind="starved",room="kitchen"} 1"#,
            r#"unisono_dac_drift_ratio{room="kitchen"} 0.00004"#,
            r#"unisono_output_latency_seconds{room="kitchen",source="setting",stage="trim"} -0.005"#,
            r#"unisono_output_latency_seconds{room="kitchen",source="report_bounded",stage="speaker"} 0.15"#,
            r#"unisono_output_latency_uncertainty_seconds{room="kitchen",stage="speaker"} 0.03"#,
            r#"unisono_bluetooth_failures_total{reason="page_timeout",room="kitchen"} 6"#,
            r#"unisono_room_state{room="kitchen",state="playing"} 1"#,
            r#"unisono_room_state{room="kitchen",state="offline"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("acoustic\""), "{text}");
        assert!(filled(Evidence::Acoustic, true).contains("evidence=\"acoustic\""));
        let ours =
            |text: &str| text.lines().filter(|line| line.contains("kitchen")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(ours(&text), ours(&filled(Evidence::Device, true)), "counters are shown as they are, however often");
        let older = filled(Evidence::Nothing, false);
        assert!(older.contains(r#"unisono_resyncs_total{kind="any",room="kitchen"} 3"#), "{older}");
        assert!(!older.contains("unisono_sync_error_seconds{") && !older.contains("bluetooth_connects_total{"));
        let gone = page.text(|| rooms.reset()).unwrap();
        assert!(!gone.contains("kitchen"), "{gone}");
    }
}
