//! What there is: the hub, nodes, tokens, rooms.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use unisono_core::{
    time::Nanos,
    wire::{
        control::{ClockReport, Evidence, Message, Report, RoomReport, RoomState, Trailing},
        ids::RoomIndex,
    },
};
use unisono_hub::api::types::{HubView, NodeView, RoomView, TokenView};

use crate::api::hub::Hub;

#[test]
fn a_new_hub_says_what_it_is_and_that_nobody_is_there() {
    let hub = Hub::start();
    let (status, said) = hub.get("/hub");
    let view: HubView = serde_json::from_value(said).unwrap();
    assert_eq!((status, view.name.as_str(), view.codec.as_str()), (200, "attic", "opus"));
    assert!(view.port > 0 && view.refused_datagrams == 0 && view.version == env!("CARGO_PKG_VERSION"));
    assert_eq!(hub.get("/rooms"), (200, json!([])));
    assert_eq!(hub.get("/groups"), (200, json!([])));
    let nodes: Vec<NodeView> = serde_json::from_value(hub.get("/nodes").1).unwrap();
    assert!(matches!(&nodes[..], [node] if node.role == "hub" && node.name == "attic" && !node.online));
}

#[test]
fn a_token_lets_a_node_in_and_its_rooms_are_there_until_it_goes() {
    let hub = Hub::start();
    let node = hub.join("ground floor", &["kitchen", "study"]);
    let rooms: Vec<RoomView> = serde_json::from_value(hub.get("/rooms").1).unwrap();
    assert_eq!(rooms.len(), 2);
    assert!(rooms.iter().all(|room| room.online && room.volume == 35 && !room.muted && room.group.is_none()));
    let nodes: Vec<NodeView> = serde_json::from_value(hub.get("/nodes").1).unwrap();
    let joined = nodes.iter().find(|node| node.role == "node").unwrap();
    assert!(joined.online && joined.name == "ground floor" && joined.address.is_some());
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["online"] == false);
    assert_eq!(hub.room("kitchen")["state"], "offline");
}

#[test]
fn a_token_says_for_how_long_and_how_often_it_is_good() {
    let hub = Hub::start();
    let (status, said) = hub.post("/tokens", &json!({"lifetime_s": 60, "uses": 3}));
    let token: TokenView = serde_json::from_value(said).unwrap();
    assert_eq!((status, token.lifetime_s, token.uses), (200, 60, 3));
    let (_, said) = hub.post("/tokens", &json!({}));
    let defaults: TokenView = serde_json::from_value(said).unwrap();
    assert_eq!((defaults.lifetime_s, defaults.uses), (3_600, 1));
    assert_ne!(defaults.token, token.token);
    // As large as it takes, with the three corners by which it is found.
    let corner = "1111111";
    let qr = &token.qr;
    assert!(qr.len() > 21 && qr.iter().all(|row| row.len() == qr.len()), "{qr:?}");
    let (first, last) = (&qr[0], &qr[qr.len() - 1]);
    assert!(first.starts_with(corner) && first.ends_with(corner) && last.starts_with(corner), "{qr:?}");
    let year = 365 * 86_400_u64;
    assert_eq!(hub.post("/tokens", &json!({"lifetime_s": year, "uses": 1_024})).0, 200);
    hub.refused(422, "uses: 1025 is more", "POST", "/tokens", Some(r#"{"uses": 1025}"#));
    for lifetime in [year + 1, u64::MAX] {
        let wanted = json!({"lifetime_s": lifetime}).to_string();
        hub.refused(422, "more than a year", "POST", "/tokens", Some(&wanted));
    }
    hub.refused(422, "uses: with 0", "POST", "/tokens", Some(r#"{"uses": 0}"#));
    hub.refused(422, "lifetime_s: with 0", "POST", "/tokens", Some(r#"{"lifetime_s": 0}"#));
    hub.refused(422, "uses", "POST", "/tokens", Some(r#"{"uses": 4294967296}"#));
    hub.refused(422, "lifetime_s", "POST", "/tokens", Some(r#"{"lifetime_s": -1}"#));
    hub.refused(422, "forever", "POST", "/tokens", Some(r#"{"forever": true}"#));
}

#[test]
fn what_is_said_of_sync_says_how_old_it_is() {
    let hub = Hub::start();
    let node =
        hub.join_saying("ground floor", &["kitchen", "study"], &[report(&[Evidence::Device, Evidence::Nothing])]);
    hub.wait(|hub| hub.room("kitchen")["sync"]["evidence"] == "device");
    let age = |hub: &Hub| hub.room("kitchen")["sync"]["age_s"].as_f64().unwrap();
    let (first, began) = (age(&hub), Instant::now());
    assert!((0.0..20.0).contains(&first), "{first}");
    std::thread::sleep(Duration::from_millis(300));
    let grown = age(&hub) - first;
    assert!((0.29..=began.elapsed().as_secs_f64() + 0.01).contains(&grown), "{grown} s older");
    assert_eq!(hub.room("study")["sync"]["age_s"], Value::Null);
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["sync"].is_null());
}

/// What a node says of its rooms, each with that evidence.
pub(crate) fn report(evidence: &[Evidence]) -> Message {
    let room = |(index, evidence): (u8, &Evidence)| RoomReport {
        room: RoomIndex(index),
        state: RoomState::Playing,
        stream: None,
        output: "a speaker".into(),
        sync_error: Nanos::from_micros(-300),
        evidence: *evidence,
        uncertainty: Nanos::from_micros(20),
        buffered: Nanos::ZERO,
        dac_drift_ppb: 0,
        received: 0,
        lost: 0,
        repaired: 0,
        late: 0,
        concealed_frames: 0,
        underruns: 0,
        resyncs: 0,
    };
    let rooms = (0..).zip(evidence).map(room).collect();
    Report {
        clock: ClockReport::default(),
        rooms,
        outputs: Trailing::default(),
        latencies: Trailing::default(),
        volumes: Trailing::default(),
    }
    .into()
}

#[test]
fn a_rooms_volume_and_mute_are_set_each_by_itself() {
    let (hub, _node) = Hub::with_a_group();
    let id = hub.room("kitchen")["id"].as_str().unwrap().to_owned();
    for (change, volume, muted) in [
        (json!({"volume": 40}), 40, false),
        (json!({"muted": true}), 40, true),
        (json!({"volume": 0, "muted": false}), 0, false),
        (json!({"volume": 100}), 100, false),
        (json!({}), 100, false),
        (json!({"volume": null}), 100, false),
    ] {
        let (status, said) = hub.patch(&format!("/rooms/{id}"), &change);
        assert_eq!((status, &said["volume"], &said["muted"]), (200, &json!(volume), &json!(muted)), "{change}");
        assert_eq!(said, hub.room("kitchen"));
    }
    assert_eq!(hub.patch("/rooms/KITCHEN", &json!({"volume": 7})).0, 200);
    assert_eq!(hub.room("kitchen")["volume"], 7);
}

#[test]
fn a_volume_that_cannot_be_is_refused_for_rooms_and_groups() {
    let (hub, _node) = Hub::with_a_group();
    for path in ["/rooms/kitchen", "/groups/all"] {
        for volume in ["101", "255", "256", "-1", "1e3", "0.5", "1e999", "NaN", "\"40\"", "[]"] {
            let body = format!(r#"{{"volume": {volume}, "muted": true}}"#);
            let (status, said) = hub.ask("PATCH", path, Some(&body), &[]);
            assert!((400..500).contains(&status), "{body}: {status} {said}");
            // JSON that is none has no fields to name.
            let names = if matches!(volume, "NaN" | "1e999") { "line 1 column" } else { "volume" };
            hub.refused(status, names, "PATCH", path, Some(&body));
        }
    }
}

#[test]
fn a_room_that_is_not_there_is_named() {
    let (hub, _node) = Hub::with_a_group();
    let change = Some(r#"{"volume": 1}"#);
    hub.refused(404, "there is no room \"cellar\"", "PATCH", "/rooms/cellar", change);
    hub.refused(404, "there is no room \"a b\"", "PATCH", "/rooms/a%0Ab", change);
    hub.refused(400, "UTF-8", "PATCH", "/rooms/%ff", change);
    let _twin = hub.join("first floor", &["bath", "kitchen"]);
    hub.wait(|hub| hub.get("/rooms").1.as_array().is_some_and(|rooms: &Vec<Value>| rooms.len() == 3));
    hub.refused(409, "more than one room is called \"kitchen\"", "PATCH", "/rooms/kitchen", change);
}

#[test]
fn a_room_is_renamed_limited_and_gets_back_what_its_node_calls_it() {
    let (hub, _node) = Hub::with_a_group();
    let (status, said) = hub.patch("/rooms/kitchen", &json!({"name": "Galley", "max_volume": 30}));
    let room: RoomView = serde_json::from_value(said).unwrap();
    assert_eq!((status, room.name.as_str(), room.max_volume, room.volume), (200, "Galley", 30, 30));
    hub.refused(404, "no room \"kitchen\"", "PATCH", "/rooms/kitchen", Some("{}"));
    hub.refused(409, "\"Galley\" may be at 30", "PATCH", "/rooms/galley", Some(r#"{"volume": 31, "name": "x"}"#));
    hub.refused(422, "max_volume: 101", "PATCH", "/rooms/galley", Some(r#"{"max_volume": 101}"#));
    hub.refused(422, "a name needs a letter", "PATCH", "/rooms/galley", Some(r#"{"name": " \n"}"#));
    let _other = hub.join("first floor", &["bath"]);
    hub.refused(409, "the name \"bath\" is taken", "PATCH", "/rooms/galley", Some(r#"{"name": "bath"}"#));
    assert_eq!(hub.patch("/rooms/galley", &json!({"name": ""})).1["name"], "kitchen");
}

#[test]
fn a_room_is_forgotten_when_its_node_is_gone_and_no_sooner() {
    let (hub, node) = Hub::with_a_group();
    hub.refused(409, "its node is connected", "DELETE", "/rooms/kitchen", None);
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["online"] == false);
    assert_eq!(hub.ask("DELETE", "/rooms/kitchen", None, &[]), (204, Value::Null));
    assert_eq!((hub.get("/rooms").1, &hub.get("/groups/all").1["rooms"]), (json!([]), &json!([])));
    hub.refused(404, "no room \"kitchen\"", "DELETE", "/rooms/kitchen", None);
}

#[test]
fn a_node_is_renamed_and_sent_away() {
    let (hub, node) = Hub::with_a_group();
    let (status, said) = hub.patch("/nodes/ground%20floor", &json!({"name": "down"}));
    assert_eq!((status, &said["name"], &said["online"]), (200, &json!("down"), &json!(true)));
    hub.refused(404, "no node \"ground floor\"", "DELETE", "/nodes/ground%20floor", None);
    hub.refused(409, "the name \"attic\" is taken", "PATCH", "/nodes/down", Some(r#"{"name": "attic"}"#));
    hub.refused(409, "the last hub cannot be removed", "DELETE", "/nodes/attic", None);
    assert_eq!(hub.ask("DELETE", "/nodes/down", None, &[]).0, 204);
    hub.wait(|_| node.is_finished());
    assert_eq!((hub.get("/rooms").1, hub.get("/nodes").1.as_array().unwrap().len()), (json!([]), 1));
}

#[test]
fn names_limits_groups_and_volumes_are_there_after_a_restart() {
    let (hub, node) = Hub::with_a_group();
    hub.patch("/rooms/kitchen", &json!({"name": "galley", "max_volume": 60, "volume": 50}));
    hub.patch("/groups/all", &json!({"name": "down", "volume": 70, "muted": true}));
    node.abort();
    hub.wait(|hub| hub.room("galley")["online"] == false);
    let kept = |hub: &Hub| {
        let room = hub.room("galley");
        let room = ["id", "group", "volume", "max_volume", "muted", "online"].map(|key| room[key].clone());
        (room, hub.get("/groups").1)
    };
    let before = kept(&hub);
    hub.wait(|hub| hub.folder.path().join("state/session.state.a").exists());
    let hub = hub.restarted();
    assert_eq!(kept(&hub), before);
}
