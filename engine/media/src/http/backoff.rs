//! How long to wait before a host is asked again.

use std::time::Duration;

/// The first time it may have been nothing.
const FIRST: Duration = Duration::from_millis(250);

/// However long a station is gone, it is looked for twice a minute.
const LAST: Duration = Duration::from_secs(30);

/// Waits twice as long each time. By chance it is up to half as much more or less, so that not all who have lost the
/// same host come back to it at once.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// How long to wait; `chance` is 0 to 1.
    pub(super) fn wait(&mut self, chance: f64) -> Duration {
        let wait = self.next.mul_f64(0.5 + chance);
        self.next = (self.next * 2).min(LAST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_no_two_are_alike() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..12).map(|_| backoff.wait(0.5)).collect();
        assert_eq!(waits[0], FIRST);
        assert!(waits.is_sorted() && waits[11] == LAST, "{waits:?}");
        assert_eq!((backoff.wait(0.0), backoff.wait(1.0)), (LAST / 2, LAST * 3 / 2));
    }
}
