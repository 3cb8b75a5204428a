//! The plot: the error between rooms over time, each player in its colour.

use std::fmt::Write;

use crate::lab::figures::Figures;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 44.0;

/// The axis is logarithmic, in decades of microseconds from 0.1 µs to 100 ms.
const DECADES: (i32, i32) = (-1, 5);

/// One sample at 48 kHz, in microseconds.
const SAMPLE_US: f64 = 1e6 / 48_000.0;

const COLOURS: [&str; 2] = ["#0b6e4f", "#c8553d"];

/// An SVG image of all windows. `title` says what was run.
pub fn plot(title: &str, players: &[&Figures]) -> String {
    let seconds = players.iter().map(|player| player.seconds).fold(60.0, f64::max);
    let x = |second: f64| LEFT + second / seconds * (WIDTH - LEFT - RIGHT);
    let (low, high) = (f64::from(DECADES.0), f64::from(DECADES.1));
    let y = |us: f64| {
        let share = (us.max(1e-9).log10().clamp(low, high) - low) / (high - low);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\">{}</text>\n",
        escaped(title)
    );
    for decade in DECADES.0..=DECADES.1 {
        let us = 10_f64.powi(decade);
        let label = if us < 1e3 { format!("{us} µs") } else { format!("{} ms", us / 1e3) };
        line(&mut svg, (LEFT, y(us)), (WIDTH - RIGHT, y(us)), "stroke=\"#ddd\"");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0, y(us) + 4.0);
    }
    line(&mut svg, (LEFT, y(SAMPLE_US)), (WIDTH - RIGHT, y(SAMPLE_US)), "stroke=\"#555\" stroke-dasharray=\"5 4\"");
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">one sample</text>", LEFT + 4.0, y(SAMPLE_US) - 4.0);
    for tick in (0..=10).map(|tick| f64::from(tick) * seconds / 10.0) {
        let at = (x(tick), HEIGHT - BOTTOM + 18.0);
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{tick:.0} s</text>", at.0, at.1);
    }
    for (number, (player, colour)) in players.iter().zip(COLOURS).enumerate() {
        let mut dots = String::new();
        for (second, error) in &player.series {
            if let Some(error) = error {
                let _ = write!(dots, "M{:.1} {:.1}h0", x(*second), y(error.abs()));
            }
        }
        let _ = writeln!(svg, "<path d=\"{dots}\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linecap=\"round\"/>");
        let place = LEFT + 220.0 * number as f64;
        let name = escaped(&player.player);
        let _ = writeln!(svg, "<text x=\"{place}\" y=\"36\" fill=\"{colour}\">● {name}</text>");
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), style: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(svg, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {style}/>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
