//! The clock that every stamp here is read from: `CLOCK_MONOTONIC_RAW`, which nobody steps or slews.

#[cfg(any(target_os = "android", target_os = "linux"))]
use nix::{
    sys::time::TimeValLike,
    time::{ClockId, clock_gettime},
};
use unisono_core::time::{Nanos, Timestamp};

/// This machine's clock, wherever it does not matter yet whether it serves as a hub's or as a node's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LocalClock {}

/// Reads this machine's clock, in nanoseconds since an origin that means nothing by itself.
///
/// `C` is what the clock serves as. On Linux the reading is taken through the C library's `clock_gettime`, so that a
/// preloaded library can stand in for the kernel; elsewhere it is [`std::time::Instant`].
pub fn now<C>() -> Timestamp<C> {
    Timestamp::from_nanos(reading())
}

/// Reads the wall clock, since 1970: for telling the age of what the kernel has stamped, and nothing else. `None` where
/// the kernel stamps nothing.
pub(crate) fn wall_clock() -> Option<Nanos> {
    #[cfg(target_os = "linux")]
    return clock_gettime(ClockId::CLOCK_REALTIME).ok().map(|time| Nanos::new(time.num_nanoseconds()));
    #[cfg(not(target_os = "linux"))]
    return None;
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn reading() -> i64 {
    // The kernel has had this clock since 2.6.28 and the call has no other way to fail.
    clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).map_or(0, |time| time.num_nanoseconds())
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn reading() -> i64 {
    use std::{sync::OnceLock, time::Instant};

    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    i64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use unisono_core::time::HubClock;

    use super::*;

    #[test]
    fn the_clock_moves_forward_as_fast_as_time_does() {
        let (start, began) = (now::<HubClock>(), Instant::now());
        while began.elapsed() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        let (elapsed, least) = (now::<HubClock>() - start, Nanos::from_micros(19_900));
        let most = Nanos::from(began.elapsed()) + Nanos::from_micros(100);
        assert!(elapsed > least && elapsed < most, "{elapsed}");
    }

    #[test]
    fn the_clock_never_runs_backwards() {
        let mut last = now::<HubClock>();
        for _ in 0..10_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }
}
