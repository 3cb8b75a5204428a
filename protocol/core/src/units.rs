//! What is counted: frames, rates, gains. Positions are counted in frames, never in microseconds.

use core::{fmt, num::NonZeroU32, ops};

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// Frames per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// The rate of a stream unless it is set otherwise.
    pub const HZ_48000: Self = Self(NonZeroU32::new(48_000).expect("not zero"));

    /// A rate in hertz, or `None` outside 8 kHz to 384 kHz: nothing that plays music runs there.
    pub const fn new(hertz: u32) -> Option<Self> {
        match NonZeroU32::new(hertz) {
            Some(value) if hertz >= 8_000 && hertz <= 384_000 => Some(Self(value)),
            _ => None,
        }
    }

    /// The rate in hertz.
    pub const fn hertz(self) -> u32 {
        self.0.get()
    }

    /// How long so many frames last, rounded to the nearest nanosecond; saturates.
    pub fn duration_of(self, frames: FrameCount) -> Nanos {
        self.span_of(i64::try_from(frames.0).unwrap_or(i64::MAX))
    }

    /// How long a signed number of frames lasts, rounded to the nearest nanosecond; saturates.
    pub fn span_of(self, frames: i64) -> Nanos {
        let hertz = i128::from(self.hertz());
        let nanos = (i128::from(frames) * 1_000_000_000 + hertz / 2).div_euclid(hertz);
        Nanos::saturating_from(nanos)
    }

    /// How many whole frames fit into a span; zero when it is negative.
    pub fn frames_in(self, span: Nanos) -> FrameCount {
        let frames = i128::from(span.as_nanos().max(0)) * i128::from(self.hertz()) / 1_000_000_000;
        FrameCount(u64::try_from(frames).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} Hz", self.0)
    }
}

/// The number of a frame in a stream; one frame holds one sample of each channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FramePosition(pub u64);

impl FramePosition {
    /// The distance from `earlier` to here, in frames; negative when `earlier` is in fact later.
    pub fn distance_from(self, earlier: Self) -> i64 {
        i64::try_from(i128::from(self.0) - i128::from(earlier.0)).unwrap_or(if self > earlier {
            i64::MAX
        } else {
            i64::MIN
        })
    }

    /// The position so many frames away; stays at either end of the range.
    pub fn offset_by(self, frames: i64) -> Self {
        Self(self.0.saturating_add_signed(frames))
    }
}

impl ops::Add<FrameCount> for FramePosition {
    type Output = Self;

    fn add(self, frames: FrameCount) -> Self {
        Self(self.0.saturating_add(frames.0))
    }
}

impl ops::AddAssign<FrameCount> for FramePosition {
    fn add_assign(&mut self, frames: FrameCount) {
        *self = *self + frames;
    }
}

/// A number of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameCount(pub u64);

/// How many frames one converter has taken or emitted since it was opened: the reading of a DAC's own clock.
///
/// It is not a [`FramePosition`]: a resampler stands between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputPosition(pub u64);

/// How much faster one clock runs than another: the ratio of their rates, less one.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Drift(f64);

impl Drift {
    /// No difference.
    pub const ZERO: Self = Self(0.0);

    /// From a ratio less one; a value that is not finite becomes zero.
    pub const fn from_ratio(excess: f64) -> Self {
        if excess.is_finite() { Self(excess) } else { Self::ZERO }
    }

    /// From parts per million.
    pub const fn from_ppm(ppm: f64) -> Self {
        Self::from_ratio(ppm * 1e-6)
    }

    /// The ratio less one.
    pub const fn excess(self) -> f64 {
        self.0
    }

    /// Parts per million.
    pub const fn ppm(self) -> f64 {
        self.0 * 1e6
    }

    /// Parts per thousand million, as messages have it.
    #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
    pub fn parts_per_billion(self) -> i32 {
        (self.0 * 1e9).round() as i32
    }
}

/// A volume as a person sets it, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Volume(u8);

impl Volume {
    /// Full: samples pass unchanged.
    pub const FULL: Self = Self(100);
    /// What a new room starts with: clearly heard, nobody is startled.
    pub const START: Self = Self(35);

    /// A volume in percent, or `None` above 100.
    pub const fn new(percent: u8) -> Option<Self> {
        if percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// The volume in percent.
    pub const fn percent(self) -> u8 {
        self.0
    }

    /// Amplitude is (percent / 100)^1.5, the law that the Sendspin player role prescribes.
    pub fn gain(self) -> Gain {
        Gain((f32::from(self.0) / 100.0).powf(1.5))
    }

    /// The volume whose [`Self::gain`] is nearest to a gain.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    pub fn nearest(gain: Gain) -> Self {
        Self((gain.0.powf(2.0 / 3.0) * 100.0).round() as u8)
    }
}

impl TryFrom<u8> for Volume {
    type Error = &'static str;

    fn try_from(percent: u8) -> Result<Self, Self::Error> {
        Self::new(percent).ok_or("a volume is 0 to 100")
    }
}

impl From<Volume> for u8 {
    fn from(volume: Volume) -> Self {
        volume.0
    }
}

/// A linear amplitude factor, 0 (silent) to 1 (unchanged).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(from = "f32", into = "f32")]
pub struct Gain(f32);

impl Gain {
    /// Silent.
    pub const SILENT: Self = Self(0.0);
    /// Samples pass unchanged.
    pub const UNITY: Self = Self(1.0);

    /// From a linear factor, held within 0 to 1; what is not a number is silent.
    pub fn new(factor: f32) -> Self {
        if factor.is_nan() { Self::SILENT } else { Self(factor.clamp(0.0, 1.0)) }
    }

    /// The linear factor.
    pub const fn factor(self) -> f32 {
        self.0
    }
}

impl From<f32> for Gain {
    fn from(factor: f32) -> Self {
        Self::new(factor)
    }
}

impl From<Gain> for f32 {
    fn from(gain: Gain) -> Self {
        gain.0
    }
}

impl ops::Mul for Gain {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_durations_convert_without_drifting() {
        let rate = SampleRate::HZ_48000;
        assert_eq!(rate.duration_of(FrameCount(48_000 * 3_600)), Nanos::from_secs(3_600));
        assert_eq!(rate.duration_of(FrameCount(1)), Nanos::new(20_833));
        assert_eq!(rate.span_of(-1), Nanos::new(-20_833));
        assert_eq!(rate.frames_in(Nanos::from_millis(20)), FrameCount(960));
        assert_eq!(rate.frames_in(Nanos::new(-5)), FrameCount(0));
        assert_eq!(rate.duration_of(FrameCount(u64::MAX)), Nanos::MAX);
    }

    #[test]
    fn impossible_values_do_not_get_in() {
        assert_eq!(SampleRate::new(0), None);
        assert_eq!(SampleRate::new(1_000_000), None);
        assert_eq!(Volume::new(101), None);
        assert!((0..=100).map(Volume).all(|volume| Volume::nearest(volume.gain()) == volume));
        assert_eq!(Gain::new(f32::NAN), Gain::SILENT);
        assert_eq!(Gain::new(7.0), Gain::UNITY);
        assert_eq!(Drift::from_ppm(f64::INFINITY), Drift::ZERO);
    }

    #[test]
    fn positions_far_apart_saturate() {
        assert_eq!(FramePosition(u64::MAX).distance_from(FramePosition(0)), i64::MAX);
        assert_eq!(FramePosition(0).distance_from(FramePosition(u64::MAX)), i64::MIN);
        assert_eq!(FramePosition(5).offset_by(-9), FramePosition(0));
        assert_eq!(FramePosition(u64::MAX) + FrameCount(1), FramePosition(u64::MAX));
    }
}
