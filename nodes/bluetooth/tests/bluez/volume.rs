//! A room's volume and the speaker's own.

use std::time::{Duration, Instant};

use unisono_bluetooth::{
    Address,
    service::{Change, Opened},
    volume::{Obstacle, VolumeMode},
};
use unisono_core::units::{Gain, Volume};

use crate::{
    bus::on_a_bus,
    house::{House, SOON},
    standin::{Fault, Speaker, errors_of},
};

/// What a room does with a stream: says how loud it is to be, and scales its samples by what is left of that.
struct Room {
    opened: Opened,
    wanted: Gain,
    is_open: bool,
    /// Where the speaker was, and by how much samples were scaled, each time.
    seen: Vec<(u16, Gain)>,
}

impl Room {
    async fn open(house: &House, address: Address, percent: u8) -> Self {
        let opened = house.open(address).await.unwrap();
        Self { opened, wanted: gain(percent), is_open: false, seen: Vec::new() }
    }

    /// Goes on until something is so.
    async fn until(&mut self, house: &House, address: Address, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < SOON, "never so: {what}; {:?}", self.seen.last());
            self.go_on(house, address, Duration::from_millis(20)).await;
        }
    }

    async fn go_on(&mut self, house: &House, address: Address, span: Duration) {
        let began = Instant::now();
        while began.elapsed() < span {
            let samples = self.opened.volume.take(self.wanted, &mut self.is_open);
            self.seen.push((house.standin.speaker(address).volume.unwrap_or(127), samples));
            let tone: Vec<f32> =
                (0..960).flat_map(|frame| [samples.factor() * (frame as f32 * 0.06).sin(); 2]).collect();
            let _ = self.opened.feed.write(&tone);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn is_the_speakers_own(&self) -> bool {
        self.opened.volume.obstacle().is_none() && self.seen.last().is_some_and(|(_, samples)| *samples == Gain::UNITY)
    }

    fn at(&self) -> Option<u16> {
        self.seen.last().map(|(at, _)| *at)
    }
}

fn gain(percent: u8) -> Gain {
    Volume::new(percent).unwrap().gain()
}

on_a_bus! {
    async fn a_speaker_that_was_loud_is_at_the_rooms_volume_before_it_has_full_scale_on_each_connection() {
        let house = House::new(10).await;
        let address = house.paired(Speaker { volume: Some(127), ..Speaker::new(1) }).await;
        for _ in 0..2 {
            let mut room = Room::open(&house, address, 35).await;
            room.until(&house, address, "the speaker stands for the volume", Room::is_the_speakers_own).await;
            assert_eq!(room.at(), Some(44));
            let too_loud = room.seen.iter().find(|(at, samples)| *samples == Gain::UNITY && *at > 44 + 9);
            assert_eq!(too_loud, None);
            let view = house.view(address).await;
            assert_eq!((view.volume, view.volume_by, view.volume_why), (Some(35), Some("speaker"), None));
            // Then somebody else has it, and leaves it loud.
            drop(room);
            house.standin.leave(address, "org.bluez.Reason.Remote").await;
            house.until("it is gone", async || !house.view(address).await.connected).await;
            house.standin.turn(address, 127).await;
            house.bluetooth.connect(address).await.unwrap();
        }
    }

    async fn a_change_moves_the_speaker_and_silence_leaves_it_where_it_is() {
        let house = House::new(10).await;
        let address = house.paired(Speaker { volume: Some(44), volume_steps: 16, ..Speaker::new(1) }).await;
        let mut room = Room::open(&house, address, 35).await;
        room.until(&house, address, "the speaker stands for the volume", Room::is_the_speakers_own).await;
        room.wanted = gain(80);
        room.until(&house, address, "the speaker is louder", |room| room.at() == Some(95)).await;
        room.wanted = Gain::SILENT;
        room.go_on(&house, address, Duration::from_millis(300)).await;
        assert_eq!(room.seen.last(), Some(&(95, Gain::SILENT)));
        room.wanted = gain(80);
        room.until(&house, address, "it is heard again", Room::is_the_speakers_own).await;
        assert_eq!((room.at(), room.opened.volume.take_turn()), (Some(95), None), "its steps are nobody's hand");
    }

    async fn what_is_turned_at_the_speaker_is_told_and_left_as_it_is() {
        let house = House::new(10).await;
        let address = house.paired(Speaker { volume: Some(44), ..Speaker::new(1) }).await;
        let mut room = Room::open(&house, address, 35).await;
        room.until(&house, address, "the speaker stands for the volume", Room::is_the_speakers_own).await;
        room.go_on(&house, address, Duration::from_millis(300)).await;
        house.standin.calls();
        house.standin.turn(address, 64).await;
        let began = Instant::now();
        let turned = loop {
            assert!(began.elapsed() < SOON, "nobody is told");
            room.go_on(&house, address, Duration::from_millis(20)).await;
            if let Some(turned) = room.opened.volume.take_turn() {
                break turned;
            }
        };
        assert_eq!(Volume::nearest(turned).percent(), 50);
        // As the hub answers.
        room.wanted = gain(50);
        room.go_on(&house, address, Duration::from_millis(500)).await;
        assert_eq!((room.at(), room.is_the_speakers_own()), (Some(64), true));
        let asked = house.standin.calls().into_iter().filter(|call| call.starts_with("Set.Volume")).count();
        assert_eq!(asked, 0, "nobody contradicts the hand");
    }

    async fn a_speaker_that_refuses_or_does_not_follow_is_told_of_and_its_samples_are_scaled() {
        let house = House::new(10).await;
        let address = house.paired(Speaker { volume: Some(127), follows_volume: false, ..Speaker::new(1) }).await;
        for (name, message) in errors_of("Set.Volume").unwrap().iter().map(|error| (Some(error.0), error.1)).chain([(None, "")]) {
            if let Some(name) = name {
                house.standin.faults().set("Set.Volume", Fault::Error(name, message), u32::MAX);
            }
            let mut room = Room::open(&house, address, 35).await;
            room.until(&house, address, "it is refused", |room| room.opened.volume.obstacle() == Some(Obstacle::Refused)).await;
            room.go_on(&house, address, Duration::from_millis(100)).await;
            assert_eq!(room.seen.last(), Some(&(127, gain(35))), "{name:?}");
            assert!(room.seen.iter().all(|(_, samples)| *samples == gain(35)), "{name:?}");
            let view = house.view(address).await;
            assert_eq!((view.volume_by, view.volume_why), (Some("samples"), Some(Obstacle::Refused.description())));
            drop(room);
            house.standin.faults().clear();
            house.standin.leave(address, "org.bluez.Reason.Remote").await;
            house.until("it is gone", async || !house.view(address).await.connected).await;
            house.bluetooth.connect(address).await.unwrap();
        }
    }

    async fn a_speaker_without_a_volume_or_with_a_known_bad_one_is_left_alone_and_so_is_one_that_is_set_so() {
        let house = House::new(10).await;
        let plain = Speaker::new(1);
        let known = Speaker { volume: Some(100), name: "Tribit MAXSound Plus", ..Speaker::new(2) };
        let set = Speaker { volume: Some(100), ..Speaker::new(3) };
        for (speaker, obstacle) in [(plain, Obstacle::NoVolume), (known, Obstacle::Table), (set, Obstacle::Chosen)] {
            let address = house.paired(speaker).await;
            if obstacle == Obstacle::Chosen {
                let change = Change { volume: Some(VolumeMode::Samples), ..Change::default() };
                house.bluetooth.change(address, change).await.unwrap();
            }
            house.standin.calls();
            let mut room = Room::open(&house, address, 35).await;
            room.go_on(&house, address, Duration::from_millis(500)).await;
            assert_eq!(room.opened.volume.obstacle(), Some(obstacle));
            assert!(room.seen.iter().all(|(_, samples)| *samples == gain(35)), "{obstacle:?}");
            assert!(!house.standin.calls().iter().any(|call| call.starts_with("Set.Volume")), "{obstacle:?}");
            drop(room);
            house.until("the adapter is free", async || !house.view(address).await.playing).await;
        }
        // A volume that is shown only after a while is taken up in the middle of the stream.
        let late = house.paired(Speaker::new(4)).await;
        let mut room = Room::open(&house, late, 35).await;
        room.go_on(&house, late, Duration::from_millis(200)).await;
        house.standin.turn(late, 90).await;
        room.until(&house, late, "the speaker stands for the volume", Room::is_the_speakers_own).await;
        assert_eq!(room.at(), Some(44));
    }
}
