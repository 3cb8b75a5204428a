//! A node whose link does not carry the rate gets a lower one, and nobody else notices.

use unisono_core::wire::control::{
    ClockReport, Codec, Evidence, Message, Report, RoomReport, RoomState, StreamStart, StreamStop,
};
use unisono_core::wire::ids::{RoomIndex, StreamId};
use unisono_hub::house::ConnectionId;

use crate::house::home::{Home, room};

/// Seconds of reports, each with so many frames made up.
fn report(home: &mut Home, id: ConnectionId, seconds: u64, concealed: &mut u64, each: u64) {
    for _ in 0..seconds {
        home.run_for(1_000);
        *concealed += each;
        let room = RoomReport {
            room: RoomIndex(0),
            state: RoomState::Playing,
            stream: Some(StreamId(1)),
            output: "model".into(),
            sync_error: unisono_core::time::Nanos::ZERO,
            evidence: Evidence::Model,
            uncertainty: unisono_core::time::Nanos::ZERO,
            buffered: unisono_core::time::Nanos::ZERO,
            dac_drift_ppb: 0,
            received: *concealed,
            lost: 0,
            repaired: 0,
            late: 0,
            concealed_frames: *concealed,
            underruns: 0,
            resyncs: 0,
        };
        let report = Report {
            clock: ClockReport::default(),
            rooms: vec![room],
            outputs: Default::default(),
            latencies: Default::default(),
            volumes: Default::default(),
        };
        home.frame(id, &Message::from(report).to_frame());
    }
}

fn starts(told: &[Message]) -> Vec<StreamStart> {
    let starts = told.iter().filter_map(|message| match message {
        Message::StreamStart(start) => Some(start.clone()),
        _ => None,
    });
    starts.collect()
}

#[test]
fn only_the_room_in_trouble_goes_to_a_lower_rate_without_a_gap_and_comes_back() {
    let mut home = Home::new();
    let (well, ill) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["garden"]));
    home.playing("all", &[room(1), room(2)]);
    let first = starts(&home.told(ill)).remove(0);
    let _ = home.told(well);
    let mut concealed = 0;
    report(&mut home, ill, 6, &mut concealed, 10_000);
    let told = home.told(ill);
    let lower = starts(&told).remove(0);
    assert_eq!((lower.format.codec, lower.term), (Codec::Opus, first.term));
    assert!(lower.format.bit_rate < first.format.bit_rate);
    assert_eq!(lower.anchors, first.anchors, "the positions of the new stream mean something else");
    assert!(lower.continues.0.is_some());
    assert_eq!(home.house.format_of(room(2)).map(|format| format.bit_rate), Some(lower.format.bit_rate));
    assert_eq!(home.house.format_of(room(1)).map(|format| format.bit_rate), Some(first.format.bit_rate));
    // The old stream ends once the new one is heard.
    report(&mut home, ill, 4, &mut concealed, 0);
    let stop = StreamStop { stream: first.stream, room: RoomIndex(0) };
    let after: Vec<Message> = told.into_iter().chain(home.told(ill)).collect();
    assert_eq!(after.iter().filter(|message| **message == Message::from(stop.clone())).count(), 1);
    assert_eq!(home.told(well), [], "the other room was told something");
    report(&mut home, ill, 200, &mut concealed, 0);
    assert_eq!(home.house.format_of(room(2)).map(|format| format.bit_rate), Some(first.format.bit_rate));
}

#[test]
fn while_a_room_changes_over_it_is_sent_no_packet_twice_for_long() {
    let mut home = Home::new();
    let (well, ill) = (home.arrive(1, &["kitchen"]), home.arrive(2, &["garden"]));
    home.playing("all", &[room(1), room(2)]);
    let mut concealed = 0;
    let before = (home.sent_to(well), home.sent_to(ill));
    report(&mut home, ill, 10, &mut concealed, 5_000);
    let (well, ill) = (home.sent_to(well) - before.0, home.sent_to(ill) - before.1);
    // Five packets to warm up and two to fade, for each of at most two changes.
    assert!((well..=well + 2 * 7 + 4).contains(&ill), "{well} to one, {ill} to the other");
}
