//! Nodes that go, and what that changes for those who stay: nothing.

use unisono_core::{
    time::Nanos,
    wire::{
        control::{Message, RefuseReason, Rooms},
        ids::RoomIndex,
    },
};
use unisono_household::config::Command;
use unisono_hub::house::{Action, Playback, RoomId};

use crate::house::home::{Home, empty_house, hello, offers, room};

#[test]
fn a_node_that_leaves_or_comes_back_changes_nothing_for_the_others() {
    let run = |leaves: bool| {
        let mut home = Home::new();
        let (stays, goes) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["study"]));
        let group = home.playing("all", &[room(1), room(2)]);
        if leaves {
            home.leave(goes);
        }
        home.run_for(1_000);
        if leaves {
            home.arrive(2, &["study"]);
        }
        home.run_for(1_000);
        (home.told(stays), home.sent_to(stays), home.position(group), home.house.lead_of(group))
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_node_that_has_left_is_sent_nothing_and_its_room_keeps_its_place() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let goes = home.arrive(2, &["study"]);
    let group = home.playing("all", &[room(1), room(2)]);
    home.leave(goes);
    let sent = home.sent_to(goes);
    let _ = home.told(goes);
    home.run_for(1_000);
    home.tell(|house, now| house.pause(now, group)).unwrap();
    home.configure(&Command::RenameGroup { group, name: "both".into() });
    home.tell(|house, _| house.set_group(group, None, Some(true))).unwrap();
    assert_eq!((home.sent_to(goes), home.told(goes)), (sent, vec![]));
    assert!(home.house.rooms()[&room(2)].report.is_none() && !home.house.is_online(room(2).node));
    assert_eq!(home.house.rooms()[&room(2)].group, Some(group));
    assert!(home.house.groups()[&group].rooms.contains(&room(2)));
}

#[test]
fn a_room_whose_node_is_away_can_be_moved_and_plays_there_when_it_is_back() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    let goes = home.arrive(2, &["study"]);
    let (up, down) = (home.group("up", &[room(2)]), home.playing("down", &[room(1)]));
    home.leave(goes);
    let _ = home.told(goes);
    home.move_to(room(2), Some(down));
    assert_eq!((home.told(goes), home.house.groups()[&up].rooms.len()), (vec![], 0));
    let back = home.arrive(2, &["study"]);
    let told = home.told(back);
    assert_eq!(told.iter().filter(|message| matches!(message, Message::StreamStart(_))).count(), 1, "{told:?}");
    home.run_for(500);
    assert!(home.sent_to(back) > 0);
}

#[test]
fn music_goes_on_while_all_rooms_are_away() {
    let mut home = Home::new();
    let goes = home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    let position = home.position(group).unwrap();
    home.leave(goes);
    home.run_for(5_000);
    assert_eq!(home.house.groups()[&group].playback, Playback::Playing);
    assert_eq!(home.position(group), Some(position + 5 * 48_000));
}

#[test]
fn a_node_that_connects_again_takes_the_place_of_its_old_connection() {
    let mut home = Home::new();
    let old = home.arrive(1, &["kitchen"]);
    home.playing("all", &[room(1)]);
    let _ = home.told(old);
    let new = home.arrive(1, &["kitchen"]);
    let told = home.told(old);
    assert!(matches!(&told[..], [Message::Refuse(refuse)] if refuse.reason == RefuseReason::Replaced), "{told:?}");
    let (to_old, to_new) = (home.sent_to(old), home.sent_to(new));
    // The old connection's end is noticed late.
    home.leave(old);
    home.run_for(1_000);
    assert!(home.house.is_online(room(1).node));
    assert_eq!(home.sent_to(old), to_old);
    assert!(home.sent_to(new) > to_new);
}

#[test]
fn a_node_that_is_sent_away_goes_with_its_rooms_and_moves_nobody() {
    let mut home = Home::new();
    let (stays, goes) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["study"]));
    let group = home.playing("all", &[room(1), room(2)]);
    let (_, _) = (home.told(stays), home.told(goes));
    home.configure(&Command::RemoveMember { peer: room(2).node });
    let told = home.told(goes);
    let refused = |told: &Message| matches!(told, Message::Refuse(refuse) if refuse.reason == RefuseReason::NotAMember);
    assert!(told.last().is_some_and(refused), "{told:?}");
    assert!(!home.house.rooms().contains_key(&room(2)) && home.house.groups()[&group].rooms.len() == 1);
    let sent = home.sent_to(goes);
    home.run_for(1_000);
    assert_eq!((home.sent_to(goes), home.told(stays)), (sent, vec![]));
}

#[test]
fn a_node_that_was_sent_away_while_it_was_judged_does_not_come_in() {
    let mut home = Home::new();
    let id = home.arrive(1, &["kitchen"]);
    home.leave(id);
    let _ = home.told(id);
    home.house.handle_connected(id, room(1).node);
    let hello = Message::from(hello(1, offers(&["kitchen"], Nanos::ZERO)));
    home.house.handle_frame(home.now, id, &hello.to_frame());
    let Some(Action::Judge(_, _, asked)) = home.house.poll_action() else { panic!("it is not judged") };
    home.configure(&Command::RemoveMember { peer: room(1).node });
    home.tell(|house, now| house.admit(now, id, asked, Vec::new()));
    assert!(!home.house.is_online(room(1).node));
    assert!(matches!(home.told(id)[..], [Message::Refuse(_)]));
}

#[test]
fn a_room_that_its_node_drives_no_more_is_gone() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen", "pantry"]);
    let pantry = RoomId { index: RoomIndex(1), ..room(1) };
    let group = home.playing("all", &[room(1), pantry]);
    let rooms = Rooms { rooms: offers(&["galley"], Nanos::ZERO) };
    home.frame(node, &Message::from(rooms).to_frame());
    assert_eq!(home.house.rooms().keys().collect::<Vec<_>>(), [&room(1)]);
    assert_eq!(home.house.rooms()[&room(1)].name, "galley");
    assert_eq!(home.house.groups()[&group].rooms, [room(1)].into());
}

#[test]
fn a_room_that_repeats_itself_is_not_started_again() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    home.playing("all", &[room(1)]);
    let _ = home.told(node);
    let rooms = Rooms { rooms: offers(&["kitchen"], Nanos::from_millis(40)) };
    home.frame(node, &Message::from(rooms).to_frame());
    let told = home.told(node);
    assert!(matches!(told[..], [Message::SetGain(_)]), "{told:?}");
    assert_eq!(home.house.rooms()[&room(1)].latency, Nanos::from_millis(40));
}

#[test]
fn a_slower_room_that_joins_is_sent_to_earlier_and_moves_nobody() {
    let mut home = Home::new();
    let quick = home.arrive(1, &["kitchen"]);
    let group = home.playing("all", &[room(1)]);
    let _ = home.told(quick);
    home.arrive_with_latency(2, &["television"], Nanos::from_millis(400));
    let sent = home.sent_to(quick);
    home.move_to(room(2), Some(group));
    home.run_for(390);
    // 400 ms of packets of 20 ms, and those that were due.
    assert!((38..=40).contains(&(home.sent_to(quick) - sent)), "{}", home.sent_to(quick) - sent);
    assert_eq!(home.told(quick), []);
    home.run_for(20);
    let told = home.told(quick);
    assert!(matches!(&told[..], [Message::Anchors(said)] if said.anchors.is_empty()), "{told:?}");
}

#[test]
fn after_a_restart_slow_rooms_are_thought_of_before_they_are_back() {
    let mut home = Home::new();
    home.arrive_with_latency(1, &["television"], Nanos::from_millis(400));
    let group = home.playing("all", &[room(1)]);
    let (lead, snapshot) = (home.house.lead_of(group), home.house.snapshot(home.now));
    let mut restarted = empty_house();
    restarted.configure(home.now, &home.config);
    restarted.restore(snapshot);
    assert_eq!(restarted.lead_of(group), lead);
}
