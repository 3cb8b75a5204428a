//! Queues over the API: what is put in, played, moved, taken out, and refused.

use serde_json::{Value, json};
use unisono_hub::house::StreamSettings;

use crate::api::{hub::Hub, shelf::Shelf};

/// A hub with a group that has a room, and tracks `a` to `e` of ten seconds; `album` holds `album/1` and `album/2`.
fn with_tracks() -> (Hub, Shelf, impl Sized) {
    let shelf = Shelf::new();
    let hub = Hub::start_with(StreamSettings::default(), shelf.catalogue());
    let wav = hub.wav("ten.wav", 10);
    for id in ["a", "b", "c", "d", "e", "album/1", "album/2"] {
        shelf.put(id, &wav);
    }
    let node = hub.join("ground floor", &["kitchen"]);
    assert_eq!(hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]})).0, 201);
    (hub, shelf, node)
}

fn titles(queue: &Value) -> Vec<String> {
    let entries = queue["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["title"].as_str().unwrap().to_owned()).collect()
}

fn add(hub: &Hub, body: &Value) -> Value {
    let (status, queue) = hub.post("/groups/all/queue", body);
    assert_eq!(status, 200, "{queue}");
    queue
}

fn entry(queue: &Value, index: usize) -> String {
    queue["entries"][index]["entry"].as_str().unwrap().to_owned()
}

#[test]
fn tracks_and_albums_are_put_where_they_are_wanted() {
    let (hub, _shelf, _node) = with_tracks();
    let queue = add(&hub, &json!({"items": [{"track": "a"}, {"album": "album"}]}));
    assert_eq!(titles(&queue), ["a", "album/1", "album/2"]);
    assert_eq!(queue["entries"][0]["kind"], "track");
    assert_eq!((&queue["entries"][0]["length_s"], &queue["entries"][0]["artist"]), (&json!(10.0), &json!("somebody")));
    assert_eq!((&queue["index"], &queue["repeat"], &queue["shuffle"]), (&Value::Null, &json!("off"), &json!(false)));
    let queue = add(&hub, &json!({"items": [{"track": "b"}], "at": "next", "play": true}));
    assert_eq!(
        (titles(&queue), &queue["index"]),
        (vec!["b".into(), "a".into(), "album/1".into(), "album/2".into()], &json!(0))
    );
    let queue = add(&hub, &json!({"items": [{"track": "c"}], "at": "next"}));
    assert_eq!(titles(&queue)[..2], ["b", "c"]);
    let group = hub.get("/groups/all").1;
    assert_eq!(
        (&group["state"], &group["title"], &group["track"]["id"]),
        (&json!("playing"), &json!("b"), &json!("b"))
    );
    assert_eq!((&group["queue"]["length"], &group["queue"]["index"]), (&json!(5), &json!(0)));
    assert_eq!(group["queue"]["version"], hub.get("/groups/all/queue").1["version"]);
    let queue =
        add(&hub, &json!({"items": [{"track": "d"}, {"track": "e"}], "at": "replace", "play": true, "index": 1}));
    assert_eq!((titles(&queue), &queue["index"]), (vec!["d".into(), "e".into()], &json!(1)));
    assert_eq!(hub.get("/groups/all").1["title"], "e");
    add(&hub, &json!({"items": [{"track": "a"}], "at": "replace"}));
    assert_eq!(hub.get("/groups/all").1["state"], "stopped");
    // Where nothing plays, the queue begins.
    assert_eq!(hub.post("/groups/all/play", &json!({})).1["title"], "a");
}

#[test]
fn one_goes_forth_and_back_and_to_any_entry() {
    let (hub, _shelf, _node) = with_tracks();
    let items = ["a", "b", "c"].map(|track| json!({"track": track}));
    let queue = add(&hub, &json!({"items": items, "play": true}));
    assert_eq!(hub.post("/groups/all/next", &json!({})).1["title"], "b");
    assert_eq!(hub.post("/groups/all/next", &json!({})).1["title"], "c");
    hub.refused(409, "nothing comes behind what plays", "POST", "/groups/all/next", None);
    assert_eq!(hub.post("/groups/all/previous", &json!({})).1["title"], "b");
    hub.post("/groups/all/seek", &json!({"position_s": 5}));
    let (_, group) = hub.post("/groups/all/previous", &json!({}));
    assert_eq!((&group["title"], &group["position_s"]), (&json!("b"), &json!(0.0)));
    let (status, queue) = hub.post(&format!("/groups/all/queue/{}/play", entry(&queue, 0)), &json!({}));
    assert_eq!((status, &queue["index"]), (200, &json!(0)));
    let (_, group) = hub.patch("/groups/all", &json!({"repeat": "all", "shuffle": true}));
    assert_eq!((&group["repeat"], &group["shuffle"]), (&json!("all"), &json!(true)));
    for _ in 0..7 {
        assert_eq!(hub.post("/groups/all/next", &json!({})).0, 200);
    }
}

#[test]
fn entries_are_moved_and_taken_out() {
    let (hub, _shelf, _node) = with_tracks();
    let items = ["a", "b", "c"].map(|track| json!({"track": track}));
    let queue = add(&hub, &json!({"items": items, "play": true}));
    let path = |index| format!("/groups/all/queue/{}", entry(&queue, index));
    let (_, moved) = hub.post(&format!("{}/move", path(2)), &json!({"to": 0}));
    assert_eq!((titles(&moved), &moved["index"]), (vec!["c".into(), "a".into(), "b".into()], &json!(1)));
    assert_eq!(titles(&hub.post(&format!("{}/move", path(2)), &json!({"to": 99})).1), ["a", "b", "c"]);
    let (status, left) = hub.delete(&path(1));
    assert_eq!((status, titles(&left)), (200, vec!["a".into(), "c".into()]));
    assert_eq!(hub.delete(&path(0)).0, 200);
    hub.wait(|hub| hub.get("/groups/all").1["title"] == "c");
    let (status, left) = hub.delete("/groups/all/queue");
    assert_eq!((status, titles(&left).len()), (200, 0));
    assert_eq!(hub.get("/groups/all").1["state"], "stopped");
    // The room is sent what plays until that was heard.
    hub.wait(|hub| hub.get("/rooms").1[0]["bit_rate"].is_null());
    hub.refused(404, "there is no entry", "DELETE", &path(0), None);
    hub.refused(404, "there is no entry", "POST", &format!("{}/play", path(0)), None);
    hub.refused(404, "there is no entry", "POST", &format!("{}/move", path(0)), Some(r#"{"to": 0}"#));
    hub.refused(404, "there is no entry \"x\"", "DELETE", "/groups/all/queue/x", None);
}

#[test]
fn what_cannot_be_put_into_a_queue_is_refused_by_name() {
    let (hub, shelf, _node) = with_tracks();
    for (status, names, body) in [
        (404, "no track \"zz\"", r#"{"items": [{"track": "a"}, {"track": "zz"}]}"#),
        (404, "no album \"zz\"", r#"{"items": [{"album": "zz"}]}"#),
        (404, "no station \"zz\"", r#"{"items": [{"station": "zz"}]}"#),
        (404, "no source \"zz\"", r#"{"items": [{"source": "zz"}]}"#),
        (422, "unknown variant `file`", r#"{"items": [{"file": "/etc/passwd"}]}"#),
        (422, "unknown variant `first`", r#"{"items": [], "at": "first"}"#),
        (422, "index: 1", r#"{"items": [{"track": "a"}], "play": true, "index": 1}"#),
        (422, "items: there is nothing", r#"{"items": [], "play": true}"#),
        (422, "index: 10001", r#"{"items": [{"track": "a"}], "index": 10001}"#),
        (422, "unknown field", r#"{"items": [], "now": true}"#),
        (422, "items", "{}"),
    ] {
        hub.refused(status, names, "POST", "/groups/all/queue", Some(body));
    }
    hub.refused(422, "unknown variant `twice`", "PATCH", "/groups/all", Some(r#"{"repeat": "twice"}"#));
    hub.refused(409, "nothing comes behind", "POST", "/groups/all/next", None);
    hub.refused(409, "nothing comes before", "POST", "/groups/all/previous", None);
    // What is no sound any more is left out, and that is said; when there is nothing else, that is the answer.
    std::fs::write(shelf.path("b"), "no sound").unwrap();
    let (status, said) = hub.post("/groups/all/queue", &json!({"items": [{"track": "b"}], "play": true}));
    assert_eq!(status, 422, "{said}");
    assert!(said["error"].as_str().unwrap().contains("not recognised as sound"), "{said}");
    add(&hub, &json!({"items": [{"track": "b"}, {"track": "c"}], "at": "replace", "play": true}));
    let group = hub.get("/groups/all").1;
    assert_eq!((&group["title"], &group["queue"]["index"]), (&json!("c"), &json!(1)));
    assert!(group["warning"].as_str().unwrap().starts_with("\"b\" is left out: "), "{group}");
}

#[test]
fn what_cannot_be_opened_leaves_the_queue_and_what_plays_as_they_were() {
    let (hub, shelf, _node) = with_tracks();
    assert_eq!(hub.post("/stations", &json!({"name": "gone", "url": "https://example.org/gone"})).0, 201);
    std::fs::write(shelf.path("e"), "no sound").unwrap();
    let nothing = hub.get("/groups/all/queue").1;
    let dead = json!({"items": [{"station": "gone"}], "at": "replace", "play": true}).to_string();
    hub.refused(422, "https://example.org/gone does not answer", "POST", "/groups/all/queue", Some(&dead));
    assert_eq!((hub.get("/groups/all/queue").1, &hub.get("/groups/all").1["state"]), (nothing, &json!("stopped")));

    let items = ["a", "b"].map(|track| json!({"track": track}));
    add(&hub, &json!({"items": items, "play": true}));
    let before = hub.get("/groups/all/queue").1;
    for at in ["replace", "next", "end"] {
        for items in [json!([{"station": "gone"}]), json!([{"track": "e"}, {"station": "gone"}])] {
            let first = if items[0]["track"] == "e" { "not recognised as sound" } else { "does not answer" };
            let body = json!({"items": items, "at": at, "play": true}).to_string();
            hub.refused(422, first, "POST", "/groups/all/queue", Some(&body));
            assert_eq!(hub.get("/groups/all/queue").1, before, "{at}");
            let group = hub.get("/groups/all").1;
            assert_eq!(
                (&group["title"], &group["state"], &group["warning"]),
                (&json!("a"), &json!("playing"), &Value::Null)
            );
        }
    }
    // So does going on to what cannot be played. While it is paused nobody opens what follows.
    assert_eq!(hub.post("/groups/all/pause", &json!({})).0, 200);
    add(&hub, &json!({"items": [{"station": "gone"}], "at": "next"}));
    let broken = hub.delete(&format!("/groups/all/queue/{}", entry(&hub.get("/groups/all/queue").1, 2))).1;
    assert_eq!(titles(&broken), ["a", "gone"]);
    hub.refused(422, "does not answer", "POST", "/groups/all/next", None);
    let group = hub.get("/groups/all").1;
    assert_eq!((&group["title"], &group["state"], &group["warning"]), (&json!("a"), &json!("paused"), &Value::Null));
}

#[test]
fn what_is_to_go_on_and_cannot_be_played_any_more_is_left_out_and_nothing_plays_in_silence() {
    let (hub, shelf, _node) = with_tracks();
    let wav = hub.folder.path().join("ten.wav");
    // What is paused is taken out, and the file of what follows it is gone when it is to go on.
    let go_on_without_b = |tracks: &[&str]| {
        shelf.put("b", &wav);
        let items: Vec<Value> = tracks.iter().map(|track| json!({"track": track})).collect();
        let queue = add(&hub, &json!({"items": items, "at": "replace", "play": true}));
        assert_eq!(hub.post("/groups/all/pause", &json!({})).0, 200);
        std::fs::remove_file(shelf.path("b")).unwrap();
        assert_eq!(hub.delete(&format!("/groups/all/queue/{}", entry(&queue, 0))).0, 200);
        assert_eq!(hub.post("/groups/all/play", &json!({})).0, 200);
    };
    let is_said = |group: &Value| group["warning"].as_str().is_some_and(|text| text.starts_with("\"b\" is left out: "));
    go_on_without_b(&["a", "b", "c"]);
    hub.wait(|hub| {
        let group = hub.get("/groups/all").1;
        group["title"] == "c" && group["state"] == "playing" && is_said(&group)
    });
    go_on_without_b(&["a", "b"]);
    hub.wait(|hub| {
        let group = hub.get("/groups/all").1;
        group["state"] == "stopped" && is_said(&group)
    });
}

#[test]
fn what_is_left_out_is_said_until_something_else_is_played() {
    let (hub, shelf, _node) = with_tracks();
    std::fs::write(shelf.path("e"), "no sound").unwrap();
    let warning = |hub: &Hub| hub.get("/groups/all").1["warning"].clone();
    add(&hub, &json!({"items": [{"track": "e"}, {"track": "a"}], "at": "replace", "play": true}));
    assert!(warning(&hub).as_str().unwrap().starts_with("\"e\" is left out: "), "{}", warning(&hub));
    add(&hub, &json!({"items": [{"track": "b"}], "at": "next", "play": true}));
    assert_eq!(warning(&hub), Value::Null);
    // What comes next is opened in time, and this cannot be.
    let queue = add(&hub, &json!({"items": [{"track": "e"}, {"track": "c"}], "at": "replace"}));
    add(&hub, &json!({"items": [{"track": "d"}], "at": "next", "play": true}));
    hub.wait(|hub| warning(hub).is_string());
    assert_eq!(hub.delete(&format!("/groups/all/queue/{}", entry(&queue, 0))).0, 200);
    assert_eq!(warning(&hub), Value::Null, "what is not in the queue is no matter");
}

#[test]
fn a_station_that_answers_late_does_not_end_what_was_wanted_since() {
    let (hub, shelf, _node) = with_tracks();
    let url = |name: &str| json!({"name": name, "url": format!("https://example.org/{name}.wav")});
    for name in ["slow", "slower"] {
        assert_eq!(hub.post("/stations", &url(name)).0, 201);
    }
    let wav = hub.folder.path().join("ten.wav");
    let station = |name: &str| json!({"items": [{"station": name}], "at": "replace", "play": true});
    let late = |name: &str, meanwhile: &dyn Fn()| {
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| hub.post("/groups/all/queue", &station(name)));
            hub.wait(|_| shelf.path(&format!("{name}.called")).exists());
            meanwhile();
            shelf.put(&format!("{name}.wav"), &wav);
            asked.join().unwrap()
        })
    };
    let (status, said) = late("slow", &|| drop(add(&hub, &json!({"items": [{"track": "a"}], "play": true}))));
    assert_eq!(status, 409, "{said}");
    assert!(said["error"].as_str().unwrap().contains("something else was wanted"), "{said}");
    let group = hub.get("/groups/all").1;
    assert_eq!((&group["title"], titles(&hub.get("/groups/all/queue").1)), (&json!("a"), vec!["a".into()]));
    // What was wanted before and is open first does not count against it.
    let (status, _) = late("slower", &|| {});
    assert_eq!((status, &hub.get("/groups/all").1["title"]), (200, &json!("slower")));
}

#[test]
fn a_hub_that_was_restarted_goes_on_in_its_queue() {
    let (hub, _shelf, _node) = with_tracks();
    let items = ["a", "b", "c"].map(|track| json!({"track": track}));
    add(&hub, &json!({"items": items, "play": true, "index": 1}));
    hub.patch("/groups/all", &json!({"repeat": "all"}));
    hub.post("/groups/all/seek", &json!({"position_s": 4}));
    let before = hub.get("/groups/all/queue").1;
    std::thread::sleep(std::time::Duration::from_millis(300));
    let hub = hub.restarted();
    hub.wait(|hub| hub.get("/groups/all").1["state"] == "playing");
    let (group, queue) = (hub.get("/groups/all").1, hub.get("/groups/all/queue").1);
    assert_eq!((&group["title"], &group["track"]["id"]), (&json!("b"), &json!("b")));
    assert!(group["position_s"].as_f64().unwrap() > 3.9, "{group}");
    for key in ["entries", "index", "repeat"] {
        assert_eq!(queue[key], before[key]);
    }
}

#[test]
fn what_plays_goes_to_other_rooms_at_once() {
    let (hub, _shelf, _node) = with_tracks();
    let _other = hub.join("first floor", &["study", "bath"]);
    add(&hub, &json!({"items": [{"track": "a"}], "play": true}));
    let (status, group) = hub.put("/groups/all/rooms", &json!({"rooms": ["study", "bath"]}));
    assert_eq!((status, &group["state"], group["rooms"].as_array().unwrap().len()), (200, &json!("playing"), 2));
    assert_eq!(hub.room("kitchen")["group"], Value::Null);
    hub.refused(404, "no room \"attic\"", "PUT", "/groups/all/rooms", Some(r#"{"rooms": ["attic"]}"#));
    hub.refused(422, "rooms", "PUT", "/groups/all/rooms", Some("{}"));
}
