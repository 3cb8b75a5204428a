//! Which step of the codec's ladder a node's link carries, judged by what the node reports.
//!
//! A loss that is repaired costs nothing, and a stall is over by itself. What counts is sound that had to be made up,
//! second after second: then the link does not carry the rate, or loses more than repair can mend, and fewer bytes help
//! with both. Going down is quick; going up is a trial, and each that fails doubles the wait before the next, so that a
//! link that carries one step does not swing between two.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    wire::control::RoomReport,
};

/// A second in which a larger share than this was made up is a bad one: it is heard.
const BAD_SHARE: f64 = 0.01;

/// Of so many seconds ...
const WINDOW: u32 = 5;

/// ... so many have to be bad. A stall spoils two at most.
const BAD_SECONDS: u32 = 3;

/// Reports that come closer together than this are taken together: they waited for the same lost packet.
const SHORTEST: Nanos = Nanos::from_millis(700);

/// After a change the link gets so long beyond the stream's latency to show what it does: what queued for it has to
/// drain.
const SETTLE: Nanos = Nanos::from_secs(3);

/// No bad second for so long, and the next step up is tried.
const PATIENCE: Nanos = Nanos::from_secs(60);

/// The longest wait before a trial.
const MOST_PATIENCE: Nanos = Nanos::from_secs(1_920);

/// The share of what came through that a new step may take. The rest is for headers and repair.
const USABLE: f64 = 0.75;

/// What a node has counted, its rooms taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Rooms that are to play.
    pub(super) playing: u32,
    received: u64,
    missing: u64,
    concealed: u64,
}

impl Counted {
    pub(super) fn new(rooms: &[RoomReport]) -> Self {
        rooms.iter().fold(Self::default(), |sum, room| Self {
            playing: sum.playing + u32::from(room.stream.is_some()),
            received: sum.received.saturating_add(room.received),
            missing: sum.missing.saturating_add(room.lost.saturating_sub(room.repaired)),
            concealed: sum.concealed.saturating_add(room.concealed_frames),
        })
    }
}

/// What to change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Move {
    /// To a step that takes at most this share of the present one's rate, at least one down.
    Down(f64),
    /// One up.
    Up,
}

/// The judge of one node's link.
#[derive(Debug)]
pub(super) struct Ladder {
    step: usize,
    last: Option<(Timestamp<HubClock>, Counted)>,
    /// One bit for each of the latest seconds, the newest lowest.
    bad: u32,
    quiet_since: Option<Timestamp<HubClock>>,
    raised_at: Option<Timestamp<HubClock>>,
    deaf_until: Option<Timestamp<HubClock>>,
    patience: Nanos,
}

impl Ladder {
    pub(super) const fn new() -> Self {
        Self { step: 0, last: None, bad: 0, quiet_since: None, raised_at: None, deaf_until: None, patience: PATIENCE }
    }

    /// The step to be on: 0 is the best.
    pub(super) const fn step(&self) -> usize {
        self.step
    }

    /// Takes a report; `rate` is the stream's, in frames a second.
    pub(super) fn handle_report(&mut self, now: Timestamp<HubClock>, counted: Counted, rate: u32) -> Option<Move> {
        let (at, before) = *self.last.get_or_insert((now, counted));
        let passed = now - at;
        if passed < SHORTEST {
            return None;
        }
        self.last = Some((now, counted));
        let comparable =
            counted.playing > 0 && counted.playing == before.playing && counted.received >= before.received;
        if !comparable || self.deaf_until.is_some_and(|until| now < until) {
            (self.bad, self.quiet_since) = (0, None);
            return None;
        }
        let frames = passed.as_secs_f64() * f64::from(rate) * f64::from(counted.playing);
        let made_up = counted.concealed.saturating_sub(before.concealed) as f64 / frames;
        self.bad = (self.bad << 1 | u32::from(made_up > BAD_SHARE)) & ((1 << WINDOW) - 1);
        if self.bad.count_ones() >= BAD_SECONDS {
            let came = counted.received.saturating_sub(before.received) as f64;
            let missing = counted.missing.saturating_sub(before.missing) as f64;
            return Some(Move::Down((came / (came + missing).max(1.0) * USABLE).clamp(0.01, 1.0)));
        }
        if self.bad != 0 {
            self.quiet_since = None;
            return None;
        }
        let quiet = now - *self.quiet_since.get_or_insert(now);
        if self.step == 0 && quiet >= self.patience {
            // The trial has held.
            self.patience = PATIENCE;
        }
        (self.step > 0 && quiet >= self.patience).then_some(Move::Up)
    }

    /// The room goes over to a step, on a stream of so much latency.
    pub(super) fn moved(&mut self, now: Timestamp<HubClock>, step: usize, latency: Nanos) {
        if step < self.step {
            self.raised_at = Some(now);
        } else if self.raised_at.take().is_some_and(|raised| now - raised < self.patience) {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        (self.step, self.bad, self.quiet_since) = (step, 0, None);
        self.deaf_until = Some(now + latency + SETTLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;
    const LATENCY: Nanos = Nanos::from_millis(400);

    /// A link whose share of made-up sound depends on the step, and the moves that follow, by second.
    fn moves(seconds: i64, share: impl Fn(i64, usize) -> f64) -> Vec<(i64, usize)> {
        let mut ladder = Ladder::new();
        let mut counted = Counted { playing: 1, ..Counted::default() };
        let mut moves = Vec::new();
        for second in 0..seconds {
            let bad = share(second, ladder.step());
            counted.received += 50;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
            let made_up = (bad * f64::from(RATE)) as u64;
            counted.concealed += made_up;
            let now = Timestamp::from_nanos(second * 1_000_000_000);
            let step = match ladder.handle_report(now, counted, RATE) {
                Some(Move::Up) => ladder.step() - 1,
                Some(Move::Down(_)) => ladder.step() + 1,
                None => continue,
            };
            moves.push((second, step));
            ladder.moved(now, step, LATENCY);
        }
        moves
    }

    #[test]
    fn sustained_trouble_is_answered_within_five_seconds() {
        let moves = moves(60, |second, step| if second >= 20 && step == 0 { 0.3 } else { 0.0 });
        assert!(moves.len() == 1 && (22..=25).contains(&moves[0].0) && moves[0].1 == 1, "{moves:?}");
    }

    #[test]
    fn a_stall_now_and_then_changes_nothing() {
        assert_eq!(moves(600, |second, _| if second % 20 < 2 { 0.6 } else { 0.0 }), []);
        assert_eq!(moves(600, |_, _| 0.005), []);
    }

    #[test]
    fn a_link_that_carries_one_step_does_not_swing_between_two() {
        let moves = moves(7_200, |_, step| if step == 0 { 0.2 } else { 0.0 });
        let trials: Vec<i64> = moves.iter().filter(|(_, step)| *step == 0).map(|(second, _)| *second).collect();
        println!("tried at {trials:?} s");
        assert!((2..=7).contains(&trials.len()), "{trials:?}");
        let waits: Vec<i64> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.windows(2).all(|pair| pair[1] >= pair[0]), "{waits:?}");
    }

    #[test]
    fn a_link_that_has_recovered_gets_its_best_step_back() {
        let moves = moves(600, |second, _| if second < 30 { 0.2 } else { 0.0 });
        assert_eq!(moves.last().map(|(_, step)| *step), Some(0), "{moves:?}");
    }

    #[test]
    fn what_waited_for_one_lost_packet_is_one_report() {
        let mut ladder = Ladder::new();
        let at = |millis: i64| Timestamp::from_nanos(millis * 1_000_000);
        for (i, concealed) in (0..10).zip([0, 9_600, 19_200, 28_800, 38_400, 48_000, 48_000, 48_000, 48_000, 48_000]) {
            let counted = Counted { playing: 1, concealed, ..Counted::default() };
            let told = if i == 0 { 0 } else { 5_000 + i };
            assert_eq!(ladder.handle_report(at(told), counted, RATE), None);
        }
    }
}
