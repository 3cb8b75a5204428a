//! A whole stream on a real socket: in virtual time, so that no machine is too slow for it, and once in real time.

mod idle;
mod real_time;
mod realtime_rules;
mod rig;
mod trouble;

use rig::{JOINT, Rig, noise, snr};

use super::Options;

/// Frames of silence that were sent before the sound, by what the feed says of its first packet.
fn frames_before(rig: &Rig, packet: u64) -> u64 {
    let (frames, when) = rig.taken[0];
    let duration = rig.stream.packet_duration().as_nanos();
    let number = u64::try_from((when + duration / 2) / duration).unwrap();
    (number + 1) * packet - frames
}

#[test]
fn what_is_written_arrives_in_order_at_the_pace_of_the_clock_73_samples_late() {
    for (config, channels, packet) in
        [(JOINT, 2, 640), ([0x21, 0x15, 2, 53], 2, 640), ([0x24, 0x15, 2, 38], 2, 512), ([0x18, 0x15, 2, 29], 1, 896)]
    {
        let mut rig = Rig::new(config, &Options::default());
        rig.run(200);
        assert!(rig.sound().iter().all(|sample| sample.abs() < 1e-3), "silence before there is sound");
        rig.source = Some(noise);
        rig.run(4_000);
        let duration = rig.stream.packet_duration();
        for (number, heard) in (0..).zip(&rig.heard) {
            assert_eq!(u64::from(heard.sequence), number);
            assert_eq!(u64::from(heard.timestamp), number * packet);
            let deadline = i64::try_from(number).unwrap() * duration.as_nanos();
            assert!((heard.at - deadline).abs() < 1_000 + i64::try_from(number).unwrap(), "packet {number}");
        }
        let frames = usize::try_from(frames_before(&rig, packet)).unwrap();
        let sent: Vec<f32> = (0..150_000)
            .map(noise)
            .flat_map(|[left, right]| if channels == 2 { vec![left, right] } else { vec![f32::midpoint(left, right)] })
            .collect();
        let heard = rig.sound();
        let shifted = |lag: usize| snr(&sent, &heard[(frames + lag) * channels..]);
        let best = (0..150).max_by(|a, b| shifted(*a).total_cmp(&shifted(*b))).unwrap();
        assert_eq!(best, 73, "{config:x?}");
        assert!(shifted(73) > 8.0, "{config:x?}: {} dB", shifted(73));
        let counters = rig.stream.counters();
        assert_eq!((counters.dropped, counters.skipped, counters.underruns, counters.late), (0, 0, 0, 0));
        assert_eq!(counters.packets, rig.heard.len() as u64);
        assert_eq!(counters.bitpool, config[3]);
        assert!(rig.faults.is_empty());
    }
}

#[test]
fn what_the_feed_says_of_its_position_is_the_line_that_packets_are_sent_on() {
    let mut rig = Rig::new([0x21, 0x15, 2, 53], &Options::default());
    rig.source = Some(noise);
    rig.run(60_000);
    let (first, start) = rig.taken[0];
    assert!(rig.taken.len() > 3_000);
    for (frames, when) in &rig.taken {
        let expected = (*frames - first) as f64 / 44_100.0 * 1e9;
        assert!(((when - start) as f64 - expected).abs() < 2.0, "{frames} at {when}");
    }
}

#[test]
fn a_bitpool_that_is_asked_for_is_not_exceeded() {
    let mut rig = Rig::new(JOINT, &Options { bitpool: Some(35), ..Options::default() });
    rig.run(500);
    assert!(rig.heard.iter().all(|heard| heard.bitpool == 35));
    // Smaller frames, so more of them in a packet.
    assert_eq!(rig.heard[0].sound.len(), 7 * 128 * 2);
}
