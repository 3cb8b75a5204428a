//! What a restart of the hub keeps.

use unisono_core::units::Volume;
use unisono_household::config::Command;
use unisono_hub::house::{Playback, Snapshot};

use crate::house::home::{Done, Home, SECOND, empty_house, room};

/// The same home with a hub that has just been started and knows what was kept, and nobody connected.
fn restarted(home: &Home) -> Home {
    let mut again = Home::new();
    again.now = home.now;
    again.config = home.config.clone();
    again.house.configure(again.now, &again.config);
    while again.house.poll_action().is_some() {}
    again.house.restore(home.house.snapshot(home.now));
    again
}

#[test]
fn rooms_groups_volumes_and_names_survive() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    let group = home.group("up", &[room(1)]);
    home.group("empty", &[]);
    home.tell(|house, _| house.set_group(group, Volume::new(70), Some(true))).unwrap();
    home.tell(|house, _| house.set_room(room(2), Volume::new(20), Some(true))).unwrap();
    let again = restarted(&home);
    assert_eq!(again.house.snapshot(again.now), home.house.snapshot(home.now));
    let (up, study) = (&again.house.groups()[&group], &again.house.rooms()[&room(2)]);
    assert_eq!((up.name.as_str(), up.volume.percent(), up.muted), ("up", 70, true));
    assert_eq!((study.name.as_str(), study.volume.percent(), study.muted, study.group), ("study", 20, true, None));
    assert!(up.rooms.contains(&room(1)) && !again.house.is_online(room(1).node));
}

#[test]
fn what_played_stands_paused_and_goes_on_before_anyone_is_back() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    let position = home.position(group).unwrap();
    let snapshot = home.house.snapshot(home.now);
    assert_eq!(snapshot.groups[0].playing(), Some("/a song.flac"));
    let mut again = restarted(&home);
    assert_eq!(again.house.groups()[&group].playback, Playback::Paused(position));
    assert!(again.house.poll_action().is_none() && again.house.poll_timeout().is_none(), "nothing starts by itself");
    again.tell(|house, now| house.resume(now, group)).unwrap();
    assert_eq!(again.count(&Done::Cue(group, 1, position)), 1);
    let node = again.arrive(1, &["kitchen"]);
    again.run_for(1_000);
    assert!(again.sent_to(node) > 0);
    assert!((position..position + SECOND).contains(&again.position(group).unwrap()));
}

#[test]
fn what_was_paused_or_stopped_is_not_taken_for_playing() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    home.tell(|house, now| house.pause(now, group)).unwrap();
    let stands = home.position(group).unwrap();
    assert_eq!(home.house.snapshot(home.now).groups[0].playing(), None);
    assert_eq!(restarted(&home).house.groups()[&group].playback, Playback::Paused(stands));
    home.tell(|house, now| house.stop(now, group)).unwrap();
    assert_eq!(home.house.snapshot(home.now).groups[0].playing(), None);
    assert_eq!(restarted(&home).house.groups()[&group].playback, Playback::Stopped);
}

#[test]
fn a_hub_that_dies_right_after_a_seek_goes_on_from_there() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    home.tell(|house, now| house.seek(now, group, 30 * SECOND)).unwrap();
    assert!(home.house.snapshot(home.now).groups[0].playing().is_some());
    assert_eq!(restarted(&home).house.groups()[&group].playback, Playback::Paused(30 * SECOND));
}

#[test]
fn what_is_not_configured_any_more_is_not_restored_and_the_rest_is_as_it_begins() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    home.tell(|house, _| house.set_room(room(2), Volume::new(80), None)).unwrap();
    let group = home.playing("all", &[room(1)]);
    let kept = home.house.snapshot(home.now);
    home.configure(&Command::DeleteGroup { group });
    home.configure(&Command::ForgetRoom { room: room(1) });
    home.configure(&Command::SetRoomMaxVolume { room: room(2), volume: Volume::START });
    let mut house = empty_house();
    house.configure(home.now, &home.config);
    house.restore(kept);
    assert!(house.groups().is_empty() && !house.rooms().contains_key(&room(1)));
    assert_eq!(house.rooms()[&room(2)].volume, Volume::START, "it is not louder than it may be");
    house.restore(Snapshot::default());
    assert_eq!(house.rooms()[&room(2)].name, "study");
}
