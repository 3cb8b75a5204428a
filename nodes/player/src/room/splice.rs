//! Fades one rendition into the next. Both hold the same frames; what differs is the noise of their codecs.

use super::block::CHANNELS;

/// The end of a rendition, beyond where the next one begins.
#[derive(Debug, Default)]
pub(super) struct Splice {
    /// The position of the first frame kept.
    start: i64,
    tail: Vec<f32>,
}

impl Splice {
    /// Takes sound whose first frame is at `start` and that belongs to the next rendition from `until` on. Gives how
    /// many of its frames are to be played.
    pub(super) fn cut(&mut self, start: i64, sound: &[f32], until: i64) -> usize {
        let frames = sound.len() / CHANNELS;
        let played = usize::try_from(until.saturating_sub(start)).unwrap_or(0).min(frames);
        let kept = self.start.saturating_add(i64::try_from(self.tail.len() / CHANNELS).unwrap_or(i64::MAX));
        let first = start.saturating_add(i64::try_from(played).unwrap_or(i64::MAX));
        if first != kept {
            self.tail.clear();
            self.start = first;
        }
        self.tail.extend_from_slice(&sound[played * CHANNELS..]);
        played
    }

    /// Fades what was kept into the first sound of the next rendition, if that begins where it was cut.
    pub(super) fn join(&mut self, start: i64, sound: &mut [f32]) {
        let frames = (self.tail.len().min(sound.len())) / CHANNELS;
        if start == self.start {
            let old = self.tail.chunks_exact(CHANNELS);
            for (i, (new, old)) in sound.chunks_exact_mut(CHANNELS).zip(old).enumerate() {
                let share = (i as f32 + 0.5) / frames as f32;
                new.iter_mut().zip(old).for_each(|(new, old)| *new = *new * share + old * (1.0 - share));
            }
        }
        self.tail.clear();
    }
}

#[cfg(test)]
mod tests {
    use unisono_codec::Step;
    use unisono_core::{units::SampleRate, wire::control::Codec};

    use super::*;

    fn ramp(from: i64, frames: i64) -> Vec<f32> {
        (from..from + frames).flat_map(|frame| [frame as f32, -(frame as f32)]).collect()
    }

    #[test]
    fn two_renditions_of_the_same_sound_join_without_a_trace() {
        let mut splice = Splice::default();
        assert_eq!(splice.cut(0, &ramp(0, 960), 1_300), 960);
        assert_eq!(splice.cut(960, &ramp(960, 960), 1_300), 340);
        assert_eq!(splice.cut(1_920, &ramp(1_920, 960), 1_300), 0);
        let mut next = ramp(1_300, 960);
        splice.join(1_300, &mut next);
        let worst = next.iter().zip(ramp(1_300, 960)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{worst}");
    }

    #[test]
    fn the_old_goes_and_the_new_comes_evenly() {
        let mut splice = Splice::default();
        assert_eq!(splice.cut(0, &[1.0; 20], 5), 5);
        let mut next = [0.0; 20];
        splice.join(5, &mut next);
        assert!(next[..10].windows(3).all(|pair| pair[0] > pair[2]), "{next:?}");
        assert!((next[0] - 0.9).abs() < 1e-6 && next[10..].iter().all(|sample| *sample == 0.0), "{next:?}");
    }

    #[test]
    fn what_does_not_fit_is_not_faded() {
        let mut splice = Splice::default();
        splice.cut(0, &[1.0; 20], 5);
        let mut next = [0.5; 20];
        splice.join(900, &mut next);
        assert!(next.iter().all(|sample| *sample == 0.5));
    }

    const FRAMES: usize = 48_000;

    /// Tones and a little noise.
    fn music() -> Vec<f32> {
        let mut noise = 1_u32;
        let frames = (0..FRAMES).map(|frame| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let tone = |pitch: f32| (frame as f32 * pitch).sin();
            let rough = (noise >> 16) as f32 / 65_536.0 - 0.5;
            0.3 * tone(0.0313) + 0.2 * tone(0.0871) + 0.1 * tone(0.411) + 0.02 * rough
        });
        frames.flat_map(|sample| [sample, 0.8 * sample]).collect()
    }

    /// What a decoder puts out for the packets from one on, by position.
    fn decoded(step: Step, from: usize) -> (i64, i64, Vec<f32>) {
        let packet = if step.codec == Codec::Opus { 960 } else { 480 };
        let mut encoder = unisono_codec::encoder(step, SampleRate::HZ_48000, 2, packet).unwrap();
        let format = encoder.format().clone();
        let mut decoder = unisono_codec::decoder(&format).unwrap();
        let samples = usize::try_from(packet).unwrap() * CHANNELS;
        let mut sound = Vec::new();
        for (number, block) in music().chunks_exact(samples).enumerate() {
            let bytes = encoder.encode(block).unwrap();
            let mut out = vec![0.0; samples];
            if number * samples >= from * CHANNELS {
                decoder.decode(&bytes, &mut out).unwrap();
                sound.extend(out);
            }
        }
        let start = i64::try_from(from).unwrap() - i64::from(format.lookahead);
        (start, i64::from(packet), sound)
    }

    /// The largest bend of the difference to the original within frames, where a click would stand out.
    fn roughest(sound: &[f32], start: i64, from: i64, to: i64) -> f32 {
        let original = music();
        let off = |frame: i64| {
            let own = usize::try_from(frame - start).unwrap() * CHANNELS;
            sound[own] - original[usize::try_from(frame).unwrap() * CHANNELS]
        };
        let bend = |frame: i64| (off(frame - 1) - 2.0 * off(frame) + off(frame + 1)).abs();
        (from..to).map(bend).fold(0.0, f32::max)
    }

    #[test]
    fn a_change_of_codec_or_rate_is_no_click_and_moves_nothing() {
        let opus = |bit_rate| Step { codec: Codec::Opus, bit_rate };
        let (pcm, flac) = (Step { codec: Codec::Pcm24, bit_rate: 0 }, Step { codec: Codec::Flac, bit_rate: 0 });
        for (old, new) in
            [(opus(192_000), opus(64_000)), (opus(64_000), opus(192_000)), (pcm, opus(128_000)), (opus(64_000), flac)]
        {
            let begins = 24_000;
            let (old_start, packet, old_sound) = decoded(old, 0);
            // 80 ms to warm up.
            let (new_start, _, new_sound) = decoded(new, begins - 3_840);
            let joint = new_start + 3_840;
            let mut splice = Splice::default();
            let mut played = Vec::new();
            let mut start = old_start;
            for block in old_sound.chunks_exact(usize::try_from(packet).unwrap() * CHANNELS) {
                if start < joint + 240 {
                    let frames = splice.cut(start, block, joint);
                    played.extend_from_slice(&block[..frames * CHANNELS]);
                }
                start += packet;
            }
            let mut rest = new_sound[3_840 * CHANNELS..].to_vec();
            splice.join(joint, &mut rest);
            played.extend(rest);
            let usual =
                roughest(&old_sound, old_start, 12_000, 40_000).max(roughest(&new_sound, new_start, joint, 40_000));
            let here = roughest(&played, old_start, joint - 480, joint + 960);
            println!("{old:?} to {new:?}: {here:.5} at the joint, {usual:.5} elsewhere");
            assert!(here <= usual * 1.2 + 1e-6, "{old:?} to {new:?}: {here} at the joint, {usual} elsewhere");
            assert!(usual < 0.1, "not even the same sound: {usual}");
        }
    }
}
