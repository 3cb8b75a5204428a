//! What time does to a house: crystals that warm up and cool down, links whose shortest way jumps, a hub whose machine
//! sleeps. (No clock that counts here can be stepped: `CLOCK_MONOTONIC_RAW` stands still in a sleep, and that is all.)
//!
//! Every test prints its seed; `UNISONO_SEED=… cargo test …` runs it again. A whole day takes minutes:
//! `simulate 2 good --hours 24 --jumping-floors --swing-ppm 2 --limit-us 60`.

use super::common::{playing, seed};
use crate::sim::{LinkProfile, Report, Setup};

/// The error between two rooms that 99 of 100 samples stay below, in seconds.
fn p99(report: &Report, from: f64, to: f64) -> f64 {
    let mut errors: Vec<f64> = report.errors_between(0, 1, from, to).iter().map(|error| error.abs()).collect();
    errors.sort_by(f64::total_cmp);
    errors[errors.len() * 99 / 100]
}

#[test]
fn two_rooms_stay_in_time_while_crystals_swing_and_floors_jump() {
    let link = LinkProfile { floors: LinkProfile::RATE_FLOORS, ..LinkProfile::GOOD };
    let setup = Setup { swing_ppm: 2.0, ..Setup::rooms(2, link, seed(20)) };
    let mut world = playing(setup);
    world.run_until(3_600.0);
    let report = world.report();
    let p99 = p99(&report, 180.0, 3_599.0);
    println!("99 of 100 samples are less than {:.1} µs apart", p99 * 1e6);
    assert!(p99 < 60e-6);
    assert!((0..2).all(|room| report.silent_share(room, 4.0, 3_599.0) == 0.0), "a room is silent at times");
    assert!(report.rooms.iter().all(|room| room.resyncs == 0), "a room jumps");
}

#[test]
fn a_hub_that_slept_finds_its_rooms_in_time_again() {
    for (i, asleep) in [1.0, 2.0, 30.0, 300.0].into_iter().enumerate() {
        let mut world = playing(Setup::rooms(3, LinkProfile::GOOD, seed(30 + i as u64)));
        world.run_until(60.0);
        world.suspend_hub();
        world.run_until(60.0 + asleep);
        world.wake_hub();
        world.run_until(120.0 + asleep);
        check_interrupted(&world.report(), 60.0, 60.0 + asleep, 119.0 + asleep);
    }
}

/// Something happens to the hub between two instants: never do two rooms sound apart, and soon afterwards all sound.
fn check_interrupted(report: &Report, from: f64, to: f64, end: f64) {
    let rooms = [0, 1, 2];
    let back = to + 3.0;
    let worst = worst_of_the_stream(report);
    let after = report.worst_error(&rooms, back, end);
    let silent: Vec<f64> = rooms.iter().map(|room| report.silent_share(*room, from, back) * (back - from)).collect();
    println!("apart {:.0} µs at worst, {:.0} µs afterwards; silent for {silent:.1?} s", worst * 1e6, after * 1e6);
    assert!(rooms.iter().all(|room| report.silent_share(*room, back, end) == 0.0), "silent long afterwards");
    assert!(after < 1e-3, "{after} s apart afterwards");
    assert!(worst < 2e-3, "{worst} s apart meanwhile");
}

/// The largest error between rooms, in seconds, of what is no sound made up: where a stream breaks off and where it comes
/// back, a decoder fades out in what it last had.
fn worst_of_the_stream(report: &Report) -> f64 {
    let samples =
        |room: usize| report.rooms[room].samples.iter().map(|sample| sample.phase.filter(|_| !sample.concealed));
    let apart = |a: usize, b: usize| {
        let pairs = samples(a).zip(samples(b)).filter_map(|(a, b)| Some(a?.distance_from(b?).abs() / 48_000.0));
        pairs.fold(0.0, f64::max)
    };
    apart(0, 1).max(apart(0, 2)).max(apart(1, 2))
}
