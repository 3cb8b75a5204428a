//! What a household may rely on, shown on the real state machines in virtual time.
//!
//! Every test prints its seed; `UNISONO_SEED=… cargo test …` runs it again.

use super::common::{playing, seed};
use crate::sim::{LinkProfile, Outage, Report, Setup, World};
use unisono_core::time::Nanos;
use unisono_household::config::Command;
use unisono_hub::house::{At, GroupId, Media, StreamSettings};

const SECOND: i64 = 1_000_000_000;

/// What the ten-minute runs must show; the reason when they do not.
fn check_in_time(report: &Report, from: f64, to: f64) -> Result<(), String> {
    let rooms: Vec<usize> = (0..report.rooms.len()).collect();
    for room in &rooms {
        let figures = &report.rooms[*room];
        if report.silent_share(*room, from, to) > 0.0 {
            return Err(format!("room {room} is silent at times"));
        }
        if figures.resyncs > 0 || figures.starved > 0 {
            return Err(format!("room {room} jumped {} times, starved {} times", figures.resyncs, figures.starved));
        }
    }
    let worst = report.worst_error(&rooms, from, to);
    if worst > 2e-3 { Err(format!("rooms are {:.3} ms apart", worst * 1e3)) } else { Ok(()) }
}

#[test]
fn ten_rooms_stay_in_time_for_ten_minutes() {
    let mut world = playing(Setup::rooms(10, LinkProfile::GOOD, seed(1)));
    world.run_until(600.0);
    check_in_time(&world.report(), 3.0, 599.0).unwrap();
}

#[test]
fn rooms_stay_in_time_on_links_at_the_end_of_the_garden() {
    let mut setup = Setup::rooms(4, LinkProfile::BAD, seed(2));
    setup.settings.margin = Nanos::from_secs(1);
    let mut world = World::new(setup);
    // Such a link takes longer to find the clock.
    world.run_until(10.0);
    world.play_in(&[0, 1, 2, 3]);
    world.run_until(610.0);
    check_in_time(&world.report(), 11.5, 609.0).unwrap();
}

#[test]
fn an_estimator_that_always_says_zero_is_found_out() {
    let mut setup = Setup::rooms(3, LinkProfile::CLEAN, seed(3));
    for node in &mut setup.nodes {
        node.zero_estimator = true;
        node.clock_offset_s = setup.hub_offset_s;
    }
    let mut world = playing(setup);
    world.run_until(600.0);
    let verdict = check_in_time(&world.report(), 3.0, 599.0);
    println!("{verdict:?}");
    assert!(verdict.is_err());
}

#[test]
fn a_joiner_does_not_move_anyone_else_and_starts_within_a_second() {
    let seed = seed(4);
    let run = |joins: bool| {
        let mut setup = Setup::rooms(4, LinkProfile::GOOD, seed);
        setup.nodes.iter_mut().for_each(|node| node.records = true);
        let mut world = World::new(setup);
        world.run_until(2.0);
        let group = world.play_in(&[0, 1, 2]);
        world.run_until(30.0);
        if joins {
            let room = world.room(3);
            world.configure(&Command::SetRoomGroup { room, group: Some(group) });
        }
        world.run_until(60.0);
        if joins {
            let room = world.room(3);
            world.configure(&Command::SetRoomGroup { room, group: None });
        }
        world.run_until(90.0);
        world.report()
    };
    let (alone, joined) = (run(false), run(true));
    for room in 0..3 {
        let (alone, joined) = (&alone.rooms[room].recording, &joined.rooms[room].recording);
        assert!(alone.sounds().count() > 10_000, "room {room} has recorded nothing");
        let difference = alone.difference(joined);
        assert!(difference.is_none(), "room {room} heard the joiner come or go: {}", difference.unwrap_or_default());
    }
    let joiner = &joined.rooms[3].recording;
    let (first, phase) = joiner.sounds().next().unwrap();
    let last = joiner.sounds().last().unwrap().0;
    let off = (0..3).map(|room| {
        let other = joined.rooms[room].recording.phase_at(first).unwrap();
        phase.distance_from(other).abs() / 48_000.0
    });
    let off = off.fold(0.0, f64::max);
    println!("the joiner plays from {first:.3} s, {:.1} µs off, to {last:.3} s", off * 1e6);
    assert!((30.0..31.0).contains(&first) && last <= 60.2);
    // The house has been in time for half a minute; what is left is what a clock on such a link leaves.
    assert!(off < 1e-4, "the joiner starts {off} s off");
    let worst = joined.worst_error(&[0, 1, 2, 3], first + 0.1, 59.9);
    println!("the worst error with it is {:.1} µs", worst * 1e6);
    assert!(worst < 1e-3, "the joiner is {worst} s off");
}

#[test]
fn five_percent_of_burst_loss_leaves_less_than_a_ten_thousandth_concealed() {
    let link = LinkProfile { loss: 0.05, burst: 3.0, ..LinkProfile::GOOD };
    let mut setup = Setup::rooms(10, link, seed(5));
    setup.settings.margin = Nanos::from_millis(330);
    let mut world = playing(setup);
    assert_eq!(world.latency(), 0.4);
    world.run_until(602.0);
    let report = world.report();
    let concealed: u64 = report.rooms.iter().map(|room| room.concealed_frames).sum();
    let share = concealed as f64 / (10.0 * 600.0 * 48_000.0);
    println!("{:.6} % concealed", share * 100.0);
    assert!(share < 1e-4);
    check_in_time(&report, 4.0, 599.0).unwrap();
}

#[test]
fn an_outage_is_silent_for_no_longer_than_it_must() {
    for (i, length) in [0.3, 0.6, 1.0, 2.0, 4.0].into_iter().enumerate() {
        let mut setup = Setup::rooms(2, LinkProfile::GOOD, seed(60 + i as u64));
        let from = 30 * SECOND;
        setup.outages.push((1, Outage { from, to: from + Nanos::from_secs_f64(length).as_nanos() }));
        setup.nodes[1].records = true;
        let mut world = playing(setup);
        world.run_until(60.0);
        let latency = world.latency();
        let report = world.report();
        let silent = report.rooms[1].recording.silent_for(29.0, 45.0);
        let allowed = (length - latency + 0.1).max(0.0);
        println!("out for {length} s with {latency} s of latency: silent for {silent:.3} s, allowed {allowed:.2} s");
        assert!(silent <= allowed + 1e-9);
        assert!(report.silent_share(0, 3.0, 59.0) == 0.0, "the other room is disturbed");
        assert!(report.worst_error(&[0, 1], 29.0 + length + 2.0, 59.0) < 1e-3);
    }
}

#[test]
fn rooms_are_in_time_within_three_seconds_of_the_hub_coming_back() {
    for (i, gone) in [1.0, 5.0, 20.0].into_iter().enumerate() {
        let mut world = playing(Setup::rooms(3, LinkProfile::GOOD, seed(70 + i as u64)));
        world.run_until(30.0);
        world.kill_hub();
        world.run_until(30.0 + gone);
        world.restart_hub();
        world.run_until(60.0 + gone);
        let report = world.report();
        let back = 30.0 + gone + 3.0;
        assert!((0..3).all(|room| report.silent_share(room, back, 55.0 + gone) == 0.0), "silent after {gone} s");
        let worst = report.worst_error(&[0, 1, 2], back, 55.0 + gone);
        println!("gone for {gone} s: {:.0} µs apart afterwards", worst * 1e6);
        assert!(worst < 2e-3);
    }
}

#[test]
fn hostile_truncated_replayed_and_reordered_datagrams_change_nothing() {
    let seed = seed(8);
    let run = |hostile: u32| {
        let mut setup = Setup::rooms(3, LinkProfile::GOOD, seed);
        setup.hostile = hostile;
        let mut world = playing(setup);
        world.run_until(120.0);
        world.report()
    };
    let (left_alone, attacked) = (run(0), run(200));
    check_in_time(&attacked, 3.0, 119.0).unwrap();
    for room in 0..3 {
        assert_eq!(left_alone.rooms[room].concealed_frames, attacked.rooms[room].concealed_frames);
        let samples = left_alone.rooms[room].samples.iter().zip(&attacked.rooms[room].samples);
        let moved = samples.map(|(a, b)| match (a.phase, b.phase) {
            (Some(a), Some(b)) => a.distance_from(b).abs() / 48_000.0,
            (None, None) => 0.0,
            _ => f64::INFINITY,
        });
        assert!(moved.fold(0.0, f64::max) == 0.0, "room {room} plays otherwise under attack");
    }
    let refused: u64 = attacked.rooms.iter().map(|room| room.bad_datagrams).sum();
    println!("{refused} datagrams refused");
    assert!(refused > 1_000);

    let disordered = LinkProfile { reordered: 0.05, duplicated: 0.05, ..LinkProfile::GOOD };
    let mut world = playing(Setup::rooms(3, disordered, seed));
    world.run_until(120.0);
    check_in_time(&world.report(), 3.0, 119.0).unwrap();
}

#[test]
fn pause_seek_and_stop_take_effect_in_all_rooms_at_once() {
    let mut world = playing(Setup::rooms(3, LinkProfile::GOOD, seed(9)));
    world.run_until(10.0);
    let group = world.house(|house, _| house.find_group("group")).unwrap();
    world.house(|house, now| house.pause(now, group)).unwrap();
    world.run_until(12.0);
    let stood = world.house(|house, now| house.position(now, group)).unwrap();
    world.house(|house, now| house.resume(now, group)).unwrap();
    world.run_until(15.0);
    let played = world.house(|house, now| house.position(now, group)).unwrap() - stood;
    world.house(|house, now| house.seek(now, group, 48_000 * 3_600)).unwrap();
    world.run_until(20.0);
    let position = world.house(|house, now| house.position(now, group)).unwrap();
    world.house(|house, now| house.stop(now, group)).unwrap();
    world.run_until(25.0);
    let report = world.report();
    println!("after the pause {played} frames in 3 s, after the seek {position}");
    assert!((2.3..2.8).contains(&(played as f64 / 48_000.0)));
    assert!((3_604.2..3_605.0).contains(&(position as f64 / 48_000.0)));
    for room in 0..3 {
        assert_eq!(report.silent_share(room, 10.5, 12.0), 1.0);
        assert_eq!(report.silent_share(room, 12.7, 14.9), 0.0);
        assert_eq!(report.silent_share(room, 15.7, 19.9), 0.0);
        assert_eq!(report.silent_share(room, 20.5, 25.0), 1.0);
    }
    for (from, to) in [(3.0, 10.0), (12.7, 15.0), (15.7, 20.0)] {
        assert!(report.worst_error(&[0, 1, 2], from, to) < 1e-3);
    }
}

#[test]
fn what_plays_ends_at_its_last_frame_in_every_room() {
    let mut setup = Setup::rooms(2, LinkProfile::GOOD, seed(10));
    setup.source_frames = 48_000 * 5;
    let mut world = playing(setup);
    world.run_until(20.0);
    let report = world.report();
    for room in 0..2 {
        let (first, last) = report.playing_span(room).unwrap();
        assert!((4.9..=5.1).contains(&(last - first + 0.1)), "room {room} plays from {first} to {last} s");
    }
    assert_eq!(world.ended(), 1);
}

#[test]
fn lossless_and_compressed_rooms_share_a_group() {
    use unisono_core::wire::control::Codec;
    let mut setup = Setup::rooms(3, LinkProfile::GOOD, seed(11));
    setup.nodes[1].codec = Codec::Flac;
    setup.nodes[2].codec = Codec::Pcm24;
    let mut world = playing(setup);
    world.run_until(60.0);
    let report = world.report();
    check_in_time(&report, 4.0, 59.0).unwrap();
    assert!(report.worst_error(&[0, 1, 2], 10.0, 59.0) < 1e-3);
}

#[test]
fn a_low_latency_group_plays_on_a_good_link() {
    let mut setup = Setup::rooms(2, LinkProfile::CLEAN, seed(12));
    setup.settings = StreamSettings { margin: Nanos::from_millis(60), ..StreamSettings::default() };
    let mut world = playing(setup);
    world.run_until(60.0);
    check_in_time(&world.report(), 3.0, 59.0).unwrap();
}

fn latency_ms(world: &World) -> i64 {
    Nanos::from_secs_f64(world.latency()).as_millis()
}

/// Rooms 0 and 1 play; room 2 is about to turn out slow, room 3 joins with a slow speaker.
fn house_with_slow_rooms(link: LinkProfile, seed: u64, slow: bool) -> Report {
    let mut setup = Setup::rooms(4, link, seed);
    setup.nodes.iter_mut().for_each(|node| node.records = true);
    setup.nodes[3].speaker_s = 0.4;
    let mut world = World::new(setup);
    world.run_until(2.0);
    let group = world.play_in(&[0, 1, 2]);
    assert_eq!(latency_ms(&world), 370);
    world.run_until(30.0);
    if slow {
        world.set_speaker(2, 0.2);
        world.run_until(40.0);
        assert_eq!(latency_ms(&world), 570);
        let room = world.room(3);
        world.configure(&Command::SetRoomGroup { room, group: Some(group) });
        world.run_until(50.0);
        assert_eq!(latency_ms(&world), 770);
        // What it needed stays until something else is begun.
        let room = world.room(3);
        world.configure(&Command::SetRoomGroup { room, group: None });
    }
    world.run_until(60.0);
    world.report()
}

#[test]
fn a_speaker_that_turns_out_slow_and_one_that_joins_change_not_a_sample_elsewhere() {
    for (link, name) in [(LinkProfile::CLEAN, "cable"), (LinkProfile::GOOD, "Wi-Fi")] {
        let seed = seed(13);
        let (alone, slow) = (house_with_slow_rooms(link, seed, false), house_with_slow_rooms(link, seed, true));
        for room in 0..2 {
            let (before, after) = (&alone.rooms[room], &slow.rooms[room]);
            // The same packets, each with its own sound, in the same order, and none made up.
            assert_eq!(before.recording.decoded.len(), after.recording.decoded.len());
            assert_eq!(before.recording.decoded, after.recording.decoded, "{name}: room {room} decodes otherwise");
            assert_eq!(after.concealed_frames, before.concealed_frames, "{name}: room {room}");
            assert_eq!((after.resyncs, after.starved), (0, 0));
            let samples = before.samples.iter().zip(&after.samples).skip(30);
            let moved = samples.map(|(a, b)| match (a.phase, b.phase) {
                (Some(a), Some(b)) => a.distance_from(b).abs(),
                (a, b) => f64::from(u8::from(a != b)) * f64::INFINITY,
            });
            let moved = moved.fold(0.0, f64::max);
            println!("{name}: room {room} has moved by {moved:.4} frames at most");
            assert!(moved < 1.0, "{name}: room {room} has moved by {moved} frames");
        }
        // A jump, and then in time with the others.
        let silent = slow.silent_share(2, 30.0, 40.0) * 10.0;
        println!("{name}: the room that turned out slow is silent for {silent:.1} s at most");
        assert!(silent <= 0.5, "silent for {silent} s");
        assert_eq!(slow.silent_share(2, 31.0, 59.0), 0.0, "{name}");
        assert_eq!(slow.silent_share(3, 41.5, 49.0), 0.0, "{name}");
        for (rooms, from, to) in [(&[0, 1, 2][..], 31.5, 59.0), (&[0, 1, 2, 3], 41.5, 49.5)] {
            let worst = slow.worst_error(rooms, from, to);
            println!("{name}: {rooms:?} are {:.0} µs apart", worst * 1e6);
            assert!(worst < 1e-3, "{name}: {rooms:?} are {worst} s apart");
        }
    }
}

#[test]
fn a_speaker_that_holds_14_ms_less_is_in_time_again_within_five_seconds() {
    let mut setup = Setup::rooms(3, LinkProfile::GOOD, seed(14));
    setup.nodes[1].speaker_s = 0.196;
    let mut world = playing(setup);
    world.run_until(30.0);
    world.set_speaker(1, 0.182);
    world.run_until(30.2);
    let said = world.sync_error(1);
    assert!((0.012..0.0141).contains(&said), "it says that it is {said} s off");
    world.run_until(40.0);
    let report = world.report();
    let (before, after) = (report.worst_error(&[0, 1, 2], 5.0, 29.5), report.worst_error(&[0, 1, 2], 35.0, 39.5));
    println!("{:.0} µs apart before, {:.0} µs from 5 s after it on", before * 1e6, after * 1e6);
    assert!(before < 1e-3 && after < 1e-3);
    check_in_time(&report, 35.0, 39.5).unwrap();
    assert_eq!(report.silent_share(1, 5.0, 39.5), 0.0);
}

#[test]
fn a_speaker_beyond_the_limit_plays_late_says_by_how_much_and_holds_up_nobody() {
    let mut setup = Setup::rooms(3, LinkProfile::GOOD, seed(15));
    setup.nodes[2].speaker_s = 2.3;
    let mut world = playing(setup);
    world.run_until(30.0);
    assert_eq!(latency_ms(&world), 2_370);
    let said = world.sync_error(2);
    assert!((said + 0.3).abs() < 1e-3, "it says {said} s");
    let report = world.report();
    assert!(report.worst_error(&[0, 1], 10.0, 29.0) < 1e-3);
    let late = report.errors_between(0, 2, 10.0, 29.0);
    let worst = late.iter().map(|error| (error - 0.3).abs()).fold(0.0, f64::max);
    assert!(!late.is_empty() && worst < 1e-3, "{worst} s from what it says");
    assert_eq!(report.silent_share(2, 10.0, 29.0), 0.0);
}

#[test]
fn a_queue_that_is_changed_at_the_last_moment_is_silent_in_no_room() {
    let seed = seed(31);
    let song = |number: u64| Media { title: format!("song {number}"), frames: Some(10 * 48_000), ..Media::default() };
    for (i, left) in [1.0, 0.5, 0.38, 0.34, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.01].into_iter().enumerate() {
        let mut setup = Setup::rooms(3, LinkProfile::GOOD, seed + i as u64);
        setup.source_frames = 10 * 48_000;
        setup.nodes.iter_mut().for_each(|node| node.records = true);
        let mut world = playing(setup);
        let group = GroupId(1);
        let ids = world.house(|house, now| house.enqueue(now, group, vec![song(2), song(3)], At::End)).unwrap();
        let position = |world: &mut World| world.house(|house, now| house.position(now, group)).unwrap();
        world.run_until(3.0);
        let border = world.now() + 10.0 - position(&mut world) as f64 / 48_000.0;
        world.run_until(border - left);
        world.house(|house, now| house.remove_entry(now, group, ids[0])).unwrap();
        world.run_until(border + 2.0);
        let title = world.house(|house, _| house.groups()[&group].media.clone()).unwrap().title;
        let since = position(&mut world) as f64 / 48_000.0;
        let latest = (0.18 + 0.06 - left).max(0.0);
        assert_eq!(title, "song 3");
        assert!((2.0 - latest - 0.01..2.01).contains(&since), "{since:.3} s of it, changed {left} s before the border");
        let report = world.report();
        // Where a run begins positions jump, and the rooms are where they are in time, not all at one instant.
        for (from, to) in [(5.0, border - 0.05), (border + 0.3, border + 1.9)] {
            check_in_time(&report, from, to).unwrap_or_else(|why| panic!("{why}, changed {left} s before"));
        }
        for (room, figures) in report.rooms.iter().enumerate() {
            let silent = figures.recording.silent_for(border - 0.5, border + 0.5);
            assert!(silent < 1e-3, "room {room} is silent for {silent} s, changed {left} s before");
        }
        let concealed: u64 = report.rooms.iter().map(|room| room.concealed_frames).sum();
        println!("{left} s before: {concealed} frames made up");
        assert!(concealed <= 2 * 960, "{concealed} frames are made up, changed {left} s before the border");
    }
}
