//! How a room shapes what it plays, in this order: its channels, its equaliser, the fades of the playout, a beep, its
//! volume. Real-time throughout: no allocation, no lock, no system call.

use unisono_core::{sound::RoomSound, units::SampleRate};
use unisono_media::{channels::Channels, equaliser::Equaliser};

use super::{beep::Beep, renderer::Volume};

/// A room's channels, equaliser, beep and volume.
pub(super) struct Shape {
    rate: SampleRate,
    channels: Channels,
    equaliser: Equaliser,
    beep: Option<Beep>,
    pub(super) volume: Volume,
}

impl Shape {
    /// Everything as it is, and silent.
    pub(super) fn new(rate: SampleRate) -> Self {
        let (channels, equaliser) = (Channels::new(rate), Equaliser::new(rate));
        Self { rate, channels, equaliser, beep: None, volume: Volume::silent(rate) }
    }

    /// From now on the sound is to be so.
    pub(super) fn set(&mut self, sound: &RoomSound) {
        self.channels.set(sound.channels);
        self.equaliser.set(sound.equaliser);
    }

    /// Begins to beep, if it does not already.
    pub(super) fn beep(&mut self) {
        self.beep.get_or_insert(Beep::new());
    }

    /// Nobody would hear it.
    pub(super) const fn hush(&mut self) {
        self.beep = None;
    }

    /// Whether it beeps.
    pub(super) const fn is_beeping(&self) -> bool {
        self.beep.is_some()
    }

    /// Goes on at the rate of another output, while nothing is heard.
    pub(super) fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
        self.channels.set_rate(rate);
        self.equaliser.set_rate(rate);
        self.volume.set_rate(rate);
    }

    /// Shapes what is read of the stream. `fade` comes behind the equaliser, so that what is faded out is silent, whatever
    /// is still in its filters.
    pub(super) fn pass(&mut self, out: &mut [f32], fade: impl FnOnce(&mut [f32])) {
        self.channels.pass(out);
        let is_open = self.equaliser.is_open();
        self.equaliser.pass(out);
        fade(out);
        let beeps = self.mix_beep(out);
        self.volume.apply(out);
        if beeps || !is_open {
            limit(out);
        }
    }

    /// As [`Self::pass`], while nothing plays: `out` is silence.
    pub(super) fn pass_silence(&mut self, out: &mut [f32]) {
        self.channels.rest();
        self.equaliser.rest();
        if self.mix_beep(out) {
            self.volume.apply(out);
            limit(out);
        } else {
            self.volume.advance(out.len() / super::block::CHANNELS);
        }
    }

    fn mix_beep(&mut self, out: &mut [f32]) -> bool {
        let Some(beep) = &mut self.beep else { return false };
        if !beep.mix(self.rate, out) {
            self.beep = None;
        }
        true
    }
}

/// What was raised beyond full scale is held to it, as every converter does; what comes as it was sent is left to that.
fn limit(out: &mut [f32]) {
    out.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
}
