//! The table: what was measured, player beside player, then what was asked.

use std::fmt::Write;

use super::limits::{Limit, Verdict};
use crate::lab::figures::{Figures, SPANS};

/// Figures, a column a player.
pub fn figures(players: &[&Figures]) -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut row = |what: String, of: &dyn Fn(&Figures) -> String| {
        rows.push((what, players.iter().map(|player| of(player)).collect()));
    };
    row("inter-room error, p50 / p95 / p99 / max".into(), &|_| "µs".into());
    for (number, (from, to)) in SPANS.iter().enumerate() {
        let span = if to.is_finite() { format!("{from} to {to} s") } else { format!("after {from} s") };
        row(format!("  {span}"), &|player| {
            player.errors_us[number].map_or_else(nothing, |spread| {
                format!("{:.1} / {:.1} / {:.1} / {:.1}", spread.p50, spread.p95, spread.p99, spread.max)
            })
        });
    }
    row("first sound after play, s".into(), &|player| number(player.first_sound_s, 2));
    row("error of the first sound, µs".into(), &|player| number(player.first_error_us.map(f64::abs), 0));
    row("windows unmatched / after 1 s / all".into(), &|player| {
        format!("{} / {} / {}", player.unmatched, player.unmatched_later, player.windows)
    });
    let most = players.iter().map(|player| player.rooms.len()).max().unwrap_or(0);
    for room in 0..most {
        let name = format!("room {}", room + 1);
        row(format!("{name}: frames dropped or repeated"), &|player| {
            player.rooms.get(room).map_or_else(nothing, |room| room.slips.frames.to_string())
        });
        row(format!("{name}: unlike the original, windows"), &|player| {
            player
                .rooms
                .get(room)
                .map_or_else(nothing, |room| format!("{} / {}", room.slips.unmatched, room.slips.windows))
        });
        row(format!("{name}: silent / concealed, % of time"), &|player| {
            player.rooms.get(room).map_or_else(nothing, |room| {
                format!("{:.3} / {}", room.silent * 100.0, number(room.concealed.map(|share| share * 100.0), 3))
            })
        });
        row(format!("{name}: packets, lost, repaired, late"), &|player| {
            player.rooms.get(room).and_then(|room| room.packets.as_ref()).map_or_else(nothing, |packets| {
                format!("{} {} {} {}", packets.received, packets.lost, packets.repaired, packets.late)
            })
        });
    }
    let tones = players.iter().map(|player| player.tones.len()).max().unwrap_or(0);
    for tone in 0..tones {
        let Some(name) = players.iter().find_map(|player| player.tones.get(tone)) else { continue };
        row(format!("{}: {} Hz, SINAD median / worst, dB", name.room, name.played), &|player| {
            let purity = player.tones.get(tone).and_then(|tone| tone.purity);
            purity
                .map_or_else(nothing, |purity| format!("{:.1} / {:.1}", purity.sinad_median_db, purity.sinad_worst_db))
        });
        row(format!("{}: {} Hz, wow rms / max, ppm", name.room, name.played), &|player| {
            let purity = player.tones.get(tone).and_then(|tone| tone.purity);
            purity.map_or_else(nothing, |purity| format!("{:.3} / {:.3}", purity.wow_rms_ppm, purity.wow_max_ppm))
        });
    }
    let processes = players.iter().map(|player| player.costs.len()).max().unwrap_or(0);
    for process in 0..processes {
        let name = if process == 0 { "hub".into() } else { format!("room {process}") };
        row(format!("{name}: processor, s / peak memory, MB"), &|player| {
            player
                .costs
                .get(process)
                .map_or_else(nothing, |cost| format!("{:.2} / {:.1}", cost.cpu_s, cost.peak_kib as f64 / 1_024.0))
        });
    }
    row("on the hub's wire, sent / received, kB/s".into(), &|player| {
        let rate = |bytes: u64| bytes as f64 / player.seconds.max(1.0) * 1e-3;
        format!("{:.1} / {:.1}", rate(player.wire.sent), rate(player.wire.received))
    });
    row("links over 0.5 ms late, % / latest, ms".into(), &|player| {
        format!("{:.2} / {:.1}", player.lateness.share * 100.0, player.lateness.worst_s * 1e3)
    });
    let mut lines = vec![(String::new(), players.iter().map(|player| player.player.clone()).collect::<Vec<_>>())];
    lines.append(&mut rows);
    aligned(&lines)
}

/// What was asked, and whether it was met.
pub fn verdicts(verdicts: &[Verdict]) -> String {
    let line = |verdict: &Verdict| {
        let limit = match verdict.limit {
            Limit::AtMost(limit) => format!("at most {limit:.4}"),
            Limit::AtLeast(limit) => format!("at least {limit:.1}"),
        };
        let limit = if limit.contains('.') { limit.trim_end_matches('0').trim_end_matches('.').into() } else { limit };
        let word = if verdict.holds { "ok" } else { "FAIL" };
        (verdict.what.clone(), vec![format!("{:.3}", verdict.found), limit, word.into()])
    };
    aligned(&verdicts.iter().map(line).collect::<Vec<_>>())
}

fn aligned(rows: &[(String, Vec<String>)]) -> String {
    let width = |text: &str| text.chars().count();
    let first = rows.iter().map(|(what, _)| width(what)).max().unwrap_or(0);
    let columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|(_, cells)| cells.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (what, cells) in rows {
        let _ = write!(text, "{what:<first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

fn number(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(nothing, |figure| format!("{figure:.digits$}"))
}

fn nothing() -> String {
    "–".into()
}
