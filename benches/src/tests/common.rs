//! What the tests on the simulator share.
#![allow(dead_code, reason = "not every test needs all of it")]

use crate::sim::{Setup, World};

/// A seed for one test: fixed unless the environment says otherwise, so that a red test stays red.
pub(crate) fn seed(of: u64) -> u64 {
    let seed = std::env::var("UNISONO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(of);
    println!("seed {seed}");
    seed
}

/// Rooms that play from the second second on.
pub(crate) fn playing(setup: Setup) -> World {
    let rooms: Vec<usize> = (0..setup.nodes.len()).collect();
    let mut world = World::new(setup);
    world.run_until(2.0);
    world.play_in(&rooms);
    world
}
