//! A node that plays what it has.

use std::{fs::OpenOptions, io::Write, thread};

use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::{Value, json};
use unisono_core::time::Nanos;
use unisono_player::standalone::StandaloneSettings;

use crate::node::{Node, write_wav};

fn always() -> StandaloneSettings {
    StandaloneSettings { always: true, ..StandaloneSettings::default() }
}

fn after(millis: i64) -> StandaloneSettings {
    StandaloneSettings { after: Some(Nanos::from_millis(millis)), ..StandaloneSettings::default() }
}

fn plays(title: &str) -> impl Fn(&Value) -> bool {
    move |view| view["playback"] == "playing" && view["title"] == title
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_alone_for_good_plays_its_folder_over_and_over_in_every_room() {
    let node = Node::with_music(always());
    for title in ["1", "2", "10", "1"] {
        let view = node.wait("/standalone", plays(title)).await;
        assert_eq!((view["mode"].clone(), view["state"].clone()), (json!("always"), json!("alone")));
    }
    let rooms = node.wait("/rooms", |rooms| rooms[0]["state"] == "playing" && rooms[1]["state"] == "playing").await;
    assert_eq!((rooms[1]["plays_for"].clone(), rooms[1]["underruns"].clone()), (json!("node"), json!(0)), "{rooms}");
    let about = node.get("/node").await;
    assert_eq!((about["hub"]["connected"].clone(), about["household"].clone()), (json!(false), Value::Null));
    assert!(about["hub"]["reason"].as_str().unwrap().contains("for good"), "{about}");
    node.refused(409, "for good", "POST", "/standalone", Some(json!({"on": false}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn play_pause_next_and_stop_do_what_they_say() {
    let node = Node::with_music(always());
    node.wait("/standalone", plays("1")).await;
    let (status, room) = node.post("/rooms/kitchen/pause", json!({})).await;
    assert_eq!((status, room["name"].clone()), (200, json!("kitchen")), "{room}");
    node.wait("/rooms", |rooms| rooms[0]["state"] == "idle").await;
    let paused = node.get("/standalone").await;
    assert_eq!((paused["playback"].clone(), paused["title"].clone()), (json!("paused"), json!("1")));
    assert_eq!(node.post("/rooms/1/next", json!({})).await.0, 200);
    assert_eq!(node.post("/rooms/0/play", json!({})).await.0, 200);
    node.wait("/standalone", plays("2")).await;
    assert_eq!(node.post("/rooms/0/next", json!({})).await.0, 200);
    node.wait("/standalone", plays("10")).await;
    assert_eq!(node.ask("POST", "/rooms/0/stop", None).await.0, 200);
    node.wait("/standalone", |view| view["playback"] == "stopped" && view["title"].is_null()).await;
    node.refused(409, "nothing plays", "POST", "/rooms/0/pause", None).await;
    node.refused(409, "nothing plays", "POST", "/rooms/0/next", None).await;
    // From the beginning.
    assert_eq!(node.ask("POST", "/rooms/0/play", None).await.0, 200);
    node.wait("/standalone", plays("1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_plays_to_its_end_and_what_cannot_be_played_leaves_alone_what_plays() {
    let node = Node::start(always());
    node.refused(422, "nothing to play", "POST", "/rooms/0/play", None).await;
    let file = node.folder.path().join("one.wav");
    write_wav(&file, 1);
    assert_eq!(node.post("/rooms/0/play", json!({"file": file})).await.0, 200);
    node.wait("/standalone", plays("one")).await;
    node.refused(422, "/none", "POST", "/rooms/0/play", Some(json!({"folder": "/none"}))).await;
    let fifo = json!({"folder": node.folder.path().join("state")});
    node.refused(422, "no WAV", "POST", "/rooms/0/play", Some(fifo)).await;
    assert_eq!(node.get("/standalone").await["title"], "one");
    node.wait("/standalone", |view| view["playback"] == "stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_is_played_while_somebody_writes_and_the_writer_waits() {
    let node = Node::start(always());
    let path = node.folder.path().join("pipe");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    assert_eq!(node.post("/rooms/0/play", json!({"fifo": path})).await.0, 200);
    let writer = thread::spawn(move || {
        let mut pipe = OpenOptions::new().write(true).open(path).unwrap();
        let begun = std::time::Instant::now();
        // Two seconds of it.
        pipe.write_all(&vec![3; 2 * 48_000 * 4]).unwrap();
        begun.elapsed()
    });
    node.wait("/rooms", |rooms| rooms[0]["state"] == "playing").await;
    node.refused(409, "no next piece", "POST", "/rooms/0/next", None).await;
    assert!(writer.join().unwrap() >= std::time::Duration::from_millis(600), "it was read faster than it was heard");
    node.wait("/rooms", |rooms| rooms[0]["state"] == "idle").await;
    assert_eq!(node.get("/standalone").await["playback"], "playing", "another writer may come");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hub_the_node_begins_by_itself_and_whoever_wants_to_hear_something_need_not_wait() {
    let node = Node::with_music(after(300));
    assert_eq!(node.get("/standalone").await["state"], "waiting");
    node.wait("/standalone", plays("1")).await;
    let node = Node::with_music(StandaloneSettings { after: None, ..StandaloneSettings::default() });
    assert_eq!(node.get("/standalone").await["state"], "waiting");
    node.refused(409, "nothing plays", "POST", "/rooms/0/pause", None).await;
    assert_eq!(node.post("/rooms/0/play", json!({})).await.0, 200);
    node.wait("/standalone", |view| view["state"] == "alone" && view["title"] == "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_switches_it_on_and_off() {
    let node = Node::with_music(StandaloneSettings { after: None, ..StandaloneSettings::default() });
    let (status, view) = node.post("/standalone", json!({"on": true})).await;
    assert_eq!((status, view["mode"].clone()), (200, json!("on")));
    node.wait("/rooms", |rooms| rooms[0]["state"] == "playing").await;
    node.post("/standalone", json!({"on": false})).await;
    node.wait("/rooms", |rooms| rooms[0]["state"] == "idle" && rooms[0]["plays_for"] == "hub").await;
    node.refused(409, "switched off", "POST", "/rooms/0/play", None).await;
    // It goes on where it was.
    node.post("/standalone", json!({"on": true})).await;
    node.wait("/rooms", |rooms| rooms[0]["state"] == "playing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_room_is_as_loud_as_it_is_set() {
    let node = Node::start(always());
    let (status, room) = node.ask("PATCH", "/rooms/hall", Some(json!({"volume": 70, "muted": true}))).await;
    assert_eq!((status, room["volume"].clone(), room["muted"].clone()), (200, json!(70), json!(true)));
    let rooms = node.get("/rooms").await;
    assert_eq!((rooms[0]["volume"].clone(), rooms[0]["muted"].clone()), (json!(35), json!(false)));
}
