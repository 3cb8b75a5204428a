//! Groups and who is in them.

use unisono_core::{units::FramePosition, wire::control::Message};
use unisono_household::config::Command;
use unisono_hub::house::{GroupId, Playback, Refused, RoomId};

use crate::house::home::{Done, Home, SECOND, room};

fn rooms_of(home: &Home, group: GroupId) -> Vec<RoomId> {
    home.house.groups()[&group].rooms.iter().copied().collect()
}

#[test]
fn a_group_is_found_by_its_id_and_by_its_name_in_any_case() {
    let mut home = Home::new();
    let group = home.group("Küche", &[]);
    assert_eq!(home.house.find_group("küche"), Ok(group));
    assert_eq!(home.house.find_group(&group.to_string()), Ok(group));
    assert_eq!(home.house.find_group("kitchen"), Err(Refused::UnknownGroup("kitchen".into())));
    assert!(home.count(&Done::Changed) > 0);
}

#[test]
fn a_room_is_in_one_group_at_a_time() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    let (up, down) = (home.group("up", &[room(1), room(2)]), home.group("down", &[room(1)]));
    assert_eq!((rooms_of(&home, up), rooms_of(&home, down)), (vec![room(2)], vec![room(1)]));
    home.move_to(room(1), Some(up));
    assert_eq!((rooms_of(&home, up), rooms_of(&home, down)), (vec![room(1), room(2)], vec![]));
    assert_eq!(home.house.rooms()[&room(1)].group, Some(up));
    home.move_to(room(1), None);
    assert_eq!((rooms_of(&home, up), home.house.rooms()[&room(1)].group), (vec![room(2)], None));
}

#[test]
fn a_room_that_is_added_twice_is_not_disturbed() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1), room(1)]);
    let _ = home.told(node);
    home.move_to(room(1), Some(group));
    assert_eq!((home.told(node), rooms_of(&home, group)), (vec![], vec![room(1)]));
}

#[test]
fn a_room_that_changes_groups_changes_streams() {
    let mut home = Home::new();
    let (mover, other) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["study"]));
    let (up, down) = (home.playing("up", &[room(1)]), home.playing("down", &[room(2)]));
    let (_, _) = (home.told(mover), home.told(other));
    let position = home.position(up).unwrap();
    home.move_to(room(1), Some(down));
    let told = home.told(mover);
    let [Message::StreamStop(stop), Message::SetGain(_), Message::StreamStart(start)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_ne!(stop.stream, start.stream);
    assert_eq!(home.told(other), [], "the room that was there is told nothing");
    home.run_for(1_000);
    let paused = home.position(up).unwrap();
    assert!(paused.abs_diff(position) < SECOND / 2, "what nobody hears waits: {paused}");
    assert!(matches!(home.house.groups()[&up].playback, Playback::Paused(_)));
}

#[test]
fn rooms_and_groups_that_are_not_there_are_refused() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let group = home.group("up", &[]);
    let (nobody, nothing) = (room(9), GroupId(99));
    let no_room = Refused::UnknownRoom(nobody.to_string());
    let no_group = Refused::UnknownGroup(nothing.to_string());
    assert_eq!(home.refused(|house, _| house.check_in_group(group, nobody)), no_room);
    assert_eq!(home.refused(|house, _| house.set_room(nobody, None, Some(true))), no_room);
    assert_eq!(home.refused(|house, _| house.check_gone(nobody)), no_room);
    assert_eq!(home.refused(|house, _| house.check_in_group(nothing, room(1))), no_group);
    assert_eq!(home.refused(|house, _| house.set_group(nothing, None, None)), no_group);
    let elsewhere = Refused::NotInGroup("kitchen".into(), "up".into());
    assert_eq!(home.refused(|house, _| house.check_in_group(group, room(1))), elsewhere);
}

#[test]
fn a_room_is_forgotten_only_when_its_node_is_away() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    assert_eq!(home.refused(|house, _| house.check_gone(room(1))), Refused::StillThere("kitchen".into()));
    home.leave(node);
    assert_eq!(home.house.check_gone(room(1)), Ok(()));
}

#[test]
fn a_renamed_room_is_found_by_its_new_name_and_plays_on() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    home.playing("all", &[room(1)]);
    let _ = home.told(node);
    home.configure(&Command::SetRoomName { room: room(1), name: Some("Galley".into()) });
    assert_eq!((home.house.find_room("galley"), home.told(node)), (Ok(room(1)), vec![]));
    // What its node calls it does not matter any more.
    home.arrive(1, &["kitchen"]);
    assert_eq!(home.house.find_room("galley"), Ok(room(1)));
}

#[test]
fn names_are_told_apart_by_more_than_their_case_where_they_can_be() {
    let mut home = Home::new();
    let (one, other) = (home.group("Küche", &[]), home.group("KÜCHE", &[]));
    assert_eq!((home.house.find_group("Küche"), home.house.find_group("KÜCHE")), (Ok(one), Ok(other)));
}

#[test]
fn rooms_of_one_name_are_told_apart_by_their_ids() {
    let mut home = Home::new();
    home.arrive(1, &["Kitchen"]);
    assert_eq!(home.house.find_room("kitchen"), Ok(room(1)));
    home.arrive(2, &["kitchen"]);
    assert_eq!(home.house.find_room("kitchen"), Err(Refused::AmbiguousRoom("kitchen".into())));
    assert_eq!(home.house.find_room(&room(2).to_string()), Ok(room(2)));
    assert_eq!(home.house.find_room("study"), Err(Refused::UnknownRoom("study".into())));
}

#[test]
fn deleting_a_group_ends_what_it_plays_and_frees_its_rooms() {
    let mut home = Home::new();
    let (node, other) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["study"]));
    let (group, kept) = (home.playing("up", &[room(1)]), home.playing("down", &[room(2)]));
    let (_, _) = (home.told(node), home.told(other));
    home.configure(&Command::DeleteGroup { group });
    let told = home.told(node);
    assert!(matches!(told[..], [Message::StreamStop(_), Message::SetGain(_)]), "{told:?}");
    assert_eq!(home.told(other), []);
    assert_eq!((home.house.rooms()[&room(1)].group, home.position(group)), (None, None));
    assert_eq!(home.count(&Done::CloseStream(group)), 1);
    let sent = home.sent_to(node);
    home.run_for(1_000);
    assert_eq!(home.sent_to(node), sent, "it is sent nothing more");
    assert_eq!(home.house.groups()[&kept].playback, Playback::Playing);
    // Late answers of its source find nothing.
    home.tell(|house, now| house.handle_dry(now, group, 1, FramePosition(0)));
    assert_eq!(home.count(&Done::Ended(group)), 0);
}
