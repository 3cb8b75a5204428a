//! What the node's API gives and takes about Bluetooth speakers. What takes its time comes line by line, each a JSON
//! object with an `event`.

use serde::{Deserialize, Serialize};
use unisono_core::time::Nanos;
use utoipa::ToSchema;

use crate::sound::EqualiserView;

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// Its name, which never changes.
    pub name: String,
    /// What is wrong.
    pub cause: String,
    /// What to try.
    pub remedy: String,
}

/// A line of a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ScanLine {
    /// A device, or something new about one.
    Found(FoundView),
    /// The last line; why there is nothing to choose, if there is not.
    Over {
        /// Why.
        failure: Option<FailureView>,
    },
}

/// A device that a scan has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundView {
    /// Its address.
    pub address: String,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// How strong it is heard, dBm.
    pub signal: Option<i16>,
    /// Its model, if the speaker table knows it.
    pub model: Option<String>,
    /// `new`, `remembered`, `not_in_pairing_mode`, `connected` or `low_energy_only`.
    pub standing: String,
    /// Why it cannot be paired as it stands.
    pub obstacle: Option<FailureView>,
}

/// A line of a pairing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PairLine {
    /// It has come to this step.
    Step {
        /// Its name.
        step: String,
        /// For a person who waits.
        text: String,
    },
    /// Paired, trusted, connected, and the chime was played, if its adapter had room for that. The last line.
    Paired {
        /// Which.
        address: String,
    },
    /// It did not work. The last line.
    Failed {
        /// Why.
        failure: FailureView,
    },
}

/// Which speaker to pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Its address, as in `AA:BB:CC:DD:EE:FF`.
    pub address: String,
    /// Its PIN, if it wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

/// A change to a remembered speaker; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpeakerChange {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `polite`, or `exclusive`: whether it is taken from others; `on_demand`: connected only while a room plays on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// What is added to its latency, in milliseconds: more when the speaker is heard late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_ms: Option<f64>,
    /// What becomes of it while nothing plays: `tone` or `silence` keep it awake, `suspend`, `disconnect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// `standard`, or `xq`: how much is asked of the radio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// What stands for a room's volume on it: `speaker` (its own, where it has one that follows) or `samples` (the node
    /// scales them, and its own is left as it is).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<String>,
}

/// An equaliser that the speaker table offers for a model. It is never applied unasked: whoever wants it sets it as a
/// room's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferView {
    /// What the model is called.
    pub model: String,
    /// Where the table has it from.
    pub source: String,
    /// As a room takes it.
    pub equaliser: EqualiserView,
}

/// What a person wants to know of a remembered speaker; the API says more.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
pub struct SpeakerSummary {
    /// Its address.
    pub address: String,
    /// What it is called.
    pub name: String,
    /// Its model, if the speaker table knows it.
    pub model: Option<String>,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether a stream goes to it.
    pub playing: bool,
    /// Why its connection stands where it does.
    pub why: String,
    /// What would bring it back.
    pub what_brings_it_back: String,
    /// What is added to its latency, in milliseconds.
    pub trim_ms: f64,
    /// What went wrong last by its name, if it was not put right since.
    pub failure: Option<String>,
    /// `polite`, `exclusive` or `on_demand`.
    pub mode: String,
    /// What becomes of it while nothing plays: `tone`, `silence`, `suspend` or `disconnect`.
    pub idle: String,
    /// How late it is, while a stream goes to it.
    pub latency: Option<SpeakerLatency>,
    /// What was agreed on with it.
    pub codec: Option<String>,
    /// Why less is asked of the radio than was set.
    pub quality_why: Option<String>,
    /// What stands for a room's volume on it, while a stream goes to it: `speaker` or `samples`.
    pub volume_by: Option<String>,
    /// Why it is not the speaker's own.
    pub volume_why: Option<String>,
    /// An equaliser for its model, if the speaker table has one.
    pub equaliser_offer: Option<OfferView>,
}

/// How late a speaker is. Spans are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub struct SpeakerLatency {
    /// From handing over a frame to hearing it.
    #[schema(value_type = i64)]
    pub total: Nanos,
    /// How far that may be off, about one standard deviation.
    #[schema(value_type = i64)]
    pub uncertainty: Nanos,
    /// What it is made of, in the order of the way.
    pub parts: Vec<SpeakerLatencyPart>,
}

/// A part of that.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub struct SpeakerLatencyPart {
    /// `packet`, `codec`, `link`, `speaker` or `trim`.
    pub stage: String,
    /// How long it takes; a trim may be negative.
    #[schema(value_type = i64)]
    pub value: Nanos,
    /// How far that may be off.
    #[schema(value_type = i64)]
    pub uncertainty: Nanos,
    /// Who says so: `computed`, `socket`, `completion`, `report`, `report_bounded`, `remembered`, `table`, `default` or
    /// `setting`.
    pub source: String,
}

/// Something that the doctor has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// `fine`, `note`, `warning` or `problem`.
    pub level: String,
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub finding: String,
    /// What to do about it.
    pub remedy: Option<String>,
}
