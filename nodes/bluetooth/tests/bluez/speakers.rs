//! Remembered speakers: they come, go, and are called.

use std::time::Duration;

use unisono_bluetooth::{
    Failure,
    a2dp::Quality,
    reconnect::{Mode, State},
    service::{Bluetooth, Change, Settings},
};
use unisono_core::time::Nanos;

use crate::{bus::on_a_bus, house::House, standin::Speaker};

on_a_bus! {
    async fn a_polite_node_leaves_a_speaker_alone_that_went_and_takes_it_when_it_comes() {
        let house = House::new(50).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.standin.calls();
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        house.until("it is left alone", async || house.view(address).await.state == State::Waiting).await;
        // A quarter of an hour for the machine.
        tokio::time::sleep(Duration::from_secs(18)).await;
        let called = |calls: &[String]| calls.iter().any(|call| call.starts_with("ConnectProfile"));
        assert!(!called(&house.standin.calls()));
        assert_eq!(house.open(address).await.map(drop), Err(Failure::HungUp), "nor for a room");
        assert!(!called(&house.standin.calls()));
        assert!(house.standin.connect_from_outside(address, [0x11, 0x15, 2, 51], false).await);
        house.until("it is taken", async || house.view(address).await.connected).await;
        drop(house.open(address).await.unwrap());
    }

    async fn an_exclusive_node_calls_it_back() {
        let house = House::new(50).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        let change = Change { mode: Some(Mode::Exclusive), ..Change::default() };
        house.bluetooth.change(address, change).await.unwrap();
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        house.until("it is connected again", async || house.standin.transport(address).is_some()).await;
    }

    async fn a_lost_link_is_made_again_also_by_a_polite_node() {
        let house = House::new(50).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.standin.change(address, |speaker| speaker.on = false).await;
        house.standin.leave(address, "org.bluez.Reason.Timeout").await;
        house.until("it is called in vain", async || house.view(address).await.failure == Some(Failure::PageTimeout)).await;
        house.standin.change(address, |speaker| speaker.on = true).await;
        house.until("it is connected again", async || house.view(address).await.connected).await;
    }

    async fn a_room_that_needs_a_speaker_has_it_called_and_hears_why_it_does_not_come() {
        let house = House::new(10).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.standin.change(address, |speaker| speaker.on = false).await;
        house.standin.leave(address, "org.bluez.Reason.Timeout").await;
        house.until("it is gone", async || !house.view(address).await.connected).await;
        assert_eq!(house.open(address).await.map(drop), Err(Failure::PageTimeout));
        house.standin.change(address, |speaker| speaker.on = true).await;
        drop(house.open(address).await.unwrap());
        assert_eq!(house.open(Speaker::new(9).address).await.map(drop), Err(Failure::Unknown));
    }

    async fn what_a_person_disconnects_stays_so_until_they_connect_it() {
        let house = House::new(20).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.bluetooth.disconnect(address).await.unwrap();
        house.until("it is disconnected", async || house.view(address).await.state == State::Held).await;
        assert_eq!(house.open(address).await.map(drop), Err(Failure::Canceled));
        house.standin.connect_from_outside(address, [0x11, 0x15, 2, 51], false).await;
        house.until("it is sent away again", async || !house.is(address, "Connected")).await;
        house.bluetooth.connect(address).await.unwrap();
        drop(house.open(address).await.unwrap());
    }

    async fn a_model_that_breaks_up_with_xq_is_never_asked_for_it_and_whoever_sets_it_is_told() {
        let house = House::new(10).await;
        let known = Speaker { name: "SoundCore 2", ..Speaker::new(1) };
        for (speaker, mode, is_told) in [(known, "joint stereo", true), (Speaker::new(2), "dual channel", false)] {
            let address = house.paired(speaker).await;
            let change = Change { quality: Some(Quality::Xq), ..Change::default() };
            house.bluetooth.change(address, change).await.unwrap();
            assert_eq!(house.view(address).await.quality_why.is_some(), is_told);
            house.bluetooth.disconnect(address).await.unwrap();
            house.until("it is disconnected", async || house.view(address).await.state == State::Held).await;
            house.bluetooth.connect(address).await.unwrap();
            let codec = house.view(address).await.codec.unwrap();
            assert!(codec.contains(mode), "{codec}");
            // Nor where it is paired once more.
            house.standin.leave(address, "org.bluez.Reason.Remote").await;
            house.until("it is gone", async || !house.view(address).await.connected).await;
            assert_eq!(house.pair(address, None).await, Ok(()));
            let codec = house.view(address).await.codec.unwrap();
            assert!(codec.contains(mode), "{codec}");
        }
    }

    async fn speakers_are_remembered_and_connected_when_the_node_starts_again() {
        let house = House::new(10).await;
        let address = house.paired(Speaker { volume: Some(64), ..Speaker::new(0xfe) }).await;
        let change = Change { alias: Some("Kitchen".into()), trim: Some(Nanos::from_millis(-7)), ..Change::default() };
        house.bluetooth.change(address, change).await.unwrap();
        let mut house = house;
        let settings = Settings { hurry: 10, ..Settings::new(house.folder.path().into()) };
        house.standin.leave(address, "org.bluez.Reason.Local").await;
        house.bluetooth = Bluetooth::start(settings);
        house.until("it is connected", async || house.view(address).await.connected).await;
        let view = house.view(address).await;
        assert_eq!((view.name.as_str(), view.trim_ms), ("Kitchen", -7.0));
        house.bluetooth.forget(address).await.unwrap();
        assert!(house.bluetooth.list().await.is_empty());
        assert!(!house.is(address, "Paired"));
        assert_eq!(house.bluetooth.forget(address).await, Err(Failure::Unknown));
        let text = std::fs::read_to_string(house.folder.path().join("bluetooth.toml")).unwrap();
        assert!(!text.contains("Kitchen"), "{text}");
    }

    async fn a_machine_without_bluez_says_so_and_works_once_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let chime = Duration::from_millis(20);
        let bluetooth = Bluetooth::start(Settings { hurry: 20, chime, ..Settings::new(folder.path().into()) });
        let mut scan = bluetooth.scan(Duration::from_secs(1)).await;
        assert_eq!(scan.recv().await, Some(unisono_bluetooth::service::ScanEvent::Over(Some(Failure::NoBluez))));
        let standin = crate::standin::StandIn::start().await;
        standin.remove_adapter("hci0").await;
        let house = House { standin, bluetooth, folder };
        let over = async |failure| {
            house.scan(Duration::from_millis(50)).await.last() == Some(&unisono_bluetooth::service::ScanEvent::Over(Some(failure)))
        };
        house.until("there is no adapter", async || over(Failure::NoAdapter).await).await;
        house.standin.add_adapter("hci0").await;
        house.until("there is one", async || over(Failure::NotFound).await).await;
        house.paired(Speaker::new(0xfe)).await;
        house.standin.put("/org/bluez/hci0", crate::standin::ADAPTER, "Powered", false.into()).await;
        house.until("it is off", async || over(Failure::AdapterOff).await).await;
    }
}
