//! How a room shapes its sound, what stands for its volume, and where its latency comes from, as both APIs say it.

use serde::{Deserialize, Serialize};
use unisono_core::{
    sound::{Band, BandKind, Bands, ChannelMap, Decibels, Equaliser, Frequency, Quality},
    wire::control::{LatencyPart, VolumeReport},
};

use crate::bounds::{Gain, Hertz, Kind, Narrowness};

// The description has a literal.
const _: () = assert!(unisono_core::sound::MAX_BANDS == 10, "as described");

/// A parametric equaliser. One that is off changes nothing of the sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EqualiserView {
    /// Whether it is on.
    pub enabled: bool,
    /// What all of the sound is raised by, in decibels, −24 to 12: below 0 where bands raise something.
    #[schema(value_type = Gain)]
    pub preamp_db: f64,
    /// At most 10.
    #[serde(deserialize_with = "crate::body::objects")]
    #[schema(max_items = 10)]
    pub bands: Vec<BandView>,
}

/// A band of an equaliser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BandView {
    /// `peak`, `low_shelf`, `high_shelf`, `low_pass`, `high_pass` or `notch`.
    #[schema(value_type = Kind)]
    pub kind: String,
    /// Where, in hertz, 20 to 20000.
    #[schema(value_type = Hertz)]
    pub frequency_hz: f64,
    /// By how much, in decibels, −24 to 12. Nothing to a pass or a notch.
    #[serde(default)]
    #[schema(value_type = Gain)]
    pub gain_db: f64,
    /// How narrow it is, 0.1 to 10.
    #[serde(default = "butterworth")]
    #[schema(value_type = Narrowness)]
    pub q: f64,
}

/// A part of a room's latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LatencyPartView {
    /// Where it arises: `device` (what the device holds), then of a Bluetooth speaker `packet`, `codec`, `link`, `speaker`
    /// and `trim`, then `added` (what the room's settings add).
    pub part: String,
    /// How long it takes; what is added by hand may be negative.
    pub seconds: f64,
    /// Who says so: `computed`, `socket`, `report` (the speaker), `report_bounded`, `remembered`, `table`, `default`
    /// (nobody: what most are near), `setting` or `completion` (the Bluetooth adapter, which says of each packet when it
    /// was sent).
    pub source: String,
    /// How far that may be off, about one standard deviation, where that is known.
    pub uncertainty_s: Option<f64>,
}

/// What stands for a room's volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VolumeView {
    /// `samples`: the node scales them; `speaker`: the Bluetooth speaker's own volume is moved, and what somebody turns
    /// there is the room's volume.
    pub by: String,
    /// Why it is not the speaker's own, where the room plays on one.
    pub why: Option<String>,
}

impl From<&VolumeReport> for VolumeView {
    fn from(report: &VolumeReport) -> Self {
        let why = (!report.why.is_empty()).then(|| report.why.clone());
        Self { by: report.by.name().into(), why }
    }
}

impl Default for EqualiserView {
    /// On, with nothing to do.
    fn default() -> Self {
        Self { enabled: true, preamp_db: 0.0, bands: Vec::new() }
    }
}

impl From<&Equaliser> for EqualiserView {
    fn from(equaliser: &Equaliser) -> Self {
        let bands = equaliser.bands.as_slice().iter().map(BandView::from).collect();
        Self { enabled: equaliser.enabled, preamp_db: equaliser.preamp.value(), bands }
    }
}

impl From<&Band> for BandView {
    fn from(band: &Band) -> Self {
        Self {
            kind: band.kind.name().into(),
            frequency_hz: band.frequency.value(),
            gain_db: band.gain.value(),
            q: band.q.value(),
        }
    }
}

impl From<&LatencyPart> for LatencyPartView {
    fn from(part: &LatencyPart) -> Self {
        Self {
            part: part.stage.name().into(),
            seconds: part.value.as_secs_f64(),
            source: part.source.name().into(),
            uncertainty_s: part.uncertainty.map(unisono_core::time::Nanos::as_secs_f64),
        }
    }
}

impl EqualiserView {
    /// The equaliser that is meant.
    ///
    /// # Errors
    /// A line that says what cannot be, and where.
    pub fn checked(&self) -> Result<Equaliser, String> {
        let preamp = Decibels::new(self.preamp_db);
        let preamp = preamp.map_err(|wrong| format!("equaliser: preamp_db: {}", wrong.range()))?;
        let bands = self.bands.iter().enumerate();
        let bands =
            bands.map(|(place, band)| band.checked().map_err(|wrong| format!("equaliser: bands[{place}]: {wrong}")));
        let bands = Bands::new(&bands.collect::<Result<Vec<_>, _>>()?);
        let bands = bands.map_err(|wrong| format!("equaliser: {wrong}"))?;
        Ok(Equaliser { enabled: self.enabled, preamp, bands })
    }
}

impl BandView {
    fn checked(&self) -> Result<Band, String> {
        let kind = BandKind::named(&self.kind).ok_or_else(|| {
            format!("kind: \"{}\" is none of {}", self.kind, BandKind::ALL.map(BandKind::name).join(", "))
        })?;
        let value = || {
            Ok::<_, unisono_core::sound::OutOfRange>(Band {
                kind,
                frequency: Frequency::new(self.frequency_hz)?,
                gain: Decibels::new(self.gain_db)?,
                q: Quality::new(self.q)?,
            })
        };
        value().map_err(|wrong| wrong.to_string())
    }
}

/// The channel map with a name.
///
/// # Errors
/// A line that says which there are.
pub fn channels(name: &str) -> Result<ChannelMap, String> {
    let unknown = || format!("channels: \"{name}\" is none of {}", ChannelMap::ALL.map(ChannelMap::name).join(", "));
    ChannelMap::named(name).ok_or_else(unknown)
}

fn butterworth() -> f64 {
    Quality::BUTTERWORTH.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(kind: &str, frequency_hz: f64, gain_db: f64, q: f64) -> BandView {
        BandView { kind: kind.into(), frequency_hz, gain_db, q }
    }

    #[test]
    fn what_was_set_is_shown_again() {
        let kinds = BandKind::ALL.map(|kind| band(kind.name(), 1_234.5, -3.25, 1.414));
        let view = EqualiserView { enabled: true, preamp_db: -3.3, bands: kinds.into() };
        assert_eq!(EqualiserView::from(&view.checked().unwrap()), view);
    }

    #[test]
    fn what_cannot_be_is_named_with_its_place() {
        let with = |band: BandView| EqualiserView {
            bands: vec![self::band("peak", 50.0, 0.0, 1.0), band],
            ..Default::default()
        };
        let loud = EqualiserView { preamp_db: 13.0, ..Default::default() };
        let many = EqualiserView { bands: vec![band("peak", 50.0, 0.0, 1.0); 11], ..Default::default() };
        for (view, line) in [
            (with(band("peak", 19.0, 0.0, 1.0)), "equaliser: bands[1]: frequency_hz: 19 is not between 20 and 20000"),
            (with(band("peak", 20.0, -25.0, 1.0)), "equaliser: bands[1]: gain_db: -25 is not between -24 and 12"),
            (with(band("peak", 20.0, 0.0, 11.0)), "equaliser: bands[1]: q: 11 is not between 0.1 and 10"),
            (
                with(band("bell", 20.0, 0.0, 1.0)),
                "equaliser: bands[1]: kind: \"bell\" is none of peak, low_shelf, high_shelf, low_pass, high_pass, notch",
            ),
            (loud, "equaliser: preamp_db: 13 is not between -24 and 12"),
            (many, "equaliser: bands: 11 are more than 10"),
        ] {
            assert_eq!(view.checked().unwrap_err(), line);
        }
        assert_eq!(
            channels("surround").unwrap_err(),
            "channels: \"surround\" is none of stereo, left, right, mono, swapped"
        );
    }
}
