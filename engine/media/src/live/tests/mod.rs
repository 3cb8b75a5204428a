//! Hours of a source and its reader in virtual time, and its ports for real.

mod ports;
mod world;

use unisono_core::time::Nanos;

use super::input::DELAY;
use world::{World, Writer};

/// Half an hour with a crystal that is off, in pieces that come late by chance.
fn half_an_hour(ppm: f64, piece_ms: f64) {
    let writer = Writer { ppm, piece_s: piece_ms * 1e-3, jitter_s: 0.008, late_s: 0.045, ..Writer::default() };
    let mut world = World::new(writer);
    world.run(120.0);
    let settled = world.held();
    world.watch();
    world.run(1_800.0);
    let seen = world.seen();
    println!("{ppm} ppm, pieces of {piece_ms} ms: {seen:?}");
    assert_eq!((seen.silent, world.underruns()), (0, 0), "{seen:?}");
    // What lies between two pieces comes and goes; what must not is the rest.
    let piece = piece_ms * 1e-3 + 0.03;
    assert!(seen.least > 0.005 && seen.most < DELAY.as_secs_f64() + 2.0 * piece + 0.06, "{seen:?}");
    assert!((seen.mean - settled).abs() < 0.02 + piece, "{seen:?}, at first {settled}");
    // A three-hundredth of a cent, and slowly.
    assert!(seen.wow_ppm < 2.0, "{seen:?}");
}

#[test]
fn half_an_hour_at_80_ppm_has_no_gap_and_no_growing_delay() {
    for ppm in [80.0, -80.0] {
        for piece_ms in [5.0, 20.0, 46.0] {
            half_an_hour(ppm, piece_ms);
        }
    }
}

#[test]
fn a_writer_in_bursts_of_half_a_second_has_no_gap_either() {
    for ppm in [80.0, -80.0] {
        let mut world = World::new(Writer { ppm, piece_s: 0.5, jitter_s: 0.02, ..Writer::default() });
        world.run(60.0);
        world.watch();
        world.run(1_800.0);
        let seen = world.seen();
        println!("{ppm} ppm: {seen:?}");
        assert_eq!((seen.silent, world.underruns()), (0, 0), "{seen:?}");
        assert!(seen.least > 0.02 && seen.most < 0.9, "{seen:?}");
        assert!(seen.wow_ppm < 10.0, "{seen:?}");
    }
}

#[test]
fn a_writer_that_pauses_is_silent_meanwhile_and_comes_back_as_soon_as_before() {
    let mut world = World::new(Writer { ppm: 50.0, jitter_s: 0.005, ..Writer::default() });
    world.run(60.0);
    let before = world.held();
    for pause in [3.0, 40.0, 600.0] {
        world.pause(pause);
        assert!(!world.is_heard());
        world.run(10.0);
        assert!(world.is_heard());
        assert!(
            (world.held() - before).abs() < 0.05,
            "{} s after a pause of {pause} s, {before} s before",
            world.held()
        );
    }
    assert_eq!(world.underruns(), 0, "a pause is no fault");
    world.run(60.0);
    assert!((world.drift_ppm().unwrap() - 50.0).abs() < 3.0, "{:?}", world.drift_ppm());
}

#[test]
fn a_writer_that_is_late_once_makes_one_gap_and_it_is_counted() {
    let mut world = World::new(Writer { ppm: -30.0, jitter_s: 0.005, ..Writer::default() });
    world.run(30.0);
    // What was to be written meanwhile comes all at once.
    world.stall(0.4);
    world.run(2.0);
    assert_eq!(world.underruns(), 1);
    world.watch();
    world.run(600.0);
    assert_eq!((world.seen().silent, world.underruns()), (0, 1));
    assert!(world.held() < 0.9, "{}", world.held());
}

#[test]
fn what_piles_up_is_left_out_after_a_while() {
    let mut world = World::new(Writer { ppm: 10.0, jitter_s: 0.005, ..Writer::default() });
    world.run(30.0);
    world.pile_up(0.8);
    assert!(world.held() > 0.8);
    world.watch();
    world.run(60.0);
    assert!(world.held() < 0.3, "{}", world.held());
    assert_eq!((world.seen().silent, world.underruns()), (0, 0));
    assert!(world.seen().step < 0.2, "a cut that is heard: {:?}", world.seen());
}

#[test]
fn a_writer_that_waits_for_us_is_heard_to_the_bit() {
    let mut world = World::new(Writer { is_eager: true, ..Writer::default() });
    world.run(10.0);
    world.watch();
    world.run(60.0);
    assert_eq!((world.seen().silent, world.underruns(), world.drift_ppm()), (0, 0, None));
    assert!(world.is_exact(), "samples were changed");
    assert!(world.held() < 0.4, "{}", world.held());
}

#[test]
fn the_delay_is_what_was_said() {
    let mut world = World::new(Writer { piece_s: 0.01, ..Writer::default() });
    let first = world.first_heard();
    assert!(first - DELAY < Nanos::from_millis(40) && first >= DELAY, "{first}");
}
