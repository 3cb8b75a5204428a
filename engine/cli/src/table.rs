//! Rooms as a table.

use unisono_hub::api::types::{RoomView, SyncView};

const HEAD: [&str; 13] = [
    "ROOM",
    "STATE",
    "VOL",
    "CODEC",
    "SYNC ERROR",
    "EVIDENCE",
    "BUFFER",
    "LOST",
    "REPAIRED",
    "CONCEALED",
    "CLOCK",
    "CONVERTER",
    "OUTPUT",
];

/// One line for each room.
pub(crate) fn rooms(rooms: &[RoomView]) -> String {
    if rooms.is_empty() {
        return String::from("no rooms; `unisono token` tells how to add one\n");
    }
    let rows: Vec<[String; 13]> = rooms.iter().map(row).collect();
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        widest.max(HEAD[column].len())
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let head = HEAD.map(String::from);
    line(&head) + &rows.iter().map(|row| line(row)).collect::<String>()
}

fn row(room: &RoomView) -> [String; 13] {
    let volume = if room.muted { String::from("mute") } else { room.volume.to_string() };
    let none = || String::from("-");
    let (name, state, output) = (room.name.clone(), room.state.clone(), room.output.clone());
    let Some(sync) = &room.sync else {
        return [
            name,
            state,
            volume,
            codec(room),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            output,
        ];
    };
    let ppm = |value: f64| format!("{value:+.1} ppm");
    [
        name,
        state,
        volume,
        codec(room),
        error(sync),
        sync.evidence.clone(),
        format!("{:.0} ms", sync.buffered_s * 1e3),
        sync.lost.to_string(),
        sync.repaired.to_string(),
        format!("{:.0} ms", sync.concealed_s * 1e3),
        ppm(sync.clock_drift_ppm),
        ppm(sync.dac_drift_ppm),
        output,
    ]
}

/// How what it plays is coded.
fn codec(room: &RoomView) -> String {
    match (&room.codec, room.bit_rate) {
        (Some(codec), Some(bit_rate)) => format!("{codec} {}k", bit_rate / 1_000),
        _ => String::from("-"),
    }
}

/// The error and how far it may be off; nothing without evidence.
fn error(sync: &SyncView) -> String {
    if sync.evidence == "nothing" {
        return String::from("-");
    }
    let (error, uncertainty) = (sync.error_s * 1e6, sync.uncertainty_s * 1e6);
    if error.abs().max(uncertainty) < 10_000.0 {
        format!("{error:+.0} ±{uncertainty:.0} µs")
    } else {
        format!("{:+.1} ±{:.1} ms", error * 1e-3, uncertainty * 1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str, sync: Option<SyncView>) -> RoomView {
        RoomView {
            id: "1-0".into(),
            name: name.into(),
            online: sync.is_some(),
            group: None,
            volume: 35,
            max_volume: 100,
            muted: false,
            output: "alsa:default".into(),
            latency_s: 0.05,
            state: "playing".into(),
            codec: Some("opus".into()),
            bit_rate: Some(128_000),
            sync,
        }
    }

    #[test]
    fn columns_line_up_whatever_the_names_are() {
        let sync = SyncView {
            error_s: -12.4e-6,
            evidence: "device".into(),
            uncertainty_s: 41e-6,
            rtt_s: 2e-3,
            clock_drift_ppm: -30.04,
            dac_drift_ppm: 40.0,
            buffered_s: 0.312,
            received: 10,
            lost: 2,
            repaired: 2,
            late: 0,
            concealed_s: 0.0,
            underruns: 0,
            resyncs: 0,
        };
        let table = rooms(&[room("Küche", Some(sync)), room("a much longer name", None)]);
        let lines: Vec<&str> = table.lines().collect();
        let column = |line: &str, text: &str| line.find(text).map(|at| line[..at].chars().count());
        assert_eq!(column(lines[0], "OUTPUT"), column(lines[1], "alsa:default"));
        assert_eq!(column(lines[1], "alsa:default"), column(lines[2], "alsa:default"));
        assert!(
            lines[1].contains("-12 ±41 µs") && lines[1].contains("-30.0 ppm") && lines[1].contains("opus 128k"),
            "{}",
            lines[1]
        );
    }
}
