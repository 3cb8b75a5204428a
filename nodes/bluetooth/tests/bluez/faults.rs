//! Pairings with faults at random. `SEED` moves them all.

use std::time::{Duration, Instant};

use unisono_bluetooth::Failure;

use crate::{
    house::House,
    standin::{Speaker, device_path},
};

/// A thousand together, in shards that run beside each other: each has a bus and a process of its own, and takes less
/// time than a test may.
const PAIRINGS: u32 = 1_000;
const SHARDS: u32 = 8;

mod a_thousand_pairings_with_random_faults_end_well_or_with_a_reason_and_leave_nothing_behind {
    use super::shard;
    use crate::bus::on_a_bus;

    on_a_bus! {
        async fn shard_1() { shard(1).await; }
        async fn shard_2() { shard(2).await; }
        async fn shard_3() { shard(3).await; }
        async fn shard_4() { shard(4).await; }
        async fn shard_5() { shard(5).await; }
        async fn shard_6() { shard(6).await; }
        async fn shard_7() { shard(7).await; }
        async fn shard_8() { shard(8).await; }
    }
}

/// Its share of the pairings, all of them.
async fn shard(number: u32) {
    let base = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4_u64);
    let seed = base.wrapping_mul(u64::from(SHARDS)).wrapping_add(u64::from(number));
    println!("| shard {number} of {SHARDS}, SEED={base}");
    let house = House::with(|settings| {
        settings.hurry = 200;
        settings.chime = Duration::from_millis(5);
    })
    .await;
    let speaker = Speaker::new(0xfe);
    let (address, at) = (speaker.address, device_path("hci0", speaker.address));
    house.standin.place(speaker).await;
    // The first one leaves behind what every later one finds.
    assert_eq!(house.pair(address, None).await, Ok(()));
    let descriptors = descriptors();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut paired, mut reasons) = (0, std::collections::BTreeMap::<&str, u32>::new());
    let began = Instant::now();
    let share = PAIRINGS / SHARDS;
    for done in 0..share {
        house.standin.faults().clear();
        let _ = house.bluetooth.forget(address).await;
        house.standin.leave(address, "org.bluez.Reason.Local").await;
        house.standin.hide(&at).await;
        house.standin.faults().random(random.u64(..), 0.12, Duration::from_millis(40));
        match house.pair(address, None).await {
            Ok(()) => paired += 1,
            Err(failure) => {
                assert_ne!(failure, Failure::NotExpected, "shard {number}, SEED={base}, pairing {done}");
                *reasons.entry(failure.name()).or_default() += 1;
            }
        }
    }
    println!("| {share} pairings in {:.0?}: {paired} paired, {reasons:?}", began.elapsed());
    assert!(paired > share / 2, "shard {number}, SEED={base}");
    house.standin.faults().clear();
    let _ = house.bluetooth.forget(address).await;
    house.standin.hide(&at).await;
    assert_eq!(house.pair(address, None).await, Ok(()), "shard {number}: it works once nothing goes wrong");
    house.closed().await;
    let left = self::descriptors();
    assert!(left < descriptors + 40, "shard {number}, SEED={base}: {descriptors} descriptors have become {left}");
}

/// Open files of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
