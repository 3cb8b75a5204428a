//! Rooms as a table.

use std::io::{IsTerminal, stdout};

use terminal_size::{Width, terminal_size};
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

/// One line for each room, as wide as it takes; on a terminal that is narrower, as many tables below each other as show
/// all columns.
pub(crate) fn rooms(rooms: &[RoomView]) -> String {
    let columns = stdout().is_terminal().then(terminal_size).flatten().map(|(Width(columns), _)| columns.into());
    rooms_within(rooms, columns.unwrap_or(usize::MAX))
}

fn rooms_within(rooms: &[RoomView], columns: usize) -> String {
    if rooms.is_empty() {
        return String::from("no rooms; `unisono token` tells how to add one\n");
    }
    let rows: Vec<[String; 13]> = rooms.iter().map(row).collect();
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        widest.max(HEAD[column].len())
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |cells: &[String; 13], table: &[usize]| {
        let cells = table.iter().map(|column| format!("{:<width$}", cells[*column], width = widths[*column]));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let head = HEAD.map(String::from);
    let tables = tables(&widths, columns)
        .into_iter()
        .map(|table| line(&head, &table) + &rows.iter().map(|row| line(row, &table)).collect::<String>());
    tables.collect::<Vec<_>>().join("\n")
}

/// The columns of each table: the rooms' names, and as many of the others as fit.
fn tables(widths: &[usize], columns: usize) -> Vec<Vec<usize>> {
    let mut tables = vec![vec![0]];
    let mut width = widths[0];
    for (column, wide) in widths.iter().enumerate().skip(1) {
        if width + GAP + wide > columns && tables.last().is_some_and(|table| table.len() > 1) {
            tables.push(vec![0]);
            width = widths[0];
        }
        width += GAP + wide;
        tables.iter_mut().last().expect("there is one").push(column);
    }
    tables
}

/// Between two columns.
const GAP: usize = 2;

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

    fn sync() -> SyncView {
        SyncView {
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
        }
    }

    #[test]
    fn a_narrow_terminal_is_shown_every_column_and_no_line_that_is_too_long() {
        let rooms = [room("Küche", Some(sync())), room("a much longer name", None)];
        let wide = rooms_within(&rooms, usize::MAX);
        assert_eq!(wide.lines().count(), 3);
        for columns in [1, 40, 80, 120] {
            let table = rooms_within(&rooms, columns);
            let fits =
                |line: &str| line.chars().count() <= columns.max("a much longer name  opus 128k  alsa:default".len());
            assert!(table.lines().all(fits), "{table}");
            let words =
                |text: &str| text.split_whitespace().map(String::from).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(words(&table), words(&wide));
        }
    }

    #[test]
    fn columns_line_up_whatever_the_names_are() {
        let table = rooms(&[room("Küche", Some(sync())), room("a much longer name", None)]);
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
