//! How rooms sound: equaliser, channels, start volume.

use serde_json::json;

use crate::api::hub::Hub;

#[test]
fn a_room_shows_how_it_sounds_and_keeps_it_after_a_restart() {
    let (hub, _node) = Hub::with_a_group();
    let room = hub.room("kitchen");
    assert_eq!(room["equaliser"], json!({"enabled": false, "preamp_db": 0.0, "bands": []}));
    assert_eq!(
        (&room["channels"], &room["start_volume"], &room["latency"]),
        (&json!("stereo"), &json!(null), &json!([]))
    );
    let equaliser = json!({"enabled": true, "preamp_db": -4.5, "bands": [
        {"kind": "low_shelf", "frequency_hz": 105.0, "gain_db": 4.5, "q": 0.7},
        {"kind": "notch", "frequency_hz": 50.0, "gain_db": 0.0, "q": 10.0},
    ]});
    let change = json!({"equaliser": equaliser, "channels": "left", "start_volume": 25});
    let (status, said) = hub.patch("/rooms/kitchen", &change);
    assert_eq!((status, &said["equaliser"]), (200, &equaliser), "{said}");
    assert_eq!((&said["channels"], &said["start_volume"]), (&json!("left"), &json!(25)));
    assert_eq!(said["sound_problem"], json!(null));
    // What is left out stays, and so does what is not named in an equaliser that is there.
    let (_, said) = hub.patch("/rooms/kitchen", &json!({"volume": 20}));
    assert_eq!((&said["equaliser"], &said["start_volume"]), (&equaliser, &json!(25)));
    let (_, said) = hub.patch("/rooms/kitchen", &json!({"equaliser": null, "channels": "swapped"}));
    assert_eq!((&said["equaliser"], &said["channels"]), (&equaliser, &json!("swapped")));
    let hub = hub.restarted();
    let room = hub.room("kitchen");
    assert_eq!(
        (&room["equaliser"], &room["channels"], &room["start_volume"]),
        (&equaliser, &json!("swapped"), &json!(25))
    );
    let (_, said) = hub.patch("/rooms/kitchen", &json!({"equaliser": {"enabled": false}, "start_volume": null}));
    assert_eq!(said["equaliser"], json!({"enabled": false, "preamp_db": 0.0, "bands": []}));
    assert_eq!(said["start_volume"], json!(null));
}

#[test]
fn a_sound_that_cannot_be_is_refused_by_name_and_nothing_has_changed() {
    let (hub, _node) = Hub::with_a_group();
    let band = |band: &str| format!(r#"{{"equaliser": {{"bands": [{band}]}}, "volume": 3, "name": "x"}}"#);
    let many = [r#"{"kind": "peak", "frequency_hz": 100}"#; 11].join(",");
    for (names, body) in [
        ("bands[0]: frequency_hz: 19.9 is not between 20 and 20000", band(r#"{"kind": "peak", "frequency_hz": 19.9}"#)),
        ("gain_db: 12.1", band(r#"{"kind": "peak", "frequency_hz": 100, "gain_db": 12.1}"#)),
        ("q: 0 is not", band(r#"{"kind": "peak", "frequency_hz": 100, "q": 0}"#)),
        ("kind: \"bell\" is none of peak", band(r#"{"kind": "bell", "frequency_hz": 100}"#)),
        ("frequency_hz", band(r#"{"kind": "peak"}"#)),
        ("unknown field `width`", band(r#"{"kind": "peak", "frequency_hz": 100, "width": 1}"#)),
        ("bands: 11 are more than 10", band(&many)),
        ("preamp_db: 12.5 is not between -24 and 12", r#"{"equaliser": {"preamp_db": 12.5}}"#.into()),
        ("channels: \"surround\" is none of stereo", r#"{"channels": "surround", "volume": 3}"#.into()),
        ("start_volume: 101", r#"{"start_volume": 101, "volume": 3}"#.into()),
        ("start_volume", r#"{"start_volume": "loud"}"#.into()),
    ] {
        hub.refused(422, names, "PATCH", "/rooms/kitchen", Some(&body));
    }
}

#[test]
fn only_a_room_that_is_there_can_beep() {
    let (hub, node) = Hub::with_a_group();
    hub.refused(404, "there is no room \"cellar\"", "POST", "/rooms/cellar/beep", None);
    hub.refused(405, "GET cannot be done here", "GET", "/rooms/kitchen/beep", None);
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["online"] == false);
    hub.refused(409, "is not there", "POST", "/rooms/kitchen/beep", None);
}
