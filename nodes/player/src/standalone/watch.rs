//! Who decides what the rooms play: a hub, or the node itself. Times are the node's clock; nothing here waits.
//!
//! ```text
//!              in time                        gone
//!  Waiting ───────────────▶ WithHub ◀──┐ ┌──────────── any
//!     │                                │ │
//!     │ too long without     steady    │ ▼
//!     └──────────────▶ Alone ──────▶ Returning ──▶ back to Alone when the hub goes again
//! ```

use unisono_core::time::{Nanos, NodeClock, Timestamp};

/// A hub that is back is trusted after so long: it has sent what it plays by then.
const STEADY: Nanos = Nanos::from_millis(500);

/// A connection that lasted no longer than this was none to rely on.
const FLAP: Nanos = Nanos::from_secs(3);

/// After such a one the next is to last so long before the node leaves what it plays.
const STEADY_AFTER_FLAP: Nanos = Nanos::from_secs(10);

/// What a person wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Alone while there is no hub.
    #[default]
    Auto,
    /// Alone, hub or no hub.
    On,
    /// Never alone.
    Off,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A hub.
    WithHub,
    /// Nobody: there is no hub, and the node waits for one.
    Waiting,
    /// The node.
    Alone,
    /// The node; a hub is back, and is left to show that it stays.
    Returning,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take the rooms and play on one's own.
    Take,
    /// Give the rooms back; what plays ends with a fade.
    Give,
}

/// Watches the hub, and says when the node stands alone.
#[derive(Debug)]
pub struct Watch {
    /// So long without a hub; `None`: never by itself.
    after: Option<Nanos>,
    mode: Mode,
    phase: Phase,
    since: Timestamp<NodeClock>,
    /// Since when a hub has been there, in time.
    hub_since: Option<Timestamp<NodeClock>>,
    steady: Nanos,
    action: Option<Action>,
}

impl Watch {
    /// A node that has just started, and has no hub yet.
    pub const fn new(now: Timestamp<NodeClock>, after: Option<Nanos>) -> Self {
        let (mode, phase, steady) = (Mode::Auto, Phase::Waiting, STEADY);
        Self { after, mode, phase, since: now, hub_since: None, steady, action: None }
    }

    /// A hub is there, and its clock is known.
    pub fn handle_hub(&mut self, now: Timestamp<NodeClock>) {
        if self.hub_since.is_none() {
            self.hub_since = Some(now);
            match (self.phase, self.mode) {
                (Phase::Waiting, _) => self.go(now, Phase::WithHub),
                (Phase::Alone, Mode::Auto) => self.go(now, Phase::Returning),
                _ => {}
            }
        }
    }

    /// It is gone: it was last heard of then.
    pub fn handle_gone(&mut self, now: Timestamp<NodeClock>, heard: Timestamp<NodeClock>) {
        let Some(since) = self.hub_since.take() else { return };
        self.steady = if heard - since <= FLAP { STEADY_AFTER_FLAP } else { STEADY };
        match self.phase {
            Phase::WithHub => self.go(heard, Phase::Waiting),
            Phase::Returning => self.go(now, Phase::Alone),
            Phase::Waiting | Phase::Alone => {}
        }
        self.handle_timeout(now);
    }

    /// A person wants something else.
    pub fn handle_mode(&mut self, now: Timestamp<NodeClock>, mode: Mode) {
        self.mode = mode;
        match (mode, self.is_alone()) {
            (Mode::On, _) => self.go(now, Phase::Alone),
            (Mode::Off, true) => self.give(now),
            // Whoever says so does not want to wait for it.
            (Mode::Auto, true) if self.hub_since.is_some() => self.give(now),
            _ => {}
        }
        self.handle_timeout(now);
    }

    /// A person wants the node to play. Says whether it may.
    pub fn handle_play(&mut self, now: Timestamp<NodeClock>) -> bool {
        if self.phase == Phase::Waiting && self.mode != Mode::Off {
            self.go(now, Phase::Alone);
        }
        self.is_alone()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp<NodeClock>) {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        match self.phase {
            Phase::Waiting => self.go(now, Phase::Alone),
            Phase::Returning => self.give(now),
            Phase::WithHub | Phase::Alone => {}
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        match (self.phase, self.mode) {
            (Phase::Waiting, Mode::Auto) => self.after.map(|after| self.since + after),
            (Phase::Returning, _) => self.hub_since.map(|since| since + self.steady),
            _ => None,
        }
    }

    /// What to do next.
    pub const fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
    }

    /// Who decides.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Since when.
    pub const fn since(&self) -> Timestamp<NodeClock> {
        self.since
    }

    /// What a person wants.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the node decides what its rooms play.
    pub const fn is_alone(&self) -> bool {
        matches!(self.phase, Phase::Alone | Phase::Returning)
    }

    fn give(&mut self, now: Timestamp<NodeClock>) {
        self.go(now, if self.hub_since.is_some() { Phase::WithHub } else { Phase::Waiting });
    }

    fn go(&mut self, now: Timestamp<NodeClock>, phase: Phase) {
        let was = self.is_alone();
        if self.phase != phase {
            (self.phase, self.since) = (phase, now);
        }
        self.action = match (was, self.is_alone()) {
            (false, true) => Some(Action::Take),
            (true, false) => Some(Action::Give),
            _ => self.action,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Nanos = Nanos::from_secs(10);

    fn at(millis: i64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    /// Lets time pass; gives what was done, with the millisecond.
    fn run(watch: &mut Watch, until: i64) -> Vec<(i64, Action)> {
        let mut done = Vec::new();
        loop {
            let due = watch.poll_timeout().filter(|due| *due <= at(until));
            let now = due.unwrap_or(at(until));
            watch.handle_timeout(now);
            done.extend(watch.poll_action().map(|action| (now.as_nanos() / 1_000_000, action)));
            if due.is_none() {
                return done;
            }
        }
    }

    /// One that says goodbye.
    fn gone(watch: &mut Watch, now: Timestamp<NodeClock>) {
        watch.handle_gone(now, now);
    }

    fn with_hub() -> Watch {
        let mut watch = Watch::new(at(0), Some(AFTER));
        watch.handle_hub(at(1_000));
        assert_eq!((watch.phase(), run(&mut watch, 60_000)), (Phase::WithHub, vec![]));
        watch
    }

    #[test]
    fn without_a_hub_the_node_stands_alone_after_the_limit_and_not_before() {
        let mut watch = with_hub();
        gone(&mut watch, at(60_000));
        assert_eq!(run(&mut watch, 69_999), []);
        assert_eq!(run(&mut watch, 90_000), [(70_000, Action::Take)]);
        // One that falls silent, which is noticed later.
        let mut watch = with_hub();
        watch.handle_gone(at(66_000), at(60_000));
        assert_eq!(run(&mut watch, 90_000), [(70_000, Action::Take)]);
        let mut watch = with_hub();
        watch.handle_gone(at(75_000), at(60_000));
        assert_eq!(watch.poll_action(), Some(Action::Take));
        // One that never had any.
        assert_eq!(run(&mut Watch::new(at(0), Some(AFTER)), 90_000), [(10_000, Action::Take)]);
        assert_eq!(run(&mut Watch::new(at(0), None), 90_000), []);
    }

    #[test]
    fn a_hub_that_is_back_has_its_rooms_back_within_a_second() {
        let mut watch = with_hub();
        gone(&mut watch, at(60_000));
        run(&mut watch, 80_000);
        watch.handle_hub(at(80_000));
        assert_eq!(watch.phase(), Phase::Returning);
        assert_eq!(run(&mut watch, 81_000), [(80_500, Action::Give)]);
        assert_eq!(watch.phase(), Phase::WithHub);
    }

    #[test]
    fn a_hub_that_is_away_for_less_than_the_limit_changes_nothing() {
        let mut watch = with_hub();
        for second in (60..200).step_by(10) {
            gone(&mut watch, at(second * 1_000));
            assert_eq!(run(&mut watch, second * 1_000 + 9_900), []);
            watch.handle_hub(at(second * 1_000 + 9_900));
        }
    }

    #[test]
    fn a_hub_that_comes_and_goes_does_not_make_the_node_do_so() {
        let mut watch = with_hub();
        gone(&mut watch, at(60_000));
        assert_eq!(run(&mut watch, 80_000).len(), 1);
        // The first time it is given the rooms back; it does not keep them.
        for second in (80..200).step_by(4) {
            watch.handle_hub(at(second * 1_000));
            let done = run(&mut watch, second * 1_000 + 400);
            gone(&mut watch, at(second * 1_000 + 400));
            assert_eq!((done, watch.phase()), (vec![], Phase::Alone), "at {second} s");
        }
        for second in (200..300).step_by(4) {
            watch.handle_hub(at(second * 1_000));
            let done = run(&mut watch, second * 1_000 + 2_500);
            gone(&mut watch, at(second * 1_000 + 2_500));
            assert_eq!((done, watch.phase()), (vec![], Phase::Alone), "at {second} s");
        }
        // In the end it stays.
        watch.handle_hub(at(300_000));
        assert_eq!(run(&mut watch, 320_000), [(310_000, Action::Give)]);
    }

    #[test]
    fn a_person_has_the_last_word() {
        let mut watch = with_hub();
        watch.handle_mode(at(60_000), Mode::On);
        assert_eq!((watch.poll_action(), watch.phase()), (Some(Action::Take), Phase::Alone));
        gone(&mut watch, at(61_000));
        watch.handle_hub(at(90_000));
        assert_eq!((run(&mut watch, 120_000), watch.phase()), (vec![], Phase::Alone));
        watch.handle_mode(at(120_000), Mode::Auto);
        assert_eq!((watch.poll_action(), watch.phase()), (Some(Action::Give), Phase::WithHub));
        watch.handle_mode(at(121_000), Mode::Off);
        gone(&mut watch, at(122_000));
        assert_eq!(run(&mut watch, 300_000), []);
        assert!(!watch.handle_play(at(300_000)));
        watch.handle_mode(at(300_000), Mode::Auto);
        assert_eq!(watch.poll_action(), Some(Action::Take), "it has been without a hub for long enough");
    }

    #[test]
    fn who_wants_to_hear_something_while_there_is_no_hub_need_not_wait() {
        let mut watch = with_hub();
        assert!(!watch.handle_play(at(60_000)), "the hub decides");
        gone(&mut watch, at(61_000));
        assert!(watch.handle_play(at(62_000)));
        assert_eq!(watch.poll_action(), Some(Action::Take));
        assert!(watch.handle_play(at(63_000)));
        assert_eq!(watch.poll_action(), None);
    }

    #[test]
    fn rooms_that_are_taken_and_given_before_anybody_has_acted_end_where_they_belong() {
        let mut watch = with_hub();
        watch.handle_mode(at(60_000), Mode::On);
        watch.handle_mode(at(60_000), Mode::Auto);
        assert_eq!((watch.poll_action(), watch.phase()), (Some(Action::Give), Phase::WithHub));
    }
}
