//! Rooms as a table.

use std::io::{IsTerminal, stdout};

use terminal_size::{Width, terminal_size};
use unisono_hub::api::types::{OutputView, RoomView, SyncView};

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
/// all columns. Below, a line for each room that does not use the output that it should.
pub(crate) fn rooms(rooms: &[RoomView]) -> String {
    let columns = stdout().is_terminal().then(terminal_size).flatten().map(|(Width(columns), _)| columns.into());
    rooms_within(rooms, columns.unwrap_or(usize::MAX)) + &notes(rooms)
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

/// Which rooms use another output than their first, for how long, why, and what would bring that back.
fn notes(rooms: &[RoomView]) -> String {
    let notes = rooms.iter().filter_map(|room| {
        let OutputView { choice, held_s, why, back, .. } = room.output_state.as_ref()?;
        let what = match choice.as_str() {
            "fallback" => format!("plays on {}", room.output),
            "none" => String::from("has no output"),
            _ => return None,
        };
        let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let back = back.as_ref().map_or_else(String::new, |back| format!("; {back}"));
        Some(format!("{} {what} for {}{why}{back}\n", room.name, span(*held_s)))
    });
    let notes: String = notes.collect();
    if notes.is_empty() { notes } else { format!("\n{notes}") }
}

/// Seconds as a person says them.
fn span(seconds: f64) -> String {
    let (minutes, hours) = (seconds / 60.0, seconds / 3_600.0);
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        120.0..7_200.0 => format!("{minutes:.0} min"),
        7_200.0..172_800.0 => format!("{hours:.0} h"),
        _ => format!("{:.0} days", hours / 24.0),
    }
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
        evidence(sync),
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

/// What the error rests on, and how long ago that was so.
fn evidence(sync: &SyncView) -> String {
    let age =
        sync.age_s.map(|age| if age < 10.0 { format!(", {age:.1} s ago") } else { format!(", {} ago", span(age)) });
    sync.evidence.clone() + &age.unwrap_or_default()
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
            output_state: None,
            sync,
            start_volume: None,
            equaliser: unisono_hub::api::types::EqualiserView::default(),
            channels: "stereo".into(),
            sound_problem: None,
            latency: Vec::new(),
            volume_state: None,
        }
    }

    fn sync() -> SyncView {
        SyncView {
            error_s: -12.4e-6,
            evidence: "device".into(),
            age_s: Some(0.4),
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

    #[test]
    fn a_room_that_plays_on_another_output_than_its_first_says_why_and_what_would_bring_that_back() {
        let state = |choice: &str, held_s| OutputView {
            choice: choice.into(),
            held_s,
            latency_s: 0.182,
            why: Some("alsa:hw:CARD=DAC: it was unplugged or switched off".into()),
            back: Some("plug it in".into()),
        };
        let mut kitchen = room("Küche", Some(sync()));
        kitchen.output_state = Some(OutputView { why: None, back: None, ..state("first", 5.0) });
        assert_eq!(notes(&[kitchen.clone(), room("attic", None)]), "");
        let mut bath = RoomView { output: "bluetooth:00:11:22:33:44:55".into(), ..room("bath", Some(sync())) };
        bath.output_state = Some(state("fallback", 150.0));
        let mut cellar = room("cellar", Some(sync()));
        cellar.output_state = Some(state("none", 61.0));
        assert_eq!(
            notes(&[kitchen, bath, cellar]),
            "\nbath plays on bluetooth:00:11:22:33:44:55 for 2 min: alsa:hw:CARD=DAC: it was unplugged or switched off; \
             plug it in\ncellar has no output for 61 s: alsa:hw:CARD=DAC: it was unplugged or switched off; plug it in\n"
        );
    }
}
