//! How rooms shape their sound, and how loud they begin.

use unisono_core::{
    sound::{ChannelMap, RoomSound},
    time::Nanos,
    units::Volume,
    wire::{
        Version,
        control::{
            ClockReport, LatencyPart, LatencyReport, LatencySource, LatencyStage, Message, Report, VolumeBy,
            VolumeReport,
        },
        ids::RoomIndex,
    },
};
use unisono_household::config::Command;
use unisono_hub::house::{ConnectionId, Refused};

use crate::house::home::{Home, room};

fn percent(volume: u8) -> Volume {
    Volume::new(volume).unwrap()
}

fn mono() -> RoomSound {
    RoomSound { channels: ChannelMap::Mono, ..RoomSound::default() }
}

/// What a room was told of its sound.
fn sounds(home: &mut Home, id: ConnectionId) -> Vec<RoomSound> {
    let sounds = home.told(id).into_iter().filter_map(|message| match message {
        Message::SetSound(set) => Some(set.sound),
        _ => None,
    });
    sounds.collect()
}

#[test]
fn a_node_is_told_how_its_rooms_sound_when_it_comes_and_when_that_changes() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen", "pantry"]);
    // What the node has kept may be another hub's.
    assert_eq!(sounds(&mut home, node), [RoomSound::default(); 2]);
    home.configure(&Command::SetRoomSound { room: room(1), sound: mono() });
    assert_eq!(sounds(&mut home, node), [mono()]);
    home.configure(&Command::SetRoomMaxVolume { room: room(1), volume: percent(90) });
    assert_eq!(sounds(&mut home, node), [], "it is told what it knows");
    home.leave(node);
    let back = home.arrive(1, &["kitchen", "pantry"]);
    assert_eq!(sounds(&mut home, back), [mono(), RoomSound::default()]);
}

#[test]
fn what_is_set_is_heard_before_it_is_on_the_disk_and_withdrawn_when_it_never_is() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    sounds(&mut home, node);
    let left = RoomSound { channels: ChannelMap::Left, ..RoomSound::default() };
    home.tell(|house, _| house.set_sound(room(1), mono())).unwrap();
    home.tell(|house, _| house.set_sound(room(1), left)).unwrap();
    assert_eq!(sounds(&mut home, node), [mono(), left]);
    // The first of them arrives there; the room has gone on since.
    home.configure(&Command::SetRoomSound { room: room(1), sound: mono() });
    home.configure(&Command::SetRoomSound { room: room(1), sound: left });
    assert_eq!(sounds(&mut home, node), []);
    home.tell(|house, _| house.set_sound(room(1), mono())).unwrap();
    home.tell(|house, _| house.withdraw_sound(room(1)));
    assert_eq!(sounds(&mut home, node), [mono(), left]);
    assert!(matches!(home.refused(|house, _| house.set_sound(room(9), left)), Refused::UnknownRoom(_)));
}

#[test]
fn an_older_node_is_not_told_and_the_hub_says_so() {
    let mut home = Home::new();
    let old = home.arrive_speaking(Version { major: 1, minor: 2 }, 1, &["kitchen"]);
    assert_eq!((sounds(&mut home, old), home.house.sound_problem(room(1))), (vec![], None), "nothing is set");
    home.configure(&Command::SetRoomSound { room: room(1), sound: mono() });
    assert_eq!(sounds(&mut home, old), []);
    let problem = home.house.sound_problem(room(1)).unwrap();
    assert!(problem.contains("kitchen") && problem.contains("1.2") && problem.contains("update"), "{problem}");
    assert!(matches!(home.refused(|house, _| house.check_beep(room(1))), Refused::TooOld(..)));
    home.leave(old);
    assert_eq!(home.house.sound_problem(room(1)), None, "nobody knows what it will speak");
    assert!(matches!(home.refused(|house, _| house.check_beep(room(1))), Refused::NotThere(_)));
    assert!(matches!(home.refused(|house, _| house.check_beep(room(7))), Refused::UnknownRoom(_)));
    home.arrive(1, &["kitchen"]);
    assert_eq!((home.house.sound_problem(room(1)), home.house.check_beep(room(1))), (None, Ok(())));
}

/// Two rooms at 80 %, of which the first begins at 30 at the most, in a group that is stopped.
fn loud_house() -> (Home, unisono_hub::house::GroupId) {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    home.configure(&Command::SetRoomStartVolume { room: room(1), volume: Some(percent(30)) });
    let group = home.group("all", &[room(1), room(2)]);
    for room in [room(1), room(2)] {
        home.tell(|house, _| house.set_room(room, Some(percent(80)), None)).unwrap();
    }
    (home, group)
}

fn volume(home: &Home, node: u8) -> u8 {
    home.house.rooms()[&room(node)].volume.percent()
}

#[test]
fn a_room_that_begins_to_play_is_brought_down_to_its_start_volume_and_never_up() {
    let (mut home, group) = loud_house();
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media.clone(), 0)).unwrap();
    assert_eq!((volume(&home, 1), volume(&home, 2)), (30, 80));
    // In mid-play nothing is touched: not by another piece, nor by going to and fro in it, nor by a pause.
    home.run_for(1_000);
    home.tell(|house, _| house.set_room(room(1), Some(percent(70)), None)).unwrap();
    home.tell(|house, now| house.play(now, group, media.clone(), 0)).unwrap();
    home.tell(|house, now| house.seek(now, group, 48_000)).unwrap();
    home.tell(|house, now| house.pause(now, group)).unwrap();
    home.tell(|house, now| house.resume(now, group)).unwrap();
    assert_eq!(volume(&home, 1), 70);
    home.tell(|house, now| house.stop(now, group)).unwrap();
    home.tell(|house, _| house.set_room(room(1), Some(percent(10)), None)).unwrap();
    home.tell(|house, now| house.play(now, group, media, 0)).unwrap();
    assert_eq!(volume(&home, 1), 10);
}

#[test]
fn a_silent_room_that_comes_into_music_begins_softly_and_one_that_plays_moves_on_as_it_is() {
    let (mut home, group) = loud_house();
    home.move_to(room(1), None);
    let media = home.media();
    home.tell(|house, now| house.play(now, group, media, 0)).unwrap();
    home.run_for(1_000);
    home.move_to(room(1), Some(group));
    assert_eq!(volume(&home, 1), 30);
    home.tell(|house, _| house.set_room(room(1), Some(percent(75)), None)).unwrap();
    let other = home.playing("other", &[room(2)]);
    home.move_to(room(1), Some(other));
    assert_eq!(volume(&home, 1), 75);
}

#[test]
fn a_node_that_comes_back_while_its_group_plays_is_as_loud_as_it_was() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    home.playing("all", &[room(1), room(2)]);
    home.configure(&Command::SetRoomStartVolume { room: room(1), volume: Some(percent(30)) });
    home.tell(|house, _| house.set_room(room(1), Some(percent(80)), None)).unwrap();
    home.leave(node);
    home.arrive(1, &["kitchen"]);
    assert_eq!(volume(&home, 1), 80);
}

#[test]
fn where_a_latency_comes_from_and_what_stands_for_a_volume_is_as_its_node_said_last_and_unknown_without_it() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let part = LatencyPart {
        stage: LatencyStage::Device,
        value: Nanos::from_millis(50),
        source: LatencySource::Computed,
        uncertainty: None,
    };
    let latencies = vec![LatencyReport { room: RoomIndex(0), parts: vec![part; 40] }].into();
    let volume = VolumeReport { room: RoomIndex(0), by: VolumeBy::Samples, why: "\u{1b}it does not follow\n".into() };
    let volumes = vec![volume.clone()].into();
    let report =
        Report { clock: ClockReport::default(), rooms: vec![], outputs: Default::default(), latencies, volumes };
    home.frame(node, &Message::from(report).to_frame());
    let known = &home.house.rooms()[&room(1)];
    assert_eq!(known.latency_parts, [part; 16], "no more than there can be are kept");
    assert_eq!(known.volume_report, Some(VolumeReport { why: "it does not follow".into(), ..volume }));
    home.leave(node);
    let known = &home.house.rooms()[&room(1)];
    assert_eq!((known.latency_parts.as_slice(), known.volume_report.as_ref()), ([].as_slice(), None));
}
