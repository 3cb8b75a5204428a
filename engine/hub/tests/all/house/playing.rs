//! Play, pause, resume, stop, and the end of what plays.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::FramePosition,
    wire::control::Message,
};
use unisono_hub::house::{At, Cause, EntryId, GroupId, House, Media, Playback, Refused};

use crate::house::home::{BROKEN, Done, Home, SECOND, room, timeline_of};

/// One room, one group, nothing playing.
fn idle() -> (Home, GroupId) {
    let mut home = Home::with_source(60 * SECOND);
    home.arrive(1, &["kitchen"]);
    let group = home.group("all", &[room(1)]);
    (home, group)
}

fn playback(home: &Home, group: GroupId) -> Playback {
    home.house.groups()[&group].playback
}

#[test]
fn nothing_can_be_paused_resumed_or_sought_where_nothing_plays() {
    let (mut home, group) = idle();
    let nothing = Refused::NothingPlays("all".into());
    assert_eq!(home.refused(|house, now| house.pause(now, group)), nothing);
    assert_eq!(home.refused(|house, now| house.resume(now, group)), nothing);
    assert_eq!(home.refused(|house, now| house.seek(now, group, 0)), nothing);
    // Stopping is asking for what is so already.
    home.tell(|house, now| house.stop(now, group)).unwrap();
    assert_eq!(playback(&home, group), Playback::Stopped);
    let nowhere = GroupId(99);
    let unknown = Refused::UnknownGroup(nowhere.to_string());
    let media = home.media();
    assert_eq!(home.refused(|house, now| house.play(now, nowhere, media, 0)), unknown);
    assert_eq!(home.refused(|house, now| house.pause(now, nowhere)), unknown);
    assert_eq!(home.refused(|house, now| house.resume(now, nowhere)), unknown);
    assert_eq!(home.refused(|house, now| house.seek(now, nowhere, 0)), unknown);
    assert_eq!(home.refused(|house, now| house.stop(now, nowhere)), unknown);
    assert_eq!(home.refused(|house, _| house.check_audience(nowhere)), unknown);
}

#[test]
fn a_group_without_rooms_neither_plays_nor_goes_on() {
    let (mut home, group) = idle();
    let nobody = Refused::NoRooms("all".into());
    home.move_to(room(1), None);
    let media = home.media();
    assert_eq!(home.refused(|house, now| house.play(now, group, media, 0)), nobody);
    assert_eq!(home.refused(|house, _| house.check_audience(group)), nobody);
    home.move_to(room(1), Some(group));
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media, 0)).unwrap();
    home.tell(|house, now| house.pause(now, group)).unwrap();
    home.move_to(room(1), None);
    assert_eq!(home.refused(|house, now| house.resume(now, group)), nobody);
}

#[test]
fn a_group_has_an_audience_while_one_of_its_rooms_is_online() {
    let mut home = Home::new();
    let (first, second) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["study"]));
    let group = home.group("all", &[room(1), room(2)]);
    home.leave(first);
    assert_eq!(home.house.check_audience(group), Ok(()));
    home.leave(second);
    assert_eq!(home.house.check_audience(group), Err(Refused::NobodyThere("all".into())));
}

#[test]
fn what_is_paused_stands_and_goes_on_at_the_same_frame() {
    let (mut home, _) = idle();
    let group = home.house.find_group("all").unwrap();
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media, 10 * SECOND)).unwrap();
    assert_eq!(home.position(group), Some(10 * SECOND), "it will be heard from there");
    home.run_for(5_000);
    home.tell(|house, now| house.pause(now, group)).unwrap();
    let Playback::Paused(stands) = playback(&home, group) else { panic!("it plays") };
    assert!((14 * SECOND..15 * SECOND).contains(&stands), "{stands}");
    home.run_for(10_000);
    // Pausing again changes nothing.
    home.tell(|house, now| house.pause(now, group)).unwrap();
    assert_eq!(home.position(group), Some(stands));
    home.tell(|house, now| house.resume(now, group)).unwrap();
    assert_eq!(home.done.iter().rev().find(|done| matches!(done, Done::Cue(..))), Some(&Done::Cue(group, 2, stands)));
    // Resuming again neither.
    let cues = home.done.len();
    home.tell(|house, now| house.resume(now, group)).unwrap();
    assert_eq!(home.done.len(), cues);
    home.run_for(1_000);
    let lead = home.house.lead_of(group) + Nanos::from_millis(50);
    let heard = u64::try_from((Nanos::from_secs(1) - lead).as_nanos()).unwrap() * 48 / 1_000_000;
    assert!(home.position(group).unwrap().abs_diff(stands + heard) <= 1);
}

#[test]
fn a_pause_before_the_first_frame_was_heard_stands_at_it() {
    let (mut home, group) = idle();
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media, 7 * SECOND)).unwrap();
    home.tell(|house, now| house.pause(now, group)).unwrap();
    assert_eq!(playback(&home, group), Playback::Paused(7 * SECOND));
}

#[test]
fn a_pause_in_the_last_moment_stands_at_the_end_not_at_the_start() {
    let mut home = Home::with_source(5 * SECOND);
    // What is in the buffer of such a speaker cannot be called back.
    home.arrive_with_latency(1, &["kitchen"], Nanos::from_millis(300));
    let group = home.playing("all", &[room(1)]);
    while home.position(group).unwrap() < 5 * SECOND - SECOND / 5 {
        home.run_for(10);
    }
    home.tell(|house, now| house.pause(now, group)).unwrap();
    assert_eq!(playback(&home, group), Playback::Paused(5 * SECOND));
    home.run_for(5_000);
    home.tell(|house, now| house.resume(now, group)).unwrap();
    home.run_for(2_000);
    assert_eq!(playback(&home, group), Playback::Stopped);
}

#[test]
fn playing_something_else_ends_what_plays_and_only_that() {
    let (mut home, _) = idle();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.house.find_group("all").unwrap();
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media, 0)).unwrap();
    home.run_for(3_000);
    let other =
        Media { title: "another".into(), location: "/b.flac".into(), frames: Some(9 * SECOND), ..Media::default() };
    home.tell(|house, now| house.play(now, group, other.clone(), 2 * SECOND)).unwrap();
    assert_eq!(home.house.groups()[&group].media, Some(other));
    assert_eq!(home.position(group), Some(2 * SECOND), "where it will be, at once");
    home.run_for(1_000);
    assert!((2 * SECOND..3 * SECOND).contains(&home.position(group).unwrap()));
    let starts = home.told(node).into_iter().filter(|message| matches!(message, Message::StreamStart(_)));
    assert_eq!(starts.count(), 1, "the stream goes on");
    // The first source has met its end, or failed, after it was replaced.
    home.tell(|house, now| house.handle_broken(now, group, 1, (EntryId(1), FramePosition(0)), "the disk is gone"));
    assert_eq!((playback(&home, group), home.house.groups()[&group].warning()), (Playback::Playing, None));
    let soon = FramePosition(6 * SECOND);
    home.tell(|house, now| house.handle_broken(now, group, 2, (EntryId(2), soon), "the disk is gone"));
    assert_eq!(home.house.groups()[&group].warning(), Some("\"another\" is left out: the disk is gone"));
    home.run_for(9_000);
    assert_eq!((playback(&home, group), home.count(&Done::Ended(group))), (Playback::Stopped, 1));
}

#[test]
fn after_a_stop_nothing_is_sent_and_nothing_goes_on() {
    let (mut home, _) = idle();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.house.find_group("all").unwrap();
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media.clone(), 0)).unwrap();
    home.run_for(3_000);
    home.tell(|house, now| house.stop(now, group)).unwrap();
    home.run_for(100);
    let (sent, told) = (home.sent_to(node), home.told(node));
    assert_eq!(timeline_of(&told).phase_at(home.now), None);
    home.run_for(1_000);
    assert_eq!((home.sent_to(node), home.count(&Done::CloseStream(group))), (sent, 1));
    assert_eq!((playback(&home, group), home.position(group)), (Playback::Stopped, None));
    assert_eq!(home.house.groups()[&group].media, Some(media), "what played last is remembered");
    assert_eq!(home.count(&Done::Ended(group)), 0, "it has not ended by itself");
    assert_eq!(home.refused(|house, now| house.resume(now, group)), Refused::NothingPlays("all".into()));
}

#[test]
fn what_plays_ends_once_and_can_be_played_again() {
    let mut home = Home::with_source(2 * SECOND);
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    assert!(home.position(group).is_some());
    home.run_for(3_000);
    assert_eq!((playback(&home, group), home.position(group)), (Playback::Stopped, None));
    assert_eq!((home.count(&Done::Ended(group)), home.count(&Done::CloseStream(group))), (1, 1));
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media, SECOND)).unwrap();
    home.run_for(1_000);
    assert!((SECOND..2 * SECOND).contains(&home.position(group).unwrap()));
}

#[test]
fn what_is_wrong_with_a_source_stays_said_until_something_else_plays() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    let warning = |home: &Home| home.house.groups()[&group].warning().map(String::from);
    home.tell(|house, _| house.warn(group, 1, EntryId(1), Cause::Damage, "it is damaged".into()));
    home.tell(|house, now| house.seek(now, group, SECOND)).unwrap();
    home.tell(|house, now| house.stop(now, group)).unwrap();
    home.run_for(2_000);
    assert_eq!(warning(&home).as_deref(), Some("it is damaged"));
    for _ in 0..2 {
        let media = home.media();
        home.tell(|house, now| house.play(now, group, media, 0)).unwrap();
        assert_eq!(warning(&home), None);
    }
    // What is said late of the run before is not about this one.
    home.tell(|house, _| house.warn(group, 1, EntryId(1), Cause::Damage, "it is damaged".into()));
    assert_eq!(warning(&home), None);
}

#[test]
fn a_warning_is_taken_back_by_its_own_cause_alone() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    let run = home.house.run_of(group).unwrap();
    let broken = Media { location: BROKEN.into(), title: "a station".into(), ..Media::default() };
    let ids = home.tell(|house, now| house.enqueue(now, group, vec![broken, home_media()], At::End)).unwrap();
    let warning = |home: &Home| home.house.groups()[&group].warning().map(String::from);
    home.tell(|house, _| house.passed_over(group, ids[0], "it does not answer"));
    let left_out = Some(String::from("\"a station\" is left out: it does not answer"));
    assert_eq!(warning(&home), left_out);
    // What plays has gone silent, and is there again.
    let playing = EntryId(1);
    home.tell(|house, _| house.warn(group, run, playing, Cause::Trouble, "nothing comes".into()));
    assert_eq!(warning(&home).as_deref(), Some("nothing comes"));
    home.tell(|house, _| house.all_is_well(group, run, ids[1]));
    assert_eq!(warning(&home).as_deref(), Some("nothing comes"), "that another is well does not mend it");
    home.tell(|house, _| house.all_is_well(group, run, playing));
    assert_eq!(warning(&home), left_out);
    home.tell(|house, _| house.warn(group, run, playing, Cause::Damage, "it is damaged".into()));
    home.tell(|house, _| house.all_is_well(group, run, playing));
    assert_eq!(warning(&home).as_deref(), Some("it is damaged"));
    home.tell(|house, now| house.remove_entry(now, group, ids[0])).unwrap();
    home.tell(|house, now| house.play_entry(now, group, ids[1], 0)).unwrap();
    assert_eq!(warning(&home), None, "nothing of it is about what plays now");
}

fn home_media() -> Media {
    Media { title: "another".into(), location: "/b.flac".into(), frames: Some(9 * SECOND), ..Media::default() }
}

#[test]
fn whoever_wants_something_else_last_gets_it_however_long_the_others_take() {
    type Ends = fn(&mut House, Timestamp<HubClock>, GroupId) -> Result<(), Refused>;
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    let overtaken = Err(Refused::Overtaken("all".into()));
    let [first, second] = [(); 2].map(|()| home.house.wish(group).unwrap());
    assert_eq!((home.house.grant(group, first), home.house.grant(group, second)), (Ok(()), Ok(())));
    assert_eq!(home.house.grant(group, first), overtaken);
    for ends in [House::pause as Ends, House::stop, House::clear_queue] {
        let wish = home.house.wish(group).unwrap();
        home.tell(|house, now| ends(house, now, group)).unwrap();
        assert_eq!(home.house.grant(group, wish), overtaken);
    }
}
