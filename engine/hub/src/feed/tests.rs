//! What whoever watches is told, and what not.

use super::{sections::*, *};

fn room(id: &str, volume: u32, error_s: f64) -> Value {
    json!({ "id": id, "volume": volume, "sync": { "error_s": error_s }, "output_state": { "held_s": error_s, "why": null } })
}

fn rooms(rooms: &[Value]) -> Vec<(Section, Value)> {
    vec![(ROOMS, rooms.into())]
}

fn group(state: &str, position_s: f64) -> Vec<(Section, Value)> {
    vec![(GROUPS, json!([{ "id": "g", "state": state, "position_s": position_s, "length_s": 100.0 }]))]
}

#[test]
fn a_change_names_what_is_new_and_what_is_gone_and_is_numbered() {
    let mut feed = Feed::new(7);
    feed.update(0.0, rooms(&[room("a", 1, 0.0), room("b", 1, 0.0)]));
    assert_eq!(feed.snapshot(0.0, false)["seq"], 8);
    let change = feed.update(0.1, rooms(&[room("a", 2, 0.0), room("c", 1, 0.0)])).unwrap();
    assert_eq!(change["seq"], 9);
    assert_eq!(change["changed"], json!({ "rooms": [room("a", 2, 0.0), room("c", 1, 0.0)] }));
    assert_eq!(change["removed"], json!({ "rooms": ["b"] }));
    assert_eq!(feed.update(0.2, rooms(&[room("a", 2, 0.0), room("c", 1, 0.0)])), None);
}

#[test]
fn figures_alone_are_sent_once_a_second_and_with_whatever_else_is() {
    let mut feed = Feed::new(0);
    feed.update(0.0, rooms(&[room("a", 1, 0.0)]));
    for tenth in 1..10 {
        assert_eq!(feed.update(f64::from(tenth) / 10.0, rooms(&[room("a", 1, f64::from(tenth))])), None);
    }
    assert!(feed.update(0.95, rooms(&[room("a", 2, 10.0)])).is_some());
    assert!(feed.update(1.0, rooms(&[room("a", 2, 11.0)])).is_some());
    assert_eq!(feed.update(1.5, rooms(&[room("a", 2, 12.0)])), None);
    // That there are none any more is said at once.
    let mut silent = room("a", 2, 12.0);
    silent["sync"] = Value::Null;
    assert!(feed.update(1.6, rooms(&[silent.clone()])).is_some());
    silent["output_state"]["why"] = "gone".into();
    assert!(feed.update(1.7, rooms(&[silent])).is_some());
}

#[test]
fn a_position_that_goes_on_is_not_sent_and_one_that_jumps_is() {
    let mut feed = Feed::new(0);
    feed.update(0.0, group("playing", 10.0));
    assert_eq!(feed.update(30.0, group("playing", 40.1)), None);
    assert_eq!(feed.snapshot(50.0, false)["snapshot"]["groups"][0]["position_s"], 60.0);
    assert!(feed.update(31.0, group("playing", 5.0)).is_some());
    assert!(feed.update(32.0, group("paused", 6.0)).is_some());
    assert_eq!(feed.update(99.0, group("paused", 6.0)), None);
    assert!(feed.update(100.0, group("paused", 7.0)).is_some());
    assert_eq!(feed.snapshot(200.0, true)["snapshot"]["groups"][0]["position_s"], 7.0);
}

#[test]
fn whoever_follows_every_change_has_what_a_snapshot_has() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut feed = Feed::new(0);
    feed.update(0.0, rooms(&[]));
    let mut followed: BTreeMap<String, Value> = BTreeMap::new();
    let mut seq = feed.snapshot(0.0, false)["seq"].as_u64().unwrap();
    for step in 1..2_000 {
        let mut there: Vec<Value> = Vec::new();
        for number in 0..6 {
            if random.bool() {
                there.push(room(&number.to_string(), random.u32(0..3), f64::from(random.u32(0..3))));
            }
        }
        let Some(change) = feed.update(f64::from(step) * 0.05, rooms(&there)) else { continue };
        seq += 1;
        assert_eq!(change["seq"], seq);
        for room in change["changed"]["rooms"].as_array().unwrap_or(&Vec::new()) {
            followed.insert(room["id"].as_str().unwrap().into(), room.clone());
        }
        for id in change["removed"]["rooms"].as_array().unwrap_or(&Vec::new()) {
            followed.remove(id.as_str().unwrap());
        }
        let all: Vec<&Value> = followed.values().collect();
        assert_eq!(feed.snapshot(0.0, false)["snapshot"]["rooms"], json!(all), "step {step}");
        assert_eq!(followed.len(), there.len());
    }
}
