//! How a room's link behaves.

use std::{fmt, ops::RangeInclusive, str::FromStr};

/// What `wifilink` takes, and its range; see `benches/lab/wifilink.c` for the units. No time is longer than 10 s; with
/// more than 200 for `sig` a packet might never arrive.
const KEYS: [(&str, RangeInclusive<f64>); 8] = [
    ("base_us", 0.0..=1e7),
    ("jit_us", 0.0..=1e7),
    ("sig", 0.0..=200.0),
    ("stall_hz", 0.0..=1_000.0),
    ("stall_ms", 0.0..=1e4),
    ("loss", 0.0..=999.0),
    ("burst", 1.0..=1_000.0),
    ("asym_us", 0.0..=1e7),
];

/// The profiles with a name: a cable, home Wi-Fi on a good day, home Wi-Fi at the end of the garden.
const NAMED: [(&str, &str); 3] = [
    ("clean", "base_us=300,jit_us=0,stall_hz=0,loss=0"),
    ("good", "base_us=1000,jit_us=800,sig=80,stall_hz=0.5,stall_ms=25,loss=5,burst=3"),
    ("bad", "base_us=2000,jit_us=3000,sig=100,stall_hz=1,stall_ms=80,loss=50,burst=5"),
];

/// A link's behaviour, by name or by its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    text: String,
    parameters: Vec<String>,
}

impl Profile {
    /// For `wifilink`.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// Its name, when it has one: what is asked of a player depends on it.
    pub fn name(&self) -> Option<&'static str> {
        NAMED.iter().map(|(name, _)| *name).find(|name| *name == self.text)
    }

    /// The share of time in which a packet would wait longer than so many milliseconds for the end of a stall, whoever
    /// plays: stalls begin at random, and their length is distributed exponentially.
    pub fn stalled_longer(&self, ms: f64) -> f64 {
        let (hertz, mean_ms) = (self.number("stall_hz", 0.5), self.number("stall_ms", 25.0));
        if mean_ms > 0.0 { hertz * mean_ms * 1e-3 * (-ms / mean_ms).exp() } else { 0.0 }
    }

    /// A parameter, or what `wifilink` takes for it.
    fn number(&self, key: &str, otherwise: f64) -> f64 {
        let value = self.parameters.iter().rev().find_map(|parameter| parameter.strip_prefix(key)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(name, _)| *name == text);
        let parameters = named.map_or(text, |(_, parameters)| parameters);
        let parameters = parameters.split(',').map(checked).collect::<Result<_, _>>()?;
        Ok(Self { text: text.into(), parameters })
    }
}

/// A parameter that `wifilink` has, with a number that it can use.
fn checked(parameter: &str) -> Result<String, String> {
    let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let Some((_, range)) = KEYS.iter().find(|(name, _)| *name == key) else {
        let keys = KEYS.map(|(name, _)| name).join("=, ");
        return Err(format!("\"{parameter}\" is none of clean, good, bad, and no number for one of {keys}="));
    };
    if value.parse().is_ok_and(|value: f64| range.contains(&value)) {
        return Ok(parameter.into());
    }
    Err(format!("\"{parameter}\": {key} is a number from {} to {}", range.start(), range.end()))
}

impl fmt::Display for Profile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_a_name_or_parameters_that_the_link_has() {
        assert_eq!("bad".parse::<Profile>().unwrap().name(), Some("bad"));
        let own: Profile = "base_us=500,loss=2.5".parse().unwrap();
        assert_eq!((own.name(), own.parameters().len()), (None, 2));
        for wrong in ["", "worse", "loss", "loss=much", "loss=inf", "speed=1", "loss=1,,burst=2"] {
            assert!(wrong.parse::<Profile>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_parameter_has_its_range() {
        for (name, _) in NAMED {
            assert!(name.parse::<Profile>().is_ok(), "{name}");
        }
        for (key, range) in KEYS {
            for (value, good) in [
                (*range.start(), true),
                (*range.end(), true),
                (range.start() - 0.5, false),
                (range.end() + 0.5, false),
                (f64::NAN, false),
            ] {
                let text = format!("{key}={value}");
                assert_eq!(text.parse::<Profile>().is_ok(), good, "{text}");
            }
        }
    }

    #[test]
    fn a_short_margin_is_outlasted_by_stalls() {
        let share = |profile: &str, ms| profile.parse::<Profile>().unwrap().stalled_longer(ms);
        assert_eq!(share("clean", 10.0), 0.0);
        // A stall every two seconds, 25 ms long on average.
        assert!((share("good", 0.0) - 0.0125).abs() < 1e-12);
        assert!((share("good", 100.0) - 0.0125 * (-4.0_f64).exp()).abs() < 1e-12);
        assert_eq!(share("loss=1", 100.0), share("good", 100.0));
    }
}
