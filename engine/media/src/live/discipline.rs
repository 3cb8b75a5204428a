//! Sound that comes at the speed of one crystal, read at the speed of another, without a gap and without a delay that
//! grows. Nothing here reads a clock or waits.
//!
//! The reader runs by the hub's clock. How fast the source runs beside that is known ([`super::pace`]) and fed forward:
//! the source is read so much faster or slower, at fractions of a frame. What is held between the two shows what the
//! estimate misses, averaged over half a minute, and is drawn back to where it was by some millionths. How much is held
//! is decided when the sound begins: it is heard `delay` after it came. Where that proves to be too little the sound
//! stops, and goes on with so much more held; where it is far too much for long, some of it is left out, under a
//! crossfade.

use unisono_core::{
    playout::RESAMPLER_REACH,
    time::{HubClock, Nanos, Timestamp},
    timeline::Phase,
    units::{Drift, FramePosition, SampleRate},
};

use crate::resample::Resampler;

/// The most that is held; who writes faster waits.
pub(super) const MOST: Nanos = Nanos::from_millis(1_500);

/// Over so much time it is averaged how much is held, in seconds: many pieces of the slowest writers.
const AVERAGE: f64 = 30.0;

/// After so many seconds of sound it is known how much is held when all is well.
const SETTLE: f64 = 5.0;

/// What is held is drawn back over so many seconds: a millisecond makes two or three millionths.
const RETURN: f64 = 400.0;

/// It is drawn back by this at most: a sixth of a cent.
const MAX_TRIM: f64 = 100e-6;

/// The rate follows what is wanted over so many seconds, at first and once it is known: a step would be heard, and what
/// an estimate does within its own window is noise.
const SMOOTH: (f64, f64) = (4.0, 40.0);

/// Over so long is looked at how little was held at the least.
const WINDOW: f64 = 10.0;

/// More than this beyond the delay, over two windows, is left out.
const FAR_TOO_MUCH: Nanos = Nanos::from_millis(250);

/// Sound begins, ends and is cut within this.
const FADE: Nanos = Nanos::from_millis(5);

/// Who writes again so soon has not paused: it was late.
const LATE: Nanos = Nanos::from_millis(500);

/// What one listener has of a source.
pub(super) struct Line {
    rate: SampleRate,
    channels: usize,
    resampler: Resampler,
    /// What is read next.
    at: Phase,
    excess: f64,
    delay: f64,
    /// When what will be heard first came; as long as it is silent.
    since: Option<Timestamp<HubClock>>,
    is_playing: bool,
    /// When the sound stopped for want of more.
    stopped: Option<Timestamp<HubClock>>,
    /// When something was read or came last.
    last: Option<Timestamp<HubClock>>,
    read: Option<Timestamp<HubClock>>,
    hold: Hold,
    underruns: u64,
}

/// How much is held, in seconds.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// For how long it plays.
    played: f64,
    mean: f64,
    target: Option<f64>,
    /// The least of this window, and how much of the window is over.
    least: f64,
    window: f64,
    /// Windows in a row in which all was more than was needed.
    ample: u32,
}

impl Hold {
    const NEW: Self = Self { played: 0.0, mean: 0.0, target: None, least: f64::INFINITY, window: 0.0, ample: 0 };
}

impl Line {
    /// Sound is heard `delay` after it came, and at the latest when the most is held.
    pub(super) fn new(rate: SampleRate, channels: usize, delay: Nanos) -> Self {
        let most = rate.frames_in(MOST).0 + 8 * RESAMPLER_REACH;
        Self {
            rate,
            channels,
            resampler: Resampler::new(channels, usize::try_from(most).unwrap_or(usize::MAX)),
            at: Phase::default(),
            excess: 0.0,
            delay: delay.as_secs_f64(),
            since: None,
            is_playing: false,
            stopped: None,
            last: None,
            read: None,
            hold: Hold::NEW,
            underruns: 0,
        }
    }

    /// Takes interleaved frames that came just now, as far as there is room for them.
    pub(super) fn push(&mut self, now: Timestamp<HubClock>, interleaved: &[f32]) {
        if interleaved.is_empty() {
            return;
        }
        self.pass(now);
        if let Some(stopped) = self.stopped.take()
            && now - stopped < LATE
        {
            self.underruns += 1;
        }
        if !self.is_playing {
            self.since.get_or_insert(now);
        }
        self.resampler.push(self.resampler.end(), interleaved);
    }

    /// Writes the next frames, and says whether there is sound in them; otherwise they are silent.
    pub(super) fn read(
        &mut self,
        now: Timestamp<HubClock>,
        drift: Option<Drift>,
        is_eager: bool,
        out: &mut [f32],
    ) -> bool {
        self.pass(now);
        let elapsed = self.read.map_or(0.0, |read| (now - read).as_secs_f64().max(0.0));
        self.read = Some(now);
        let frames = out.len() / self.channels;
        let begins = !self.is_playing && self.may_begin(now, frames);
        if begins {
            self.is_playing = true;
            self.hold = Hold { mean: self.held(), ..Hold::NEW };
            self.excess = drift.map_or(0.0, Drift::excess);
        }
        if !self.is_playing {
            out.fill(0.0);
            return false;
        }
        self.steer(elapsed, drift, is_eager);
        let written = self.resampler.read(self.at, self.excess, out);
        self.at = self.at.advanced_by(written as f64 * (1.0 + self.excess));
        self.forget();
        if begins {
            self.fade(out, |share| share);
        }
        out[written * self.channels..].fill(0.0);
        if written < frames {
            self.fade_out(&mut out[..written * self.channels]);
            self.is_playing = false;
            self.since = None;
            self.stopped = Some(now);
        } else {
            self.look(elapsed, is_eager, out);
        }
        written > 0
    }

    /// Whoever wrote has gone: that its sound ends is no fault.
    pub(super) fn let_go(&mut self) {
        self.stopped = None;
    }

    /// What was held is of no use any more: the reader was away.
    pub(super) fn clear(&mut self) {
        self.at = Phase::at(self.resampler.end());
        self.forget();
        self.is_playing = false;
        (self.since, self.stopped, self.last) = (None, None, None);
    }

    /// Frames that can still be taken, so that no more than a span is held.
    pub(super) fn room(&self, most: Nanos) -> usize {
        let most = self.rate.frames_in(most.min(MOST)).0;
        usize::try_from(most.saturating_sub(self.ahead())).unwrap_or(0)
    }

    /// Whether it was read within a span.
    pub(super) fn is_read(&self, now: Timestamp<HubClock>, within: Nanos) -> bool {
        self.read.is_some_and(|read| now - read < within)
    }

    /// How often sound was late.
    pub(super) const fn underruns(&self) -> u64 {
        self.underruns
    }

    /// Samples in a frame.
    pub(super) const fn channels(&self) -> usize {
        self.channels
    }

    /// How much faster than nominal it is read.
    #[cfg(test)]
    pub(super) const fn excess(&self) -> f64 {
        self.excess
    }

    /// Seconds of sound that are held.
    pub(super) fn held(&self) -> f64 {
        self.ahead() as f64 / f64::from(self.rate.hertz())
    }

    fn ahead(&self) -> u64 {
        self.resampler.end().0.saturating_sub(self.at.frame().0)
    }

    fn may_begin(&self, now: Timestamp<HubClock>, frames: usize) -> bool {
        let enough = self.ahead() > frames as u64 + 2 * RESAMPLER_REACH;
        enough && self.since.is_some_and(|since| (now - since).as_secs_f64() >= self.delay)
    }

    /// Time goes by with as much held as there is.
    fn pass(&mut self, now: Timestamp<HubClock>) {
        let elapsed = self.last.map_or(0.0, |last| (now - last).as_secs_f64().max(0.0));
        self.last = Some(now);
        if self.is_playing {
            self.hold.played += elapsed;
            let share = elapsed / self.hold.played.clamp(1e-3, AVERAGE);
            self.hold.mean += (self.held() - self.hold.mean) * share.min(1.0);
        }
    }

    /// Decides how fast it is read.
    fn steer(&mut self, elapsed: f64, drift: Option<Drift>, is_eager: bool) {
        let hold = &mut self.hold;
        if hold.target.is_none() && hold.played > SETTLE {
            hold.target = Some(hold.mean);
        }
        let wanted = match drift {
            Some(drift) if !is_eager => {
                let beyond = hold.target.map_or(0.0, |target| hold.mean - target);
                drift.excess() + (beyond / RETURN).clamp(-MAX_TRIM, MAX_TRIM)
            }
            _ => 0.0,
        };
        let smooth = (hold.played / 4.0).clamp(SMOOTH.0, SMOOTH.1);
        self.excess += (wanted - self.excess) * (elapsed / smooth).min(1.0);
        // A writer that waits for us plays to the bit, unless a fraction of a frame is left from before.
        if is_eager && self.excess.abs() < 1e-9 {
            self.excess = 0.0;
        }
    }

    /// Looks whether what is held is as much as is needed.
    fn look(&mut self, elapsed: f64, is_eager: bool, out: &mut [f32]) {
        let held = self.held();
        let hold = &mut self.hold;
        hold.least = hold.least.min(held);
        hold.window += elapsed;
        if hold.window < WINDOW {
            return;
        }
        let least = hold.least;
        (hold.least, hold.window) = (f64::INFINITY, 0.0);
        if is_eager {
            return;
        }
        hold.ample = if least > 2.0 * self.delay { hold.ample + 1 } else { 0 };
        let beyond = least - self.delay;
        if hold.ample >= 2 && beyond > FAR_TOO_MUCH.as_secs_f64() {
            self.leave_out(beyond, out);
        } else if let Some(target) = &mut hold.target {
            if least < self.delay / 4.0 {
                *target += self.delay / 2.0 - least;
            } else if hold.ample >= 6 {
                *target -= beyond / 2.0;
                hold.ample = 0;
            }
        }
    }

    /// Leaves out so many seconds: what was just written fades into what comes behind them.
    fn leave_out(&mut self, seconds: f64, out: &mut [f32]) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the most that is held")]
        let frames = (seconds * f64::from(self.rate.hertz())) as u64;
        let written = out.len() / self.channels;
        let to = self.at.advanced_by(frames as f64 - written as f64 * (1.0 + self.excess));
        let mut other = vec![0.0; out.len()];
        if self.resampler.read(to, self.excess, &mut other) < written {
            return;
        }
        let fade = self.fade_frames().min(written);
        for (i, (frame, other)) in
            out.chunks_exact_mut(self.channels).zip(other.chunks_exact(self.channels)).enumerate()
        {
            let share = if i < fade { i as f32 / fade as f32 } else { 1.0 };
            frame.iter_mut().zip(other).for_each(|(to, from)| *to += (from - *to) * share);
        }
        self.at = self.at.advanced_by(frames as f64);
        self.forget();
        self.hold = Hold { mean: self.held(), ..Hold::NEW };
    }

    fn forget(&mut self) {
        let kept = self.at.frame().0.saturating_sub(2 * RESAMPLER_REACH);
        self.resampler.discard_before(FramePosition(kept));
    }

    fn fade_frames(&self) -> usize {
        usize::try_from(self.rate.frames_in(FADE).0).unwrap_or(0)
    }

    fn fade(&self, out: &mut [f32], share: impl Fn(f32) -> f32) {
        let frames = self.fade_frames().min(out.len() / self.channels);
        for (i, frame) in out.chunks_exact_mut(self.channels).take(frames).enumerate() {
            let share = share(i as f32 / frames as f32);
            frame.iter_mut().for_each(|sample| *sample *= share);
        }
    }

    /// What was written is the last for some time.
    fn fade_out(&self, out: &mut [f32]) {
        let frames = self.fade_frames().min(out.len() / self.channels);
        let from = out.len() - frames * self.channels;
        self.fade(&mut out[from..], |share| 1.0 - share);
    }
}
