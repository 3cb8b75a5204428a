//! The machines for pairing and for calling remembered speakers, against models of `BlueZ`, of speakers and of people, in
//! virtual time; and their diagrams against what they did.

mod diagram;
mod drawing;
mod pairings;
mod reconnects;
mod world;

/// A seed for one of many runs; `UNISONO_SEED` moves them all.
fn seed(run: u64) -> u64 {
    let base: u64 = std::env::var("UNISONO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    base.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run
}
