//! What a room may rely on when its link is bad, and what the others may.
//!
//! Every test prints its seed; `UNISONO_SEED=… cargo test …` runs it again.

use super::common::seed;
use crate::sim::{LinkProfile, Outage, Report, Setup, World};
use unisono_core::{time::Nanos, wire::control::Codec};

const SECOND: i64 = 1_000_000_000;

/// All rooms, three seconds to find their clocks, then music.
fn played(setup: Setup, seconds: f64) -> (World, Report) {
    let rooms: Vec<usize> = (0..setup.nodes.len()).collect();
    let mut world = World::new(setup);
    world.run_until(3.0);
    world.play_in(&rooms);
    world.run_until(3.0 + seconds);
    let report = world.report();
    (world, report)
}

#[test]
fn what_is_lost_is_repaired_within_the_margin() {
    let lossy = LinkProfile { loss: 0.05, ..LinkProfile::GOOD };
    for (name, link, margin, limit) in [
        ("clean", LinkProfile::CLEAN, 60, 0.0),
        ("good", LinkProfile::GOOD, 400, 0.0),
        ("good", LinkProfile::GOOD, 200, 1e-4),
        // Stalls of this profile that are longer than the margin: about 0.03 %.
        ("good", LinkProfile::GOOD, 100, 1e-3),
        ("lossy", lossy, 350, 1e-4),
        ("bad", LinkProfile::BAD, 1_000, 1e-3),
    ] {
        let mut setup = Setup::rooms(5, link, seed(31));
        setup.settings.margin = Nanos::from_millis(margin);
        let (_, report) = played(setup, 300.0);
        let concealed: u64 = report.rooms.iter().map(|room| room.concealed_frames).sum();
        let share = concealed as f64 / (5.0 * 300.0 * 48_000.0);
        let sum = |of: fn(&crate::sim::Traffic) -> u64| -> f64 {
            report.rooms.iter().map(|room| of(&room.traffic) as f64).sum()
        };
        let cost = (sum(|traffic| traffic.repairs) + sum(|traffic| traffic.requests)) / sum(|traffic| traffic.media);
        println!("{name}, {margin} ms: concealed {:.5} %, repair costs {:.1} %", share * 100.0, cost * 100.0);
        assert!(share <= limit, "{name} with {margin} ms: {:.5} %", share * 100.0);
        assert!(cost < 4.0 * link.loss + 0.1, "{name} with {margin} ms: repair costs {cost}");
    }
}

#[test]
fn a_room_on_a_bad_link_never_disturbs_the_others() {
    let seed = seed(32);
    let run = |bad: bool| {
        let mut setup = Setup::rooms(5, LinkProfile::GOOD, seed);
        setup.nodes.iter_mut().for_each(|node| node.records = true);
        if bad {
            setup.links.push((2, LinkProfile::BAD));
            setup.links.push((4, LinkProfile { capacity: 64_000.0, ..LinkProfile::GOOD }));
            setup.outages.push((3, Outage { from: 30 * SECOND, to: 50 * SECOND }));
        }
        played(setup, 120.0).1
    };
    let (alone, beside) = (run(false), run(true));
    for room in 0..2 {
        assert!(alone.rooms[room].recording.sounds().count() > 10_000, "room {room} has recorded nothing");
        let difference = alone.rooms[room].recording.difference(&beside.rooms[room].recording);
        assert!(difference.is_none(), "room {room} is disturbed: {}", difference.unwrap_or_default());
        assert_eq!(alone.rooms[room].concealed_frames, beside.rooms[room].concealed_frames);
        assert_eq!(alone.rooms[room].traffic, beside.rooms[room].traffic);
    }
    let made_up = [2, 3, 4].map(|room| beside.rooms[room].concealed_frames);
    println!("made up on bad links: {made_up:?} frames");
    let silent = beside.silent_share(4, 10.0, 119.0);
    println!("the narrow link is silent for {:.0} % of the time", silent * 100.0);
    assert!(silent > 0.2, "the narrow link was wide enough");
}

#[test]
fn a_link_that_does_not_carry_the_rate_gets_a_lower_one_and_a_wider_one_a_higher() {
    let seed = seed(33);
    let run = |narrow: bool| {
        let mut setup = Setup::rooms(3, LinkProfile::GOOD, seed);
        setup.nodes.iter_mut().for_each(|node| node.records = true);
        if narrow {
            setup.links.push((2, LinkProfile { capacity: 190_000.0, ..LinkProfile::GOOD }));
        }
        let (mut world, _) = played(setup, 15.0);
        let soon = world.encoded();
        world.run_until(240.0);
        (soon, world.encoded(), world.report())
    };
    let (_, _, alone) = run(false);
    let (soon, later, beside) = run(true);
    let steps = &beside.rooms[2].steps;
    println!("encoded after 15 s {soon:?}, after 240 s {later:?}; the narrow room was sent {steps:?}");
    assert!(steps[0] == 192_000 && steps[1] < 192_000, "{steps:?}");
    assert_eq!(soon, [steps[1], 192_000], "only what somebody plays is encoded");
    // From 64 kbit/s it climbs to what the link carries; each try beyond that waits longer than the one before.
    assert!(steps.contains(&128_000) && steps.len() <= 7, "{steps:?}");
    for room in 0..2 {
        let difference = alone.rooms[room].recording.difference(&beside.rooms[room].recording);
        assert!(difference.is_none(), "room {room} is disturbed: {}", difference.unwrap_or_default());
    }
    // Once on a step that it carries, the room plays on in time; a try of the next that fails costs tenths of a second.
    assert!(beside.silent_share(2, 12.0, 100.0) < 0.003);
    let worst = beside.worst_error(&[0, 1, 2], 12.0, 100.0);
    println!("the worst error is {:.0} µs", worst * 1e6);
    assert!(worst < 2e-3);
}

#[test]
fn one_stall_does_not_lower_the_rate() {
    let mut setup = Setup::rooms(2, LinkProfile::GOOD, seed(34));
    setup.outages.push((1, Outage { from: 30 * SECOND, to: 32 * SECOND }));
    let (_, report) = played(setup, 60.0);
    assert!(report.rooms[1].concealed_frames > 48_000);
    assert_eq!(report.rooms[1].steps, [192_000]);
}

#[test]
fn where_nothing_can_be_asked_for_in_time_each_packet_comes_twice() {
    // A question and its answer take longer than a margin of 60 ms leaves.
    let far = LinkProfile { base: 30_000.0, loss: 0.05, burst: 1.0, ..LinkProfile::CLEAN };
    for (i, codec) in [Codec::Opus, Codec::Flac, Codec::Pcm16, Codec::Pcm24].into_iter().enumerate() {
        let mut setup = Setup::rooms(2, far, seed(35 + i as u64));
        setup.settings.margin = Nanos::from_millis(60);
        setup.settings.codec = codec;
        setup.nodes.iter_mut().for_each(|node| node.codec = codec);
        let (_, report) = played(setup, 60.0);
        let concealed: u64 = report.rooms.iter().map(|room| room.concealed_frames).sum();
        let share = concealed as f64 / (2.0 * 60.0 * 48_000.0);
        // Of 5 % of all datagrams, 5 % are lost the second time too; a packet has up to three.
        println!("{codec}: concealed {:.3} %", share * 100.0);
        assert!(share < 0.012, "{codec}: {:.3} %", share * 100.0);
    }
}
