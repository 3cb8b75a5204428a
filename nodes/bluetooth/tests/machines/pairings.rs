//! Pairing, a thousand times.

use std::collections::BTreeMap;

use unisono_bluetooth::{
    Failure,
    pairing::{CLEANUP_LIMIT, State, WHOLE_LIMIT},
};
use unisono_core::time::Nanos;

use crate::{
    drawing::Transitions,
    seed,
    world::{Before, Faults, Outcome, World},
};

/// A speaker as people bring them: mostly in pairing mode, some paired before, some with a surprise.
fn anyone(random: &mut fastrand::Rng) -> Before {
    let low_energy_only = random.u8(0..20) == 0;
    let in_pairing_mode = !low_energy_only && random.u8(0..12) > 0;
    let bonded = random.u8(0..5) == 0;
    let wants_pin = random.u8(0..10) == 0;
    Before {
        in_pairing_mode,
        low_energy_only,
        wants_pin,
        gives_pin: wants_pin && random.bool(),
        bonded,
        forgotten: bonded && random.bool(),
        seen: (in_pairing_mode || bonded) && random.bool(),
        hangs: random.u8(0..10) == 0,
    }
}

/// One run with random faults.
pub(crate) fn faulty(seed: u64, transitions: &mut Transitions) -> Outcome {
    let mut random = fastrand::Rng::with_seed(seed);
    let faults = Faults {
        command: random.f64() * 0.5,
        world: if random.bool() { random.f64() * 0.2 } else { 0.0 },
        cancel: if random.u8(0..8) == 0 { 0.08 } else { 0.0 },
    };
    let before = anyone(&mut random);
    let mut world = World::new(seed, faults, before);
    let outcome = world.run();
    transitions.append(&mut world.transitions);
    outcome
}

#[test]
fn a_thousand_pairings_with_random_faults_all_end_well_or_with_a_name() {
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for run in 0..1_000 {
        let seed = seed(run);
        // A panic inside says what broke; this says with which seed.
        let outcome = std::panic::catch_unwind(|| faulty(seed, &mut Transitions::new()))
            .unwrap_or_else(|_| panic!("seed {seed}: see above"));
        let limit = WHOLE_LIMIT + CLEANUP_LIMIT;
        assert!(limit <= Nanos::from_secs(130), "nobody waits longer for a speaker");
        assert!(outcome.took <= limit, "seed {seed}: took {}\n{}", outcome.took, outcome.log.join("\n"));
        let end = match outcome.state {
            State::Paired => "paired".into(),
            State::Failed(failure) => failure.name().to_owned(),
            state => panic!("seed {seed}: ended {}", state.name()),
        };
        *ends.entry(end).or_default() += 1;
    }
    println!("{ends:?}");
    assert!(ends["paired"] > 400, "{ends:?}");
    for failure in [Failure::NotInPairingMode, Failure::LowEnergyOnly, Failure::NotFound, Failure::Canceled] {
        assert!(ends.contains_key(failure.name()), "{failure:?} never came: {ends:?}");
    }
}

#[test]
fn with_nothing_in_the_way_it_always_works_and_within_fifteen_seconds() {
    let mut longest = Nanos::ZERO;
    for run in 0..1_000 {
        let seed = seed(run);
        let mut random = fastrand::Rng::with_seed(seed);
        let before = Before { in_pairing_mode: true, seen: random.bool(), ..Before::default() };
        let outcome = World::new(seed, Faults::NONE, before).run();
        assert_eq!(outcome.state, State::Paired, "seed {seed}\n{}", outcome.log.join("\n"));
        longest = longest.max(outcome.took);
    }
    println!("the longest took {longest}");
    assert!(longest < Nanos::from_secs(15), "{longest}");
}

/// Runs without faults, with something particular about the speaker.
fn particular(before: Before) -> Outcome {
    World::new(seed(1), Faults::NONE, before).run()
}

#[test]
fn a_remembered_speaker_that_is_not_in_pairing_mode_is_named_and_not_called() {
    let outcome = particular(Before { bonded: true, ..Before::default() });
    assert_eq!(outcome.state, State::Failed(Failure::NotInPairingMode));
    let log = outcome.log.join("\n");
    assert!(!log.contains(" Pair\n") && !log.contains("ConnectProfile"), "{log}");
}

#[test]
fn a_remembered_speaker_of_which_a_scan_saw_the_low_energy_half_keeps_its_keys() {
    for forgotten in [false, true] {
        let outcome = particular(Before { bonded: true, forgotten, seen: true, ..Before::default() });
        assert_eq!(outcome.state, State::Failed(Failure::NotInPairingMode));
        let log = outcome.log.join("\n");
        assert!(!log.contains("ConnectProfile") && !log.contains("Remove"), "{log}");
    }
}

#[test]
fn an_unknown_speaker_that_does_not_show_up_was_not_found() {
    assert_eq!(particular(Before::default()).state, State::Failed(Failure::NotFound));
}

#[test]
fn a_device_that_speaks_only_low_energy_is_named_so() {
    let outcome = particular(Before { low_energy_only: true, ..Before::default() });
    assert_eq!(outcome.state, State::Failed(Failure::LowEnergyOnly));
}

#[test]
fn a_speaker_with_a_pin_wants_it_and_takes_it() {
    let without = Before { in_pairing_mode: true, seen: true, wants_pin: true, ..Before::default() };
    assert_eq!(particular(without).state, State::Failed(Failure::PinWanted));
    assert_eq!(particular(Before { gives_pin: true, ..without }).state, State::Paired);
}

#[test]
fn a_speaker_that_is_paired_and_does_not_say_its_services_is_connected_anew() {
    let outcome = particular(Before { in_pairing_mode: true, seen: true, hangs: true, ..Before::default() });
    assert_eq!(outcome.state, State::Paired, "{}", outcome.log.join("\n"));
    assert!(outcome.took < Nanos::from_secs(15), "took {}\n{}", outcome.took, outcome.log.join("\n"));
}

#[test]
fn a_speaker_in_pairing_mode_that_has_forgotten_this_machine_is_paired_anew() {
    let outcome =
        particular(Before { in_pairing_mode: true, bonded: true, forgotten: true, seen: true, ..Before::default() });
    assert_eq!(outcome.state, State::Paired, "{}", outcome.log.join("\n"));
    assert!(outcome.log.iter().any(|line| line.ends_with("Remove")));
}
