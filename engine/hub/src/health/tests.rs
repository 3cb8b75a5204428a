//! What is said to be wrong, and what not.

use super::*;
use crate::api::types::{OutputView, SyncView};

fn sync() -> SyncView {
    SyncView {
        error_s: 0.0,
        evidence: "device".into(),
        age_s: Some(0.5),
        uncertainty_s: 1e-4,
        rtt_s: 1e-3,
        clock_drift_ppm: 0.0,
        dac_drift_ppm: 0.0,
        buffered_s: 0.3,
        received: 0,
        lost: 0,
        repaired: 0,
        late: 0,
        concealed_s: 0.0,
        underruns: 0,
        resyncs: 0,
    }
}

fn room() -> RoomView {
    RoomView {
        id: "r".into(),
        name: "kitchen".into(),
        online: true,
        group: Some("g".into()),
        state: "playing".into(),
        output: "a speaker".into(),
        output_state: Some(OutputView { choice: "first".into(), held_s: 1.0, latency_s: 0.0, why: None, back: None }),
        sync: Some(sync()),
        ..RoomView::default()
    }
}

fn group() -> GroupView {
    GroupView {
        id: "g".into(),
        name: "all".into(),
        rooms: vec!["r".into()],
        state: "playing".into(),
        ..GroupView::default()
    }
}

/// What is said after everything has stayed so for ten seconds.
#[expect(clippy::needless_pass_by_value, reason = "made for it where it is called")]
fn said(room: RoomView, group: GroupView) -> Vec<(String, String)> {
    let mut health = Health::default();
    for second in 0..10_u32 {
        health.update(&Seen {
            at_s: f64::from(second),
            at_unix: u64::from(second),
            rooms: vec![room.clone()],
            groups: vec![group.clone()],
            is_durable: true,
            ..Seen::default()
        });
    }
    let said = health.views().iter();
    said.map(|view| (view.severity.clone(), format!("{}: {} ({})", view.place, view.what, view.remedy))).collect()
}

fn one(said: &[(String, String)], severity: &str, names: &[&str]) {
    let [(is, text)] = said else { panic!("{said:?}") };
    assert_eq!(is, severity, "{text}");
    for name in names {
        assert!(text.contains(name), "{text} does not name {name}");
    }
}

#[test]
fn of_a_house_in_order_nothing_is_said() {
    assert_eq!(said(room(), group()), []);
}

#[test]
fn a_room_that_is_gone_is_a_problem_while_something_plays_there() {
    let gone = RoomView { online: false, state: "offline".into(), sync: None, ..room() };
    let found = said(gone.clone(), group());
    assert!(found.iter().all(|(severity, _)| severity == "problem") && found.len() == 2, "{found:?}");
    assert!(found[0].1.contains("group \"all\": it plays, and no room"), "{found:?}");
    one(&said(gone, GroupView { state: "stopped".into(), ..group() }), "warning", &["kitchen", "not connected"]);
}

#[test]
fn an_output_that_fails_or_falls_back_says_why_and_what_would_bring_it_back() {
    let output = |choice: &str| OutputView {
        choice: choice.into(),
        held_s: 5.0,
        latency_s: 0.0,
        why: Some("the Bluetooth speaker is out of range".into()),
        back: Some("bring it nearer".into()),
    };
    let none = RoomView { state: "no output".into(), output_state: Some(output("none")), sync: None, ..room() };
    one(&said(none, group()), "problem", &["no output: the Bluetooth", "bring it nearer"]);
    let fallback = RoomView { output_state: Some(output("fallback")), ..room() };
    one(&said(fallback, group()), "warning", &["another output", "out of range", "bring it nearer"]);
}

#[test]
fn a_room_without_a_clock_or_out_of_time_is_said_once_that_lasts() {
    let lost = RoomView { state: "no clock".into(), sync: None, ..room() };
    one(&said(lost, group()), "problem", &["clock", "UDP"]);
    let late =
        |error_s, uncertainty_s| RoomView { sync: Some(SyncView { error_s, uncertainty_s, ..sync() }), ..room() };
    one(&said(late(-5e-3, 1e-3), group()), "warning", &["5.0 ms behind", "±1.0"]);
    one(&said(late(50e-3, 1e-3), group()), "problem", &["50.0 ms ahead"]);
    assert_eq!(said(late(5e-3, 6e-3), group()), [], "it may as well be in time");
    assert_eq!(said(late(1e-3, 1e-4), group()), [], "nobody hears that");
    // What passes is not worth a word.
    let mut health = Health::default();
    for (second, error_s) in (0..10_u32).map(|second| (second, if second % 3 == 0 { 0.0 } else { 5e-3 })) {
        let rooms = vec![late(error_s, 1e-4)];
        health.update(&Seen { at_s: f64::from(second), rooms, is_durable: true, ..Seen::default() });
        assert_eq!(health.views(), []);
    }
}

#[test]
fn sound_that_was_made_up_is_said_for_a_minute() {
    let mut health = Health::default();
    let mut found = Vec::new();
    for second in 0..200_u32 {
        // Four seconds are lost within the first ten.
        let concealed_s = f64::from(second.min(10)) * 0.4;
        let sync = SyncView { concealed_s, underruns: u64::from(second >= 5), ..sync() };
        let rooms = vec![RoomView { sync: Some(sync), ..room() }];
        health.update(&Seen { at_s: f64::from(second), rooms, is_durable: true, ..Seen::default() });
        found.push(health.views().to_vec());
    }
    assert_eq!(found[0], []);
    let severities: Vec<&str> = found[15].iter().map(|view| &view.severity[..]).collect();
    assert_eq!(severities, ["problem", "warning"], "{:?}", found[15]);
    assert!(found[15][0].what.contains("4.0 s of the last minute"), "{:?}", found[15]);
    assert_eq!(found[199], []);
}

#[test]
fn a_disk_that_takes_nothing_is_a_problem_of_the_hub_and_since_when_is_said() {
    let mut health = Health::default();
    for second in 5..9_u64 {
        health.update(&Seen { at_unix: second, is_durable: false, is_open_for_setup: true, ..Seen::default() });
    }
    let [disk, setup] = health.views() else { panic!("{:?}", health.views()) };
    assert_eq!((&disk.severity[..], &disk.place[..], disk.since_unix), ("problem", "hub", Some(5)));
    assert_eq!((&setup.severity[..], setup.since_unix), ("note", Some(5)));
}
