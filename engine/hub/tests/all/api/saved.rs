//! Scenes and stations.

use serde_json::{Value, json};

use crate::api::hub::Hub;

#[test]
fn a_scene_brings_rooms_back_together_as_loud_as_they_were() {
    let hub = Hub::start();
    let _nodes = [hub.join("down", &["kitchen", "hall"]), hub.join("up", &["study"])];
    hub.post("/groups", &json!({"name": "evening", "rooms": ["kitchen", "study"]}));
    hub.patch("/groups/evening", &json!({"volume": 80}));
    hub.patch("/rooms/kitchen", &json!({"volume": 33}));
    hub.patch("/rooms/hall", &json!({"volume": 11}));
    let (status, scene) = hub.post("/scenes", &json!({"name": " Dinner "}));
    assert_eq!((status, &scene["name"], &scene["groups"][0]["name"]), (201, &json!("Dinner"), &json!("evening")));
    assert_eq!((&scene["groups"][0]["volume"], &scene["apart"][0]["volume"]), (&json!(80), &json!(11)));
    hub.refused(409, "\"dinner\" is taken", "POST", "/scenes", Some(r#"{"name": "dinner"}"#));
    hub.refused(422, "a name needs a letter", "POST", "/scenes", Some(r#"{"name": " "}"#));
    // Everything is another way, one room may not be as loud any more, and the group is gone.
    assert_eq!(hub.delete("/groups/evening").0, 204);
    hub.post("/groups", &json!({"name": "hall alone", "rooms": ["hall"]}));
    hub.patch("/rooms/kitchen", &json!({"volume": 10, "max_volume": 20}));
    hub.patch("/rooms/hall", &json!({"volume": 90}));
    let (status, groups) = hub.post("/scenes/dinner/recall", &json!({}));
    assert_eq!(status, 200, "{groups}");
    let evening = hub.get("/groups/evening").1;
    assert_eq!((evening["rooms"].as_array().unwrap().len(), &evening["volume"]), (2, &json!(80)));
    assert_eq!(["kitchen", "hall"].map(|room| hub.room(room)["volume"].clone()), [json!(20), json!(11)]);
    assert_eq!(hub.room("hall")["group"], Value::Null);
    // It outlasts the program.
    let hub = hub.restarted();
    assert_eq!(hub.get("/scenes").1, json!([scene]));
    let id = scene["id"].as_str().unwrap();
    assert_eq!(hub.delete(&format!("/scenes/{id}")).0, 204);
    hub.refused(404, "no scene \"dinner\"", "POST", "/scenes/dinner/recall", None);
    hub.refused(404, "no scene", "DELETE", &format!("/scenes/{id}"), None);
}

#[test]
fn stations_are_kept_by_name_and_only_where_a_station_can_be() {
    let hub = Hub::start();
    let jazz = json!({"name": "Jazz", "url": "HTTPS://jazz.example/live#player"});
    let (status, station) = hub.post("/stations", &jazz);
    assert_eq!((status, &station["url"]), (201, &json!("https://jazz.example/live")));
    assert_eq!(hub.get("/stations").1, json!([station]));
    for (status, names, body) in [
        (409, "\"jazz\" is taken", r#"{"name": "jazz", "url": "http://b.example/"}"#),
        (422, "http:// or https://", r#"{"name": "a", "url": "file:///etc/passwd"}"#),
        (422, "http:// or https://", r#"{"name": "a", "url": "exec:rm"}"#),
        (422, "password", r#"{"name": "a", "url": "http://me:secret@b.example/"}"#),
        (422, "no host", r#"{"name": "a", "url": "http:///x"}"#),
        (422, "a name needs a letter", r#"{"name": "", "url": "http://b.example/"}"#),
        (422, "url", r#"{"name": "a"}"#),
    ] {
        hub.refused(status, names, "POST", "/stations", Some(body));
    }
    let _node = hub.join("down", &["kitchen"]);
    hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
    let (status, queue) = hub.post("/groups/all/queue", &json!({"items": [{"station": "jazz"}]}));
    assert_eq!(
        (status, &queue["entries"][0]["kind"], &queue["entries"][0]["title"]),
        (200, &json!("station"), &json!("Jazz"))
    );
    assert_eq!(queue["entries"][0]["length_s"], Value::Null);
    assert_eq!(hub.delete("/stations/JAZZ").0, 204);
    hub.refused(404, "no station \"JAZZ\"", "DELETE", "/stations/JAZZ", None);
}
