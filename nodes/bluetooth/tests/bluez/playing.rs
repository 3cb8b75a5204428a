//! Streams: what ends them, what begins them again, and how many there may be.

use std::time::Duration;

use unisono_bluetooth::{
    Address, Failure,
    a2dp::{FeedFault, IdleMode},
    reconnect::Mode,
    service::{Change, Opened},
};
use unisono_core::time::Nanos;

use crate::{
    bus::on_a_bus,
    house::House,
    standin::{Speaker, TRANSPORT},
};

on_a_bus! {
    async fn a_bluez_that_is_restarted_while_it_plays_plays_again_by_itself() {
        let house = House::new(10).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        let mut opened = house.open(address).await.unwrap();
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        house.standin.restart(Duration::from_millis(300)).await;
        let gone = loop {
            if let Err(FeedFault::Gone(failure)) = opened.feed.room() {
                break failure;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(gone, Failure::BluezRestarted);
        drop(opened);
        // The room opens again, as it does with any output that was lost.
        let mut opened = loop {
            match house.open(address).await {
                Ok(opened) => break opened,
                Err(failure) => assert!(failure.is_of_this_machine(), "{failure:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        assert!(house.heard(address).await.packets().len() > 10);
        house.closed().await;
    }

    async fn a_speaker_that_connects_and_starts_by_itself_is_played_to_as_it_chose() {
        let house = House::new(10).await;
        let address = house.paired(Speaker { volume: Some(0), ..Speaker::new(0xfe) }).await;
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        house.until("it is gone", async || !house.view(address).await.connected).await;
        // 44.1 kHz, plain stereo, bitpool 35.
        assert!(house.standin.connect_from_outside(address, [0x22, 0x15, 2, 35], true).await);
        // What BlueZ said after that has been heard, and so that the stream is pending.
        let transport = house.standin.transport(address).unwrap();
        house.standin.put(&transport, TRANSPORT, "Volume", 127_u16.into()).await;
        house.until("its volume is known", async || house.view(address).await.volume == Some(100)).await;
        house.standin.calls();
        let mut opened = house.open(address).await.unwrap();
        assert_eq!(opened.feed.rate().hertz(), 44_100);
        let calls = house.standin.calls();
        assert!(calls.iter().any(|call| call.starts_with("TryAcquire ")), "{calls:?}");
        play(&mut opened, Duration::from_millis(200)).await.unwrap();
        assert!(house.view(address).await.counters.unwrap().bitpool <= 35);
        drop(opened);
        // What is no configuration, or none that we offered, is refused.
        house.standin.leave(address, "org.bluez.Reason.Remote").await;
        assert!(!house.standin.connect_from_outside(address, [0xff, 0xff, 2, 250], false).await);
    }

    async fn a_hang_up_in_the_middle_of_a_packet_is_told_and_the_next_stream_is_whole() {
        let house = House::new(10).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        let mut opened = house.open(address).await.unwrap();
        play(&mut opened, Duration::from_millis(200)).await.unwrap();
        house.heard(address).await.hang_up();
        let fault = play(&mut opened, Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(fault, FeedFault::Gone(Failure::HungUp | Failure::LinkLost)), "{fault:?}");
        drop(opened);
        let mut opened = house.open(address).await.unwrap();
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        let packets = house.heard(address).await.packets();
        assert!(packets.len() > 10);
        let packets: Vec<_> = packets.into_iter().map(|(_, packet)| packet).collect();
        crate::pairing::decode(&packets, [0x11, 0x15, 2, 51]);
    }

    async fn a_full_socket_costs_packets_and_bits_and_nothing_else() {
        let house = House::new(1).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        let mut opened = house.open(address).await.unwrap();
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        let heard = house.heard(address).await;
        let before = house.view(address).await.counters.unwrap();
        assert_eq!(before.dropped, 0);
        heard.set_deaf(true);
        play(&mut opened, Duration::from_millis(1_000)).await.unwrap();
        let full = house.view(address).await.counters.unwrap();
        assert!(full.dropped > 20 && full.bitpool < before.bitpool, "{full:?}");
        heard.set_deaf(false);
        play(&mut opened, Duration::from_millis(2_500)).await.unwrap();
        let after = house.view(address).await.counters.unwrap();
        assert!(after.bitpool > full.bitpool, "{after:?}");
        // The numbers of the packets that were dropped are missing, and no others.
        let numbers: Vec<_> = heard.packets().iter().map(|(_, packet)| u16::from_be_bytes([packet[2], packet[3]])).collect();
        let missing: u64 = numbers.windows(2).map(|pair| u64::from(pair[1].wrapping_sub(pair[0]).wrapping_sub(1))).sum();
        assert_eq!(missing, after.dropped + after.skipped, "{after:?}");
    }

    async fn a_speaker_that_is_out_of_reach_is_called_again_though_bluez_does_not_say_why_it_went() {
        let house = House::new(20).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        let mut opened = house.open(address).await.unwrap();
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        house.heard(address).await.set_deaf(true);
        let gone = play(&mut opened, Duration::from_secs(20)).await;
        assert_eq!(gone, Err(FeedFault::Gone(Failure::LinkLost)));
        drop(opened);
        // As all versions before 5.83 do.
        house.standin.leave(address, "org.bluez.Reason.Unknown").await;
        house.until("it is connected again", async || house.view(address).await.connected).await;
        drop(house.open(address).await.unwrap());
    }

    async fn a_speaker_that_a_phone_takes_in_the_middle_is_left_to_it_for_half_a_minute() {
        let house = House::new(10).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        taken_by_a_phone(&house, address).await;
        house.standin.calls();
        assert_eq!(house.open(address).await.map(drop), Err(Failure::HungUp), "the room opens again at once");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(house.open(address).await.map(drop), Err(Failure::HungUp));
        let calls = house.standin.calls();
        assert!(!calls.iter().any(|call| call.starts_with("Acquire ")), "{calls:?}");
        house.until("the room has it again", async || house.open(address).await.is_ok()).await;
    }

    async fn a_speaker_that_a_phone_took_is_played_to_at_once_where_somebody_wants_that() {
        let house = House::new(1).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        // A person tests it.
        taken_by_a_phone(&house, address).await;
        assert_eq!(house.bluetooth.test(address).await, Ok(()));
        house.until("the stream is over", async || !house.view(address).await.playing).await;
        // It starts the stream itself.
        taken_by_a_phone(&house, address).await;
        let transport = house.standin.transport(address).unwrap();
        house.standin.put(&transport, TRANSPORT, "State", "pending".into()).await;
        house.standin.put(&transport, TRANSPORT, "Volume", 127_u16.into()).await;
        house.until("that is known", async || house.view(address).await.volume == Some(100)).await;
        drop(house.open(address).await.unwrap());
        house.until("the stream is over", async || !house.view(address).await.playing).await;
        // The node is exclusive.
        taken_by_a_phone(&house, address).await;
        let change = Change { mode: Some(Mode::Exclusive), ..Change::default() };
        house.bluetooth.change(address, change).await.unwrap();
        drop(house.open(address).await.unwrap());
    }

    async fn an_adapter_carries_one_stream_and_a_second_adapter_another() {
        let house = House::new(10).await;
        let first = house.paired(Speaker::new(1)).await;
        let second = house.paired(Speaker::new(2)).await;
        let opened = house.open(first).await.unwrap();
        assert_eq!(house.open(second).await.map(drop), Err(Failure::AdapterBusy));
        assert_eq!(house.bluetooth.holders(second), [first]);
        // Whoever gives it up for the other need not wait until it is free.
        drop(opened);
        let opened = house.open(second).await.unwrap();
        house.until("that is shown", async || house.bluetooth.holders(first) == [second]).await;
        drop(opened);

        // Both at once where that is allowed: each has an endpoint of its own.
        drop(house);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    async fn a_speaker_that_was_away_while_another_plays_is_told_apart_from_one_that_was_there_all_the_time() {
        let house = House::new(10).await;
        let first = house.paired(Speaker::new(1)).await;
        let second = house.paired(Speaker::new(2)).await;
        let _opened = house.open(first).await.unwrap();
        let refused = async || {
            assert_eq!(house.open(second).await.map(drop), Err(Failure::AdapterBusy));
            house.bluetooth.connects(second)
        };
        let stayed = refused().await;
        assert_eq!(refused().await, stayed);
        house.standin.leave(second, "org.bluez.Reason.Timeout").await;
        house.until("it was away", async || {
            !house.view(second).await.connected || house.bluetooth.connects(second) > stayed
        }).await;
        // It is called again, and comes, while the room waits.
        assert_eq!(refused().await, stayed + 1);
    }

    async fn two_streams_go_through_one_adapter_where_that_is_allowed() {
        let house = House::with(|settings| (settings.hurry, settings.streams_per_adapter) = (10, 2)).await;
        let (first, second) = (house.paired(Speaker::new(1)).await, house.paired(Speaker::new(2)).await);
        let (mut one, mut two) = (house.open(first).await.unwrap(), house.open(second).await.unwrap());
        play(&mut one, Duration::from_millis(100)).await.unwrap();
        play(&mut two, Duration::from_millis(100)).await.unwrap();
        assert!(house.heard(first).await.packets().len() > 3 && house.heard(second).await.packets().len() > 3);
    }

    async fn a_connected_speaker_that_nobody_plays_on_is_kept_awake_and_no_room_waits_for_that() {
        let house = House::new(20).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        let ours = Change { mode: Some(Mode::Exclusive), ..Change::default() };
        house.bluetooth.change(address, ours).await.unwrap();
        let heard = house.heard(address).await;
        house.until("it has heard enough", async || heard.is_over()).await;
        let packets: Vec<_> = heard.packets().into_iter().map(|(_, packet)| packet).collect();
        let sound = crate::pairing::decode(&packets, [0x11, 0x15, 2, 51]);
        let peak = sound.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.001..0.01).contains(&peak), "{peak}");
        assert!(house.is(address, "Connected") && !house.view(address).await.playing);
        // A room comes in the middle of the next.
        house.heard(address).await;
        let began = std::time::Instant::now();
        let mut opened = house.open(address).await.unwrap();
        // It would go on for two seconds.
        assert!(began.elapsed() < Duration::from_millis(1_900), "{:?}", began.elapsed());
        play(&mut opened, Duration::from_millis(300)).await.unwrap();
        assert!(house.heard(address).await.packets().len() > 10);
    }

    async fn a_speaker_that_may_sleep_or_is_beside_one_that_plays_is_not_kept_awake() {
        let house = House::new(20).await;
        let (first, second) = (house.paired(Speaker::new(1)).await, house.paired(Speaker::new(2)).await);
        let ours = Change { mode: Some(Mode::Exclusive), ..Change::default() };
        house.bluetooth.change(first, ours).await.unwrap();
        let is_acquired = || house.standin.calls().iter().any(|call| call.starts_with("Acquire "));
        let mut opened = house.open(second).await.unwrap();
        is_acquired();
        play(&mut opened, Duration::from_secs(7)).await.unwrap();
        assert!(!is_acquired(), "the adapter is another's");
        let suspend = Change { idle: Some(IdleMode::Suspend), ..Change::default() };
        house.bluetooth.change(first, suspend).await.unwrap();
        drop(opened);
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert!(!is_acquired(), "one may sleep, and the other a phone may have");
    }

    async fn a_silent_speaker_is_suspended_or_disconnected_as_it_was_set_and_woken_by_sound() {
        let house = House::with(|settings| (settings.hurry, settings.idle_after) = (10, Nanos::from_millis(300))).await;
        let address = house.paired(Speaker::new(0xfe)).await;
        for idle in [IdleMode::Suspend, IdleMode::Disconnect] {
            house.bluetooth.change(address, Change { idle: Some(idle), ..Change::default() }).await.unwrap();
            let mut opened = house.open(address).await.unwrap();
            play(&mut opened, Duration::from_millis(200)).await.unwrap();
            let asleep = async || {
                let idle_now = house.standin.transport(address).is_none_or(|transport| {
                    let state: String = house.standin.property(&transport, TRANSPORT, "State").unwrap().try_into().unwrap();
                    state == "idle"
                });
                idle_now && (house.is(address, "Connected") == (idle == IdleMode::Suspend))
            };
            let began = std::time::Instant::now();
            while !asleep().await {
                assert!(began.elapsed() < crate::house::SOON, "{idle:?}");
                silence(&mut opened, Duration::from_millis(50)).await.unwrap();
            }
            let began = std::time::Instant::now();
            while house.standin.heard(address).is_none() {
                assert!(began.elapsed() < crate::house::SOON, "{idle:?}");
                play(&mut opened, Duration::from_millis(50)).await.unwrap();
            }
            play(&mut opened, Duration::from_millis(300)).await.unwrap();
            assert!(house.heard(address).await.packets().len() > 10, "{idle:?}");
            drop(opened);
            house.until("it has ended", async || !house.view(address).await.playing).await;
        }
    }
}

/// A room plays on a speaker, until that pauses the stream for another.
async fn taken_by_a_phone(house: &House, address: Address) {
    let mut opened = house.open(address).await.unwrap();
    play(&mut opened, Duration::from_millis(300)).await.unwrap();
    let transport = house.standin.transport(address).unwrap();
    house.standin.put(&transport, TRANSPORT, "State", "idle".into()).await;
    assert_eq!(play(&mut opened, Duration::from_secs(20)).await, Err(FeedFault::Gone(Failure::HungUp)));
    drop(opened);
    house.until("the stream is over", async || !house.view(address).await.playing).await;
}

/// Plays a tone for so long.
pub(crate) async fn play(opened: &mut Opened, span: Duration) -> Result<(), FeedFault> {
    write(opened, span, 0.3).await
}

async fn silence(opened: &mut Opened, span: Duration) -> Result<(), FeedFault> {
    write(opened, span, 0.0).await
}

/// An underrun is no fault here: a machine that is busy otherwise has them.
async fn write(opened: &mut Opened, span: Duration, level: f32) -> Result<(), FeedFault> {
    let began = std::time::Instant::now();
    let tone: Vec<f32> = (0..4_800).flat_map(|frame| [level * (frame as f32 * 0.06).sin(); 2]).collect();
    while began.elapsed() < span {
        match opened.feed.write(&tone) {
            Ok(_) | Err(FeedFault::Underrun) => {}
            Err(gone) => return Err(gone),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
