//! By when a packet should have come.

use crate::time::Nanos;

/// How much later than half a round trip after it left the hub a packet may be before it counts as missing. Follows
/// what this link does: on a quiet one a loss is noticed within milliseconds, on a busy one few requests are in vain.
#[derive(Debug)]
pub struct ReorderingWindow(Nanos);

impl ReorderingWindow {
    /// For a link of which nothing is known.
    pub const fn new() -> Self {
        Self(START)
    }

    /// Takes in how much later than half a round trip after it was to leave a packet came.
    pub fn observe(&mut self, lateness: Nanos) {
        // It was sent late: to a room that joins, or after a fault of the source.
        if lateness > LONGEST {
            return;
        }
        let step = if lateness > self.0 { RISE.max((lateness - self.0) / CATCH_UP) } else { -FALL };
        self.0 = (self.0 + step).clamp(SHORTEST, LONGEST);
    }

    /// How late a packet may be.
    pub const fn allowed(&self) -> Nanos {
        self.0
    }
}

impl Default for ReorderingWindow {
    fn default() -> Self {
        Self::new()
    }
}

const START: Nanos = Nanos::from_millis(25);
const SHORTEST: Nanos = Nanos::from_millis(3);
const LONGEST: Nanos = Nanos::from_millis(300);

/// A late packet raises the allowance thirty times as much as one in time lowers it, so it settles where one in thirty
/// is late: so many requests in vain buy the early ones.
const RISE: Nanos = Nanos::from_micros(900);
const FALL: Nanos = Nanos::from_micros(30);

/// Where a queue has built up and everything is much later, that is learned within so many packets: asking for what only
/// waits would make the queue longer.
const CATCH_UP: i64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_packets_of_a_link_are_later_than_the_allowance_and_it_is_not_much_longer_than_that_takes() {
        for (usual, spread) in [(1, 4), (10, 40)] {
            let mut random = fastrand::Rng::with_seed(7);
            let mut reordering = ReorderingWindow::new();
            let mut late = 0;
            for packet in 0..6_000 {
                // Evenly from `usual` to `usual + spread`.
                let lateness = Nanos::from_millis(usual) + Nanos::from_micros(random.i64(0..spread * 1_000));
                late += i32::from(packet >= 3_000 && lateness > reordering.allowed());
                reordering.observe(lateness);
            }
            println!("{late} of 3000 late, allowance {:?}", reordering.allowed());
            assert!((50..200).contains(&late));
        }
    }

    #[test]
    fn what_a_joiner_gets_belatedly_does_not_count() {
        let mut reordering = ReorderingWindow::new();
        (0..50).for_each(|_| reordering.observe(Nanos::from_millis(700)));
        assert_eq!(reordering.allowed(), START);
    }
}
