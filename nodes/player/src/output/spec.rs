//! The name of an output, as it is written on a command line and in a configuration file.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};
use unisono_bluetooth::Address;
use unisono_core::units::{Drift, SampleRate};

use super::{Muted, alsa};

/// Which output to open. Parsed from, and printed as, the strings below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum OutputSpec {
    /// `auto`: the first ALSA hardware device that plays, a screen's where there is no other.
    Auto,
    /// `alsa:NAME`: a device by its ALSA name, such as `alsa:default` or `alsa:hw:CARD=Headphones,DEV=0`.
    Alsa(String),
    /// `cpal` or `cpal:ID`: the default device of cpal, or one by cpal's id.
    Cpal(Option<String>),
    /// `bluetooth:ADDRESS`: a speaker that was paired, such as `bluetooth:00:11:22:AA:BB:CC`.
    Bluetooth(Address),
    /// `file:PATH.wav`: a recording.
    File(PathBuf),
    /// `model` or `model:KEY=VALUE,...`: a converter that is only computed.
    Model(ModelSpec),
}

/// What kind of converter is modelled.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// `ppm`: how fast it runs against the node's clock.
    pub drift: Drift,
    /// `quantum`: its position moves in steps of so many frames.
    pub quantum: u32,
    /// `rate`: frames per second, when that is not what is asked for.
    pub rate: Option<SampleRate>,
    /// `record`, which comes last and may hold commas: what it emits goes to PREFIX.raw, and when, to PREFIX.log.
    pub record: Option<PathBuf>,
}

impl Default for ModelSpec {
    fn default() -> Self {
        Self { drift: Drift::ZERO, quantum: 1, rate: None, record: None }
    }
}

/// Why a string names no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// It begins with no kind that there is.
    #[error("{0:?} is no output; try auto, alsa:default, cpal, bluetooth:ADDRESS, file:PATH.wav or model")]
    Kind(String),
    /// The kind is followed by nothing, or by what it cannot take.
    #[error("{spec:?} is no output; {remedy}")]
    Name {
        /// The string.
        spec: String,
        /// What to try.
        remedy: &'static str,
    },
    /// A setting of the model that there is not, or with a value that it cannot have.
    #[error(
        "{0:?} is no setting of a model; try ppm=40 (up to ±1000), quantum=48 (1 to 1920), rate=44100 or record=PREFIX"
    )]
    Model(String),
}

/// No crystal is further off.
const MAX_MODEL_PPM: f64 = 1_000.0;

/// 10 ms at the highest rate: the coarsest counters that are sold.
const MAX_QUANTUM: u32 = 1_920;

impl OutputSpec {
    /// What keeps a card from being heard though it plays. Not real-time.
    pub(crate) fn muted(&self) -> Option<Muted> {
        match self {
            Self::Alsa(name) => alsa::muted(name),
            _ => None,
        }
    }

    /// For a person's eye: what it is, and when nothing is heard, that.
    pub fn description(&self) -> String {
        match self {
            Self::Model(ModelSpec { drift, record: None, .. }) => {
                format!("model, {:+} ppm (nothing is heard)", rounded(drift.ppm()))
            }
            audible_or_kept => audible_or_kept.to_string(),
        }
    }
}

impl FromStr for OutputSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        let name = |remedy| SpecError::Name { spec: String::from(text), remedy };
        let named = |remedy| rest.filter(|rest| !rest.is_empty()).ok_or_else(|| name(remedy));
        match (kind, rest) {
            ("auto", None) => Ok(Self::Auto),
            ("alsa", _) => {
                let device = named("name an ALSA device, as in alsa:default or alsa:hw:CARD=Headphones,DEV=0")?;
                if device.contains('\0') {
                    Err(name("no ALSA name holds a zero"))
                } else {
                    Ok(Self::Alsa(device.into()))
                }
            }
            ("cpal", None) => Ok(Self::Cpal(None)),
            ("cpal", _) => Ok(Self::Cpal(Some(named("name a device of cpal, or say cpal for its default")?.into()))),
            ("bluetooth", _) => {
                let remedy =
                    "name a paired speaker, as in bluetooth:00:11:22:AA:BB:CC; `unisono bluetooth list` has them";
                let address = named(remedy)?.parse().map_err(|_| name(remedy))?;
                Ok(Self::Bluetooth(address))
            }
            ("file", _) => {
                let remedy = "name a WAV file, as in file:/tmp/room.wav";
                let path = PathBuf::from(named(remedy)?);
                let is_wav = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
                if is_wav { Ok(Self::File(path)) } else { Err(name(remedy)) }
            }
            ("model", rest) => Ok(Self::Model(rest.unwrap_or_default().parse()?)),
            _ => Err(SpecError::Kind(String::from(text))),
        }
    }
}

impl FromStr for ModelSpec {
    type Err = SpecError;

    fn from_str(mut rest: &str) -> Result<Self, SpecError> {
        let mut model = Self::default();
        while !rest.is_empty() {
            if let Some(prefix) = rest.strip_prefix("record=").filter(|prefix| !prefix.is_empty()) {
                model.record = Some(PathBuf::from(prefix));
                break;
            }
            let (setting, after) = rest.split_once(',').unwrap_or((rest, ""));
            rest = after;
            let refused = || SpecError::Model(String::from(setting));
            match setting.split_once('=') {
                Some(("ppm", value)) => {
                    let ppm = value.parse().ok().filter(|ppm: &f64| ppm.abs() <= MAX_MODEL_PPM);
                    model.drift = Drift::from_ppm(ppm.ok_or_else(refused)?);
                }
                Some(("quantum", value)) => {
                    let quantum = value.parse().ok().filter(|quantum| (1..=MAX_QUANTUM).contains(quantum));
                    model.quantum = quantum.ok_or_else(refused)?;
                }
                Some(("rate", value)) => {
                    model.rate = Some(value.parse().ok().and_then(SampleRate::new).ok_or_else(refused)?);
                }
                _ => return Err(refused()),
            }
        }
        Ok(model)
    }
}

impl fmt::Display for OutputSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Alsa(name) => write!(out, "alsa:{name}"),
            Self::Cpal(None) => out.write_str("cpal"),
            Self::Cpal(Some(id)) => write!(out, "cpal:{id}"),
            Self::Bluetooth(address) => out.write_str(&super::bluetooth::spec(*address)),
            Self::File(path) => write!(out, "file:{}", path.display()),
            Self::Model(model) => model.fmt(out),
        }
    }
}

impl fmt::Display for ModelSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "model:ppm={},quantum={}", rounded(self.drift.ppm()), self.quantum)?;
        self.rate.iter().try_for_each(|rate| write!(out, ",rate={}", rate.hertz()))?;
        self.record.iter().try_for_each(|prefix| write!(out, ",record={}", prefix.display()))
    }
}

/// To a millionth of a ppm: what was read as 12.34 is not printed as 12.339999999999998.
fn rounded(ppm: f64) -> f64 {
    (ppm * 1e6).round() / 1e6
}

impl TryFrom<String> for OutputSpec {
    type Error = SpecError;

    fn try_from(text: String) -> Result<Self, SpecError> {
        text.parse()
    }
}

impl From<OutputSpec> for String {
    fn from(spec: OutputSpec) -> Self {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_to_the_same_output() {
        for text in [
            "auto",
            "alsa:default",
            "alsa:hw:CARD=Headphones,DEV=0",
            "cpal",
            "cpal:alsa:default",
            "bluetooth:00:11:22:AA:BB:CC",
            "file:/tmp/a room.WAV",
            "model:ppm=0,quantum=1",
            "model:ppm=12.34,quantum=480,record=/tmp/a,b=c",
            "model:ppm=0,quantum=1,rate=44100",
        ] {
            let spec: OutputSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), text);
            assert_eq!(through_serde(&spec), spec);
        }
        assert_eq!("model".parse(), Ok(OutputSpec::Model(ModelSpec::default())));
        let OutputSpec::Model(model) = "model:quantum=48,ppm=40".parse().unwrap() else { panic!("not a model") };
        assert_eq!((model.quantum, model.record), (48, None));
        assert!((model.drift.ppm() - 40.0).abs() < 1e-9);
    }

    fn through_serde(spec: &OutputSpec) -> OutputSpec {
        OutputSpec::try_from(String::from(spec.clone())).unwrap()
    }

    #[test]
    fn what_names_no_output_is_refused_in_one_line() {
        for text in [
            "",
            "alsa",
            "alsa:",
            "alsa:a\0b",
            "auto:x",
            "cpal:",
            "bluetooth",
            "bluetooth:00:11:22:AA:BB",
            "bluetooth:kitchen",
            "file:",
            "file:/tmp/room.mp3",
            "jack",
            "model:ppm",
            "model:ppm=fast",
            "model:ppm=NaN",
            "model:ppm=1001",
            "model:quantum=0",
            "model:quantum=1921",
            "model:rate=0",
            "model:record=",
            "model:colour=red",
        ] {
            let error = text.parse::<OutputSpec>().unwrap_err().to_string();
            assert!(!error.contains('\n') && error.contains("; "), "{text:?}: {error}");
        }
    }
}
