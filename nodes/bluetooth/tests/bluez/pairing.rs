//! Pairing, from a scan to sound.

use std::time::Duration;

use unisono_bluetooth::{
    Failure,
    a2dp::packet::Received,
    pairing::{State, scan::Standing},
    service::{PairEvent, ScanEvent},
};
use unisono_codec::sbc;

use crate::{
    bus::on_a_bus,
    house::House,
    playing::play,
    standin::{DEVICE, Fault, Speaker, device_path, errors_of},
};

on_a_bus! {
    async fn from_a_scan_to_a_sound_that_arrives_as_it_was_sent() {
        let house = House::new(1).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        let mut scan = house.bluetooth.scan(Duration::from_secs(20)).await;
        house.standin.place(speaker).await;
        let found = loop {
            match scan.recv().await.unwrap() {
                ScanEvent::Found(found) if found.name.is_some() => break found,
                ScanEvent::Found(_) => {}
                over @ ScanEvent::Over(_) => panic!("{over:?}"),
            }
        };
        assert_eq!((found.address, found.standing, found.signal), (address, Standing::New, Some(-52)));

        // Whoever chooses has seen enough of the scan; it ends, and before anything is connected.
        let began = std::time::Instant::now();
        let mut events = house.bluetooth.pair(address, None).await;
        let mut steps = Vec::new();
        while let Some(event) = events.recv().await {
            steps.push(event);
        }
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert_eq!(steps.last(), Some(&PairEvent::Paired), "{steps:?}");
        let order = [State::Opening, State::StoppingDiscovery, State::Pairing, State::Trusting, State::Connecting, State::Chiming];
        let told: Vec<_> = steps.iter().filter_map(|event| match event {
            PairEvent::Step(state) if order.contains(state) => Some(*state),
            _ => None,
        }).collect();
        assert_eq!(told, order);
        while let Some(event) = scan.recv().await {
            assert!(!matches!(event, ScanEvent::Over(Some(Failure::NotFound))));
        }
        house.closed().await;
        assert!(house.is(address, "Paired") && house.is(address, "Trusted") && house.is(address, "Connected"));
        let view = house.view(address).await;
        assert_eq!((view.name.as_str(), view.paired, view.connected, view.playing), ("Kitchen speaker", Some(true), true, false));
        assert_eq!(view.codec.as_deref(), Some("SBC 48000 Hz joint stereo, bitpool 2 to 51"));

        // A room plays.
        let mut opened = house.open(address).await.unwrap();
        let rate = opened.feed.rate().hertz();
        assert_eq!(rate, 48_000);
        let heard = house.heard(address).await;
        let sound: Vec<f32> = (0..rate).flat_map(|frame| {
            let at = frame as f32 / rate as f32 * std::f32::consts::TAU;
            [0.5 * (440.0 * at).sin(), 0.25 * (1_000.0 * at).sin()]
        }).collect();
        let mut rest = sound.as_slice();
        while !rest.is_empty() {
            match opened.feed.write(rest) {
                Ok(frames) => rest = &rest[frames as usize * 2..],
                Err(fault) => panic!("{fault}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let view = house.view(address).await;
        assert!(view.playing && view.counters.is_some_and(|counters| counters.dropped == 0), "{view:#?}");
        assert_eq!(house.open(address).await.map(drop), Err(Failure::Busy), "one room at a time");
        drop(opened);
        house.until("the transport is given back", async || house.standin.heard(address).is_none()).await;
        assert!(house.is(address, "Connected"), "the connection stays");

        let packets: Vec<_> = heard.packets().into_iter().map(|(_, packet)| packet).collect();
        let decoded = decode(&packets, [0x11, 0x15, 2, 51]);
        let best = snr(&sound, &decoded);
        println!("| a second of music, {} packets, {best:.1} dB", packets.len());
        assert!(best > 20.0, "{best} dB");
        // And it plays once more.
        let opened = house.open(address).await.unwrap();
        house.heard(address).await;
        drop(opened);
    }

    async fn every_error_of_bluez_at_every_step_is_named() {
        let house = House::new(40).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        let steps = ["Set.Discoverable", "Set.PairableTimeout", "RegisterAgent", "Set.Pairable", "StartDiscovery", "Pair",
            "Set.Trusted", "ConnectProfile", "Acquire"];
        let mut told = 0;
        for step in steps {
            for (name, message) in errors_of(step).unwrap() {
                house.standin.faults().set(step, Fault::Error(name, message), u32::MAX);
                let result = house.pair(address, None).await;
                let expected = match (step, *name, *message) {
                    // That is taken for paired; but it is not, and so the next step fails.
                    ("Pair", "org.bluez.Error.AlreadyExists", _) => Err(Failure::KeyMissing),
                    // All that BlueZ says of a transport that it does not hand over.
                    ("Acquire", ..) => Err(Failure::AcquireFailed),
                    _ => Err(Failure::of_bluez(name, message)),
                };
                assert_eq!(result, expected, "{step}: {name}: {message}");
                told += 1;
                house.standin.faults().clear();
                house.closed().await;
                // As if for the first time.
                let _ = house.bluetooth.forget(address).await;
                house.standin.leave(address, "org.bluez.Reason.Local").await;
                house.standin.hide(&device_path("hci0", address)).await;
            }
        }
        println!("| {told} errors at {} steps", steps.len());
        assert_eq!(house.pair(address, None).await, Ok(()));
    }

    async fn a_slow_bluez_is_waited_for() {
        let house = House::new(1).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        for step in ["Set.Pairable", "RegisterAgent", "StartDiscovery", "StopDiscovery", "Pair", "Set.Trusted", "ConnectProfile", "Acquire"] {
            house.standin.faults().set(step, Fault::Slow(Duration::from_millis(700)), 1);
        }
        assert_eq!(house.pair(address, None).await, Ok(()));
        house.closed().await;
    }

    async fn a_bluez_that_never_answers_is_named_and_nothing_stays_open() {
        let house = House::new(60).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        for (step, expected) in [
            ("Set.Pairable", Failure::StepTimeout),
            ("Pair", Failure::AuthenticationTimeout),
            ("Set.Trusted", Failure::StepTimeout),
            ("ConnectProfile", Failure::ConnectTimeout),
        ] {
            house.standin.faults().set(step, Fault::Never, u32::MAX);
            assert_eq!(house.pair(address, None).await, Err(expected), "{step}");
            house.standin.faults().clear();
            house.closed().await;
            house.standin.leave(address, "org.bluez.Reason.Local").await;
            house.standin.hide(&device_path("hci0", address)).await;
        }
        assert_eq!(house.pair(address, None).await, Ok(()));
        // The last, for bluer waits two minutes for this one whatever else is asked of it.
        let other = Speaker::new(1);
        let address = other.address;
        house.standin.place(other).await;
        house.standin.faults().set("StartDiscovery", Fault::Never, u32::MAX);
        assert_eq!(house.pair(address, None).await, Err(Failure::StepTimeout));
        house.closed().await;
    }

    async fn what_keeps_a_device_from_being_paired_is_named() {
        let house = House::new(40).await;
        let cases = [
            (Speaker { low_energy: true, services: vec![0x184e], ..Speaker::new(1) }, Failure::LowEnergyOnly),
            (Speaker { pairing_mode: false, ..Speaker::new(2) }, Failure::NotFound),
            (Speaker { on: false, ..Speaker::new(3) }, Failure::NotFound),
            (Speaker { pin: Some("0000"), ..Speaker::new(4) }, Failure::PinWanted),
        ];
        for (speaker, expected) in cases {
            let address = speaker.address;
            house.standin.place(speaker).await;
            assert_eq!(house.pair(address, None).await, Err(expected));
            house.standin.change(address, |speaker| speaker.on = false).await;
        }
        let found = house.scan(Duration::from_millis(300)).await;
        assert_eq!(found, [ScanEvent::Over(Some(Failure::NotFound))]);
        house.standin.change(Speaker::new(1).address, |speaker| speaker.on = true).await;
        let found = house.scan(Duration::from_millis(300)).await;
        assert!(matches!(found.first(), Some(ScanEvent::Found(found)) if found.standing == Standing::LowEnergyOnly), "{found:?}");
        assert_eq!(found.last(), Some(&ScanEvent::Over(Some(Failure::OnlyLowEnergySeen))));
    }

    async fn a_remembered_speaker_that_is_not_in_pairing_mode_is_not_called() {
        let house = House::new(40).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        house.standin.change(address, |speaker| speaker.pairing_mode = false).await;
        house.standin.calls();
        assert_eq!(house.pair(address, None).await, Err(Failure::NotInPairingMode));
        let calls = house.standin.calls();
        assert!(!calls.iter().any(|call| call.starts_with("Pair ") || call.starts_with("ConnectProfile ")), "{calls:?}");
    }

    async fn a_remembered_speaker_of_which_a_scan_sees_the_low_energy_half_keeps_its_keys() {
        let house = House::new(40).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        let change = |speaker: &mut Speaker| (speaker.pairing_mode, speaker.advertises) = (false, true);
        house.standin.change(address, change).await;
        // A phone has it.
        let refused = Fault::Error("org.bluez.Error.Failed", "br-connection-refused");
        house.standin.faults().set("ConnectProfile", refused, u32::MAX);
        let mut scan = house.bluetooth.scan(Duration::from_secs(20)).await;
        loop {
            match scan.recv().await.unwrap() {
                ScanEvent::Found(found) if found.standing == Standing::Remembered => break,
                ScanEvent::Found(_) => {}
                over @ ScanEvent::Over(_) => panic!("{over:?}"),
            }
        }
        house.standin.calls();
        assert_eq!(house.pair(address, None).await, Err(Failure::NotInPairingMode));
        let calls = house.standin.calls();
        assert!(!calls.iter().any(|call| call.starts_with("RemoveDevice ")), "{calls:?}");
        assert!(house.is(address, "Paired"));
    }

    async fn a_speaker_that_does_not_name_its_services_is_connected_anew() {
        let house = House::new(5).await;
        let speaker = Speaker { hides_services: true, ..Speaker::new(0xfe) };
        let address = speaker.address;
        house.standin.place(speaker).await;
        let began = std::time::Instant::now();
        assert_eq!(house.pair(address, None).await, Ok(()));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(house.view(address).await.connected);
    }

    async fn a_speaker_that_has_forgotten_us_is_paired_anew() {
        let house = House::new(20).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        house.until("it is gone", async || !house.view(address).await.connected).await;
        house.standin.change(address, |speaker| speaker.knows_us = false).await;
        assert_eq!(house.bluetooth.connect(address).await, Err(Failure::KeyMissing));
        assert_eq!(house.pair(address, None).await, Ok(()));
        assert!(house.view(address).await.connected);
    }

    async fn a_speaker_that_is_paired_while_another_plays_takes_nothing_from_that_one() {
        let house = House::new(10).await;
        let first = house.paired(Speaker::new(1)).await;
        let mut opened = house.open(first).await.unwrap();
        play(&mut opened, Duration::from_millis(100)).await.unwrap();
        house.standin.calls();
        let second = house.paired(Speaker::new(2)).await;
        let calls = house.standin.calls();
        assert!(!calls.iter().any(|call| call.starts_with("Acquire ")), "{calls:?}");
        assert!(house.view(second).await.connected);
        play(&mut opened, Duration::from_millis(100)).await.unwrap();
        // Once there is room, it is heard.
        drop(opened);
        house.until("the adapter is free", async || !house.view(first).await.playing).await;
        assert_eq!(house.bluetooth.test(second).await, Ok(()));
    }

    async fn a_person_who_goes_away_leaves_no_trace() {
        let house = House::new(20).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        house.standin.faults().set("Pair", Fault::Never, u32::MAX);
        let mut events = house.bluetooth.pair(address, None).await;
        while events.recv().await != Some(PairEvent::Step(State::Pairing)) {}
        assert_eq!(house.pair(Speaker::new(1).address, None).await, Err(Failure::InProgress));
        drop(events);
        house.closed().await;
        assert!(house.bluetooth.list().await.is_empty());
        assert!(!house.standin.is(&device_path("hci0", address), DEVICE, "Paired"));
    }

    async fn a_bluez_that_is_restarted_in_the_middle_does_not_end_a_pairing() {
        let house = House::new(10).await;
        let speaker = Speaker::new(0xfe);
        let address = speaker.address;
        house.standin.place(speaker).await;
        house.standin.faults().set("Pair", Fault::Never, 1);
        let mut events = house.bluetooth.pair(address, None).await;
        while events.recv().await != Some(PairEvent::Step(State::Pairing)) {}
        house.standin.restart(Duration::from_millis(20)).await;
        let mut last = None;
        while let Some(event) = events.recv().await {
            last = Some(event);
        }
        assert_eq!(last, Some(PairEvent::Paired));
        house.closed().await;
    }
}

/// What a speaker makes of packets: interleaved stereo.
pub(crate) fn decode(packets: &[Vec<u8>], configuration: [u8; 4]) -> Vec<f32> {
    let config = sbc::Config::from_bytes(configuration).unwrap();
    let mut decoder = sbc::Decoder::new(config).unwrap();
    let mut sound = Vec::new();
    let mut frame = vec![0.0; config.frame_samples() * 2];
    for packet in packets {
        let mut rest = Received::read(packet).expect("a media packet").payload;
        while !rest.is_empty() {
            let length = decoder.decode(rest, &mut frame).expect("whole frames");
            rest = &rest[length..];
            sound.extend_from_slice(&frame);
        }
    }
    sound
}

/// How near what was heard comes to what was played at the best delay, dB.
pub(crate) fn snr(played: &[f32], heard: &[f32]) -> f64 {
    // Silence was sent before: look for the beginning, then around it.
    let begins = heard.chunks(2).position(|frame| frame[0].abs() > 0.02).unwrap_or(0);
    let frames = 24_000;
    (begins.saturating_sub(600)..begins + 10)
        .map(|from| {
            let mut energy = (0.0, 1e-12);
            for frame in 2_000..frames {
                let (Some(was), Some(is)) = (played.get(frame * 2), heard.get((from + frame) * 2)) else { break };
                energy.0 += f64::from(*was).powi(2);
                energy.1 += f64::from(was - is).powi(2);
            }
            10.0 * (energy.0 / energy.1).log10()
        })
        .fold(f64::MIN, f64::max)
}
