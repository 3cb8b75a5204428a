//! How many bits frames have: fewer when the radio does not keep up, more again when it does. Sans-IO.
//!
//! The rules are those of `PipeWire`, which many speakers have been heard with.

use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// The bitpool goes down by so much.
const DOWN: u8 = 2;

/// And at most so often: what is in the queue was made before.
const DOWN_EVERY: Nanos = Nanos::from_millis(500);

/// It goes up by one after so long with nothing waiting.
const UP_AFTER: Nanos = Nanos::from_secs(1);

/// Below this (some 150 kb/s in stereo) little is gained: headers and scale factors stay as they are.
const FLOOR: u8 = 20;

/// The bitpool of the frames that are made next.
#[derive(Debug)]
pub(super) struct Bitpool {
    least: u8,
    most: u8,
    value: u8,
    lowered: Option<Timestamp<NodeClock>>,
    /// Since when nothing has been waiting, or since the last step up.
    clear_since: Timestamp<NodeClock>,
}

impl Bitpool {
    /// Begins with the most; `least` is what the configuration allows.
    pub(super) fn new(least: u8, most: u8, now: Timestamp<NodeClock>) -> Self {
        Self { least: least.max(FLOOR).min(most), most, value: most, lowered: None, clear_since: now }
    }

    /// The bitpool.
    pub(super) fn value(&self) -> u8 {
        self.value
    }

    /// A packet found no room.
    pub(super) fn handle_full(&mut self, now: Timestamp<NodeClock>) {
        self.clear_since = now;
        if self.lowered.is_none_or(|lowered| now - lowered >= DOWN_EVERY) {
            self.value = self.value.saturating_sub(DOWN).max(self.least);
            self.lowered = Some(now);
        }
    }

    /// A packet was sent; before it others waited or not.
    pub(super) fn handle_sent(&mut self, now: Timestamp<NodeClock>, waited: bool) {
        if waited {
            self.clear_since = now;
        } else if now - self.clear_since >= UP_AFTER && self.value < self.most {
            self.value += 1;
            self.clear_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn it_goes_down_by_two_each_half_second_and_up_by_one_each_second() {
        let mut bitpool = Bitpool::new(2, 51, at(0));
        let mut now = 0;
        while now < 1_400 {
            bitpool.handle_full(at(now));
            now += 10;
        }
        assert_eq!(bitpool.value(), 51 - 3 * 2);
        // Something waits, so it stays.
        while now < 5_000 {
            bitpool.handle_sent(at(now), true);
            now += 10;
        }
        assert_eq!(bitpool.value(), 45);
        while now < 8_500 {
            bitpool.handle_sent(at(now), false);
            now += 10;
        }
        assert_eq!(bitpool.value(), 48);
        while now < 60_000 {
            bitpool.handle_sent(at(now), false);
            now += 10;
        }
        assert_eq!(bitpool.value(), 51, "and no further");
    }

    #[test]
    fn it_stays_where_it_still_sounds() {
        for (least, most, floor) in [(2, 51, 20), (30, 51, 30), (2, 10, 10)] {
            let mut bitpool = Bitpool::new(least, most, at(0));
            (0..200).for_each(|turn| bitpool.handle_full(at(turn * 500)));
            assert_eq!(bitpool.value(), floor, "{least} to {most}");
        }
    }
}
