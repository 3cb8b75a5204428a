//! A dashboard as an SVG image: each panel where it is in Grafana, with what Prometheus answered.

use std::fmt::Write;

use super::{
    panels::{Dashboard, Panel},
    prometheus::Series,
    units::shown,
};

/// What a panel's questions were answered with: what each series is called, and the series.
pub type Answers = Vec<(String, Series)>;

/// Pixels of one of 24 columns, and of a row.
const COLUMN: f64 = 50.0;
const ROW: f64 = 30.0;

/// Around each panel.
const GAP: f64 = 6.0;

/// So many lines of a legend are shown beneath a plot.
const LEGEND_LINES: usize = 3;
const LEGEND_LINE: f64 = 14.0;

const COLOURS: [&str; 10] =
    ["#1f60c4", "#c8553d", "#0b6e4f", "#b8860b", "#7b3fa0", "#008b8b", "#a0522d", "#4b5563", "#c71585", "#6b8e23"];

/// Draws a dashboard with what each of its panels was answered between two instants, in seconds since 1970.
pub fn draw(dashboard: &Dashboard, answers: &[Answers], from: f64, to: f64) -> String {
    let bottom = dashboard.panels.iter().map(|panel| panel.place[1] + panel.place[3]).max().unwrap_or(0);
    let (width, height) = (24.0 * COLUMN, f64::from(bottom) * ROW + 34.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\" fill=\"#333\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#eef0f2\"/>\n\
         <text x=\"{GAP}\" y=\"22\" font-size=\"17\">{}</text>\n",
        escaped(&dashboard.title)
    );
    for (panel, answers) in dashboard.panels.iter().zip(answers) {
        let [x, y, w, h] = panel.place.map(f64::from);
        let frame = Frame {
            left: x * COLUMN + GAP / 2.0,
            top: y * ROW + 34.0 + GAP / 2.0,
            width: w * COLUMN - GAP,
            height: h * ROW - GAP,
        };
        if panel.kind == "row" {
            text(&mut svg, (frame.left + 2.0, frame.top + 17.0), "font-size=\"14\"", &panel.title);
            continue;
        }
        let Frame { left, top, width, height } = frame;
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"white\"/>"
        );
        text(&mut svg, (left + 8.0, top + 17.0), "font-size=\"12\" font-weight=\"bold\"", &panel.title);
        match panel.kind.as_str() {
            _ if answers.is_empty() => text(&mut svg, (left + 8.0, top + 40.0), "fill=\"#888\"", "no data"),
            "stat" => stat(&mut svg, panel, answers, frame),
            "bargauge" => bars(&mut svg, panel, answers, frame),
            "table" => table(&mut svg, panel, answers, frame),
            _ => lines(&mut svg, panel, answers, frame, (from, to)),
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

fn last(series: &Series) -> f64 {
    series.values.last().map_or(0.0, |(_, value)| *value)
}

/// The one value, large and in the colour of its threshold.
fn stat(svg: &mut String, panel: &Panel, answers: &Answers, frame: Frame) {
    // Of what was named in turn, what is named now.
    let newest = answers.iter().max_by(|(_, one), (_, other)| at(one).total_cmp(&at(other)));
    let Some((name, series)) = newest else { return };
    let value = last(series);
    let written = if panel.shows_names { name.clone() } else { shown(value, &panel.unit) };
    let size = (frame.width / written.chars().count().max(1) as f64 * 1.5).min(34.0);
    let style = format!("font-size=\"{size:.0}\" fill=\"{}\" text-anchor=\"middle\"", colour_of(panel, value));
    text(svg, (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0 + 18.0), &style, &written);
}

fn at(series: &Series) -> f64 {
    series.values.last().map_or(0.0, |(at, _)| *at)
}

fn colour_of(panel: &Panel, value: f64) -> &'static str {
    let reached = panel.thresholds.iter().rfind(|(from, _)| from.is_none_or(|from| value >= from));
    match reached.map(|(_, colour)| colour.as_str()) {
        Some("red") => "#c0392b",
        Some("orange") => "#d68910",
        _ => "#1e8449",
    }
}

fn bars(svg: &mut String, panel: &Panel, answers: &Answers, frame: Frame) {
    let most = answers.iter().map(|(_, series)| last(series)).fold(1e-9, f64::max);
    let step = ((frame.height - 34.0) / answers.len() as f64).min(30.0);
    for (number, (name, series)) in answers.iter().enumerate() {
        let (value, y) = (last(series), frame.top + 32.0 + step * number as f64);
        let width = (value.max(0.0) / most * (frame.width - 190.0)).max(1.0);
        let _ = writeln!(
            svg,
            "<rect x=\"{:.0}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{:.0}\" fill=\"{}\"/>",
            frame.left + 90.0,
            step * 0.7,
            COLOURS[0]
        );
        let base = y + step * 0.55;
        text(svg, (frame.left + 84.0, base), "text-anchor=\"end\"", name);
        text(svg, (frame.left + 98.0 + width, base), "", &shown(value, &panel.unit));
    }
}

/// A row for each room, a column for each question.
fn table(svg: &mut String, panel: &Panel, answers: &Answers, frame: Frame) {
    let columns: Vec<&str> = panel.questions.iter().map(|question| question.legend.as_str()).collect();
    let mut rooms: Vec<&str> =
        answers.iter().filter_map(|(_, series)| Some(series.labels.get("room")?.as_str())).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let width = (frame.width - 100.0) / columns.len().max(1) as f64;
    let place = |column: usize| frame.left + 100.0 + width * column as f64;
    for (number, column) in columns.iter().enumerate() {
        text(svg, (place(number), frame.top + 40.0), "fill=\"#777\"", column);
    }
    for (row, room) in rooms.iter().enumerate() {
        let y = frame.top + 62.0 + 22.0 * row as f64;
        text(svg, (frame.left + 8.0, y), "", room);
        for (number, column) in columns.iter().enumerate() {
            let of = |(name, series): &&(String, Series)| {
                name == column && series.labels.get("room").is_some_and(|of| of == room)
            };
            let Some((_, series)) = answers.iter().find(of) else { continue };
            let value = last(series);
            let written = match *column {
                "connected" => String::from(if value > 0.0 { "yes" } else { "no" }),
                "volume" => shown(value, "percentunit"),
                _ => shown(value, "s"),
            };
            text(svg, (place(number), y), "", &written);
        }
    }
}

fn lines(svg: &mut String, panel: &Panel, answers: &Answers, frame: Frame, (from, to): (f64, f64)) {
    let legend = answers.len().min(LEGEND_LINES) as f64 * LEGEND_LINE;
    let (left, right) = (frame.left + 62.0, frame.left + frame.width - 8.0);
    let (top, bottom) = (frame.top + 28.0, frame.top + frame.height - legend - 22.0);
    let values = answers.iter().flat_map(|(_, series)| series.values.iter().map(|(_, value)| *value));
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    // What is never below zero begins there.
    let begins_at_zero = low >= 0.0 && (low == high || low < high * 0.7);
    let low = if begins_at_zero { 0.0 } else { low };
    let margin = ((high - low) * 0.08).max(high.abs().max(low.abs()) * 0.02).max(1e-9);
    let (low, high) = (if low == 0.0 { 0.0 } else { low - margin }, high + margin);
    let x = |second: f64| left + (second - from) / (to - from).max(1.0) * (right - left);
    let y = |value: f64| bottom - (value - low) / (high - low) * (bottom - top);
    for share in [0.0, 0.5, 1.0] {
        let value = low + (high - low) * share;
        let _ = writeln!(svg, "<path d=\"M{left:.0} {0:.1}H{right:.0}\" stroke=\"#e3e3e3\"/>", y(value));
        text(svg, (left - 5.0, y(value) + 4.0), "text-anchor=\"end\" fill=\"#777\"", &shown(value, &panel.unit));
    }
    for (threshold, colour) in panel.thresholds.iter().filter_map(|(from, colour)| Some((((*from)?), colour))) {
        if threshold > low && threshold < high {
            let at = y(threshold);
            let _ = writeln!(
                svg,
                "<path d=\"M{left:.0} {at:.1}H{right:.0}\" stroke=\"{colour}\" stroke-dasharray=\"5 4\" opacity=\"0.6\"/>"
            );
        }
    }
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let second = from + (to - from) * share;
        let style = format!("text-anchor=\"{anchor}\" fill=\"#777\"");
        text(svg, (x(second), bottom + 13.0), &style, &shown((second - from).round(), "s"));
    }
    for (number, (name, series)) in answers.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let mut path = String::new();
        for (place, (second, value)) in series.values.iter().enumerate() {
            let gap = place == 0 || second - series.values[place - 1].0 > (to - from) / 20.0;
            let _ = write!(path, "{}{:.1} {:.1}", if gap { 'M' } else { 'L' }, x(*second), y(*value));
        }
        let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\"/>");
        let (column, line) = (number / LEGEND_LINES, number % LEGEND_LINES);
        let columns = answers.len().div_ceil(LEGEND_LINES).min(3);
        if column < columns {
            let width = (frame.width - 16.0) / columns as f64;
            let place = (frame.left + 10.0 + width * column as f64, bottom + 29.0 + LEGEND_LINE * line as f64);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens")]
            let most = (width / 6.2) as usize;
            let entry = clipped(&format!("{name}: {}", shown(last(series), &panel.unit)), most);
            text(svg, place, &format!("fill=\"{colour}\""), &format!("— {entry}"));
        }
    }
}

fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn text(svg: &mut String, (x, y): (f64, f64), style: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" {style}>{}</text>", escaped(text));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What a series is called: a legend with its labels put in.
pub fn named(legend: &str, series: &Series) -> String {
    let mut name = legend.to_owned();
    for (label, value) in &series.labels {
        name = name.replace(&format!("{{{{{label}}}}}"), value);
    }
    name
}
