//! How a room's link behaves.

use std::{fmt, str::FromStr};

/// What `wifilink` takes; see `benches/lab/wifilink.c` for the units.
const KEYS: [&str; 8] = ["base_us", "jit_us", "sig", "stall_hz", "stall_ms", "loss", "burst", "asym_us"];

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
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(name, _)| *name == text);
        let parameters = named.map_or(text, |(_, parameters)| parameters);
        let parse = |parameter: &str| match parameter.split_once('=') {
            Some((key, value)) if KEYS.contains(&key) && value.parse::<f64>().is_ok_and(f64::is_finite) => {
                Ok(parameter.to_owned())
            }
            _ => Err(format!(
                "\"{parameter}\" is none of clean, good, bad, and no number for one of {}",
                KEYS.join("=, ")
            )),
        };
        let parameters = parameters.split(',').map(parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.into(), parameters })
    }
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
}
