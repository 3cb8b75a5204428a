//! No parser of bytes from outside panics, whatever it is given.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::Path,
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngSeed, TestRunner},
};
use unisono_fuzz::TARGETS;

/// What is done to a file.
#[derive(Clone, Debug)]
enum Change {
    /// This bit is the other way round.
    Flip(Index),
    /// What follows is gone.
    Truncate(Index),
    /// This stretch is there twice.
    Duplicate(Index, Index),
    /// What follows comes from another file, from somewhere in it on.
    Splice(Vec<u8>, Index, Index),
}

impl Change {
    fn apply(self, bytes: &mut Vec<u8>) {
        // Behind the last byte is a place as well.
        let place = |index: Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Self::Flip(bit) if !bytes.is_empty() => {
                let bit = bit.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            Self::Flip(_) => {}
            Self::Truncate(at) => bytes.truncate(place(at, bytes)),
            Self::Duplicate(a, b) => {
                let (a, b) = (place(a, bytes), place(b, bytes));
                let stretch = bytes[a.min(b)..a.max(b)].to_vec();
                bytes.splice(a.max(b)..a.max(b), stretch);
            }
            Self::Splice(other, at, from) => {
                bytes.truncate(place(at, bytes));
                bytes.extend(&other[place(from, &other)..]);
            }
        }
    }
}

/// Random bytes, and committed files to which a little was done.
fn input(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let index = any::<Index>;
    let change = prop_oneof![
        4 => index().prop_map(Change::Flip),
        1 => index().prop_map(Change::Truncate),
        1 => (index(), index()).prop_map(|(a, b)| Change::Duplicate(a, b)),
        2 => (select(corpus.clone()), index(), index()).prop_map(|(other, at, from)| Change::Splice(other, at, from)),
    ];
    let changed = (select(corpus), vec(change, 1..6)).prop_map(|(mut bytes, changes)| {
        changes.into_iter().for_each(|change| change.apply(&mut bytes));
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..512), 4 => changed]
}

/// As many as take a fraction of a second.
fn cases(target: &str) -> u32 {
    match target {
        "config_database" | "library_file" => 50,
        "music_file" | "session_state" | "node_state" => 300,
        _ => 2_000,
    }
}

/// Drawn anew in every run unless the environment names one.
fn seed() -> u64 {
    let named = std::env::var("UNISONO_SEED").ok().and_then(|text| text.parse().ok());
    let seed = named.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("seed {seed}");
    seed
}

#[test]
fn no_parser_panics() {
    let seed = seed();
    for (name, run) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        // In the order of their names, so that a seed is enough to do it again.
        paths.sort();
        let corpus = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        let config = Config {
            cases: cases(name),
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&input(corpus), |bytes| {
            run(&bytes);
            Ok(())
        });
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}
