//! Delay reports, and how soon a room knows of them.

use std::time::{Duration, Instant};

use unisono_bluetooth::service::Opened;
use unisono_core::time::Nanos;

use crate::{bus::on_a_bus, house::House, playing::play, standin::Speaker};

on_a_bus! {
    async fn a_changed_delay_report_is_known_to_the_room_within_a_second() {
        let house = House::new(1).await;
        // BlueZ shows no report at first, then one of zero, then a real one, which then changes and is taken back.
        let address = house.paired(Speaker { delay: None, ..Speaker::new(0xfe) }).await;
        let mut opened = house.open(address).await.unwrap();
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        let unknown = opened.latency.read();
        println!("| without a report {unknown}");
        house.standin.report(address, Some(0)).await;
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        assert_eq!(opened.latency.read(), unknown, "zero is no report");
        house.standin.report(address, Some(1_960)).await;
        let late = changed(&mut opened, unknown).await;
        house.standin.report(address, Some(1_820)).await;
        let later = changed(&mut opened, late).await;
        println!("| reported 196 ms {late}, then 182 ms {later}");
        let step = late - later;
        assert!((step - Nanos::from_millis(14)).abs() < Nanos::from_millis(1), "{step}");
        let view = house.view(address).await;
        assert_eq!(view.report_ms.map(f64::round), Some(182.0));
        assert!(view.latency.is_some());
        // It stays what it was when the report goes: the speaker is still the same.
        house.standin.report(address, None).await;
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        drop(opened);

        // And it is what is expected at the next start.
        house.until("it has ended", async || !house.view(address).await.playing).await;
        let opened = house.open(address).await.unwrap();
        assert!((opened.latency.read() - later).abs() < Nanos::from_millis(5), "{} {later}", opened.latency.read());
    }
}

/// Plays on until the latency is another, for a second at most.
async fn changed(opened: &mut Opened, from: Nanos) -> Nanos {
    let began = Instant::now();
    while (opened.latency.read() - from).abs() < Nanos::from_millis(3) {
        assert!(began.elapsed() < Duration::from_secs(1), "still {from}");
        play(opened, Duration::from_millis(10)).await.unwrap();
    }
    opened.latency.read()
}
