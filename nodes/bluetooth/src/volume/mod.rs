//! A speaker's own volume (AVRCP 1.4 and later: absolute volume), where it stands for the room's.
//!
//! The room's volume moves the speaker, and samples have full scale; silence alone is done with the samples, for that is
//! immediate. Nothing is ever louder than the room is to be because of it:
//!
//! - samples are scaled until the speaker itself has said that it is where the room wants it, after each connection anew;
//! - out of silence, full scale waits for the same, since nobody heard where the speaker was;
//! - a speaker that was asked and does not follow is not asked again on this connection: samples are scaled, and whoever
//!   looks is told why.
//!
//! What somebody turns at the speaker itself is the room's volume from then on. A speaker that was just asked answers with
//! what it has made of that, in steps of its own; that is nobody's hand.
//!
//! | file | what is in it |
//! |---|---|
//! | `control` | when to ask the speaker, whether it has followed, whose hand it was: sans-IO |
//! | `shared` | what the audio thread, the room and the service know in common |

mod control;
mod shared;

use serde::{Deserialize, Serialize};
use unisono_core::units::Gain;

pub(crate) use control::{Control, Seen};
pub use shared::SpeakerVolume;

/// What stands for a room's volume on a speaker, as a person wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeMode {
    /// The speaker's own, where it has one that follows; samples elsewhere.
    #[default]
    Speaker,
    /// Samples are scaled, and the speaker is left as it is.
    Samples,
}

/// Why samples are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Obstacle {
    /// The speaker shows none, or has not yet.
    NoVolume = 1,
    /// A person wants it so.
    Chosen = 2,
    /// The speaker table says that the model's own volume does not follow.
    Table = 3,
    /// The speaker was asked and did not follow.
    Refused = 4,
    /// It has been asked, and is on its way.
    Asking = 5,
}

impl Obstacle {
    /// For a person.
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoVolume => "the speaker shows no volume that can be set",
            Self::Chosen => "the speaker is set so; `unisono bluetooth set ADDRESS --volume speaker` changes that",
            Self::Table => "the speaker table says that the volume of this model does not follow",
            Self::Refused => "the speaker was asked and does not follow; it is asked again when it is connected anew",
            Self::Asking => "the speaker is being brought to the room's volume",
        }
    }

    const ALL: [Self; 5] = [Self::NoVolume, Self::Chosen, Self::Table, Self::Refused, Self::Asking];
}

/// A volume as AVRCP has it: 0 to 127, of what the speaker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Absolute(u8);

impl Absolute {
    const FULL: u8 = 127;

    /// From what `BlueZ` shows.
    pub(crate) fn new(value: u16) -> Self {
        Self(u8::try_from(value).unwrap_or(Self::FULL).min(Self::FULL))
    }

    /// Where a speaker stands for a gain: as far up its range as the volume that a person sets is up to 100
    /// ([`unisono_core::units::Volume::gain`]). What is heard at all is never at 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 127")]
    pub(crate) fn of(gain: Gain) -> Self {
        let place = (gain.factor().powf(2.0 / 3.0) * f32::from(Self::FULL)).round() as u8;
        Self(if gain == Gain::SILENT { 0 } else { place.max(1) })
    }

    /// The gain that it stands for.
    pub(crate) fn gain(self) -> Gain {
        Gain::new((f32::from(self.0) / f32::from(Self::FULL)).powf(1.5))
    }

    /// As `BlueZ` takes it.
    pub(crate) fn value(self) -> u16 {
        self.0.into()
    }

    fn distance(self, other: Self) -> u8 {
        self.0.abs_diff(other.0)
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::units::Volume;

    use super::*;

    #[test]
    fn a_room_at_half_has_its_speaker_at_half() {
        for (percent, value) in [(0, 0), (1, 1), (35, 44), (50, 63), (100, 127)] {
            assert_eq!(Absolute::of(Volume::new(percent).unwrap().gain()), Absolute(value), "{percent} %");
        }
        for value in 0..=127 {
            assert_eq!(Absolute::of(Absolute(value).gain()), Absolute(value));
        }
        assert_eq!((Absolute::new(127), Absolute::new(65_535)), (Absolute(127), Absolute(127)));
        assert_eq!(Absolute::of(Gain::new(1e-9)), Absolute(1), "what is heard is not at 0");
    }

    #[test]
    fn every_obstacle_can_be_told() {
        for (place, obstacle) in (1..).zip(Obstacle::ALL) {
            assert_eq!(obstacle as u8, place);
            assert!(!obstacle.description().is_empty());
        }
    }
}
