//! From the channels of a file to one or two.
//!
//! More than two go by Recommendation ITU-R BS.775-3, annex 4: the front pair as it is, the centre and the surrounds
//! 3 dB down, no low-frequency effects. The whole is made so much softer that it cannot clip.

use std::f32::consts::FRAC_1_SQRT_2;

use symphonia::core::audio::{ChannelLabel, Channels, Position};

/// How loud each channel is on the left and on the right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Downmix {
    /// `None`: the channels stay what they are.
    gains: Option<Vec<(f32, f32)>>,
    inputs: usize,
    outputs: usize,
}

impl Downmix {
    /// To one channel or two.
    pub(crate) fn new(channels: &Channels, outputs: usize) -> Self {
        let inputs = channels.count();
        let gains = match (inputs, outputs) {
            (0, _) | (1, 1) | (2, 2) => None,
            (1, _) => Some(vec![(1.0, 1.0)]),
            (2, _) => Some(vec![(1.0, 0.0), (0.0, 1.0)]),
            _ => Some(normalized(labels(channels).iter().map(|label| gains_of(*label)).collect())),
        };
        Self { gains, inputs: inputs.max(1), outputs }
    }

    /// Appends what becomes of interleaved frames.
    pub(crate) fn apply(&self, interleaved: &[f32], out: &mut Vec<f32>) {
        let Some(gains) = &self.gains else {
            out.extend_from_slice(interleaved);
            return;
        };
        for frame in interleaved.chunks_exact(self.inputs) {
            let sum =
                |gain: fn(&(f32, f32)) -> f32| frame.iter().zip(gains).map(|(sample, of)| sample * gain(of)).sum();
            let (left, right): (f32, f32) = (sum(|of| of.0), sum(|of| of.1));
            if self.outputs == 1 {
                out.push(0.5 * (left + right));
            } else {
                out.extend([left, right]);
            }
        }
    }
}

/// So that neither side can go beyond full scale.
fn normalized(gains: Vec<(f32, f32)>) -> Vec<(f32, f32)> {
    let (left, right) = gains.iter().fold((0.0, 0.0), |(left, right), gain| (left + gain.0, right + gain.1));
    let loudest = f32::max(left, right).max(1.0);
    gains.into_iter().map(|(left, right)| (left / loudest, right / loudest)).collect()
}

/// What each channel is, in the order of the file. Channels that are only counted are taken to be in WAVE's order.
fn labels(channels: &Channels) -> Vec<ChannelLabel> {
    let positions = |set: Position| set.iter().map(ChannelLabel::Positioned).collect();
    match channels {
        Channels::Positioned(set) => positions(*set),
        Channels::Custom(labels) => labels.to_vec(),
        other => u32::try_from(other.count()).ok().and_then(Position::from_count).map_or_else(Vec::new, positions),
    }
}

fn gains_of(label: ChannelLabel) -> (f32, f32) {
    const LEFT: Position = Position::FRONT_LEFT.union(Position::FRONT_LEFT_CENTER).union(Position::FRONT_LEFT_WIDE);
    const RIGHT: Position = Position::FRONT_RIGHT.union(Position::FRONT_RIGHT_CENTER).union(Position::FRONT_RIGHT_WIDE);
    const SURROUND_LEFT: Position = Position::SIDE_LEFT
        .union(Position::REAR_LEFT)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT)
        .union(Position::TOP_SIDE_LEFT)
        .union(Position::BOTTOM_FRONT_LEFT);
    const SURROUND_RIGHT: Position = Position::SIDE_RIGHT
        .union(Position::REAR_RIGHT)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT)
        .union(Position::TOP_SIDE_RIGHT)
        .union(Position::BOTTOM_FRONT_RIGHT);
    const EFFECTS: Position = Position::LFE1.union(Position::LFE2);
    match label {
        ChannelLabel::Positioned(position) if LEFT.contains(position) => (1.0, 0.0),
        ChannelLabel::Positioned(position) if RIGHT.contains(position) => (0.0, 1.0),
        ChannelLabel::Positioned(position) if SURROUND_LEFT.contains(position) => (FRAC_1_SQRT_2, 0.0),
        ChannelLabel::Positioned(position) if SURROUND_RIGHT.contains(position) => (0.0, FRAC_1_SQRT_2),
        ChannelLabel::Positioned(position) if EFFECTS.contains(position) => (0.0, 0.0),
        ChannelLabel::Positioned(Position::FRONT_CENTER) => (FRAC_1_SQRT_2, FRAC_1_SQRT_2),
        // Behind, above and below: one surround, split between both sides.
        _ => (0.5, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(channels: impl Into<Channels>, outputs: usize, frame: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        Downmix::new(&channels.into(), outputs).apply(frame, &mut out);
        out
    }

    #[test]
    fn mono_goes_to_both_sides_and_stereo_stays() {
        assert_eq!(mixed(Position::FRONT_LEFT, 2, &[0.5, -1.0]), [0.5, 0.5, -1.0, -1.0]);
        let pair = Position::FRONT_LEFT | Position::FRONT_RIGHT;
        assert_eq!(mixed(pair, 2, &[0.5, -1.0]), [0.5, -1.0]);
        assert_eq!(mixed(pair, 1, &[0.5, -1.0]), [-0.25]);
        assert_eq!(mixed(Position::FRONT_CENTER, 1, &[0.5]), [0.5]);
    }

    #[test]
    fn six_channels_go_by_the_recommendation() {
        let six = Position::from_count(6).unwrap();
        let whole = 1.0 + 2.0 * FRAC_1_SQRT_2;
        // Left, right, centre, effects, left and right surround.
        for (i, (left, right)) in [
            (1.0, 0.0),
            (0.0, 1.0),
            (FRAC_1_SQRT_2, FRAC_1_SQRT_2),
            (0.0, 0.0),
            (FRAC_1_SQRT_2, 0.0),
            (0.0, FRAC_1_SQRT_2),
        ]
        .into_iter()
        .enumerate()
        {
            let mut frame = [0.0; 6];
            frame[i] = 1.0;
            assert_eq!(mixed(six, 2, &frame), [left / whole, right / whole], "channel {i}");
        }
    }

    #[test]
    fn nothing_clips_however_many_channels_there_are() {
        for count in 3..=18 {
            let channels = Channels::Discrete(count);
            for outputs in [1, 2] {
                let mixed = mixed(channels.clone(), outputs, &vec![-1.0; usize::from(count)]);
                assert!(mixed.iter().all(|sample| (-1.000_001..=0.0).contains(sample)), "{count}: {mixed:?}");
            }
        }
    }
}
