//! Which of a room's outputs is used: the first that works. A state machine; what it wants opened is opened elsewhere, by
//! threads that may wait.
//!
//! Where nothing is used, whatever opens first is: nobody waits in silence for a better one. A better one is then kept
//! open beside what plays, and used once it has been there for [`HOLD`] without a break. It is kept open, and not opened
//! anew at that moment, because only so the time shows that it works, and the change needs no opening, which can fail or
//! take a speaker's twelve seconds. One that only took long to open, and has never failed, is used at once.
//!
//! A better one that cannot be open beside what plays, for an adapter carries one stream, is tried every second instead:
//! that it is there shows in what it is refused for, and that it was there all the time in its connection being the
//! same one. Once it has been there for [`HOLD`], and is at that moment, what plays is given up for it. The room is
//! silent until it plays, and where it does not after all, the next such attempt waits twice as long.

use unisono_core::time::{Nanos, NodeClock, Timestamp};

type Instant = Timestamp<NodeClock>;

/// A better output is used again once it has been there for so long: a loose plug or a speaker at the edge of its reach
/// is not to take the sound to and fro.
const HOLD: Nanos = Nanos::from_secs(10);

/// What plays is given up for a better one in vain no more often than this.
const LONGEST_HOLD: Nanos = Nanos::from_secs(600);

/// What was given up for another is not in that one's way for so long, unless that one fails before.
const OUT_OF_THE_WAY: Nanos = Nanos::from_secs(5);

/// While nothing is used, the next output is opened beside one that takes longer than this.
const PATIENCE: Nanos = Nanos::from_millis(500);

/// An output that is gone, or that could not be opened, is tried again after so long...
const RETRY: Nanos = Nanos::from_secs(1);

/// ...or after as many times as long as the attempt took, up to this: a speaker that is called and does not answer
/// takes its time from every other radio in the room.
const REST: i64 = 5;
const LONGEST_REST: Nanos = Nanos::from_secs(60);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Open this one: answer with [`Chooser::opened`] or [`Chooser::failed`].
    Open(usize),
    /// Play on this one, which is open: answer with [`Chooser::taken`] once it plays, or [`Chooser::lost`].
    Use(usize),
    /// This one is open and not needed.
    Close(usize),
    /// This one plays, and is to end so that a better one can be opened: answer with [`Chooser::left`].
    GiveUp(usize),
}

/// Why an output is not used, and what would change that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) why: String,
    pub(super) back: String,
}

impl Trouble {
    /// From one line: what is wrong; what to try.
    pub(super) fn new(line: &str) -> Self {
        let (why, back) = line.split_once("; ").unwrap_or((line, "try another output"));
        Self { why: why.into(), back: back.into() }
    }
}

/// Which output is used, and why it is no better one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) used: Option<usize>,
    pub(super) since: Instant,
    /// Of the first output, when that is not the one.
    pub(super) trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be tried from then on, if it is wanted.
    Closed(Instant),
    /// Since then.
    Opening(Instant),
    /// Open beside what plays, since then.
    Ready(Instant),
    /// Going to be used.
    Taking,
    Used,
}

#[derive(Clone, Debug)]
struct Candidate {
    state: State,
    trouble: Option<Trouble>,
    /// Since when it has been there and could not be opened because of the one that is used.
    blocked_since: Option<Instant>,
    /// When it was seen to be so last, and in which of its connections.
    seen: Instant,
    connection: u64,
    /// How long that is to last before the other is given up for it.
    hold: Nanos,
}

impl Candidate {
    const fn new(now: Instant) -> Self {
        Self { state: State::Closed(now), trouble: None, blocked_since: None, seen: now, connection: 0, hold: HOLD }
    }
}

/// Chooses among a room's outputs, the best first.
#[derive(Debug)]
pub(super) struct Chooser {
    candidates: Vec<Candidate>,
    /// Where to look first for one that works: behind the one that was lost.
    from: usize,
    used: Option<usize>,
    since: Instant,
    /// The one that what plays is being given up for, or was at last.
    gives_up_for: Option<usize>,
}

impl Chooser {
    /// Among so many, at least one, of which none is open.
    pub(super) fn new(count: usize, now: Instant) -> Self {
        let candidates = vec![Candidate::new(now); count.max(1)];
        Self { candidates, from: 0, used: None, since: now, gives_up_for: None }
    }

    /// One that was to be opened is open.
    pub(super) fn opened(&mut self, now: Instant, index: usize) {
        if let Some(candidate) = self.candidates.get_mut(index) {
            let since = if candidate.trouble.is_none() { now - HOLD } else { now };
            (candidate.state, candidate.blocked_since) = (State::Ready(since), None);
        }
    }

    /// One that was to be opened could not be.
    pub(super) fn failed(&mut self, now: Instant, index: usize, trouble: Trouble) {
        let Some(candidate) = self.candidates.get_mut(index) else { return };
        let took = if let State::Opening(since) = candidate.state { now - since } else { Nanos::ZERO };
        let rest = (took * REST).clamp(RETRY, LONGEST_REST);
        candidate.close(now + rest, trouble);
        if self.used.is_none() && self.gives_up_for.take_if(|given| *given == index).is_some() {
            // What was given up for it is wanted back.
            self.candidates.iter_mut().for_each(|other| other.hurry(now));
            self.from = index + 1;
        }
    }

    /// One that was to be opened is there, and could be opened if it were not for the one that is used. In another
    /// connection than when it was so last, it was away in between.
    pub(super) fn blocked(&mut self, now: Instant, index: usize, connection: u64, trouble: Trouble) {
        let Some(candidate) = self.candidates.get_mut(index) else { return };
        let since = candidate.blocked_since.filter(|_| candidate.connection == connection).unwrap_or(now);
        let ripe = since + candidate.hold;
        let again = if ripe > now { ripe.min(now + RETRY) } else { now + RETRY };
        candidate.close(again, trouble);
        (candidate.blocked_since, candidate.seen, candidate.connection) = (Some(since), now, connection);
    }

    /// One that was open is gone.
    pub(super) fn lost(&mut self, now: Instant, index: usize, trouble: Trouble) {
        let Some(candidate) = self.candidates.get_mut(index) else { return };
        candidate.close(now + RETRY, trouble);
        if self.used == Some(index) {
            (self.used, self.since) = (None, now);
            self.from = index + 1;
        }
    }

    /// One that was to be used is; the one before is not any more, and closed.
    pub(super) fn taken(&mut self, now: Instant, index: usize) {
        let Some(candidate) = self.candidates.get_mut(index) else { return };
        *candidate = Candidate { state: State::Used, ..Candidate::new(now) };
        self.gives_up_for = None;
        let before = self.used.replace(index).filter(|before| *before != index);
        if let Some(before) = before.and_then(|before| self.candidates.get_mut(before)) {
            before.state = State::Closed(now);
        }
        self.since = now;
    }

    /// One that has played plays no more, and is closed. That is news of the one that was to be given up alone.
    pub(super) fn left(&mut self, now: Instant, index: usize) {
        let Some(better) = self.gives_up_for.filter(|_| self.used == Some(index)) else { return };
        (self.used, self.since, self.from) = (None, now, better);
        self.candidates[index].state = State::Closed(now + OUT_OF_THE_WAY);
        let better = &mut self.candidates[better];
        better.hold = (better.hold * 2).min(LONGEST_HOLD);
        (better.state, better.blocked_since) = (State::Closed(now), None);
    }

    /// What to do now. Call again until it is nothing.
    pub(super) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        let (index, state, action) = self.next_action(now)?;
        self.candidates[index].state = state;
        Some(action)
    }

    /// When to ask again, once there was nothing to do at `now` and if nothing happens before.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let best = self.best();
        let wanted = self.candidates.iter().enumerate().filter(|(index, _)| best.is_none_or(|best| *index < best));
        let due = wanted.filter_map(|(_, candidate)| match candidate.state {
            State::Closed(retry_at) => Some(retry_at),
            State::Opening(since) if best.is_none() => Some(since + PATIENCE),
            State::Ready(since) => Some(since + HOLD),
            State::Opening(_) | State::Taking | State::Used => None,
        });
        due.filter(|at| *at > now).min()
    }

    /// Which one is used, and why no better one is.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let first = &self.candidates[0];
        let trouble = (self.used != Some(0)).then(|| {
            let Trouble { why, back } = first.trouble.clone().unwrap_or_default();
            match first.state {
                _ if self.used.is_some() && first.blocked_since.is_some() => {
                    let since = first.blocked_since.unwrap_or(now);
                    let left = (since + first.hold - now).max(Nanos::ZERO).as_secs_f64().ceil();
                    Trouble {
                        why,
                        back: format!("it is there, and the other ends for it once it has been for {left:.0} s more"),
                    }
                }
                State::Ready(since) if self.used.is_some() => {
                    let left = (since + HOLD - now).max(Nanos::ZERO).as_secs_f64().ceil();
                    Trouble { why, back: format!("it is there again, and used once it has been for {left:.0} s more") }
                }
                State::Ready(_) | State::Taking => Trouble { why, back: "it is about to be used".into() },
                State::Opening(_) if first.trouble.is_none() => {
                    Trouble { why: "it is being opened".into(), back: "wait until it is".into() }
                }
                _ => Trouble { why, back },
            }
        });
        Standing { used: self.used, since: self.since, trouble }
    }

    /// Why an output was not there when it was tried last, or has gone.
    pub(super) fn trouble(&self, index: usize) -> Option<&Trouble> {
        self.candidates.get(index)?.trouble.as_ref()
    }

    fn next_action(&mut self, now: Instant) -> Option<(usize, State, Action)> {
        if let Some(given_up) = self.used.filter(|used| self.gives_up_for.is_none() && self.best() == Some(*used)) {
            let is_due = |candidate: &Candidate| {
                let since = candidate.blocked_since.filter(|_| matches!(candidate.state, State::Closed(_)));
                since.is_some_and(|since| candidate.seen >= since + candidate.hold)
            };
            self.gives_up_for = self.candidates.iter().take(given_up).position(is_due);
            if self.gives_up_for.is_some() {
                return Some((given_up, State::Used, Action::GiveUp(given_up)));
            }
        }
        let indexed = || self.candidates.iter().map(|candidate| candidate.state).enumerate();
        let ready = indexed().find_map(|(index, state)| match state {
            State::Ready(since) => Some((index, since)),
            _ => None,
        });
        let is_taking = indexed().any(|(_, state)| state == State::Taking);
        if let Some((index, since)) = ready.filter(|_| !is_taking) {
            let is_time = self.used.is_none_or(|used| index < used && now >= since + HOLD);
            if is_time {
                return Some((index, State::Taking, Action::Use(index)));
            }
        }
        if let Some(best) = self.best() {
            let spare = indexed().skip(best).find(|(_, state)| matches!(state, State::Ready(_)));
            if let Some((index, _)) = spare {
                return Some((index, State::Closed(now), Action::Close(index)));
            }
            // While what plays is ending for one of them, they would be refused once more.
            let is_ending = self.used.is_some() && self.gives_up_for.is_some();
            let better = indexed().take(best).find(|(_, state)| !is_ending && is_due(*state, now));
            return better.map(|(index, _)| (index, State::Opening(now), Action::Open(index)));
        }
        let count = self.candidates.len();
        for index in (self.from..self.from + count).map(|index| index % count) {
            match self.candidates[index].state {
                State::Opening(since) if now < since + PATIENCE => return None,
                state if is_due(state, now) => return Some((index, State::Opening(now), Action::Open(index))),
                _ => {}
            }
        }
        None
    }

    /// The one that plays, or is going to.
    fn best(&self) -> Option<usize> {
        let taking = self.candidates.iter().position(|candidate| candidate.state == State::Taking);
        taking.into_iter().chain(self.used).min()
    }
}

impl Candidate {
    fn close(&mut self, until: Instant, trouble: Trouble) {
        (self.state, self.trouble, self.blocked_since) = (State::Closed(until), Some(trouble), None);
    }

    /// Its pause is over.
    fn hurry(&mut self, now: Instant) {
        if let State::Closed(until) = &mut self.state {
            *until = (*until).min(now);
        }
    }
}

fn is_due(state: State, now: Instant) -> bool {
    matches!(state, State::Closed(retry_at) if retry_at <= now)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    impl State {
        fn name(self) -> &'static str {
            match self {
                Self::Closed(_) => "closed",
                Self::Opening(_) => "opening",
                Self::Ready(_) => "ready",
                Self::Taking => "taking",
                Self::Used => "used",
            }
        }
    }

    /// A device that is there at times, and takes so long to be opened, or to be found not to be there.
    #[derive(Clone, Copy)]
    struct Device {
        is_there: bool,
        takes: Nanos,
        /// What it shares with others, of which one can be open at a time.
        adapter: Option<u8>,
        /// It is there, and yet cannot be opened when nothing is in its way.
        breaks: bool,
    }

    /// A room in virtual time.
    struct Room {
        now: Instant,
        chooser: Chooser,
        devices: Vec<Device>,
        opening: Vec<(usize, Instant)>,
        open: Vec<bool>,
        /// What was used, from when on.
        history: Vec<(i64, Option<usize>)>,
        /// How often each was tried.
        tried: Vec<u32>,
        /// How often each has come.
        connects: Vec<u64>,
        /// Whether what is to be used is gone before it is.
        refuses: bool,
        states: Vec<&'static str>,
        seen: BTreeSet<(String, String)>,
        /// What is ending so that another can be opened, and when it has.
        leaving: Option<(usize, Instant)>,
    }

    const TURN: Nanos = Nanos::from_millis(10);

    impl Room {
        fn new(devices: &[(bool, i64)]) -> Self {
            let now = Timestamp::from_nanos(0);
            let device = |&(is_there, millis): &(bool, i64)| Device {
                is_there,
                takes: Nanos::from_millis(millis),
                adapter: None,
                breaks: false,
            };
            let count = devices.len();
            Self {
                now,
                chooser: Chooser::new(count, now),
                devices: devices.iter().map(device).collect(),
                opening: Vec::new(),
                open: vec![false; count],
                history: vec![(0, None)],
                tried: vec![0; count],
                connects: vec![0; count],
                refuses: false,
                states: vec!["closed"; count],
                seen: BTreeSet::new(),
                leaving: None,
            }
        }

        /// Speakers on one adapter.
        fn on_one_adapter(devices: &[(bool, i64)]) -> Self {
            let mut room = Self::new(devices);
            room.devices.iter_mut().for_each(|device| device.adapter = Some(1));
            room
        }

        /// One that is open and in another's way.
        fn in_the_way_of(&self, index: usize) -> Option<usize> {
            let adapter = self.devices[index].adapter?;
            (0..self.open.len()).find(|other| self.open[*other] && self.devices[*other].adapter == Some(adapter))
        }

        /// Notes what states have become of those that there were.
        fn note(&mut self) {
            for (before, candidate) in self.states.iter_mut().zip(&self.chooser.candidates) {
                let after = candidate.state.name();
                let before = core::mem::replace(before, after);
                if before != after {
                    self.seen.insert((before.into(), after.into()));
                }
            }
        }

        fn millis(&self) -> i64 {
            self.now.as_nanos() / 1_000_000
        }

        fn used(&self) -> Option<usize> {
            self.chooser.standing(self.now).used
        }

        fn plug(&mut self, device: usize, is_there: bool) {
            self.devices[device].is_there = is_there;
            self.connects[device] += u64::from(is_there);
            if !is_there && core::mem::take(&mut self.open[device]) {
                self.chooser.lost(self.now, device, Trouble::new("it was unplugged; plug it in"));
                self.note();
            }
        }

        fn run(&mut self, millis: i64) {
            let end = self.now + Nanos::from_millis(millis);
            while self.now < end {
                self.act();
                self.now = self.now + TURN;
                if let Some((index, _)) = self.leaving.take_if(|(_, at)| *at <= self.now) {
                    self.open[index] = false;
                    self.chooser.left(self.now, index);
                    self.note();
                }
                let (ended, opening) = self.opening.iter().partition(|(_, at)| *at <= self.now);
                self.opening = opening;
                let ended: Vec<(usize, Instant)> = ended;
                for (index, _) in ended {
                    let in_the_way = self.in_the_way_of(index).filter(|_| self.devices[index].is_there);
                    if in_the_way.is_some() && in_the_way == self.used() {
                        let busy = Trouble::new("its adapter is busy; wait");
                        self.chooser.blocked(self.now, index, self.connects[index], busy);
                    } else if self.devices[index].is_there && !self.devices[index].breaks && in_the_way.is_none() {
                        self.open[index] = true;
                        self.chooser.opened(self.now, index);
                    } else {
                        self.chooser.failed(self.now, index, Trouble::new("no such device; plug it in"));
                    }
                    self.note();
                }
            }
            self.act();
        }

        fn act(&mut self) {
            while let Some(action) = self.chooser.poll_action(self.now) {
                self.note();
                match action {
                    Action::Open(index) => {
                        assert!(!self.open[index], "{index} is open");
                        self.tried[index] += 1;
                        self.opening.push((index, self.now + self.devices[index].takes));
                    }
                    Action::Close(index) => assert!(core::mem::take(&mut self.open[index]), "{index} is not open"),
                    Action::GiveUp(index) => {
                        assert!(self.leaving.is_none() && self.used() == Some(index));
                        self.leaving = Some((index, self.now + Nanos::from_millis(400)));
                    }
                    Action::Use(index) if self.refuses => {
                        self.open[index] = false;
                        self.chooser.lost(self.now, index, Trouble::new("it has stopped moving; restart it"));
                    }
                    Action::Use(index) => {
                        assert!(self.open[index], "{index} is not open");
                        let before = self.used();
                        self.chooser.taken(self.now, index);
                        if let Some(before) = before {
                            self.open[before] = false;
                        }
                    }
                }
                self.note();
            }
            assert!(self.chooser.poll_timeout(self.now).is_none_or(|at| at > self.now), "it would never rest");
            let used = self.used();
            if self.history.last().map(|(_, last)| *last) != Some(used) {
                self.history.push((self.millis(), used));
            }
        }
    }

    #[test]
    fn the_first_that_works_is_used_and_says_why_it_is_no_better_one() {
        let mut room = Room::new(&[(true, 5), (true, 5)]);
        room.run(1_000);
        let standing = room.chooser.standing(room.now);
        assert_eq!((standing.used, standing.trouble, room.tried[1]), (Some(0), None, 0));

        let mut room = Room::new(&[(false, 5), (false, 5), (true, 5)]);
        room.run(100);
        let standing = room.chooser.standing(room.now);
        assert_eq!(standing.used, Some(2));
        assert_eq!(standing.trouble, Some(Trouble { why: "no such device".into(), back: "plug it in".into() }));
        assert!(room.millis() - standing.since.as_nanos() / 1_000_000 < 100);
    }

    #[test]
    fn one_that_is_lost_is_followed_by_the_next_at_once_and_comes_back_after_ten_seconds_three_times() {
        let mut room = Room::new(&[(true, 5), (true, 800)]);
        room.run(1_000);
        for _ in 0..3 {
            let lost = room.millis();
            room.plug(0, false);
            room.run(5_000);
            assert_eq!(room.used(), Some(1));
            let switched = room.history.last().unwrap().0 - lost;
            assert!(switched <= 830, "after {switched} ms");
            let back = room.millis();
            room.plug(0, true);
            room.run(9_900);
            assert_eq!(room.used(), Some(1));
            let said = room.chooser.standing(room.now).trouble.unwrap();
            assert!(said.why == "no such device" && said.back.ends_with("s more"), "{said:?}");
            room.run(2_000);
            assert_eq!(room.used(), Some(0));
            let returned = room.history.last().unwrap().0 - back;
            assert!((10_000..11_100).contains(&returned), "after {returned} ms");
            room.run(30_000);
        }
        assert_eq!(room.history.len(), 2 + 3 * 3, "{:?}", room.history);
    }

    #[test]
    fn one_that_only_takes_long_to_open_is_used_as_soon_as_it_is() {
        let mut room = Room::new(&[(true, 2_000), (true, 5)]);
        room.run(3_000);
        let used: Vec<_> = room.history.iter().map(|(_, used)| *used).collect();
        assert_eq!(used, [None, Some(1), Some(0)]);
        assert!(room.history[2].0 <= 2_020, "{:?}", room.history);
    }

    #[test]
    fn a_loose_plug_does_not_take_the_sound_to_and_fro() {
        let mut room = Room::new(&[(true, 5), (true, 5)]);
        room.run(1_000);
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            room.plug(0, false);
            room.run(random.i64(10..2_000));
            room.plug(0, true);
            room.run(random.i64(10..9_900));
        }
        assert_eq!(room.history.len(), 4, "{:?}", room.history);
        room.run(12_000);
        assert_eq!(room.used(), Some(0));
    }

    #[test]
    fn a_speaker_that_must_be_called_keeps_nobody_waiting_and_is_not_called_all_the_time() {
        // It does not answer; that takes 5 s to find out.
        let mut room = Room::new(&[(false, 5_000), (true, 20)]);
        room.run(600_000);
        assert_eq!(room.history[1], (520, Some(1)));
        assert!((18..=22).contains(&room.tried[0]), "called {} times in ten minutes", room.tried[0]);
        room.plug(0, true);
        room.run(30_000 + 5_000 + 10_100);
        assert_eq!(room.used(), Some(0));
    }

    #[test]
    fn a_better_one_that_is_open_already_is_used_at_once_when_the_other_is_lost() {
        let mut room = Room::new(&[(false, 5), (true, 5)]);
        room.run(3_000);
        room.plug(0, true);
        room.run(4_000);
        assert_eq!(room.used(), Some(1));
        room.plug(1, false);
        room.run(20);
        assert_eq!(room.used(), Some(0));
    }

    #[test]
    fn a_better_speaker_on_the_same_adapter_is_gone_back_to_though_it_cannot_be_open_beside_the_other() {
        let mut room = Room::on_one_adapter(&[(true, 100), (true, 100)]);
        room.run(1_000);
        for _ in 0..3 {
            room.plug(0, false);
            room.run(20_000);
            assert_eq!(room.used(), Some(1));
            room.plug(0, true);
            let back = room.millis();
            room.run(8_000);
            assert_eq!(room.used(), Some(1), "nobody knows yet whether it stays");
            let said = room.chooser.standing(room.now).trouble.unwrap();
            assert!(said.back.contains("ends for it") && said.back.ends_with("s more"), "{said:?}");
            room.run(8_000);
            assert_eq!(room.used(), Some(0));
            let [.., (_, Some(1)), (left, None), (returned, Some(0))] = room.history[..] else {
                panic!("{:?}", room.history)
            };
            assert!((10_000..13_000).contains(&(left + 400 - back)), "after {} ms", left - back);
            assert!(returned - left < 300, "silent for {} ms and its own end", returned - left);
        }
    }

    #[test]
    fn what_plays_is_given_up_ever_less_often_for_a_better_one_that_does_not_play_after_all() {
        let mut room = Room::on_one_adapter(&[(false, 100), (true, 100)]);
        room.run(3_000);
        room.plug(0, true);
        room.devices[0].breaks = true;
        room.run(3_600_000);
        let gaps: Vec<i64> =
            room.history.windows(2).filter(|pair| pair[0].1.is_none()).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!((8..=14).contains(&gaps.len()), "{} times in an hour: {:?}", gaps.len(), room.history);
        assert!(gaps.iter().skip(1).all(|gap| *gap < 500), "silent for {gaps:?} ms");
        assert_eq!(room.used(), Some(1));
        // Once it plays it does.
        room.devices[0].breaks = false;
        room.run(620_000);
        assert_eq!(room.used(), Some(0));
    }

    #[test]
    fn a_speaker_that_comes_and_goes_takes_nothing_from_the_other() {
        let mut room = Room::on_one_adapter(&[(true, 100), (true, 100)]);
        room.run(1_000);
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..100 {
            room.plug(0, false);
            room.run(random.i64(500..3_000));
            room.plug(0, true);
            room.run(random.i64(10..8_000));
        }
        assert!(room.history.len() <= 4, "{:?}", room.history);
    }

    #[test]
    fn whatever_comes_and_goes_the_room_plays_when_it_can_and_ends_on_the_best_that_works() {
        let seed = std::env::var("UNISONO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(11);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let devices: Vec<(bool, i64)> = (0..3).map(|_| (random.bool(), random.i64(1..3_000))).collect();
            let mut room = Room::new(&devices);
            for _ in 0..60 {
                let (device, is_there) = (random.usize(0..3), random.bool());
                room.refuses = random.u8(0..10) == 0;
                room.plug(device, is_there);
                room.run(random.i64(10..8_000));
            }
            room.refuses = false;
            // One that has been there all the time was found, however long the others take.
            room.run(120_000);
            let best = room.devices.iter().position(|device| device.is_there);
            assert_eq!(room.used(), best, "{:?}", room.history);
            for pair in room.history.windows(3) {
                if let [(_, Some(better)), (left, Some(worse)), (back, Some(now))] = *pair
                    && better == now
                    && better < worse
                {
                    assert!(back - left >= 10_000, "to and fro within {} ms", back - left);
                }
            }
            seen.append(&mut room.seen);
        }
        assert_eq!(seen, drawn(), "nodes/bluetooth/STATES.md draws something else");
    }

    /// The transitions that are drawn of outputs, those from `[*]` aside.
    fn drawn() -> BTreeSet<(String, String)> {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../bluetooth/STATES.md")).unwrap();
        let section = text.split("\n## ").find(|section| section.starts_with("Output")).unwrap();
        let arrows = section.lines().filter_map(|line| line.split_once(" --> "));
        let arrows = arrows.map(|(from, to)| (from.trim().into(), to.split(" : ").next().unwrap_or(to).into()));
        arrows.filter(|(from, _): &(String, String)| from != "[*]").collect()
    }
}
