//! Groups.

use serde_json::{Value, json};
use unisono_hub::api::types::GroupView;

use crate::api::hub::Hub;

fn group(value: Value) -> GroupView {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_group_is_made_shown_changed_and_dissolved() {
    let hub = Hub::start();
    let _node = hub.join("ground floor", &["kitchen", "study"]);
    let (status, made) = hub.post("/groups", &json!({"name": "down stairs/1", "rooms": ["kitchen"]}));
    assert_eq!((status, &made), (201, &hub.get("/groups").1[0]));
    let made = group(made);
    assert_eq!((made.state.as_str(), made.volume, made.muted, made.position_s), ("stopped", 100, false, None));
    assert_eq!(Some(made.rooms[0].as_str()), hub.room("kitchen")["id"].as_str());
    for path in [format!("/groups/{}", made.id), "/groups/down%20stairs%2F1".into()] {
        assert_eq!(group(hub.get(&path).1), made);
    }

    let by_id = format!("/groups/{}", made.id);
    let (status, changed) = hub.patch(&by_id, &json!({"name": "up", "volume": 30, "muted": true}));
    let changed = group(changed);
    assert_eq!((status, changed.name.as_str(), changed.volume, changed.muted), (200, "up", 30, true));
    assert_eq!(group(hub.get("/groups/UP").1), changed);

    let (status, added) = hub.ask("PUT", "/groups/up/rooms/study", None, &[]);
    assert_eq!((status, group(added).rooms.len()), (200, 2));
    let (status, left) = hub.ask("DELETE", "/groups/up/rooms/kitchen", None, &[]);
    assert_eq!((status, group(left).rooms.len(), &hub.room("kitchen")["group"]), (200, 1, &Value::Null));
    assert_eq!(hub.ask("DELETE", "/groups/up", None, &[]), (204, Value::Null));
    assert_eq!((hub.get("/groups").1, &hub.room("study")["group"]), (json!([]), &Value::Null));
}

#[test]
fn a_room_that_is_added_leaves_the_group_that_it_was_in() {
    let (hub, _node) = Hub::with_a_group();
    let (_, other) = hub.post("/groups", &json!({"name": "other"}));
    let (status, _) = hub.ask("PUT", "/groups/other/rooms/kitchen", None, &[]);
    assert_eq!((status, hub.get("/groups/all").1["rooms"].clone()), (200, json!([])));
    assert_eq!(hub.room("kitchen")["group"], other["id"]);
}

#[test]
fn every_route_of_a_group_that_is_not_there_says_so() {
    let (hub, _node) = Hub::with_a_group();
    let wav = hub.wav("a.wav", 1);
    let play = json!({"file": wav}).to_string();
    for (method, rest, body) in [
        ("GET", "", None),
        ("PATCH", "", Some(r#"{"muted": true}"#)),
        ("DELETE", "", None),
        ("PUT", "/rooms/kitchen", None),
        ("DELETE", "/rooms/kitchen", None),
        ("POST", "/play", Some(play.as_str())),
        ("POST", "/play", Some("{}")),
        ("POST", "/pause", None),
        ("POST", "/stop", None),
        ("POST", "/seek", Some(r#"{"position_s": 0}"#)),
    ] {
        for (path, name) in [("none", "none"), ("%0D%0Aa%3A%20b", "  a: b"), ("0000000000000001", "0000000000000001")] {
            let names = format!("there is no group \"{name}\"");
            hub.refused(404, &names, method, &format!("/groups/{path}{rest}"), body);
        }
    }
}

#[test]
fn rooms_that_are_not_there_or_not_in_the_group_are_named() {
    let (hub, _node) = Hub::with_a_group();
    hub.post("/groups", &json!({"name": "other"}));
    hub.refused(404, "no room \"cellar\"", "PUT", "/groups/all/rooms/cellar", None);
    hub.refused(404, "no room \"cellar\"", "DELETE", "/groups/all/rooms/cellar", None);
    hub.refused(404, "\"kitchen\" is not in group \"other\"", "DELETE", "/groups/other/rooms/kitchen", None);
    let wanted = r#"{"name": "new", "rooms": ["kitchen", "cellar"]}"#;
    hub.refused(404, "no room \"cellar\"", "POST", "/groups", Some(wanted));
}

#[test]
fn names_that_are_taken_are_refused_and_others_are_kept_as_they_can_be_shown() {
    let (hub, _node) = Hub::with_a_group();
    hub.post("/groups", &json!({"name": "other"}));
    hub.refused(409, "the name \"ALL\" is taken", "POST", "/groups", Some(r#"{"name": "ALL", "rooms": ["kitchen"]}"#));
    hub.refused(409, "the name \"all\" is taken", "PATCH", "/groups/other", Some(r#"{"name": " all\n", "volume": 1}"#));
    for name in [r#"{"name": ""}"#, r#"{"name": " \u0007"}"#] {
        hub.refused(422, "a name needs a letter", "POST", "/groups", Some(name));
        hub.refused(422, "a name needs a letter", "PATCH", "/groups/other", Some(name));
    }
    for (name, kept) in [("a\r\nb\u{7f}", "ab"), (&"x".repeat(1_000), &"x".repeat(64)[..])] {
        let (status, made) = hub.post("/groups", &json!({"name": name}));
        assert_eq!((status, made["name"].as_str()), (201, Some(kept)));
        let again = json!({"name": name}).to_string();
        hub.refused(409, kept, "POST", "/groups", Some(&again));
    }
}
