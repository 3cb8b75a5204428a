//! What goes wrong does not move what comes behind it.

use unisono_core::time::Nanos;

use super::{
    frames_before,
    rig::{JOINT, Rig, noise, snr},
};
use crate::{
    Failure,
    a2dp::{FeedFault, Options},
};

const PACKET: u64 = 640;

#[test]
fn a_full_socket_drops_packets_lowers_the_bitpool_and_never_moves_the_timeline() {
    let mut rig = Rig::new(JOINT, &Options::default());
    rig.source = Some(noise);
    rig.run(2_000);
    let before = rig.heard.len() as u64;
    assert_eq!(rig.stream.counters().queue, Nanos::ZERO, "a speaker that keeps up");
    rig.reads = false;
    rig.run(1_600);
    let full = rig.stream.counters();
    let waited = full.packets - before;
    assert_eq!((waited, full.dropped), (6, 114), "80 ms wait in the socket");
    assert!(full.bitpool <= 51 - 2 * 3 && full.bitpool >= 51 - 2 * 4, "{}", full.bitpool);
    let queue = full.queue.as_millis();
    assert!((13 * waited.cast_signed() - 15..=14 * waited.cast_signed()).contains(&queue), "{queue} ms of {waited}");
    assert_eq!(full.queue_most, full.queue);
    rig.reads = true;
    rig.read();
    rig.run(10_400);
    let after = rig.stream.counters();
    assert_eq!((after.bitpool, after.queue, after.dropped), (51, Nanos::ZERO, full.dropped));
    assert!(rig.faults.is_empty(), "the audio thread hears nothing of it");
    let mut lowest = 51;
    for heard in &rig.heard {
        // The number and the time of a packet are those of the sound in it, whatever was lost before.
        assert_eq!(u64::from(heard.timestamp), u64::from(heard.sequence) * PACKET);
        lowest = heard.bitpool.min(lowest);
    }
    assert!(lowest < 46, "what was sent then had fewer bits: {lowest}");
    assert_eq!(rig.heard.last().unwrap().sequence, 1_049, "14 s of packets, sent or not");
    // The sound of the last second is where it would be if nothing had happened.
    let tail = &rig.heard[rig.heard.len() - 75..];
    let from = u64::from(tail[0].timestamp) - frames_before(&rig, PACKET);
    let sent: Vec<f32> = (from - 73..from - 73 + 75 * PACKET).flat_map(noise).collect();
    let heard: Vec<f32> = tail.iter().flat_map(|heard| heard.sound.iter().copied()).collect();
    assert!(snr(&sent, &heard) > 8.0, "{} dB", snr(&sent, &heard));
}

#[test]
fn a_speaker_that_takes_nothing_for_two_seconds_is_given_up() {
    let mut rig = Rig::new(JOINT, &Options::default());
    rig.source = Some(noise);
    rig.run(2_000);
    rig.reads = false;
    rig.run(2_400);
    assert_eq!(rig.stream.is_over(), Some(Failure::LinkLost));
    assert_eq!(rig.faults.last(), Some(&FeedFault::Gone(Failure::LinkLost)));
}

#[test]
fn after_a_standstill_packets_are_left_out_and_what_comes_behind_is_on_time() {
    let mut rig = Rig::new(JOINT, &Options::default());
    rig.source = Some(noise);
    rig.run(1_000);
    rig.now += 400_000_000;
    rig.run(1_000);
    let counters = rig.stream.counters();
    assert!((25..=32).contains(&counters.skipped) && counters.dropped == 0, "{counters:?}");
    assert_eq!(counters.packets + counters.skipped, 180);
    for heard in &rig.heard {
        assert_eq!(u64::from(heard.timestamp), u64::from(heard.sequence) * PACKET);
    }
    for heard in &rig.heard[rig.heard.len() - 70..] {
        assert!(
            (heard.at - i64::from(heard.sequence) * 13_333_333).abs() < 2_000,
            "{} at {}",
            heard.sequence,
            heard.at
        );
    }
}

#[test]
fn a_speaker_that_hangs_up_in_mid_packet_is_gone_at_the_next_one() {
    let mut rig = Rig::new(JOINT, &Options::default());
    rig.source = Some(noise);
    rig.run(1_000);
    rig.far = None;
    rig.run(30);
    let gone = FeedFault::Gone(Failure::HungUp);
    assert_eq!((rig.stream.is_over(), rig.stream.has_ended()), (Some(Failure::HungUp), true));
    let mut feed = rig.feed.take().unwrap();
    assert_eq!((feed.room(), feed.write(&[0.0; 2]), feed.taken()), (Err(gone), Err(gone), Err(gone)));
}

#[test]
fn running_empty_is_said_once_while_silence_is_sent_in_time() {
    let mut rig = Rig::new(JOINT, &Options::default());
    rig.source = Some(noise);
    rig.run(1_000);
    rig.source = None;
    rig.run(1_000);
    assert_eq!(rig.faults, [FeedFault::Underrun]);
    rig.source = Some(noise);
    let before = rig.taken.len();
    rig.run(1_000);
    assert_eq!(rig.faults, [FeedFault::Underrun]);
    assert!(rig.taken[before].0 <= 2 * PACKET, "it counts from zero: {:?}", rig.taken[before]);
    let counters = rig.stream.counters();
    assert_eq!((counters.underruns, counters.packets, counters.dropped), (1, 225, 0));
    for (number, heard) in (0..).zip(&rig.heard) {
        assert_eq!(u64::from(heard.sequence), number);
        assert!((heard.at - i64::try_from(number).unwrap() * 13_333_333).abs() < 2_000, "packet {number}");
    }
    let loud = |second: usize| {
        rig.heard[second * 75 + 20..second * 75 + 70]
            .iter()
            .all(|heard| heard.sound.iter().any(|sample| sample.abs() > 0.1))
    };
    assert_eq!([loud(0), loud(1), loud(2)], [true, false, true]);
}

#[test]
fn who_drops_an_end_ends_the_stream() {
    let mut rig = Rig::new(JOINT, &Options::default());
    rig.run(100);
    rig.feed = None;
    rig.run(20);
    assert_eq!((rig.stream.is_over(), rig.stream.has_ended()), (None, true));

    let mut rig = Rig::new(JOINT, &Options::default());
    rig.run(100);
    rig.stream.stop(Failure::BluezRestarted);
    rig.run(20);
    assert!(rig.stream.has_ended());
    assert_eq!(rig.feed.unwrap().room(), Err(FeedFault::Gone(Failure::BluezRestarted)));

    let rig = Rig::new(JOINT, &Options::default());
    drop(rig.stream);
    assert_eq!(rig.feed.unwrap().room(), Err(FeedFault::Gone(Failure::Canceled)));
}
