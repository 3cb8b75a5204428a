//! When packets are due: sans-IO.
//!
//! Packet `n` is due at `start + n * duration`, from frames and not from a sum of spans, so that nothing adds up. A thread
//! that woke up late catches up at twice the pace, never at once: a burst would fill the speaker's buffer, and what is in
//! it is heard later from then on. When it is so late that the speaker has run dry, packets that are past are left out.

use unisono_core::{
    time::{Nanos, NodeClock, Timestamp},
    units::{FrameCount, SampleRate},
};

/// What a speaker has in store at the least; later than that, catching up helps nobody.
const LATEST: Nanos = Nanos::from_millis(60);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing until then.
    Wait(Timestamp<NodeClock>),
    /// The packet with this deadline is sent now.
    Send(Timestamp<NodeClock>),
    /// The packet with this deadline is left out, for it is far too late.
    Skip(Timestamp<NodeClock>),
}

/// The deadlines of a stream.
#[derive(Debug)]
pub(super) struct Pacing {
    start: Timestamp<NodeClock>,
    rate: SampleRate,
    /// Frames of sound in a packet.
    packet: u64,
    /// The number of the packet that is next.
    next: u64,
    /// Nothing is sent before that.
    earliest: Timestamp<NodeClock>,
    skipping: bool,
}

impl Pacing {
    /// The first packet is due at `start`; each has so many frames of sound.
    pub(super) fn new(start: Timestamp<NodeClock>, rate: SampleRate, packet: u64) -> Self {
        Self { start, rate, packet, next: 0, earliest: start, skipping: false }
    }

    /// Says what is to be done; what is not waiting is done with.
    pub(super) fn poll(&mut self, now: Timestamp<NodeClock>) -> Step {
        let deadline = self.deadline(self.next);
        let late = now - deadline;
        self.skipping = late > LATEST || self.skipping && late >= self.duration();
        if self.skipping {
            self.next += 1;
            return Step::Skip(deadline);
        }
        let due = deadline.max(self.earliest);
        if now < due {
            return Step::Wait(due);
        }
        self.next += 1;
        self.earliest = now + self.duration() / 2;
        Step::Send(deadline)
    }

    /// How long a packet lasts.
    pub(super) fn duration(&self) -> Nanos {
        self.rate.duration_of(FrameCount(self.packet))
    }

    fn deadline(&self, number: u64) -> Timestamp<NodeClock> {
        self.start + self.rate.duration_of(FrameCount(self.packet.saturating_mul(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: u64 = 640;

    fn pacing() -> Pacing {
        Pacing::new(at(0), SampleRate::HZ_48000, PACKET)
    }

    fn at(nanos: i64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(1_000_000_000_000 + nanos)
    }

    /// What is done, and when, by a thread that sleeps until it is told, or for as long as it is held up.
    fn run(millis: i64, held_up: impl Fn(i64) -> i64) -> Vec<(i64, Step)> {
        let (mut pacing, mut now, mut done) = (pacing(), 0, Vec::new());
        while now < millis * 1_000_000 {
            match pacing.poll(at(now)) {
                Step::Wait(until) => {
                    let until = until - at(0);
                    assert!(until.as_nanos() > now);
                    now = until.as_nanos() + held_up(until.as_nanos());
                }
                step => done.push((now, step)),
            }
        }
        done
    }

    fn sent(done: &[(i64, Step)]) -> Vec<i64> {
        done.iter().filter(|(_, step)| matches!(step, Step::Send(_))).map(|(now, _)| *now).collect()
    }

    #[test]
    fn deadlines_do_not_drift_in_a_day() {
        let mut pacing = Pacing::new(at(0), SampleRate::new(44_100).unwrap(), PACKET);
        let packets = 24 * 3_600 * 44_100 / PACKET;
        pacing.next = packets;
        let Step::Wait(deadline) = pacing.poll(at(0)) else { panic!("it is not due yet") };
        let frames = i128::from(packets * PACKET);
        assert!((i128::from((deadline - at(0)).as_nanos()) * 44_100 - frames * 1_000_000_000).abs() <= 44_100);
    }

    #[test]
    fn a_thread_that_wakes_in_time_sends_one_packet_per_duration() {
        let done = run(60_000, |_| 150_000);
        assert_eq!(done.len(), 4_500);
        let times = sent(&done);
        assert_eq!(times.len(), 4_500);
        for (number, time) in (0..).zip(times).skip(1) {
            assert!((time - number * 13_333_333 - 150_000).abs() < 5_000, "packet {number} at {time}");
        }
    }

    #[test]
    fn after_a_delay_it_catches_up_without_a_burst_and_without_loss() {
        let done = run(2_000, |until| if (1_000_000_000..1_013_000_000).contains(&until) { 50_000_000 } else { 0 });
        let times = sent(&done);
        assert_eq!((done.len(), times.len()), (150, 150));
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 6_666_000), "{times:?}");
        let last = times.last().unwrap();
        assert!((last - 149 * 13_333_333).abs() < 100, "back on its deadlines: {last}");
    }

    #[test]
    fn what_is_far_too_late_is_left_out_and_the_next_packet_is_on_its_deadline() {
        let done = run(2_000, |until| if (1_000_000_000..1_013_000_000).contains(&until) { 400_000_000 } else { 0 });
        let times = sent(&done);
        assert_eq!(done.len(), 150, "every packet is sent or left out");
        assert_eq!(done.len() - times.len(), 30);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 6_666_000));
        for (now, step) in done.into_iter().filter(|(now, _)| *now > 1_420_000_000) {
            let Step::Send(deadline) = step else { panic!("{step:?} at {now}") };
            assert!((at(now) - deadline).abs() < Nanos::new(1_000));
        }
    }

    #[test]
    fn whatever_holds_it_up_deadlines_follow_one_another() {
        let seed = fastrand::u64(..);
        println!("SEED={seed}");
        let random = std::cell::RefCell::new(fastrand::Rng::with_seed(seed));
        let done = run(600_000, |_| {
            let mut random = random.borrow_mut();
            if random.u8(..) == 0 { random.i64(0..300_000_000) } else { random.i64(0..2_000_000) }
        });
        for (number, (now, step)) in (0..).zip(&done) {
            let (Step::Send(deadline) | Step::Skip(deadline)) = *step else { panic!("{step:?}") };
            assert!((deadline - at(number * 13_333_333)).abs() < Nanos::new(number + 1));
            assert!(deadline <= at(*now), "never early");
        }
        let times = sent(&done);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 6_666_000), "no two at once");
    }
}
