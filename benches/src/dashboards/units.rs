//! Values as a person reads them, after Grafana's names of units.

/// A value with its unit.
pub(super) fn shown(value: f64, unit: &str) -> String {
    let (scaled, prefix, name) = match unit {
        "s" if value.abs() >= 7_200.0 => (value / 3_600.0, "", " h"),
        "s" if value.abs() >= 120.0 => (value / 60.0, "", " min"),
        "s" => prefixed(value, "s"),
        "percentunit" => (value * 100.0, "", " %"),
        "Bps" => prefixed(value, "B/s"),
        "bytes" => prefixed(value, "B"),
        "ppm" => (value, "", " ppm"),
        "pps" => (value, "", " p/s"),
        "reqps" => (value, "", " req/s"),
        _ => (value, "", ""),
    };
    format!("{}{prefix}{name}", rounded(scaled))
}

/// A value in steps of a thousand.
fn prefixed(value: f64, unit: &'static str) -> (f64, &'static str, &'static str) {
    let steps = [(1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, " "), (1e-3, " m"), (1e-6, " µ"), (1e-9, " n")];
    if value == 0.0 {
        return (0.0, " ", unit);
    }
    let (size, prefix) = steps.into_iter().find(|(size, _)| value.abs() >= *size).unwrap_or((1e-9, " n"));
    (value / size, prefix, unit)
}

/// Three digits that mean something.
fn rounded(value: f64) -> String {
    let magnitude = value.abs();
    let text = match magnitude {
        _ if magnitude >= 99.95 => format!("{value:.0}"),
        _ if magnitude >= 9.995 => format!("{value:.1}"),
        _ if magnitude >= 0.999_5 || magnitude == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_a_person_writes_them() {
        for (value, unit, text) in [
            (0.000_042, "s", "42 µs"),
            (-0.003_1, "s", "-3.1 ms"),
            (0.0, "s", "0 s"),
            (1.5, "s", "1.5 s"),
            (600.0, "s", "10 min"),
            (0.024, "percentunit", "2.4 %"),
            (24_000.0, "Bps", "24 kB/s"),
            (40.27, "ppm", "40.3 ppm"),
            (3.0, "none", "3"),
            (-0.000_01, "none", "0"),
            (12_582_912.0, "bytes", "12.6 MB"),
        ] {
            assert_eq!(shown(value, unit), text);
        }
    }
}
