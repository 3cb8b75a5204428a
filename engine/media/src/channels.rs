//! Which channels a room plays.

use unisono_core::{sound::ChannelMap, time::Nanos, units::SampleRate};

/// A change takes so long: no step is heard.
const FADE: Nanos = Nanos::from_millis(25);

/// What each channel is made of: its share of left and of right.
type Shares = [[f32; 2]; 2];

const STEREO: Shares = [[1.0, 0.0], [0.0, 1.0]];

/// Maps the channels of interleaved stereo. Stereo itself changes no bit. Real-time throughout: no allocation, no lock, no
/// system call.
#[derive(Clone, Debug)]
pub struct Channels {
    rate: SampleRate,
    from: Shares,
    to: Shares,
    /// Frames of the change that are to come, of how many.
    left: u32,
    frames: u32,
}

impl Channels {
    /// Stereo, at a rate.
    pub const fn new(rate: SampleRate) -> Self {
        Self { rate, from: STEREO, to: STEREO, left: 0, frames: 1 }
    }

    /// From now on they are to be so.
    pub fn set(&mut self, map: ChannelMap) {
        let to = shares(map);
        if to == self.to {
            return;
        }
        self.from = self.now();
        self.to = to;
        self.frames = u32::try_from(self.rate.frames_in(FADE).0).unwrap_or(u32::MAX).max(1);
        self.left = self.frames;
    }

    /// Goes on at another rate.
    pub const fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
    }

    /// Nothing is heard: a change under way is over.
    pub const fn rest(&mut self) {
        self.left = 0;
    }

    /// Maps interleaved frames.
    pub fn pass(&mut self, stereo: &mut [f32]) {
        if self.left == 0 && self.to == STEREO {
            return;
        }
        for frame in stereo.chunks_exact_mut(2) {
            self.left = self.left.saturating_sub(1);
            let shares = self.now();
            let (left, right) = (frame[0], frame[1]);
            for (sample, [of_left, of_right]) in frame.iter_mut().zip(shares) {
                *sample = of_left * left + of_right * right;
            }
        }
    }

    fn now(&self) -> Shares {
        if self.left == 0 {
            return self.to;
        }
        let share = self.left as f32 / self.frames as f32;
        let between =
            |channel: usize, of: usize| self.to[channel][of] + (self.from[channel][of] - self.to[channel][of]) * share;
        [[between(0, 0), between(0, 1)], [between(1, 0), between(1, 1)]]
    }
}

fn shares(map: ChannelMap) -> Shares {
    match map {
        // Half of each: two channels that are alike stay as loud as they are.
        ChannelMap::Mono => [[0.5, 0.5]; 2],
        ChannelMap::Left => [[1.0, 0.0]; 2],
        ChannelMap::Right => [[0.0, 1.0]; 2],
        ChannelMap::Swapped => [[0.0, 1.0], [1.0, 0.0]],
        ChannelMap::Stereo | ChannelMap::Other(_) => STEREO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(map: ChannelMap, stereo: &[f32]) -> Vec<f32> {
        let mut channels = Channels::new(SampleRate::HZ_48000);
        channels.set(map);
        channels.rest();
        let mut out = stereo.to_vec();
        channels.pass(&mut out);
        out
    }

    #[test]
    fn each_map_plays_what_its_name_says() {
        let stereo = [0.5, -0.25];
        for (map, expected) in [
            (ChannelMap::Stereo, [0.5, -0.25]),
            (ChannelMap::Left, [0.5, 0.5]),
            (ChannelMap::Right, [-0.25, -0.25]),
            (ChannelMap::Mono, [0.125, 0.125]),
            (ChannelMap::Swapped, [-0.25, 0.5]),
            (ChannelMap::Other(99), [0.5, -0.25]),
        ] {
            assert_eq!(mapped(map, &stereo), expected, "{map:?}");
        }
    }

    #[test]
    fn stereo_changes_no_bit_after_another_map_either() {
        let strange = [-0.0, f32::MIN_POSITIVE / 2.0, f32::MAX, -1.5, 1e-30, f32::NAN];
        let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
        let mut channels = Channels::new(SampleRate::HZ_48000);
        for map in [ChannelMap::Stereo, ChannelMap::Mono, ChannelMap::Stereo] {
            channels.set(map);
            channels.pass(&mut [0.25; 4_000]);
        }
        let mut out = strange;
        channels.pass(&mut out);
        assert_eq!(bits(&out), bits(&strange));
    }

    #[test]
    fn a_change_is_a_slope_even_when_another_follows_at_once() {
        let mut channels = Channels::new(SampleRate::HZ_48000);
        let maps = [ChannelMap::Mono, ChannelMap::Swapped, ChannelMap::Left, ChannelMap::Right, ChannelMap::Stereo];
        let mut before = [0.8_f32, -0.8];
        for map in maps.into_iter().cycle().take(200) {
            channels.set(map);
            let mut out = [0.8, -0.8].repeat(37);
            channels.pass(&mut out);
            for frame in out.chunks_exact(2) {
                // From one end to the other in 1 200 frames at the least.
                assert!((frame[0] - before[0]).abs() < 1.7 / 1_200.0 && (frame[1] - before[1]).abs() < 1.7 / 1_200.0);
                before = [frame[0], frame[1]];
            }
        }
    }
}
