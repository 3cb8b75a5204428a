//! Speakers, for a person.

use unisono_api::bluetooth::{FoundView, SpeakerLatency, SpeakerSummary};
use unisono_core::time::Nanos;

use crate::equaliser;

/// A device that was found, in a line.
pub(crate) fn found(found: &FoundView) -> String {
    let signal = found.signal.map_or_else(|| String::from("       "), |signal| format!("{signal:>3} dBm"));
    let name = found.name.as_deref().unwrap_or("(no name yet)");
    let model = found.model.as_ref().map(|model| format!("  [{model}]")).unwrap_or_default();
    let obstacle = found.obstacle.as_ref().map(|failure| format!("  ({})", failure.cause)).unwrap_or_default();
    format!("{}  {signal}  {name}{model}{obstacle}", found.address)
}

/// Speakers that are remembered.
pub(crate) fn speakers(speakers: &[SpeakerSummary]) -> String {
    if speakers.is_empty() {
        return String::from("no speakers yet; `unisono bluetooth pair` adds one\n");
    }
    speakers.iter().map(speaker).collect()
}

fn speaker(speaker: &SpeakerSummary) -> String {
    let state = match (speaker.playing, speaker.connected) {
        (true, _) => "playing",
        (false, true) => "connected",
        (false, false) => "not connected",
    };
    let model = speaker.model.as_ref().map(|model| format!(" [{model}]")).unwrap_or_default();
    let codec = speaker.codec.as_ref().map(|codec| format!(", {codec}")).unwrap_or_default();
    let trim = if speaker.trim_ms == 0.0 { String::new() } else { format!(", trim {:+} ms", speaker.trim_ms) };
    let why = if speaker.connected {
        String::new()
    } else {
        format!("\n    {}; {}", speaker.why, speaker.what_brings_it_back)
    };
    let volume = match (speaker.volume_by.as_deref(), &speaker.volume_why) {
        (Some("speaker"), _) => "\n    volume: the speaker's own".into(),
        (Some(_), Some(why)) => format!("\n    volume: samples are scaled; {why}"),
        _ => String::new(),
    };
    let quality = speaker.quality_why.as_ref().map(|why| format!("\n    quality: {why}")).unwrap_or_default();
    let failure = speaker.failure.as_ref().map(|name| format!("\n    last failure: {name}")).unwrap_or_default();
    let latency = speaker.latency.as_ref().map(latency).unwrap_or_default();
    let offer = speaker.equaliser_offer.as_ref().map(equaliser::show_offer).unwrap_or_default();
    format!(
        "{}  {}{model}: {state}{codec}{trim}{why}{failure}\n    mode: {}, idle: {}{quality}{volume}{latency}\n{offer}",
        speaker.address, speaker.name, speaker.mode, speaker.idle
    )
}

/// How late it is, in parts: where each comes from, and how far it may be off.
fn latency(latency: &SpeakerLatency) -> String {
    let millis = |span: Nanos| span.as_secs_f64() * 1e3;
    let total = format!("\n    latency: {:.1} ± {:.1} ms", millis(latency.total), millis(latency.uncertainty));
    let parts = latency.parts.iter().map(|part| {
        let (value, uncertainty) = (millis(part.value), millis(part.uncertainty));
        format!("\n      {:<8}{value:>7.1} ± {uncertainty:.1} ms ({})", part.stage, part.source)
    });
    total + &parts.collect::<String>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_speaker_shows_what_its_latency_is_made_of_who_says_so_and_what_went_wrong_last() {
        let part = |stage: &str, millis, off, source: &str| {
            let (value, uncertainty) = (millis * 1_000_000, off * 1_000_000);
            json!({"stage": stage, "value": value, "uncertainty": uncertainty, "source": source})
        };
        let parts =
            [part("packet", 19, 0, "computed"), part("speaker", 150, 30, "report"), part("trim", -5, 0, "setting")];
        let answer = json!([{
            "address": "AA:BB:CC:DD:EE:FF", "name": "Kitchen", "connected": true, "playing": true,
            "why": "", "what_brings_it_back": "", "failure": "link_lost",
            "mode": "on_demand", "idle": "tone", "trim_ms": -5.0,
            "latency": {"total": 164_000_000, "uncertainty": 30_000_000, "parts": parts},
        }]);
        let shown = speakers(&serde_json::from_value::<Vec<SpeakerSummary>>(answer).unwrap());
        for line in [
            "    last failure: link_lost",
            "    mode: on_demand, idle: tone",
            "    latency: 164.0 ± 30.0 ms",
            "      packet     19.0 ± 0.0 ms (computed)",
            "      speaker   150.0 ± 30.0 ms (report)",
            "      trim       -5.0 ± 0.0 ms (setting)",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
    }

    #[test]
    fn a_speaker_that_cannot_be_paired_says_why() {
        let failure = unisono_api::bluetooth::FailureView {
            name: "not_in_pairing_mode".into(),
            cause: "the speaker is not in pairing mode".into(),
            remedy: "hold its button".into(),
        };
        let mut device = FoundView {
            address: "AA:BB:CC:DD:EE:FF".into(),
            name: Some("Flip".into()),
            signal: Some(-61),
            model: None,
            standing: "new".into(),
            obstacle: None,
        };
        assert_eq!(found(&device), "AA:BB:CC:DD:EE:FF  -61 dBm  Flip");
        device.obstacle = Some(failure);
        assert!(found(&device).ends_with("Flip  (the speaker is not in pairing mode)"));
    }
}
