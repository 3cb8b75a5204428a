//! What waits in the socket, or how long a packet takes, without its noise.
//!
//! By Little's law a queue that holds so much sound on average delays it by as much. Single readings say little: a packet
//! that the radio had to repeat is there at one reading and gone at the next.

use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// Readings are averaged over about so long.
const SMOOTHING: f64 = 3.0;

/// The value that is told stays until the average has gone so far from it: less is not heard between two rooms.
const STEP: Nanos = Nanos::from_millis(3);

/// A socket holds no more than some packets; whatever says more is wrong.
const MOST: Nanos = Nanos::from_millis(500);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    average: f64,
    told: Nanos,
    /// Where it is while nothing is out of the ordinary.
    rest: Nanos,
    last: Option<Timestamp<NodeClock>>,
}

impl Queue {
    /// One that is mostly so long.
    pub(super) fn resting_at(rest: Nanos) -> Self {
        Self { average: rest.as_secs_f64(), told: rest, rest, last: None }
    }

    /// So much waited at that time.
    pub(super) fn observe(&mut self, now: Timestamp<NodeClock>, waiting: Nanos) {
        let waiting = waiting.as_secs_f64().clamp(0.0, MOST.as_secs_f64());
        let seconds = self.last.map_or(0.0, |last| (now - last).as_secs_f64().max(0.0));
        self.last = Some(now);
        self.average += (waiting - self.average) * (1.0 - (-seconds / SMOOTHING).exp());
        let average = Nanos::from_secs_f64(self.average);
        if (average - self.told).abs() >= STEP {
            self.told = average;
        } else if (average - self.rest).abs() < STEP / 16 {
            // A queue that is gone leaves nothing behind.
            self.told = self.rest;
        }
    }

    /// What it adds to the latency.
    pub(super) fn value(&self) -> Nanos {
        self.told
    }

    /// How far that may be off: what is not told, and half of what is, for the queue changes while a packet is in it.
    pub(super) fn uncertainty(&self) -> Nanos {
        self.off().max(self.told / 2)
    }

    /// What is not told.
    pub(super) fn off(&self) -> Nanos {
        (Nanos::from_secs_f64(self.average) - self.told).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads so many seconds of a queue, every 13 ms; gives each change of what is told, with its time.
    fn run(queue: &mut Queue, from: i64, seconds: i64, mut waiting: impl FnMut() -> i64) -> Vec<(i64, Nanos)> {
        let (mut told, mut last) = (Vec::new(), queue.value());
        for turn in 0..seconds * 1_000 / 13 {
            let millis = from * 1_000 + turn * 13;
            queue.observe(Timestamp::from_nanos(millis * 1_000_000), Nanos::from_millis(waiting()));
            if queue.value() != last {
                last = queue.value();
                told.push((millis, last));
            }
        }
        told
    }

    #[test]
    fn noise_moves_nothing() {
        let seed = fastrand::u64(..);
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut queue = Queue::default();
        // One packet in ten is repeated, and now and then three wait.
        let noise = || if random.u8(0..10) == 0 { random.i64(0..4) * 13 } else { 0 };
        assert!(run(&mut queue, 0, 3_600, noise).len() <= 2);
        assert!(queue.value() < Nanos::from_millis(6));
    }

    #[test]
    fn a_queue_that_grows_is_followed_and_so_is_its_end() {
        let mut queue = Queue::default();
        run(&mut queue, 0, 10, || 0);
        let changes = run(&mut queue, 10, 20, || 40);
        assert!(changes.len() < 14, "in few steps: {changes:?}");
        assert!((queue.value() - Nanos::from_millis(40)).abs() <= STEP);
        let half = changes.iter().find(|(_, told)| *told >= Nanos::from_millis(20)).unwrap();
        assert!(half.0 < 13_000, "{half:?}");
        let changes = run(&mut queue, 30, 20, || 0);
        assert!(changes.len() < 16 && queue.value() == Nanos::ZERO, "{changes:?}");
    }

    #[test]
    fn what_cannot_be_is_bounded() {
        let mut queue = Queue::default();
        run(&mut queue, 0, 60, || i64::MAX / 1_000_000);
        assert!(queue.value() <= MOST);
        let later = Timestamp::from_nanos(i64::MAX);
        queue.observe(later, Nanos::new(i64::MIN));
        queue.observe(Timestamp::from_nanos(i64::MIN), Nanos::MAX);
        assert!((Nanos::ZERO..=MOST).contains(&queue.value()));
    }
}
