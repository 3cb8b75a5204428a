//! The instant for which a device's position holds, on the node's clock.

use alsa::{PCM, pcm::Status};
use nix::libc::timespec;
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use crate::output::{
    PositionSource, Quality,
    clock::{self, Monotonic},
};

/// The clock that a device stamps its positions with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamps {
    /// `CLOCK_MONOTONIC_RAW`, the node's clock.
    Raw,
    /// `CLOCK_MONOTONIC`, on drivers and plugins that take no other.
    Monotonic,
    /// None that is of use.
    Unusable,
}

/// When a status was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// For which instant it holds.
    pub(super) at: Timestamp<NodeClock>,
    /// When it was asked for.
    pub(super) called: Timestamp<NodeClock>,
    /// What `at` rests on.
    pub(super) quality: Quality,
}

/// A driver stamps when it last looked, at most an interrupt ago. What is older is from another clock, or none at all.
const MAX_AGE: Nanos = Nanos::from_secs(1);

/// Two clocks cannot be read at once.
const TOLERANCE: Nanos = Nanos::from_micros(100);

impl Stamps {
    /// What positions will rest on.
    pub(super) const fn quality(self) -> Quality {
        let source = match self {
            Self::Raw | Self::Monotonic => PositionSource::Device,
            Self::Unusable => PositionSource::DeviceUnstamped,
        };
        Quality { source, uncertainty: Nanos::ZERO }
    }

    /// One `snd_pcm_status`, and when it was. Real-time.
    pub(super) fn look(self, pcm: &PCM) -> alsa::Result<(Status, Stamp)> {
        let called = clock::raw_now();
        let status = pcm.status()?;
        let returned = clock::raw_now();
        let stamp = self.stamp(nanoseconds(status.get_htstamp()), called, returned);
        Ok((status, stamp))
    }

    /// Makes of what the device said an instant of the node's clock; without one, the middle of the call.
    fn stamp(self, said: i64, called: Timestamp<NodeClock>, returned: Timestamp<NodeClock>) -> Stamp {
        let (at, uncertainty) = match self {
            Self::Raw => (Timestamp::from_nanos(said), Nanos::ZERO),
            Self::Monotonic => {
                let now = clock::bracketed(clock::monotonic_now);
                (now.at - (now.value - Timestamp::<Monotonic>::from_nanos(said)), now.uncertainty)
            }
            Self::Unusable => (Timestamp::from_nanos(i64::MIN), Nanos::ZERO),
        };
        if at >= called - MAX_AGE && at <= returned + TOLERANCE {
            return Stamp { at, called, quality: Quality { source: PositionSource::Device, uncertainty } };
        }
        let half = (returned - called) / 2;
        let quality = Quality { source: PositionSource::DeviceUnstamped, uncertainty: half };
        Stamp { at: called + half, called, quality }
    }
}

fn nanoseconds(time: timespec) -> i64 {
    #[allow(clippy::useless_conversion, reason = "32 bits wide on a 32-bit system")]
    let (seconds, nanos) = (i64::from(time.tv_sec), i64::from(time.tv_nsec));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLED: Timestamp<NodeClock> = Timestamp::from_nanos(500_000_000_000);
    const RETURNED: Timestamp<NodeClock> = Timestamp::from_nanos(500_000_008_000);

    #[test]
    fn a_stamp_on_the_nodes_clock_is_taken_as_it_is() {
        for age in [0, 3_000_000, 200_000_000] {
            let stamp = Stamps::Raw.stamp(CALLED.as_nanos() - age, CALLED, RETURNED);
            assert_eq!(stamp.at, CALLED - Nanos::new(age));
            assert_eq!(stamp.quality, Quality { source: PositionSource::Device, uncertainty: Nanos::ZERO });
        }
    }

    #[test]
    fn a_stamp_from_another_clock_is_replaced_by_the_middle_of_the_call() {
        for said in [0, 1_700_000_000_000_000_000, CALLED.as_nanos() - 2_000_000_000, RETURNED.as_nanos() + 1_000_000] {
            for stamps in [Stamps::Raw, Stamps::Unusable] {
                let stamp = stamps.stamp(said, CALLED, RETURNED);
                assert_eq!(stamp.at, CALLED + Nanos::new(4_000), "{said}");
                assert_eq!(stamp.quality.source, PositionSource::DeviceUnstamped);
                assert_eq!(stamp.quality.uncertainty, Nanos::new(4_000));
            }
        }
    }

    #[test]
    fn a_monotonic_stamp_is_as_old_on_the_nodes_clock() {
        let called = clock::raw_now();
        let said = clock::monotonic_now();
        let returned = clock::raw_now();
        let stamp = Stamps::Monotonic.stamp(said.as_nanos(), called, returned);
        assert_eq!(stamp.quality.source, PositionSource::Device);
        let slack = stamp.quality.uncertainty + Nanos::from_micros(1);
        assert!(stamp.at >= called - slack && stamp.at <= returned + slack, "{stamp:?}");
    }
}
