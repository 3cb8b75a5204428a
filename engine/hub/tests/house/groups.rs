//! Groups and who is in them.

use unisono_core::wire::control::{MAX_NAME_LEN, Message};
use unisono_hub::house::{GroupId, Playback, Refused, RoomId};

use crate::home::{Done, Home, SECOND, room};

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
    assert_eq!(home.count(&Done::Changed), 1);
}

#[test]
fn a_room_is_in_one_group_at_a_time() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    let (up, down) = (home.group("up", &[room(1), room(2)]), home.group("down", &[room(1)]));
    assert_eq!((rooms_of(&home, up), rooms_of(&home, down)), (vec![room(2)], vec![room(1)]));
    home.tell(|house, now| house.add_room(now, up, room(1))).unwrap();
    assert_eq!((rooms_of(&home, up), rooms_of(&home, down)), (vec![room(1), room(2)], vec![]));
    assert_eq!(home.house.rooms()[&room(1)].group, Some(up));
    home.tell(|house, now| house.remove_room(now, up, room(1))).unwrap();
    assert_eq!((rooms_of(&home, up), home.house.rooms()[&room(1)].group), (vec![room(2)], None));
}

#[test]
fn a_room_that_is_added_twice_is_not_disturbed() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1), room(1)]);
    let _ = home.told(node);
    home.tell(|house, now| house.add_room(now, group, room(1))).unwrap();
    assert_eq!((home.told(node), rooms_of(&home, group)), (vec![], vec![room(1)]));
}

#[test]
fn a_room_that_changes_groups_changes_streams() {
    let mut home = Home::new();
    let (mover, other) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["study"]));
    let (up, down) = (home.playing("up", &[room(1)]), home.playing("down", &[room(2)]));
    let (_, _) = (home.told(mover), home.told(other));
    let position = home.position(up).unwrap();
    home.tell(|house, now| house.add_room(now, down, room(1))).unwrap();
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
    let (nobody, nothing) = (room(9), GroupId(1));
    let no_room = Refused::UnknownRoom(nobody.to_string());
    let no_group = Refused::UnknownGroup(nothing.to_string());
    assert_eq!(home.refused(|house, now| house.create_group(now, "down", &[room(1), nobody])), no_room);
    assert_eq!(home.refused(|house, now| house.add_room(now, group, nobody)), no_room);
    assert_eq!(home.refused(|house, now| house.remove_room(now, group, nobody)), no_room);
    assert_eq!(home.refused(|house, _| house.set_room(nobody, None, Some(true))), no_room);
    assert_eq!(home.refused(|house, now| house.add_room(now, nothing, room(1))), no_group);
    assert_eq!(home.refused(|house, now| house.remove_room(now, nothing, room(1))), no_group);
    assert_eq!(home.refused(|house, now| house.delete_group(now, nothing)), no_group);
    assert_eq!(home.refused(|house, _| house.set_group(nothing, Some("down"), None, None)), no_group);
    let elsewhere = Refused::NotInGroup("kitchen".into(), "up".into());
    assert_eq!(home.refused(|house, now| house.remove_room(now, group, room(1))), elsewhere);
}

#[test]
fn a_name_is_taken_whatever_its_case_but_a_group_may_keep_its_own() {
    let mut home = Home::new();
    let (up, _down) = (home.group("up", &[]), home.group("down", &[]));
    assert_eq!(home.refused(|house, now| house.create_group(now, " UP ", &[])), Refused::NameTaken("UP".into()));
    assert_eq!(
        home.refused(|house, _| house.set_group(up, Some("Down"), None, Some(true))),
        Refused::NameTaken("Down".into())
    );
    home.tell(|house, _| house.set_group(up, Some("Up"), None, None)).unwrap();
    assert_eq!(home.house.groups()[&up].name, "Up");
}

#[test]
fn names_are_kept_as_they_can_be_shown() {
    let mut home = Home::new();
    let long = "ä".repeat(200);
    for (given, kept) in [
        ("a\nb\u{1b}[2J", "ab[2J"),
        ("  kitchen\t", "kitchen"),
        (long.as_str(), &long[..MAX_NAME_LEN]),
        ("", "unnamed"),
    ] {
        let group = home.group(given, &[]);
        assert_eq!(home.house.groups()[&group].name, kept);
        assert_eq!(home.house.find_group(kept), Ok(group));
        // The next would have the same name as it is shown.
        assert_eq!(home.refused(|house, now| house.create_group(now, given, &[])), Refused::NameTaken(kept.into()));
    }
    let renamed = home.group("renamed", &[]);
    assert_eq!(
        home.refused(|house, _| house.set_group(renamed, Some("\n"), None, None)),
        Refused::NameTaken("unnamed".into())
    );
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
    home.tell(|house, now| house.delete_group(now, group)).unwrap();
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
    home.tell(|house, now| house.handle_failure(now, group, 1));
    assert_eq!(home.count(&Done::Ended(group)), 0);
}
