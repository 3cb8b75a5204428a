//! What a hub passes on to a node.

use serde_json::{Value, json};

use crate::house::House;

#[test]
fn a_hub_passes_on_what_is_for_the_node_and_its_answers_as_they_are() {
    let music = tempfile::tempdir().unwrap();
    crate::house::noise(&music.path().join("own.wav"), 5, 5);
    let house = House::new(&["--music", music.path().to_str().unwrap()]);
    let (status, view) = house.hub("GET", "/rooms/kitchen/standalone", None);
    assert_eq!((status, view["state"].clone()), (200, json!("with hub")), "{view}");
    assert_eq!(house.hub("GET", "/rooms/kitchen/bluetooth", None), (200, json!([])));
    let (status, findings) = house.hub("GET", "/rooms/kitchen/doctor", None);
    assert!(status == 200 && findings.as_array().unwrap().len() >= 10, "{findings}");
    // Line by line.
    let (status, text) = house.hub("POST", "/rooms/kitchen/bluetooth/scan?seconds=1", Some(&json!({})));
    let text = if let Value::String(text) = text { text } else { text.to_string() };
    let last = text.lines().rfind(|line| !line.is_empty()).unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((status, last["event"].clone()), (200, json!("over")), "{text}");
    // Refusals too.
    let (status, said) = house.hub("POST", "/rooms/kitchen/bluetooth/scan?seconds=1000", Some(&json!({})));
    assert_eq!((status, said["error"].as_str().unwrap().contains("seconds: 1000")), (422, true), "{said}");
    let (status, said) = house.hub("POST", "/rooms/kitchen/bluetooth/x/connect", None);
    assert_eq!((status, said["error"].as_str().unwrap().contains("no Bluetooth address")), (422, true), "{said}");
    let (status, said) = house.hub("GET", "/rooms/attic/doctor", None);
    assert_eq!((status, said["error"].as_str().unwrap().contains("no room")), (404, true), "{said}");
    // It stands alone because the hub says so, and stays connected.
    let (status, view) = house.hub("POST", "/rooms/kitchen/standalone", Some(&json!({"on": true})));
    assert_eq!((status, view["mode"].clone()), (200, json!("on")), "{view}");
    house.wait("the node to play", |house| house.room()["state"] == "alone");
    house.hub("POST", "/rooms/kitchen/standalone", Some(&json!({"on": "auto"})));
    house.wait("the room to be the hub's", |house| house.room()["state"] == "idle");
}

#[test]
fn whoever_asks_for_a_node_that_is_not_there_is_told_so() {
    let mut house = House::new(&[]);
    house.stop_node();
    house.wait("the hub to notice", |house| house.room()["online"] == false);
    let (status, said) = house.hub("GET", "/rooms/kitchen/doctor", None);
    assert_eq!((status, said["error"].as_str().unwrap().contains("not connected")), (409, true), "{said}");
}
