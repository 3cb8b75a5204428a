//! When a datagram arrived, from the kernel's stamp of it.
//!
//! The kernel stamps with the wall clock, which anybody may set. So a stamp serves as an *age* alone: how long ago that
//! was on the wall clock, taken off this machine's own clock. What is wrong about an age is only what happened to the
//! wall clock while the datagram waited to be read.

use std::sync::{Mutex, PoisonError};

use unisono_core::time::{Nanos, Timestamp};

use crate::clock::{LocalClock, now, wall_clock};

/// One instant on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    here: Timestamp<LocalClock>,
    /// Since 1970; `None` where there are no stamps, or none that can be believed.
    wall: Option<Nanos>,
}

impl Moment {
    /// When a datagram arrived that has been read by now.
    ///
    /// Never before it did, unless the wall clock was set meanwhile; a stamp that makes no sense is passed over. An
    /// arrival that is told late counts as one more delay of the network, one that is told early would be believed.
    pub(super) fn arrival(&self, stamp: Option<Nanos>) -> Timestamp<LocalClock> {
        let age = self.wall.zip(stamp).map(|(wall, stamp)| wall - stamp);
        self.here - age.filter(|age| (Nanos::ZERO..=MAX_AGE).contains(age)).unwrap_or(Nanos::ZERO)
    }
}

/// Reads moments, and notices when the wall clock was set between two of them.
#[derive(Debug, Default)]
pub(super) struct Moments {
    last: Mutex<Option<Moment>>,
}

impl Moments {
    /// This one.
    pub(super) fn read(&self) -> Moment {
        // In this order: what lies between the two makes an age too short, and an arrival late.
        let wall = wall_clock();
        let moment = Moment { here: now(), wall };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(moment);
        match last {
            Some(last) if !keeps_pace(last, moment) => Moment { wall: None, ..moment },
            _ => moment,
        }
    }
}

/// Whether the wall clock went on as this machine's clock did, or at least as nearly as a daemon lets it while it
/// brings it in line.
fn keeps_pace(from: Moment, to: Moment) -> bool {
    let (Some(before), Some(after)) = (from.wall, to.wall) else { return true };
    let (here, wall) = (to.here - from.here, after - before);
    (wall - here).abs() <= JITTER + here.abs() / SLEW
}

/// A datagram that waited longer is no good as a measurement, however well it was stamped; and nobody sets a clock by
/// less that matters.
const MAX_AGE: Nanos = Nanos::from_millis(100);

/// The two clocks are read one after the other.
const JITTER: Nanos = Nanos::from_micros(100);

/// One part in so many: 1000 ppm, twice what the kernel's own discipline allows.
const SLEW: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(here: Nanos, wall: Nanos) -> Moment {
        Moment { here: Timestamp::from_nanos(here.as_nanos()), wall: Some(wall) }
    }

    #[test]
    fn a_datagram_arrived_as_long_ago_as_its_stamp_says() {
        let (now, wall) = (Nanos::from_secs(7), Nanos::from_secs(1_700_000_000));
        let read = moment(now, wall);
        for age in [0, 1, 40_000, 5_000_000, 100_000_000].map(Nanos::new) {
            assert_eq!(read.arrival(Some(wall - age)), Timestamp::from_nanos((now - age).as_nanos()));
        }
    }

    #[test]
    fn an_absurd_stamp_is_passed_over() {
        let (now, wall) = (Nanos::from_secs(7), Nanos::from_secs(1_700_000_000));
        let read = moment(now, wall);
        let absurd = [wall + Nanos::new(1), wall - MAX_AGE - Nanos::new(1), Nanos::ZERO, -Nanos::MAX, Nanos::MAX];
        for stamp in absurd.into_iter().map(Some).chain([None]) {
            assert_eq!(read.arrival(stamp), read.here, "{stamp:?}");
        }
        assert_eq!(Moment { wall: None, ..read }.arrival(Some(wall)), read.here);
    }

    #[test]
    fn a_wall_clock_that_is_set_is_noticed_and_one_that_is_steered_is_let_be() {
        let (here, wall) = (Nanos::from_secs(7), Nanos::from_secs(1_700_000_000));
        let (start, gap) = (moment(here, wall), Nanos::from_millis(20));
        for step in [200, 20_000, 3_600_000_000].map(Nanos::from_micros) {
            assert!(!keeps_pace(start, moment(here + gap, wall + gap + step)), "{step}");
            assert!(!keeps_pace(start, moment(here + gap, wall + gap - step)), "{step}");
        }
        for seconds in [0, 1, 3_600] {
            let gap = Nanos::from_secs(seconds);
            // 500 ppm.
            assert!(keeps_pace(start, moment(here + gap, wall + gap + gap / 2_000)));
            assert!(keeps_pace(start, moment(here + gap, wall + gap - gap / 2_000)));
        }
    }
}
