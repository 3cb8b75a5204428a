//! Who is let in.

use std::time::Duration;

use unisono_bluetooth::{
    Failure,
    pairing::State,
    service::{Bluetooth, PairEvent, Settings},
};

use crate::{
    bus::on_a_bus,
    house::House,
    standin::{ADAPTER, Fault, Speaker, StandIn},
};

on_a_bus! {
    async fn the_adapter_is_open_only_in_a_window_and_never_discoverable() {
        let house = House::new(10).await;
        // The stand-in's adapter begins discoverable and pairable.
        house.closed().await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        house.standin.faults().set("Pair", Fault::Slow(Duration::from_millis(300)), 1);
        let mut events = house.bluetooth.pair(address, None).await;
        while events.recv().await != Some(PairEvent::Step(State::Pairing)) {}
        assert!(house.standin.is("/org/bluez/hci0", ADAPTER, "Pairable"));
        assert!(!house.standin.is("/org/bluez/hci0", ADAPTER, "Discoverable"));
        assert_eq!(house.standin.default_agent().as_deref(), Some("DisplayYesNo"));
        while events.recv().await.is_some() {}
        house.closed().await;
    }

    async fn a_stranger_is_refused_outside_a_window_and_in_it() {
        let house = House::new(1).await;
        let (stranger, speaker) = (Speaker::new(0x66), Speaker::new(0xfe));
        let (unwanted, wanted) = (stranger.address, speaker.address);
        house.standin.place(stranger).await;
        house.standin.place(speaker).await;
        assert!(!house.standin.pair_from_outside(unwanted).await);
        assert!(!house.standin.pair_from_outside(wanted).await, "nobody has chosen it yet");

        house.standin.faults().set("Pair", Fault::Never, 1);
        let mut events = house.bluetooth.pair(wanted, None).await;
        while events.recv().await != Some(PairEvent::Step(State::Pairing)) {}
        assert!(!house.standin.pair_from_outside(unwanted).await, "it is not the one that was chosen");
        assert!(house.standin.pair_from_outside(wanted).await);
        drop(events);
        house.closed().await;
        assert!(!house.standin.pair_from_outside(wanted).await);
    }

    async fn nobody_is_played_to_who_was_not_paired_here() {
        let house = House::new(10).await;
        let stranger = Speaker { knows_us: true, ..Speaker::new(0x66) };
        let address = stranger.address;
        house.standin.place(stranger).await;
        assert!(!house.standin.connect_from_outside(address, [0x11, 0x15, 2, 51], true).await);
        assert_eq!(house.open(address).await.map(drop), Err(Failure::Unknown));
    }

    async fn a_pin_is_given_to_the_one_that_is_being_paired() {
        let house = House::new(10).await;
        let speaker = Speaker { pin: Some("1234"), ..Speaker::new(0xfe) };
        let address = speaker.address;
        house.standin.place(speaker).await;
        assert_eq!(house.pair(address, Some("0000")).await, Err(Failure::AuthenticationFailed));
        assert_eq!(house.pair(address, Some("1234")).await, Ok(()));
        house.closed().await;
    }

    async fn numbers_are_confirmed_for_the_one_that_is_being_paired() {
        let house = House::new(10).await;
        house.paired(Speaker { compares: true, ..Speaker::new(0xfe) }).await;
        house.closed().await;
    }

    async fn on_a_machine_whose_only_adapter_is_anothers_the_answers_are_left_to_others() {
        let other = zbus::connection::Builder::system().unwrap().name("org.bluealsa").unwrap().build().await.unwrap();
        let (standin, folder) = (StandIn::start().await, tempfile::tempdir().unwrap());
        let settings = Settings { hurry: 10, ..Settings::new(folder.path().into()) };
        let house = House { standin, bluetooth: Bluetooth::start(settings), folder };
        house.until("it is refused", async || {
            house.bluetooth.adapters().await.iter().any(|adapter| adapter.failure == Some(Failure::OtherProgram))
        }).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(house.standin.default_agent(), None);
        // And taken over where it becomes ours.
        drop(other);
        house.until("the endpoints are registered", async || house.standin.endpoints("hci0") >= 2).await;
        house.closed().await;
        house.paired(Speaker::new(0xfe)).await;
    }

    async fn another_program_on_the_only_adapter_is_refused_by_name_and_a_second_adapter_is_used() {
        let house = House::new(10).await;
        let other = zbus::connection::Builder::system().unwrap().name("org.bluealsa").unwrap().build().await.unwrap();
        let held = async |name: &str| {
            let adapters = house.bluetooth.adapters().await;
            let adapter = adapters.into_iter().find(|adapter| adapter.name == name).unwrap();
            (adapter.failure, adapter.holder)
        };
        let bluealsa = || (Some(Failure::OtherProgram), Some("bluealsa".to_owned()));
        house.until("it is refused", async || held("hci0").await == bluealsa()).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        assert_eq!(house.pair(address, None).await, Err(Failure::OtherProgram));

        // It has registered for calls with the first adapter; the second is ours.
        house.standin.offer("hci0", &[0x110a, 0x1112]).await;
        house.standin.add_adapter("hci1").await;
        house.until("the second is used", async || house.standin.endpoints("hci1") > 0 && held("hci1").await == (None, None)).await;
        assert_eq!(held("hci0").await, bluealsa());
        // Its endpoints are there a moment before the node has been told that they are.
        house.until("it is paired there", async || house.pair(address, None).await == Ok(())).await;
        assert_eq!(house.view(address).await.adapter_name.as_deref(), Some("hci1"));

        house.standin.offer("hci0", &[0x110a]).await;
        drop(other);
        house.until("the first is free again", async || held("hci0").await == (None, None)).await;
    }
}
