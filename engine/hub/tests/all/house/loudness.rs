//! Volume and mute. Nobody is ever startled.

use unisono_core::{
    units::{Gain, Volume},
    wire::{
        control::{Message, Turned},
        ids::RoomIndex,
    },
};
use unisono_household::config::Command;
use unisono_hub::house::{ConnectionId, Refused};

use crate::house::home::{Home, room};

fn percent(volume: u8) -> Option<Volume> {
    Some(Volume::new(volume).unwrap())
}

/// What a room was last told, as a linear factor.
fn last_gain(home: &mut Home, id: ConnectionId) -> Option<f32> {
    let gains = home.told(id).into_iter().filter_map(|message| match message {
        Message::SetGain(gain) => Some(gain.gain.factor()),
        _ => None,
    });
    gains.collect::<Vec<_>>().pop()
}

/// Every start of a stream must find the room at a gain that is known and no louder than this.
fn check_starts(told: &[Message], limit: Gain) -> usize {
    let mut gain = None;
    let mut starts = 0;
    for message in told {
        match message {
            Message::SetGain(set) => gain = Some(set.gain),
            Message::StreamStart(_) => {
                starts += 1;
                assert!(gain.is_some_and(|gain| gain <= limit), "starts at {gain:?}, above {limit:?}: {told:?}");
            }
            _ => {}
        }
    }
    starts
}

#[test]
fn a_rooms_gain_is_the_power_law_of_its_own_volume_times_that_of_its_group() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.group("all", &[room(1)]);
    for (own, shared, expected) in
        [(100, 100, 1.0), (25, 100, 0.125), (100, 25, 0.125), (25, 25, 0.015_625), (0, 100, 0.0)]
    {
        home.tell(|house, _| house.set_room(room(1), percent(own), None)).unwrap();
        home.tell(|house, _| house.set_group(group, percent(shared), None)).unwrap();
        let told = last_gain(&mut home, node).unwrap();
        assert!((told - expected).abs() < 1e-6, "{own} % in {shared} %: {told}, not {expected}");
    }
}

#[test]
fn a_mute_of_room_or_group_is_silence_and_its_end_brings_the_same_volume_back() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.group("all", &[room(1)]);
    home.tell(|house, _| house.set_room(room(1), percent(25), Some(true))).unwrap();
    assert_eq!(last_gain(&mut home, node), Some(0.0));
    home.tell(|house, _| house.set_group(group, None, Some(true))).unwrap();
    home.tell(|house, _| house.set_room(room(1), None, Some(false))).unwrap();
    assert_eq!(last_gain(&mut home, node), Some(0.0), "the group is muted still");
    home.tell(|house, _| house.set_group(group, None, Some(false))).unwrap();
    assert_eq!(last_gain(&mut home, node), Some(0.125));
}

#[test]
fn a_new_room_is_quiet_and_knows_it_before_it_plays() {
    let mut home = Home::new();
    home.arrive(1, &["kitchen"]);
    home.playing("all", &[room(1)]);
    let node = home.arrive(2, &["study"]);
    let group = home.house.find_group("all").unwrap();
    home.move_to(room(2), Some(group));
    assert_eq!(check_starts(&home.told(node), Volume::START.gain()), 1);
}

#[test]
fn a_room_that_moves_into_a_quieter_or_muted_group_never_plays_that_louder() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    home.tell(|house, _| house.set_room(room(1), percent(100), None)).unwrap();
    let quiet = home.playing("quiet", &[room(2)]);
    let loud = home.playing("loud", &[room(1)]);
    for (volume, muted, limit) in [(25, false, Gain::new(0.125)), (100, true, Gain::SILENT)] {
        home.tell(|house, _| house.set_group(quiet, percent(volume), Some(muted))).unwrap();
        home.move_to(room(1), Some(loud));
        let _ = home.told(node);
        home.move_to(room(1), Some(quiet));
        let mut told = home.told(node);
        // What the loud group left the room at.
        told.insert(
            0,
            Message::from(unisono_core::wire::control::SetGain { room: room(1).index, gain: Gain::UNITY, ramp_ms: 0 }),
        );
        assert_eq!(check_starts(&told, limit), 1);
    }
}

#[test]
fn what_was_set_while_a_node_was_away_holds_from_its_first_sound_on() {
    let mut home = Home::new();
    let gone = home.arrive(1, &["kitchen"]);
    home.arrive(2, &["study"]);
    home.playing("all", &[room(1), room(2)]);
    home.tell(|house, _| house.set_room(room(1), percent(100), None)).unwrap();
    home.leave(gone);
    let _ = home.told(gone);
    home.tell(|house, _| house.set_room(room(1), percent(4), None)).unwrap();
    assert_eq!(home.told(gone), [], "nobody is there to be told");
    let back = home.arrive(1, &["kitchen"]);
    assert_eq!(check_starts(&home.told(back), Gain::new(0.008)), 1);
}

#[test]
fn a_room_is_never_louder_than_its_limit() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    home.tell(|house, _| house.set_room(room(1), percent(80), None)).unwrap();
    home.configure(&Command::SetRoomMaxVolume { room: room(1), volume: Volume::new(25).unwrap() });
    assert_eq!((home.house.rooms()[&room(1)].volume, last_gain(&mut home, node)), (percent(25).unwrap(), Some(0.125)));
    let too_loud = Refused::TooLoud("kitchen".into(), 25);
    assert_eq!(home.refused(|house, _| house.set_room(room(1), percent(26), Some(true))), too_loud);
    assert_eq!(home.house.check_room(room(1), percent(26), percent(30)), Ok(()));
}

#[test]
fn a_volume_that_is_turned_at_the_speaker_is_the_rooms_as_far_as_the_room_may_be_as_loud() {
    let mut home = Home::new();
    let node = home.arrive(1, &["kitchen"]);
    let group = home.group("all", &[room(1)]);
    let turn = |home: &mut Home, volume: u8| {
        let gain = Volume::new(volume).unwrap().gain();
        let _ = home.told(node);
        home.frame(node, &Message::from(Turned { room: RoomIndex(0), gain }).to_frame());
        (
            home.house.rooms()[&room(1)].volume.percent(),
            last_gain(home, node).map(|gain| Volume::nearest(Gain::new(gain)).percent()),
        )
    };
    assert_eq!(turn(&mut home, 62), (62, Some(62)), "and the speaker hears that it stays so");
    // Half of what the group lets through, and a group that lets through less than was turned to.
    home.tell(|house, _| house.set_group(group, percent(50), None)).unwrap();
    assert_eq!(turn(&mut home, 25), (50, Some(25)));
    assert_eq!(turn(&mut home, 80), (100, Some(50)), "the speaker is turned down again");
    home.configure(&Command::SetRoomMaxVolume { room: room(1), volume: Volume::new(40).unwrap() });
    assert_eq!(turn(&mut home, 30), (40, Some(20)));
    // What is silent stays silent, and is as loud as it was turned to when it is heard again.
    home.tell(|house, _| house.set_room(room(1), None, Some(true))).unwrap();
    assert_eq!(turn(&mut home, 10), (20, Some(0)));
    home.tell(|house, _| house.set_group(group, percent(0), None)).unwrap();
    assert_eq!(turn(&mut home, 90), (20, Some(0)));
    // A room that the node does not have is nobody's.
    home.frame(node, &Message::from(Turned { room: RoomIndex(9), gain: Gain::UNITY }).to_frame());
    assert_eq!(home.house.rooms()[&room(1)].volume.percent(), 20);
}
