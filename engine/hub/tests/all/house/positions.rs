//! Seeking, and what is heard meanwhile.

use unisono_core::{time::Nanos, units::FramePosition};
use unisono_hub::house::{GroupId, Media, Playback, Refused};

use crate::house::home::{Done, Home, SECOND, room, timeline_of};

const LENGTH: u64 = 60 * SECOND;

/// Plays, and is heard since about 1.6 s.
fn heard() -> (Home, GroupId) {
    let mut home = Home::with_source(LENGTH);
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    (home, group)
}

#[test]
fn a_position_beyond_the_end_is_refused_playing_paused_and_at_the_start() {
    let (mut home, group) = heard();
    let beyond = Refused::BeyondEnd(60.0 + 1.0 / 48_000.0, 60.0);
    let media = home.media();
    assert_eq!(home.refused(|house, now| house.play(now, group, media, LENGTH + 1)), beyond);
    assert_eq!(home.refused(|house, now| house.seek(now, group, LENGTH + 1)), beyond);
    assert!(matches!(home.refused(|house, now| house.seek(now, group, u64::MAX)), Refused::BeyondEnd(..)));
    home.tell(|house, now| house.pause(now, group)).unwrap();
    assert_eq!(home.refused(|house, now| house.seek(now, group, LENGTH + 1)), beyond);
}

#[test]
fn a_seek_while_paused_moves_where_it_goes_on_and_plays_nothing() {
    let (mut home, group) = heard();
    home.tell(|house, now| house.pause(now, group)).unwrap();
    let cues = home.done.iter().filter(|done| matches!(done, Done::Cue(..))).count();
    for frame in [30 * SECOND, 0, LENGTH] {
        home.tell(|house, now| house.seek(now, group, frame)).unwrap();
        home.run_for(500);
        assert_eq!(home.house.groups()[&group].playback, Playback::Paused(frame));
    }
    assert_eq!(home.done.iter().filter(|done| matches!(done, Done::Cue(..))).count(), cues);
    home.tell(|house, now| house.seek(now, group, 20 * SECOND)).unwrap();
    home.tell(|house, now| house.resume(now, group)).unwrap();
    home.run_for(1_000);
    assert!((20 * SECOND..21 * SECOND).contains(&home.position(group).unwrap()));
}

#[test]
fn a_seek_says_at_once_where_it_goes() {
    let (mut home, group) = heard();
    for frame in [40 * SECOND, 0] {
        home.tell(|house, now| house.seek(now, group, frame)).unwrap();
        for _ in 0..100 {
            let position = home.position(group).unwrap();
            assert!((frame..frame + SECOND).contains(&position), "{position} after a seek to {frame}");
            home.run_for(10);
        }
    }
}

#[test]
fn of_seeks_in_quick_succession_only_the_last_is_heard() {
    let mut home = Home::with_source(LENGTH);
    let node = home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    for (wait, frame) in [(200, 10), (1, 20), (100, 30)] {
        home.tell(|house, now| house.seek(now, group, frame * SECOND)).unwrap();
        home.run_for(wait);
    }
    assert_eq!(home.position(group), Some(30 * SECOND));
    let (timeline, from) = (timeline_of(&home.told(node)), home.now);
    let begins = timeline.iter().last().unwrap().play.unwrap().position;
    let wrong: Vec<FramePosition> = (0..1_000)
        .filter_map(|millis| timeline.phase_at(from + Nanos::from_millis(millis)))
        .map(unisono_core::timeline::Phase::frame)
        .filter(|position| *position < begins)
        .collect();
    assert!(wrong.is_empty(), "{} ms of an earlier seek are heard", wrong.len());
}

#[test]
fn a_seek_to_the_very_end_ends() {
    let (mut home, group) = heard();
    home.tell(|house, now| house.seek(now, group, LENGTH)).unwrap();
    home.run_for(2_000);
    assert_eq!((home.house.groups()[&group].playback, home.count(&Done::Ended(group))), (Playback::Stopped, 1));
}

#[test]
fn what_has_no_known_length_can_be_sought_anywhere() {
    let (mut home, group) = heard();
    let media = Media { frames: None, ..home.media() };
    home.tell(|house, now| house.play(now, group, media, 10 * LENGTH)).unwrap();
    home.tell(|house, now| house.pause(now, group)).unwrap();
    home.tell(|house, now| house.seek(now, group, 20 * LENGTH)).unwrap();
    assert_eq!(home.position(group), Some(20 * LENGTH));
}
