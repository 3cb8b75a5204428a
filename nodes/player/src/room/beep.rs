//! The sound by which a room is found: two soft bells, over whatever plays. That goes down meanwhile, so that both together
//! never are too much.

use core::f64::consts::TAU;

use unisono_core::units::SampleRate;

use super::block::CHANNELS;

/// Seconds until it is over.
const LENGTH: f64 = 1.2;

/// What plays goes down to this,
const UNDER: f64 = 0.25;
/// within this, in seconds, before the first bell,
const DOWN: f64 = 0.06;
/// and comes up again from this to the end.
const UP: f64 = 0.9;

/// When each bell is struck, in seconds, and its pitch in hertz: a fourth up.
const BELLS: [(f64, f64); 2] = [(DOWN, 783.99), (DOWN + 0.2, 1_046.5)];

/// −14 dBFS each at its loudest: clearly heard, nobody is startled.
const LOUDNESS: f64 = 0.2;

/// A bell comes within this and is gone to a third after this, in seconds: soft, and no click.
const STRIKE: f64 = 0.006;
const RING: f64 = 0.16;

/// The partials of a bell: multiples of its pitch, and how loud they are.
const PARTIALS: [(f64, f64); 3] = [(1.0, 0.7), (2.0, 0.2), (3.0, 0.1)];

/// A beep under way. Real-time throughout: no allocation, no lock, no system call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beep {
    frame: u32,
}

impl Beep {
    /// From its beginning.
    pub(super) const fn new() -> Self {
        Self { frame: 0 }
    }

    /// Mixes it into interleaved frames. Whether there is more of it.
    pub(super) fn mix(&mut self, rate: SampleRate, out: &mut [f32]) -> bool {
        let seconds = 1.0 / f64::from(rate.hertz());
        for frame in out.chunks_exact_mut(CHANNELS) {
            let at = f64::from(self.frame) * seconds;
            self.frame += 1;
            #[expect(clippy::cast_possible_truncation, reason = "samples are floats")]
            let (under, bells) = (under(at) as f32, bells(at) as f32);
            frame.iter_mut().for_each(|sample| *sample = *sample * under + bells);
        }
        f64::from(self.frame) * seconds < LENGTH
    }
}

/// What plays, as a factor.
fn under(at: f64) -> f64 {
    let gone = smooth(at / DOWN) - smooth((at - UP) / (LENGTH - UP));
    1.0 - (1.0 - UNDER) * gone
}

fn bells(at: f64) -> f64 {
    let sound: f64 = BELLS.iter().map(|(struck, pitch)| bell(at - struck, *pitch)).sum();
    sound * LOUDNESS * (1.0 - smooth((at - UP) / (LENGTH - UP)))
}

fn bell(since: f64, pitch: f64) -> f64 {
    if since < 0.0 {
        return 0.0;
    }
    let partials = PARTIALS.iter().map(|(multiple, share)| share * (TAU * pitch * multiple * since).sin());
    smooth(since / STRIKE) * (-since / RING).exp() * partials.sum::<f64>()
}

/// From 0 to 1 without a corner at either end.
fn smooth(share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beep(rate: u32, under: f32) -> Vec<f32> {
        let rate = SampleRate::new(rate).unwrap();
        let (mut beep, mut heard) = (Beep::new(), Vec::new());
        loop {
            let mut out = [under; 441 * CHANNELS];
            let more = beep.mix(rate, &mut out);
            heard.extend(out);
            if !more {
                return heard;
            }
        }
    }

    #[test]
    fn it_is_heard_for_a_second_without_a_click_and_ends_in_silence() {
        for rate in [44_100, 48_000, 96_000] {
            let heard = beep(rate, 0.0);
            let seconds = heard.len() as f32 / CHANNELS as f32 / rate as f32;
            assert!((1.2..1.22).contains(&seconds), "{seconds}");
            let peak = heard.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.1..0.25).contains(&peak), "{peak}");
            let left: Vec<f32> = heard.iter().step_by(CHANNELS).copied().collect();
            // As steep as the highest partial at its loudest would be.
            let steepest = 0.25 * core::f32::consts::TAU * 3.0 * 1_046.5 / rate as f32;
            assert!(left.windows(2).all(|pair| (pair[1] - pair[0]).abs() < steepest));
            assert!(left[0] == 0.0 && left.last().unwrap().abs() < 1e-6);
        }
    }

    #[test]
    fn what_plays_goes_down_and_comes_back_and_both_together_are_never_too_much() {
        let heard = beep(48_000, 1.0);
        assert!(heard.iter().all(|sample| sample.abs() <= 1.0));
        let at = |millis: usize| heard[millis * 48 * CHANNELS];
        assert!(at(1) > 0.99 && at(1_199) > 0.99, "{} {}", at(1), at(1_199));
        assert!((0.2..0.3).contains(&at(850)), "{}", at(850));
    }
}
