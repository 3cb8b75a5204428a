//! How a room's sound is shaped: which channels it plays, and its equaliser. Whole numbers, so that every hub and node
//! has the same; a value of these types is always one that can be played.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::control::open_enum;

/// The most bands of an equaliser.
pub const MAX_BANDS: usize = 10;

open_enum! {
    /// Which channels a room plays.
    ChannelMap {
        /// Left and right as they are.
        Stereo = 0,
        /// The left one on both: one speaker of a pair.
        Left = 1,
        /// The right one on both.
        Right = 2,
        /// The mean of left and right on both.
        Mono = 3,
        /// Left and right exchanged.
        Swapped = 4,
    }
}

open_enum! {
    /// What a band of an equaliser does.
    BandKind {
        /// Raises or lowers what is near its frequency.
        Peak = 1,
        /// Raises or lowers what is below.
        LowShelf = 2,
        /// Raises or lowers what is above.
        HighShelf = 3,
        /// Takes away what is above, by 12 dB an octave.
        LowPass = 4,
        /// Takes away what is below, by 12 dB an octave.
        HighPass = 5,
        /// Takes away its frequency.
        Notch = 6,
    }
}

impl ChannelMap {
    /// Every one that there is.
    pub const ALL: [Self; 5] = [Self::Stereo, Self::Left, Self::Right, Self::Mono, Self::Swapped];

    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stereo => "stereo",
            Self::Left => "left",
            Self::Right => "right",
            Self::Mono => "mono",
            Self::Swapped => "swapped",
            Self::Other(_) => "unknown",
        }
    }

    /// The map with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|map| map.name() == name)
    }
}

impl BandKind {
    /// Every one that there is.
    pub const ALL: [Self; 6] =
        [Self::Peak, Self::LowShelf, Self::HighShelf, Self::LowPass, Self::HighPass, Self::Notch];

    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peak => "peak",
            Self::LowShelf => "low_shelf",
            Self::HighShelf => "high_shelf",
            Self::LowPass => "low_pass",
            Self::HighPass => "high_pass",
            Self::Notch => "notch",
            Self::Other(_) => "unknown",
        }
    }

    /// The kind with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a band's gain means something to it.
    pub const fn has_gain(self) -> bool {
        matches!(self, Self::Peak | Self::LowShelf | Self::HighShelf)
    }
}

/// A value that no equaliser has.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{what}: {value} is not between {low} and {high}")]
pub struct OutOfRange {
    /// Of what, as programs call it.
    pub what: &'static str,
    /// What was asked for.
    pub value: f64,
    /// The least that there is.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl OutOfRange {
    /// The same, without saying of what.
    pub fn range(&self) -> String {
        format!("{} is not between {} and {}", self.value, self.low, self.high)
    }
}

/// Defines a quantity that is kept as a whole number of its steps and is never out of range.
macro_rules! quantity {
    ($(#[$meta:meta])* $name:ident($raw:ty), $what:literal, $steps:literal a $unit:literal, $low:literal to $high:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = $unit, into = $unit)]
        pub struct $name($raw);

        impl $name {
            /// The least and the most that there is.
            pub const RANGE: (f64, f64) = ($low, $high);

            /// The nearest that there is.
            ///
            /// # Errors
            /// When it is out of range, or no number.
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                let steps = (value * $steps).round();
                let (low, high) = Self::RANGE;
                if (low * $steps..=high * $steps).contains(&steps) {
                    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
                    #[allow(clippy::cast_sign_loss, reason = "it is in range")]
                    Ok(Self(steps as $raw))
                } else {
                    Err(OutOfRange { what: $what, value, low, high })
                }
            }

            /// As a number.
            pub fn value(self) -> f64 {
                f64::from(self.0) / $steps
            }
        }

        impl TryFrom<$raw> for $name {
            type Error = OutOfRange;

            fn try_from(steps: $raw) -> Result<Self, OutOfRange> {
                Self::new(f64::from(steps) / $steps)
            }
        }

        impl From<$name> for $raw {
            fn from(quantity: $name) -> Self {
                quantity.0
            }
        }
    };
}

quantity! {
    /// A gain in decibels, −24 to +12, in steps of a hundredth.
    Decibels(i16), "gain_db", 100.0 a "i16", -24.0 to 12.0
}

quantity! {
    /// A frequency in hertz, 20 to 20 000, in steps of a tenth.
    Frequency(u32), "frequency_hz", 10.0 a "u32", 20.0 to 20_000.0
}

quantity! {
    /// How narrow a band is (its frequency over its width), 0.1 to 10, in steps of a thousandth.
    Quality(u16), "q", 1_000.0 a "u16", 0.1 to 10.0
}

impl Decibels {
    /// No change.
    pub const ZERO: Self = Self(0);
}

impl Quality {
    /// As flat as a pass or a shelf gets without a hump.
    pub const BUTTERWORTH: Self = Self(707);
}

/// A band of an equaliser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Band {
    /// What it does.
    pub kind: BandKind,
    /// Where.
    pub frequency: Frequency,
    /// By how much, if that means something to its kind.
    pub gain: Decibels,
    /// How narrowly.
    pub q: Quality,
}

/// The bands of an equaliser, at most [`MAX_BANDS`]. Without heap memory, so that an audio thread may be told of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Band>", into = "Vec<Band>")]
pub struct Bands {
    bands: [Band; MAX_BANDS],
    len: u8,
}

/// More bands than an equaliser has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bands: {0} are more than {MAX_BANDS}")]
pub struct TooManyBands(pub usize);

impl Bands {
    /// What is not used is always the same, so that equal bands are equal.
    const UNUSED: Band =
        Band { kind: BandKind::Peak, frequency: Frequency(10_000), gain: Decibels::ZERO, q: Quality::BUTTERWORTH };

    /// # Errors
    /// When they are more than there may be.
    pub fn new(bands: &[Band]) -> Result<Self, TooManyBands> {
        let mut own = Self::default();
        let places = own.bands.get_mut(..bands.len()).ok_or(TooManyBands(bands.len()))?;
        places.copy_from_slice(bands);
        own.len = u8::try_from(bands.len()).map_err(|_| TooManyBands(bands.len()))?;
        Ok(own)
    }

    /// In the order in which they were given.
    pub fn as_slice(&self) -> &[Band] {
        &self.bands[..usize::from(self.len)]
    }
}

impl Default for Bands {
    fn default() -> Self {
        Self { bands: [Self::UNUSED; MAX_BANDS], len: 0 }
    }
}

impl fmt::Debug for Bands {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(out)
    }
}

impl TryFrom<Vec<Band>> for Bands {
    type Error = TooManyBands;

    fn try_from(bands: Vec<Band>) -> Result<Self, TooManyBands> {
        Self::new(&bands)
    }
}

impl From<Bands> for Vec<Band> {
    fn from(bands: Bands) -> Self {
        bands.as_slice().into()
    }
}

/// A room's equaliser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Equaliser {
    /// Whether it is on; one that is off changes no bit.
    pub enabled: bool,
    /// What all of the sound is raised or lowered by before the bands: less, where they raise something.
    pub preamp: Decibels,
    /// What it does.
    pub bands: Bands,
}

impl Default for Equaliser {
    fn default() -> Self {
        Self { enabled: false, preamp: Decibels::ZERO, bands: Bands::default() }
    }
}

/// How a room's sound is shaped. A room for which nothing was set plays what it is sent, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoomSound {
    /// Which channels it plays.
    pub channels: ChannelMap,
    /// Its equaliser.
    pub equaliser: Equaliser,
}

impl Default for RoomSound {
    fn default() -> Self {
        Self { channels: ChannelMap::Stereo, equaliser: Equaliser::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_nearest_step_within_its_range_and_none_outside() {
        assert_eq!(Decibels::new(-3.456).map(Decibels::value), Ok(-3.46));
        assert_eq!(Decibels::new(12.0).map(Decibels::value), Ok(12.0));
        assert_eq!(Frequency::new(20.0).map(Frequency::value), Ok(20.0));
        assert_eq!(Frequency::new(1_234.56).map(Frequency::value), Ok(1_234.6));
        assert_eq!(Quality::new(0.1).map(Quality::value), Ok(0.1));
        assert_eq!(Quality::BUTTERWORTH, Quality::new(0.707).unwrap());
        for (refused, line) in [
            (Decibels::new(12.01).map(|_| ()), "gain_db: 12.01 is not between -24 and 12"),
            (Decibels::new(f64::NAN).map(|_| ()), "gain_db: NaN is not between -24 and 12"),
            (Frequency::new(19.9).map(|_| ()), "frequency_hz: 19.9 is not between 20 and 20000"),
            (Frequency::new(f64::INFINITY).map(|_| ()), "frequency_hz: inf is not between 20 and 20000"),
            (Quality::new(0.0).map(|_| ()), "q: 0 is not between 0.1 and 10"),
            (Quality::new(-1.0).map(|_| ()), "q: -1 is not between 0.1 and 10"),
        ] {
            assert_eq!(refused.unwrap_err().to_string(), line);
        }
    }

    #[test]
    fn every_step_survives_being_written_and_read() {
        for steps in -2_400_i16..=1_200 {
            assert_eq!(Decibels::try_from(steps).map(i16::from), Ok(steps));
            assert_eq!(Decibels::new(Decibels(steps).value()), Ok(Decibels(steps)));
        }
        for steps in (200_u32..=200_000).step_by(7) {
            assert_eq!(Frequency::new(Frequency(steps).value()), Ok(Frequency(steps)));
        }
        assert!(Decibels::try_from(i16::MAX).is_err() && Frequency::try_from(0).is_err());
        assert!(Quality::try_from(99).is_err() && Quality::try_from(10_001).is_err());
    }

    #[test]
    fn there_are_ten_bands_and_no_more() {
        let band = Bands::UNUSED;
        assert_eq!(Bands::new(&[band; MAX_BANDS]).unwrap().as_slice(), [band; MAX_BANDS]);
        assert_eq!(Bands::new(&[band; MAX_BANDS + 1]).unwrap_err().to_string(), "bands: 11 are more than 10");
        let bytes = postcard::to_allocvec(&vec![band; MAX_BANDS + 1]).unwrap();
        assert!(postcard::from_bytes::<Bands>(&bytes).is_err());
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        assert!(ChannelMap::ALL.iter().all(|map| ChannelMap::named(map.name()) == Some(*map)));
        assert!(BandKind::ALL.iter().all(|kind| BandKind::named(kind.name()) == Some(*kind)));
        assert_eq!((ChannelMap::named("unknown"), BandKind::named("bell")), (None, None));
    }
}
