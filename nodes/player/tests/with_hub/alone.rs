//! From a hub to standing alone and back, as it was emitted.

use serde_json::{Value, json};
use unisono_benches::lab::listen::listen;

use crate::house::{House, noise, now};

fn state(house: &House) -> Value {
    house.node("GET", "/standalone", None).1["state"].clone()
}

#[test]
fn without_its_hub_a_node_plays_its_folder_and_when_the_hub_is_back_its_group() {
    let music = tempfile::tempdir().unwrap();
    let own = noise(&music.path().join("own.wav"), 20, 1);
    let mut house = House::new(&["--music", music.path().to_str().unwrap(), "--standalone-after-s", "2"]);
    assert_eq!(house.node("PATCH", "/rooms/0", Some(&json!({"volume": 100}))).0, 409, "the hub says how loud it is");
    let theirs = noise(&house.folder.path().join("theirs.wav"), 60, 2);
    house.tell("POST", "/groups/all/play", &json!({"file": house.folder.path().join("theirs.wav")}));
    house.wait("the group to be heard", |house| house.room()["state"] == "playing");
    std::thread::sleep(std::time::Duration::from_millis(3_500));
    house.stop_hub();
    let gone = now();
    house.wait("the node to stand alone", |house| state(house) == "alone");
    std::thread::sleep(std::time::Duration::from_secs(3));
    house.start_hub();
    let back = now();
    house.wait("the room to play for its hub", |house| house.room()["state"] == "playing");
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(house.node("GET", "/node", None).1["hub"]["in_time"], true);
    let recording = house.recording();
    let (own, theirs) = (listen(&own, &recording, 0.9).unwrap(), listen(&theirs, &recording, 0.9).unwrap());
    // Its own after the limit, from the first frame on, and until the hub was back.
    let first = own.found.first().unwrap();
    assert!(first.source < 4_096, "it begins with frame {}", first.source);
    let waited = first.time - gone;
    // The hub has not said that it goes.
    assert!((2.0..4.0).contains(&waited), "it began {waited} s after its hub had gone");
    assert!(own.largest_step() < 0.5, "frames were lost of what it has");
    let last = own.found.last().unwrap().time;
    // The group's before, nothing of it in between, and again.
    assert!(theirs.found.first().unwrap().time < gone);
    assert!(theirs.found.iter().all(|found| found.time < first.time || found.time > last - 0.1), "both at once");
    let again = theirs.found.iter().find(|found| found.time > back).unwrap().time - back;
    println!("alone {waited:.2} s after the hub had gone, in the group {again:.2} s after it was back");
    assert!(again < 3.0, "it was {again} s until the group was heard again");
    assert!(last - back < again, "what it plays ends");
}

#[test]
fn a_command_takes_the_room_from_a_hub_that_plays_and_gives_it_back() {
    let music = tempfile::tempdir().unwrap();
    let own = noise(&music.path().join("own.wav"), 20, 3);
    let house = House::new(&["--music", music.path().to_str().unwrap()]);
    let theirs = noise(&house.folder.path().join("theirs.wav"), 60, 4);
    house.tell("POST", "/groups/all/play", &json!({"file": house.folder.path().join("theirs.wav")}));
    house.wait("the group to be heard", |house| house.room()["state"] == "playing");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let (status, said) = house.node("POST", "/rooms/0/play", Some(&json!({})));
    assert_eq!((status, said["error"].as_str().unwrap().contains("a hub decides")), (409, true), "{said}");
    assert_eq!(house.node("POST", "/standalone", Some(&json!({"on": true}))).0, 200);
    let taken = now();
    house.wait("the hub to know", |house| house.room()["state"] == "alone");
    std::thread::sleep(std::time::Duration::from_secs(3));
    // The hub has gone on meanwhile.
    assert_eq!(house.node("POST", "/standalone", Some(&json!({"on": "auto"}))).0, 200);
    let given = now();
    house.wait("the room to play for its hub", |house| house.room()["state"] == "playing");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let recording = house.recording();
    let (own, theirs) = (listen(&own, &recording, 0.9).unwrap(), listen(&theirs, &recording, 0.9).unwrap());
    let (first, last) = (own.found.first().unwrap().time, own.found.last().unwrap().time);
    assert!(first - taken < 1.5, "it took {} s", first - taken);
    assert!(last > taken + 2.0 && last < given + 0.5);
    let again = theirs.found.iter().find(|found| found.time > given).unwrap();
    assert!(again.time - given < 1.0, "it took {} s", again.time - given);
    // In time: the same frame at the same instant as if nothing had been.
    let before = theirs.found.iter().rfind(|found| found.time < taken).unwrap();
    let frames = again.source as f64 - before.source as f64;
    let apart = (again.time - before.time) - frames / 48_000.0;
    assert!(apart.abs() < 2e-3, "{apart} s out of time");
}
