//! What people change in the last moment before one entry ends: what is wanted comes all the same, and nothing between
//! two entries is silent.

use unisono_core::{time::Nanos, timeline::Phase, units::FramePosition};
use unisono_hub::house::{At, ConnectionId, EntryId, GroupId, Media, MediaKind, Playback, Repeat};

use crate::house::{
    home::{Done, Home, SECOND, room, timeline_of},
    queue::{silence, song, title, until},
};

const SECONDS: u64 = 10;

/// A queue of songs of ten seconds, the first of which plays in a room with an output of some latency.
struct Border {
    home: Home,
    node: ConnectionId,
    group: GroupId,
    ids: Vec<EntryId>,
}

impl Border {
    fn new(songs: u64, latency: i64) -> Self {
        let mut home = Home::new();
        let node = home.arrive_with_latency(1, &["kitchen"], Nanos::from_millis(latency));
        let group = home.group("all", &[room(1)]);
        let songs = (1..=songs).map(|number| song(number, SECONDS)).collect();
        let ids = home.tell(|house, now| house.enqueue(now, group, songs, At::End)).unwrap();
        home.tell(|house, now| house.play_entry(now, group, ids[0], 0)).unwrap();
        Self { home, node, group, ids }
    }

    /// Lets time pass until the first song ends in so many milliseconds.
    fn before_the_end(&mut self, millis: u64) {
        let frame = SECONDS * SECOND - millis * 48;
        let group = self.group;
        until(&mut self.home, |home| home.position(group).is_some_and(|position| position >= frame));
        assert_eq!(self.title(), "song 1");
    }

    fn remove(&mut self, index: usize) {
        let (group, entry) = (self.group, self.ids[index]);
        self.home.tell(|house, now| house.remove_entry(now, group, entry)).unwrap();
    }

    fn title(&self) -> String {
        title(&self.home, self.group)
    }

    fn position(&self) -> Option<u64> {
        self.home.position(self.group)
    }

    /// For how many milliseconds nothing was to be heard in the last two seconds.
    fn silence(&mut self) -> i64 {
        let timeline = timeline_of(&self.home.told_so_far(self.node));
        silence(&timeline, &self.home, Nanos::from_secs(2)).as_nanos() / 1_000_000
    }

    /// What was heard and for how long until so many milliseconds have passed; by what is said.
    fn heard(&mut self, millis: u64) -> Vec<(String, u64)> {
        let mut heard: Vec<(String, u64)> = Vec::new();
        for _ in 0..millis {
            self.home.run_for(1);
            let now = self.title();
            match heard.last_mut() {
                Some((last, count)) if *last == now => *count += 1,
                _ => heard.push((now, 1)),
            }
        }
        heard
    }
}

#[test]
fn what_is_taken_out_at_the_last_moment_is_followed_without_a_gap_and_not_heard() {
    for left in [700, 400, 350, 300, 250, 200, 180] {
        let mut border = Border::new(3, 0);
        border.before_the_end(left);
        border.remove(1);
        let heard = border.heard(2_000);
        assert_eq!(border.silence(), 0, "{left} ms before the border");
        let [(first, rest), (second, _)] = &heard[..] else { panic!("{heard:?}, {left} ms before the border") };
        assert_eq!((first.as_str(), second.as_str()), ("song 1", "song 3"));
        assert!(rest.abs_diff(left) <= 2, "song 1 is heard for {rest} ms of {left}");
        let since = (2_000 - rest) * 48;
        assert!(border.position().unwrap().abs_diff(since) < 150, "{:?} of {since}", border.position());
        let timeline = timeline_of(&border.home.told_so_far(border.node));
        let begin = timeline.iter().last().unwrap();
        let before = timeline.phase_within(timeline.iter().next().unwrap(), begin.at);
        let run = timeline.iter().next().unwrap().play.unwrap().position.0;
        let end = FramePosition(run + SECONDS * SECOND);
        assert!(left >= 340 || before.distance_from(Phase::at(end)).abs() < 0.01, "it begins where the first ends");
    }
}

#[test]
fn where_there_is_no_time_for_that_what_was_sent_is_heard_for_a_moment() {
    for (left, latency, most) in [(120, 0, 180), (60, 0, 180), (5, 0, 180), (300, 200, 380), (100, 200, 380)] {
        let mut border = Border::new(3, latency);
        border.before_the_end(left);
        border.remove(1);
        let heard = border.heard(2_000);
        assert_eq!(border.silence(), 0, "{left} ms before the border");
        let names: Vec<&str> = heard.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!(names, ["song 1", "song 3"], "{left} ms before the border");
        assert!((left..=most).contains(&heard[0].1), "{heard:?}, {left} ms before the border");
    }
}

#[test]
fn a_live_input_has_its_whole_margin_and_what_was_sent_is_heard_until_then() {
    let mut border = Border::new(2, 0);
    let input =
        Media { title: "turntable".into(), location: "turntable".into(), kind: MediaKind::Source, ..Media::default() };
    let group = border.group;
    border.home.tell(|house, now| house.enqueue(now, group, vec![input], At::End)).unwrap();
    border.before_the_end(300);
    border.remove(1);
    let heard = border.heard(2_000);
    assert_eq!(border.silence(), 0);
    let names: Vec<&str> = heard.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(names, ["song 1", "turntable"]);
    assert!((345..=360).contains(&heard[0].1), "{heard:?}");
}

#[test]
fn what_takes_long_to_open_comes_when_it_is_open_and_what_was_taken_out_is_never_said_to_play() {
    let mut border = Border::new(3, 0);
    border.before_the_end(300);
    border.home.opens = false;
    border.remove(1);
    assert_eq!(border.heard(900), [("song 1".into(), 900)]);
    border.home.open();
    border.home.settle();
    let heard = border.heard(1_000);
    let names: Vec<&str> = heard.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(names, ["song 1", "song 3"]);
    assert!(heard[0].1 <= 180, "{heard:?}");
    assert_eq!(border.silence(), 0);
}

#[test]
fn what_is_put_before_what_was_to_follow_is_heard_before_it_though_it_takes_long_to_open() {
    let mut border = Border::new(3, 0);
    border.before_the_end(300);
    border.home.opens = false;
    let (group, last) = (border.group, border.ids[2]);
    border.home.tell(|house, now| house.move_entry(now, group, last, 1)).unwrap();
    assert_eq!(border.heard(900), [("song 1".into(), 900)]);
    border.home.open();
    border.home.settle();
    border.home.opens = true;
    let heard = border.heard(11_000);
    let names: Vec<&str> = heard.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(names, ["song 1", "song 3", "song 2"]);
    assert_eq!(border.silence(), 0);
}

#[test]
fn what_is_changed_twice_in_the_last_moment_is_as_it_was_changed_last() {
    let mut border = Border::new(5, 0);
    border.before_the_end(330);
    border.remove(1);
    border.home.run_for(40);
    border.remove(2);
    border.home.run_for(40);
    let (group, last) = (border.group, border.ids[4]);
    border.home.tell(|house, now| house.move_entry(now, group, last, 1)).unwrap();
    let heard = border.heard(1_500);
    let names: Vec<&str> = heard.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(names, ["song 1", "song 5"]);
    assert!(heard[0].1.abs_diff(250) <= 2, "{heard:?}");
    assert_eq!(border.silence(), 0);
    border.home.run_for(10_000);
    assert_eq!(border.title(), "song 4");
    assert_eq!(border.silence(), 0);
}

#[test]
fn a_pause_before_the_border_stands_in_what_was_heard() {
    let mut border = Border::new(3, 0);
    border.before_the_end(300);
    border.remove(1);
    border.home.run_for(20);
    let group = border.group;
    border.home.tell(|house, now| house.pause(now, group)).unwrap();
    let Playback::Paused(frame) = border.home.house.groups()[&group].playback else { panic!("it plays") };
    assert_eq!(border.title(), "song 1");
    assert!((SECONDS * SECOND - 300 * 48..SECONDS * SECOND).contains(&frame), "{frame}");
    border.home.tell(|house, now| house.resume(now, group)).unwrap();
    border.home.run_for(2_000);
    assert_eq!(border.title(), "song 3");
}

#[test]
fn what_is_added_while_the_last_entry_ends_follows_it_without_a_gap() {
    for left in [5_000, 1_000, 800, 500, 400, 350, 300, 200, 180] {
        let mut border = Border::new(1, 0);
        border.before_the_end(left);
        let group = border.group;
        border.home.tell(|house, now| house.enqueue(now, group, vec![song(2, SECONDS)], At::End)).unwrap();
        let heard = border.heard(left + 1_000);
        assert_eq!(border.silence(), 0, "{left} ms before the end");
        let [(first, rest), (second, _)] = &heard[..] else { panic!("{heard:?}, {left} ms before the end") };
        assert_eq!((first.as_str(), second.as_str()), ("song 1", "song 2"));
        assert!(rest.abs_diff(left) <= 2, "song 1 is heard for {rest} ms of {left}");
        assert_eq!(border.home.count(&Done::Ended(group)), 0);
        border.home.run_for(11_000);
        assert_eq!(
            (border.home.house.groups()[&group].playback, border.home.count(&Done::Ended(group))),
            (Playback::Stopped, 1)
        );
    }
}

#[test]
fn what_is_repeated_while_it_ends_begins_again_without_a_gap() {
    for left in [800, 250] {
        let mut border = Border::new(1, 0);
        border.before_the_end(left);
        let group = border.group;
        border.home.tell(|house, now| house.set_order(now, group, Some(Repeat::All), None)).unwrap();
        border.home.run_for(2_000);
        assert_eq!(border.silence(), 0, "{left} ms before the end");
        let since = 2 * SECOND - left * 48;
        assert!(border.position().unwrap().abs_diff(since) < 150, "{:?} of {since}", border.position());
    }
}

#[test]
fn what_is_added_too_late_to_be_opened_is_started_when_all_else_has_ended() {
    let mut border = Border::new(1, 0);
    border.before_the_end(300);
    border.home.opens = false;
    let group = border.group;
    let late = border.home.tell(|house, now| house.enqueue(now, group, vec![song(2, SECONDS)], At::End)).unwrap()[0];
    border.home.run_for(1_000);
    assert_eq!(border.home.count(&Done::Start(group, late)), 1);
    // What was asked for before is open at last, and of no use any more.
    border.home.open();
    border.home.settle();
    assert_eq!(border.home.turns, []);
}

#[test]
fn when_all_that_follows_is_taken_out_at_the_last_moment_it_ends_there() {
    for left in [900, 150] {
        let mut border = Border::new(2, 0);
        border.before_the_end(left);
        border.remove(1);
        border.home.run_for(2_000);
        assert_eq!(
            (border.home.house.groups()[&border.group].playback, border.title()),
            (Playback::Stopped, "song 1".into())
        );
        assert_eq!(border.home.count(&Done::Ended(border.group)), 1);
    }
}
