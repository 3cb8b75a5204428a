//! From one entry of a queue to the next: what is read, what is heard, and what people change meanwhile.

use unisono_core::{time::Nanos, timeline::Timeline, wire::control::Message};
use unisono_household::config::Command;
use unisono_hub::house::{At, EntryId, GroupId, Media, Playback, Refused, Repeat};

use crate::house::home::{BROKEN, Done, Home, SECOND, room, timeline_of};

pub(crate) fn song(number: u64, seconds: u64) -> Media {
    let location = format!("/{number}.flac");
    Media { title: format!("song {number}"), location, frames: Some(seconds * SECOND), ..Media::default() }
}

/// A queue of songs of so many seconds, the first of which plays from there on.
fn playing(seconds: &[u64], from: u64) -> (Home, GroupId, Vec<EntryId>) {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.group("all", &[room(1)]);
    let songs = seconds.iter().zip(1..).map(|(seconds, number)| song(number, *seconds)).collect();
    let ids = home.tell(|house, now| house.enqueue(now, group, songs, At::End)).unwrap();
    home.tell(|house, now| house.play_entry(now, group, ids[0], from * SECOND)).unwrap();
    (home, group, ids)
}

pub(crate) fn title(home: &Home, group: GroupId) -> String {
    home.house.groups()[&group].media.as_ref().unwrap().title.clone()
}

fn index(home: &Home, group: GroupId) -> Option<usize> {
    home.house.groups()[&group].queue.index()
}

/// Lets time pass until something is so.
pub(crate) fn until(home: &mut Home, is_so: impl Fn(&Home) -> bool) {
    for _ in 0..100_000 {
        if is_so(home) {
            return;
        }
        home.run_for(1);
    }
    panic!("it has never come to that");
}

/// How long nothing is heard between two instants.
pub(crate) fn silence(timeline: &Timeline, home: &Home, before: Nanos) -> Nanos {
    let from = home.now - before;
    let silent = |millis: &i64| timeline.phase_at(from + Nanos::from_millis(*millis)).is_none();
    let count = (0..before.as_nanos() / 1_000_000).filter(silent).count();
    Nanos::from_millis(i64::try_from(count).unwrap())
}

#[test]
fn one_entry_follows_on_another_to_the_frame_and_what_is_said_is_what_is_heard() {
    let (mut home, group, ids) = playing(&[3, 2, 4], 0);
    let begun = home.turns.len();
    let mut heard = Vec::new();
    for _ in 0..9_500 {
        home.run_for(1);
        let Some(position) = home.position(group) else { continue };
        let now = (title(&home, group), index(&home, group));
        if heard.last().is_none_or(|(last, _)| *last != now) {
            assert!(position < SECOND / 500, "{now:?} is said at its frame {position}");
            heard.push((now, home.now));
        }
    }
    let names: Vec<&str> = heard.iter().map(|((title, _), _)| title.as_str()).collect();
    assert_eq!(names, ["song 1", "song 2", "song 3"]);
    let took = heard[2].1 - heard[1].1;
    assert!((took - Nanos::from_secs(2)).abs() < Nanos::from_millis(3), "{took}");
    let turns = &home.turns[begun..];
    assert_eq!(turns.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), ids[1..]);
    assert_eq!(turns[1].1 - turns[0].1, 2 * SECOND, "not a frame between them");
    home.run_for(1_000);
    assert_eq!((home.house.groups()[&group].playback, home.count(&Done::Ended(group))), (Playback::Stopped, 1));
    assert_eq!(index(&home, group), None, "it begins with the first again");
    let cues = home.done.iter().filter(|done| matches!(done, Done::Cue(..)));
    assert_eq!(cues.count(), 1, "nobody has begun anew");
}

#[test]
fn rooms_hear_of_no_border_between_two_entries() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.group("all", &[room(1)]);
    let songs = (1..=5).map(|number| song(number, 1)).collect();
    let ids = home.tell(|house, now| house.enqueue(now, group, songs, At::End)).unwrap();
    home.tell(|house, now| house.play_entry(now, group, ids[0], 0)).unwrap();
    home.run_for(4_000);
    let told = home.told(node);
    let anchors = told.iter().filter(|message| matches!(message, Message::Anchors(_)));
    assert_eq!(anchors.count(), 0, "{told:?}");
    assert_eq!(silence(&timeline_of(&told), &home, Nanos::from_millis(3_500)), Nanos::ZERO);
}

#[test]
fn what_follows_is_opened_shortly_before_it_is_wanted_and_only_then() {
    let (mut home, group, ids) = playing(&[300, 10], 0);
    home.opens = false;
    home.run_for(200_000);
    assert_eq!(home.asked, []);
    home.run_for(85_000);
    assert_eq!(home.asked.iter().map(|(_, _, entry, _)| *entry).collect::<Vec<_>>(), [ids[1]]);
    home.tell(|house, now| house.seek(now, group, 10 * SECOND)).unwrap();
    home.asked.clear();
    home.run_for(60_000);
    assert_eq!(home.asked, [], "after a seek it is time anew");
}

#[test]
fn a_change_before_the_border_was_read_counts() {
    let (mut home, group, ids) = playing(&[30, 5, 5, 5], 0);
    home.run_for(20_000);
    home.tell(|house, now| house.remove_entry(now, group, ids[1])).unwrap();
    home.run_for(7_000);
    home.tell(|house, now| house.move_entry(now, group, ids[3], 1)).unwrap();
    home.run_for(5_000);
    assert_eq!(title(&home, group), "song 4");
    home.run_for(5_000);
    assert_eq!(title(&home, group), "song 3");
    assert_eq!(home.turns.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), [ids[3], ids[2]]);
}

#[test]
fn what_was_read_ahead_and_has_not_left_is_taken_back_and_nobody_hears_of_it() {
    let (mut home, group, ids) = playing(&[10, 5, 5], 0);
    let end = 10_000;
    until(&mut home, |home| home.turns.len() == 1);
    assert_eq!(title(&home, group), "song 1");
    home.tell(|house, now| house.remove_entry(now, group, ids[1])).unwrap();
    let borders: Vec<u64> = home.turns.iter().map(|(_, at)| *at).collect();
    assert_eq!(home.turns.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), ids[1..]);
    assert_eq!(borders[0], borders[1], "it comes where the other would have come");
    home.run_for(end);
    assert_eq!(title(&home, group), "song 3");
    let cues = home.done.iter().filter(|done| matches!(done, Done::Cue(..)));
    assert_eq!(cues.count(), 1);
}

#[test]
fn repeat_and_shuffle_decide_what_is_read_next() {
    let (mut home, group, ids) = playing(&[2, 2], 0);
    home.tell(|house, now| house.set_order(now, group, Some(Repeat::One), None)).unwrap();
    home.run_for(5_000);
    assert_eq!((title(&home, group), index(&home, group)), ("song 1".into(), Some(0)));
    home.tell(|house, now| house.set_order(now, group, Some(Repeat::All), Some(true))).unwrap();
    home.run_for(20_000);
    let played: Vec<EntryId> = home.turns.iter().map(|(entry, _)| *entry).collect();
    assert!(played.iter().filter(|entry| **entry == ids[1]).count() >= 4, "{played:?}");
    assert_eq!(home.house.groups()[&group].playback, Playback::Playing);
}

#[test]
fn an_entry_that_cannot_be_opened_is_passed_over_without_a_gap_and_it_is_said() {
    let (mut home, group, _) = playing(&[3], 0);
    let broken = Media { location: BROKEN.into(), ..song(2, 3) };
    home.tell(|house, now| house.enqueue(now, group, vec![broken, song(3, 3)], At::End)).unwrap();
    home.run_for(4_500);
    assert_eq!((title(&home, group), index(&home, group)), ("song 3".into(), Some(2)));
    assert_eq!(home.house.groups()[&group].warning(), Some("\"song 2\" is left out: it is no sound"));
    let cues = home.done.iter().filter(|done| matches!(done, Done::Cue(..)));
    assert_eq!(cues.count(), 1);
    home.run_for(5_000);
    assert_eq!(home.house.groups()[&group].playback, Playback::Stopped);
}

#[test]
fn a_queue_of_nothing_that_can_be_opened_ends_even_when_it_is_repeated() {
    let (mut home, group, _) = playing(&[3], 0);
    let broken = |number| Media { location: BROKEN.into(), ..song(number, 3) };
    home.tell(|house, now| house.set_order(now, group, Some(Repeat::All), None)).unwrap();
    home.tell(|house, now| house.enqueue(now, group, vec![broken(2), broken(3)], At::End)).unwrap();
    home.run_for(10_000);
    assert_eq!((title(&home, group), home.house.groups()[&group].playback), ("song 1".into(), Playback::Playing));
}

#[test]
fn a_pause_at_a_border_stands_in_the_entry_that_is_heard_and_goes_on_there() {
    for before in [2_000_u64, 300, 20] {
        let (mut home, group, _) = playing(&[5, 10], 0);
        until(&mut home, |home| home.position(group).is_some_and(|at| at > 5 * SECOND - before * 48));
        home.tell(|house, now| house.pause(now, group)).unwrap();
        let Playback::Paused(stands) = home.house.groups()[&group].playback else { panic!("it plays") };
        let expected = if before > 100 { "song 1" } else { "song 2" };
        assert_eq!(title(&home, group), expected, "{before} ms before the border, at {stands}");
        home.run_for(5_000);
        home.tell(|house, now| house.resume(now, group)).unwrap();
        assert_eq!(home.position(group), Some(stands));
        home.run_for(1_500);
        assert!(home.position(group).is_some());
        home.run_for(5_000);
        let (playback, title) = (home.house.groups()[&group].playback, title(&home, group));
        assert_eq!((title.as_str(), playback), ("song 2", Playback::Playing), "{before} ms before the border");
    }
}

#[test]
fn taking_out_what_plays_goes_on_with_the_next_and_without_one_it_stops() {
    let (mut home, group, ids) = playing(&[30, 30], 0);
    home.run_for(3_000);
    home.tell(|house, now| house.remove_entry(now, group, ids[0])).unwrap();
    assert_eq!(home.count(&Done::Start(group, ids[1])), 1);
    home.tell(|house, now| house.play_entry(now, group, ids[1], 0)).unwrap();
    home.run_for(1_000);
    assert_eq!((title(&home, group), index(&home, group)), ("song 2".into(), Some(0)));
    home.tell(|house, now| house.remove_entry(now, group, ids[1])).unwrap();
    assert_eq!(home.house.groups()[&group].playback, Playback::Stopped);
    let unknown = Refused::UnknownEntry(ids[1].to_string(), "all".into());
    assert_eq!(home.refused(|house, now| house.remove_entry(now, group, ids[1])), unknown);
    assert_eq!(home.refused(|house, now| house.play_entry(now, group, ids[1], 0)), unknown);
}

#[test]
fn back_is_the_entry_before_soon_after_the_start_and_the_start_later() {
    let (mut home, group, ids) = playing(&[30, 30], 0);
    home.tell(|house, now| house.play_entry(now, group, ids[1], 0)).unwrap();
    home.run_for(2_000);
    assert_eq!(home.house.previous_entry(home.now, group), Ok(ids[0]));
    home.run_for(2_500);
    assert_eq!(home.house.previous_entry(home.now, group), Ok(ids[1]));
    assert_eq!(home.house.next_entry(group), Err(Refused::NothingThere("behind", "all".into())));
}

#[test]
fn a_queue_has_a_bound() {
    let mut home = Home::new();
    let group = home.group("all", &[]);
    let songs = |count: u64| (0..count).map(|number| song(number, 1)).collect::<Vec<_>>();
    home.tell(|house, now| house.enqueue(now, group, songs(9_999), At::End)).unwrap();
    let full = Refused::QueueFull("all".into(), 9_999);
    assert_eq!(home.refused(|house, now| house.enqueue(now, group, songs(2), At::Next)), full);
    home.tell(|house, now| house.enqueue(now, group, songs(1), At::Next)).unwrap();
}

#[test]
fn a_restart_goes_on_in_the_queue_where_it_was() {
    let (mut home, group, _) = playing(&[5, 20, 5], 0);
    home.tell(|house, now| house.set_order(now, group, Some(Repeat::All), None)).unwrap();
    home.run_for(9_000);
    let (position, snapshot) = (home.position(group).unwrap(), home.house.snapshot(home.now));
    let mut again = Home::new();
    (again.now, again.config) = (home.now, home.config.clone());
    again.house.configure(again.now, &again.config);
    while again.house.poll_action().is_some() {}
    again.house.restore(snapshot);
    assert_eq!((title(&again, group), index(&again, group)), ("song 2".into(), Some(1)));
    again.tell(|house, now| house.resume(now, group)).unwrap();
    assert_eq!(again.count(&Done::Cue(group, 1, position)), 1);
    again.run_for(20_000);
    assert_eq!(title(&again, group), "song 3");
    again.run_for(5_000);
    assert_eq!(title(&again, group), "song 1");
}

#[test]
fn what_plays_moves_to_other_rooms_and_those_that_stay_hear_nothing_of_it() {
    let mut home = Home::new();
    let nodes = [1, 2, 3].map(|node| home.arrive(node, &["room"]));
    let group = home.playing("all", &[room(1), room(2)]);
    nodes.iter().for_each(|node| drop(home.told(*node)));
    let sent = home.sent_to(nodes[1]);
    home.configure(&Command::SetGroupRooms { group, rooms: vec![room(2), room(3)] });
    let (left, stayed, joined) = (home.told(nodes[0]), home.told(nodes[1]), home.told(nodes[2]));
    assert!(left.iter().any(|message| matches!(message, Message::StreamStop(_))), "{left:?}");
    assert_eq!(stayed, []);
    let timeline = timeline_of(&joined);
    assert_eq!(timeline.phase_at(home.now).map(|phase| phase.frame().0 > 0), Some(true));
    home.run_for(1_000);
    assert_eq!(home.sent_to(nodes[1]) - sent, 50, "a packet every 20 ms, no more and no less");
    // Even to rooms none of which it played in, the first of them by name among them or not.
    for rooms in [vec![room(1)], vec![room(3)], vec![room(2), room(1)]] {
        home.configure(&Command::SetGroupRooms { group, rooms });
        assert_eq!(home.house.groups()[&group].playback, Playback::Playing);
    }
    home.configure(&Command::SetGroupRooms { group, rooms: Vec::new() });
    assert!(matches!(home.house.groups()[&group].playback, Playback::Paused(_)));
}

#[test]
fn what_a_station_says_of_itself_before_it_is_heard_is_said_when_it_is() {
    let (mut home, group, ids) = playing(&[10, 100], 0);
    until(&mut home, |home| home.turns.len() == 1);
    let run = home.house.run_of(group).unwrap();
    let retitle = |home: &mut Home, entry, said: &str| {
        home.tell(|house, _| house.retitle(group, run, entry, said.into()));
        title(home, group)
    };
    assert_eq!(retitle(&mut home, ids[1], "the news"), "song 1");
    assert_eq!(retitle(&mut home, ids[0], "song 1, live"), "song 1, live");
    home.run_for(2_000);
    assert_eq!(title(&home, group), "the news");
    assert_eq!(retitle(&mut home, ids[1], "the weather"), "the weather");
}
