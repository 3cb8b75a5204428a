//! The clock by which the hub reads: `CLOCK_MONOTONIC_RAW`, which nobody steps or slews.

use unisono_core::time::{HubClock, Timestamp};

#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) fn now() -> Timestamp<HubClock> {
    use nix::{
        sys::time::TimeValLike,
        time::{ClockId, clock_gettime},
    };

    // The kernel has had this clock since 2.6.28 and the call has no other way to fail.
    let reading = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW);
    Timestamp::from_nanos(reading.map_or(0, |time| time.num_nanoseconds()))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(super) fn now() -> Timestamp<HubClock> {
    use std::{sync::OnceLock, time::Instant};

    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
    Timestamp::from_nanos(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
}
