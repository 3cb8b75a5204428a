//! Pairings with faults at random.

use std::time::{Duration, Instant};

use unisono_bluetooth::Failure;

use crate::{
    bus::on_a_bus,
    house::House,
    standin::{Speaker, device_path},
};

/// As many as an issue asks for, as long as that takes less than the time that a test may take.
const PAIRINGS: u32 = 1_000;
const SPAN: Duration = Duration::from_secs(110);

on_a_bus! {
    async fn a_thousand_pairings_with_random_faults_end_well_or_with_a_reason_and_leave_nothing_behind() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4);
        println!("| seed {seed}");
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
        let (mut done, mut paired, mut reasons) = (0, 0, std::collections::BTreeMap::<&str, u32>::new());
        let began = Instant::now();
        while done < PAIRINGS && began.elapsed() < SPAN {
            house.standin.faults().clear();
            let _ = house.bluetooth.forget(address).await;
            house.standin.leave(address, "org.bluez.Reason.Local").await;
            house.standin.hide(&at).await;
            house.standin.faults().random(random.u64(..), 0.12, Duration::from_millis(40));
            match house.pair(address, None).await {
                Ok(()) => paired += 1,
                Err(failure) => {
                    assert_ne!(failure, Failure::NotExpected, "seed {seed}, pairing {done}");
                    *reasons.entry(failure.name()).or_default() += 1;
                }
            }
            done += 1;
        }
        println!("| {done} pairings in {:.0?}: {paired} paired, {reasons:?}", began.elapsed());
        assert!(paired > done / 2, "seed {seed}");
        house.standin.faults().clear();
        let _ = house.bluetooth.forget(address).await;
        house.standin.hide(&at).await;
        assert_eq!(house.pair(address, None).await, Ok(()), "seed {seed}: it works once nothing goes wrong");
        house.closed().await;
        let left = self::descriptors();
        assert!(left < descriptors + 40, "seed {seed}: {descriptors} descriptors have become {left}");
    }
}

/// Open files of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
