//! One row of the table.

use serde::{Deserialize, Serialize, de};
use unisono_core::{
    sound::{self, BandKind, Bands, Decibels, Equaliser, Frequency, MAX_BANDS},
    time::Nanos,
};

/// What a latency is off by where the table does not say.
const UNCERTAINTY_MS: u16 = 60;
/// No speaker is slower than this; a larger figure is a slip of the pen.
const LONGEST_MS: u16 = 2_000;

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Row")]
pub struct Model {
    /// What a person calls it.
    pub name: String,
    /// What it calls itself, as patterns in which `*` stands for anything.
    #[serde(skip_serializing)]
    pub names: Vec<String>,
    /// Its latency with SBC, where somebody has measured it.
    pub latency: Option<Prior>,
    /// Codecs that it takes beside SBC.
    pub codecs: Vec<String>,
    /// What it does otherwise than others.
    pub quirks: Vec<Quirk>,
    /// A correction that is offered, and never applied unasked.
    pub eq: Vec<Band>,
    /// Where all this is from.
    pub source: String,
}

/// A latency that is expected before anything was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Prior {
    /// From the frame that is sent to the sound.
    pub value: Nanos,
    /// How far off that may be.
    pub uncertainty: Nanos,
}

/// What a model does otherwise than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Its own volume does not follow AVRCP; samples are scaled instead.
    NoAbsoluteVolume,
    /// Dual channel at high bitpools breaks up.
    NoXq,
    /// It wants three seconds of quiet between connecting and the stream.
    NeedsSettle,
    /// It switches off after some minutes without a stream. Most do; none that is kept connected is left without for so
    /// long.
    SwitchesOff,
}

/// What the table offers for the sound of a model. It is never applied unasked.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// What a person calls the model.
    pub model: String,
    /// Where it is from.
    pub source: String,
    /// The offer: lowered as a whole by what its bands raise, so that nothing clips.
    pub equaliser: Equaliser,
}

/// One band of a correction: a peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Its centre, hertz, 20 to 20 000.
    #[serde(deserialize_with = "frequency")]
    pub frequency_hz: u16,
    /// Decibels, −12 to 12.
    #[serde(deserialize_with = "gain")]
    pub gain_db: f64,
    /// How narrow it is, 0.1 to 10. Articles mostly do not say; 1 is 1.4 octaves wide.
    #[serde(default = "usual_q", deserialize_with = "q")]
    pub q: f64,
}

impl Model {
    /// Whether a speaker that calls itself so is of this model.
    pub fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| matches(pattern, name))
    }

    /// What is offered for its sound, if anything is.
    pub fn offer(&self) -> Option<Offer> {
        let bands = self.eq.iter().map(Band::on_an_equaliser).collect::<Option<Vec<_>>>()?;
        let bands = Bands::new(&bands).ok().filter(|bands| !bands.as_slice().is_empty())?;
        let raised: f64 = self.eq.iter().map(|band| band.gain_db.max(0.0)).sum();
        let preamp = Decibels::new(-raised.min(MOST_LOWERED)).ok()?;
        let equaliser = Equaliser { enabled: true, preamp, bands };
        Some(Offer { model: self.name.clone(), source: self.source.clone(), equaliser })
    }

    /// Whether it has this quirk.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}

impl Band {
    fn on_an_equaliser(&self) -> Option<sound::Band> {
        let frequency = Frequency::new(self.frequency_hz.into()).ok()?;
        let (gain, q) = (Decibels::new(self.gain_db).ok()?, sound::Quality::new(self.q).ok()?);
        Some(sound::Band { kind: BandKind::Peak, frequency, gain, q })
    }
}

/// What an equaliser lowers at most, in decibels.
const MOST_LOWERED: f64 = 24.0;

/// A row as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(deserialize_with = "names")]
    names: Vec<String>,
    #[serde(default, deserialize_with = "millis")]
    latency_ms: Option<u16>,
    #[serde(default, deserialize_with = "millis")]
    uncertainty_ms: Option<u16>,
    #[serde(default)]
    codecs: Vec<String>,
    #[serde(default)]
    quirks: Vec<Quirk>,
    #[serde(default, deserialize_with = "eq")]
    eq: Vec<Band>,
    source: String,
}

impl From<Row> for Model {
    fn from(row: Row) -> Self {
        let latency = row.latency_ms.map(|value| Prior {
            value: Nanos::from_millis(value.into()),
            uncertainty: Nanos::from_millis(row.uncertainty_ms.unwrap_or(UNCERTAINTY_MS).into()),
        });
        let Row { name, names, codecs, quirks, eq, source, .. } = row;
        Self { name, names, latency, codecs, quirks, eq, source }
    }
}

fn names<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let says_nothing = |pattern: &String| pattern.chars().all(|letter| letter == '*');
    if names.is_empty() || names.iter().any(says_nothing) {
        return Err(de::Error::custom("it has to say what the speaker calls itself"));
    }
    Ok(names)
}

fn eq<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<Vec<Band>, D::Error> {
    let bands = Vec::deserialize(deserializer)?;
    if bands.len() > MAX_BANDS { Err(de::Error::custom("it has more than 10 bands")) } else { Ok(bands) }
}

fn millis<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let value = u16::deserialize(deserializer)?;
    if value <= LONGEST_MS { Ok(Some(value)) } else { Err(de::Error::custom("more than 2000 ms")) }
}

fn frequency<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let value = u16::deserialize(deserializer)?;
    if (20..=20_000).contains(&value) { Ok(value) } else { Err(de::Error::custom("not within 20 to 20000 Hz")) }
}

fn gain<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if (-12.0..=12.0).contains(&value) { Ok(value) } else { Err(de::Error::custom("not within -12 to 12 dB")) }
}

fn usual_q() -> f64 {
    1.0
}

fn q<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if (0.1..=10.0).contains(&value) { Ok(value) } else { Err(de::Error::custom("not within 0.1 to 10")) }
}

/// Whether a name fits a pattern, upper and lower case alike.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else {
        return false;
    };
    let Some(end) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, fits) in [
            ("JBL Flip 6", "jbl flip 6", true),
            ("JBL Flip 6", "JBL Flip 6 x", false),
            ("JBL*", "JBL", true),
            ("*Flip*", "JBL Flip 6", true),
            ("J*F*6", "JBL Flip 6", true),
            ("J*6*6", "JBL Flip 6", false),
            ("a*a", "a", false),
            ("*ß*", "Straße", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
