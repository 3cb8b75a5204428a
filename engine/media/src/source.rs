//! Where sound comes from.

use crate::{Error, Joint};

/// Sound that is read from front to back, at a rate and in channels that were chosen when it was made. Not for an audio
/// thread: it may wait for a disk.
pub trait Source: Send {
    /// Writes interleaved samples, full scale ±1, and says how many frames; 0 is the end.
    ///
    /// # Errors
    /// When the system cannot read on. Damage in the sound itself is no error: it is skipped, and counted by
    /// [`Self::skipped`].
    fn read(&mut self, out: &mut [f32]) -> Result<usize, Error>;

    /// Goes on with another frame, counted at the output's rate from the beginning. Behind the end nothing is left to
    /// read.
    ///
    /// # Errors
    /// When the system cannot read there.
    fn seek(&mut self, frame: u64) -> Result<(), Error>;

    /// What it is.
    fn description(&self) -> &Description;

    /// Damaged pieces that were left out so far.
    fn skipped(&self) -> u64 {
        0
    }

    /// The first damage that is known so far, be it by looking ahead.
    fn damage(&self) -> Option<Damage> {
        None
    }

    /// From now on what a change of rate still holds at the end is not read out, but kept for [`Self::hand_over`].
    fn hold_end(&mut self) {}

    /// At the end, what a change of rate holds back of it: another source may go on from there. `None` where nothing is
    /// held back.
    fn hand_over(&mut self) -> Option<Joint> {
        None
    }

    /// Goes on where another source has ended, with its change of rate. To be called before anything was read.
    ///
    /// # Errors
    /// When it changes the rate in another way, or not at all; the joint is given back.
    fn take_over(&mut self, joint: Joint) -> Result<(), Joint> {
        Err(joint)
    }

    /// What is to be heard where it is read now, as far as that changes while it plays: a station says what it plays.
    fn title_now(&self) -> Option<&str> {
        None
    }

    /// Why it is silent though it has not ended, in one line: a station that does not answer.
    fn trouble(&self) -> Option<&str> {
        None
    }

    /// Whether its sound comes only as it is made, so that it cannot be read far ahead. It gives silence rather than to
    /// let its reader wait.
    fn is_live(&self) -> bool {
        false
    }
}

/// Where a source is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damage {
    /// Where in it, in seconds.
    pub seconds: f64,
    /// Whether all behind that is missing.
    pub is_end: bool,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// From its tags, or its name.
    pub title: String,
    /// Its length at the output's rate, when that is known. A damaged file may hold less.
    pub frames: Option<u64>,
    /// How it is coded, for people.
    pub codec: String,
    /// Frames per second before they were resampled.
    pub original_rate: u32,
    /// Channels before they were mixed.
    pub original_channels: u32,
    /// Bits in a sample, where samples have bits.
    pub bits: Option<u32>,
}
