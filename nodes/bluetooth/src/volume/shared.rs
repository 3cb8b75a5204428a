//! What the audio thread, the room and the service know in common of a speaker's own volume. Atomics alone.

use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU8, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use unisono_core::units::Gain;

use super::Obstacle;

/// A speaker's own volume as a room has it. Clones are the same one.
#[derive(Clone, Debug)]
pub struct SpeakerVolume(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How loud the room is to be, as the bits of a factor; [`NONE`] until it has said.
    wanted: AtomicU32,
    /// Whether the speaker's own volume stands for that.
    is_own: AtomicBool,
    /// For which gain it does.
    placed: AtomicU32,
    /// Why it does not; 0 when it does.
    obstacle: AtomicU8,
    /// What somebody has turned it to, until whoever leads the room has been told; else [`NONE`].
    turned: AtomicU32,
}

/// The bits of what is no number, and so of no gain.
const NONE: u32 = u32::MAX;

impl Default for SpeakerVolume {
    fn default() -> Self {
        let none = || AtomicU32::new(NONE);
        Self(Arc::new(Shared {
            wanted: none(),
            is_own: AtomicBool::new(false),
            placed: none(),
            obstacle: AtomicU8::new(Obstacle::NoVolume as u8),
            turned: none(),
        }))
    }
}

impl SpeakerVolume {
    /// Takes how loud the room is to be, and gives by how much its samples are to be scaled. `is_open` is what it was at
    /// the last call: whether something was heard, and at full scale. Real-time.
    pub fn take(&self, wanted: Gain, is_open: &mut bool) -> Gain {
        self.0.wanted.store(wanted.factor().to_bits(), Relaxed);
        let is_own = self.0.is_own.load(Acquire);
        let is_placed = self.0.placed.load(Relaxed) == wanted.factor().to_bits();
        *is_open = wanted != Gain::SILENT && is_own && (*is_open || is_placed);
        if *is_open { Gain::UNITY } else { wanted }
    }

    /// Why samples are scaled; `None`: the speaker's own volume stands for the room's.
    pub fn obstacle(&self) -> Option<Obstacle> {
        let known = self.0.obstacle.load(Relaxed);
        Obstacle::ALL.into_iter().find(|obstacle| *obstacle as u8 == known)
    }

    /// How loud the room is since somebody turned the speaker, the first time that this is asked.
    pub fn take_turn(&self) -> Option<Gain> {
        gain(self.0.turned.swap(NONE, Relaxed))
    }

    /// How loud the room is to be, once it has said.
    pub(crate) fn wanted(&self) -> Option<Gain> {
        gain(self.0.wanted.load(Relaxed))
    }

    /// The speaker's own volume stands for this gain, or samples are scaled for that reason.
    pub(crate) fn publish(&self, standing: Result<Gain, Obstacle>) {
        let placed = standing.map_or(NONE, |gain| gain.factor().to_bits());
        self.0.placed.store(placed, Relaxed);
        self.0.is_own.store(standing.is_ok(), Release);
        self.0.obstacle.store(standing.err().map_or(0, |obstacle| obstacle as u8), Relaxed);
    }

    /// Somebody has turned the speaker; or whoever leads the room has said something newer.
    pub(crate) fn turn(&self, to: Option<Gain>) {
        self.0.turned.store(to.map_or(NONE, |gain| gain.factor().to_bits()), Relaxed);
    }
}

fn gain(bits: u32) -> Option<Gain> {
    (bits != NONE).then(|| Gain::new(f32::from_bits(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_full_scale_only_while_the_speaker_stands_for_the_volume() {
        let (volume, mut open) = (SpeakerVolume::default(), false);
        let (quiet, loud) = (Gain::new(0.1), Gain::new(0.5));
        assert_eq!((volume.take(quiet, &mut open), volume.wanted()), (quiet, Some(quiet)));
        volume.publish(Err(Obstacle::Asking));
        assert_eq!((volume.take(quiet, &mut open), volume.obstacle()), (quiet, Some(Obstacle::Asking)));
        volume.publish(Ok(quiet));
        assert_eq!((volume.take(quiet, &mut open), volume.obstacle()), (Gain::UNITY, None));
        assert_eq!(volume.take(loud, &mut open), Gain::UNITY, "the speaker is being moved, and does the rest");
        volume.publish(Err(Obstacle::Refused));
        assert_eq!(volume.take(loud, &mut open), loud);
    }

    #[test]
    fn what_comes_out_of_silence_is_scaled_until_the_speaker_stands_for_it() {
        let (volume, mut open) = (SpeakerVolume::default(), false);
        let (quiet, loud) = (Gain::new(0.1), Gain::new(0.9));
        volume.publish(Ok(loud));
        assert_eq!(volume.take(loud, &mut open), Gain::UNITY);
        assert_eq!(volume.take(Gain::SILENT, &mut open), Gain::SILENT);
        assert_eq!(volume.take(quiet, &mut open), quiet, "the speaker is still where it was loud");
        volume.publish(Ok(quiet));
        assert_eq!(volume.take(quiet, &mut open), Gain::UNITY);
        assert_eq!(volume.take(Gain::SILENT, &mut open), Gain::SILENT);
        assert_eq!(volume.take(quiet, &mut open), Gain::UNITY, "and now it is where it is to be");
    }

    #[test]
    fn a_turn_is_told_once() {
        let volume = SpeakerVolume::default();
        assert_eq!(volume.take_turn(), None);
        volume.turn(Some(Gain::new(0.25)));
        assert_eq!((volume.take_turn(), volume.take_turn()), (Some(Gain::new(0.25)), None));
        volume.turn(Some(Gain::SILENT));
        volume.turn(None);
        assert_eq!(volume.take_turn(), None);
    }
}
