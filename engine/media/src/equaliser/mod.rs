//! A room's parametric equaliser: up to ten bands and a preamp, at the rate of an output.
//!
//! It delays nothing: every filter is of minimum phase. One that is off is not there: not a bit is changed. Every change
//! fades from what was heard into what is to be within [`FADE`], whatever it is; what is asked for meanwhile comes after
//! that, and of several only the last. Sound is f64 inside, where ten bands at 20 Hz are exact to far below 24 bits.
//!
//! What is raised beyond full scale stays so: a room that is turned down may still hold it. Whoever plays limits it.

mod chain;
mod section;

use unisono_core::{sound::Equaliser as Setting, time::Nanos, units::SampleRate};

use self::{chain::Chain, section::CHANNELS};

/// Long enough for no step to be heard, short enough that a hand on a slider hears what it does.
pub const FADE: Nanos = Nanos::from_millis(25);

/// An equaliser at work on interleaved stereo. Real-time throughout: no allocation, no lock, no system call.
#[derive(Clone, Debug)]
pub struct Equaliser {
    rate: SampleRate,
    chain: Chain,
    next: Option<Next>,
    /// What is to come after that.
    wanted: Option<Setting>,
}

/// What it is going over to.
#[derive(Clone, Debug)]
struct Next {
    chain: Chain,
    /// Frames of the fade that are behind it, and in all.
    done: u32,
    frames: u32,
}

impl Equaliser {
    /// Off, at a rate.
    pub fn new(rate: SampleRate) -> Self {
        Self { rate, chain: Chain::new(Setting::default(), rate), next: None, wanted: None }
    }

    /// From now on it is to be so.
    pub fn set(&mut self, setting: Setting) {
        if self.next.is_some() {
            self.wanted = Some(setting);
        } else if setting != *self.chain.setting() {
            self.go_over(setting);
        }
    }

    /// As [`Self::set`], at once: for when nothing is heard.
    pub fn set_at_once(&mut self, setting: Setting) {
        (self.next, self.wanted) = (None, None);
        self.chain = Chain::new(setting, self.rate);
    }

    /// Goes on at another rate, with nothing in it: for another output, while nothing is heard.
    pub fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
        self.set_at_once(*self.setting());
    }

    /// Nothing is heard, so what is in it is forgotten, and what was asked for is so.
    pub fn rest(&mut self) {
        if self.next.is_some() {
            self.set_at_once(*self.setting());
        } else {
            self.chain.forget();
        }
    }

    /// What it is to be.
    pub fn setting(&self) -> &Setting {
        let next = self.next.as_ref().map(|next| next.chain.setting());
        self.wanted.as_ref().or(next).unwrap_or(self.chain.setting())
    }

    /// Whether sound passes as it is.
    pub fn is_open(&self) -> bool {
        self.next.is_none() && self.chain.is_open()
    }

    /// Shapes interleaved frames.
    pub fn pass(&mut self, stereo: &mut [f32]) {
        if self.is_open() {
            return;
        }
        for frame in stereo.chunks_exact_mut(CHANNELS) {
            self.pass_frame(frame);
        }
        self.chain.tidy();
        if let Some(next) = &mut self.next {
            next.chain.tidy();
        }
    }

    fn pass_frame(&mut self, frame: &mut [f32]) {
        let sound = [f64::from(frame[0]), f64::from(frame[1])];
        let mut shaped = self.chain.pass(sound);
        if let Some(next) = &mut self.next {
            let to = next.chain.pass(sound);
            next.done += 1;
            let share = smooth(f64::from(next.done) / f64::from(next.frames));
            shaped = [shaped[0] + (to[0] - shaped[0]) * share, shaped[1] + (to[1] - shaped[1]) * share];
            if next.done >= next.frames {
                self.arrive();
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "samples are floats")]
        frame.copy_from_slice(&shaped.map(|sample| sample as f32));
    }

    fn go_over(&mut self, setting: Setting) {
        let mut chain = Chain::new(setting, self.rate);
        chain.go_on_from(&self.chain);
        let frames = u32::try_from(self.rate.frames_in(FADE).0).unwrap_or(u32::MAX).max(1);
        self.next = Some(Next { chain, done: 0, frames });
    }

    fn arrive(&mut self) {
        if let Some(next) = self.next.take() {
            self.chain = next.chain;
        }
        if let Some(wanted) = self.wanted.take() {
            self.set(wanted);
        }
    }
}

/// From 0 to 1 without a corner at either end.
fn smooth(share: f64) -> f64 {
    share * share * (3.0 - 2.0 * share)
}
