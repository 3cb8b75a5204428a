//! Requests that are none: refused in one line, and nothing has changed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use crate::api::hub::Hub;

/// Every route that takes a body.
const WITH_BODY: [(&str, &str); 12] = [
    ("POST", "/tokens"),
    ("PATCH", "/rooms/kitchen"),
    ("PATCH", "/nodes/attic"),
    ("POST", "/groups"),
    ("PATCH", "/groups/all"),
    ("POST", "/groups/all/play"),
    ("POST", "/groups/all/seek"),
    ("PUT", "/groups/all/rooms"),
    ("POST", "/groups/all/queue"),
    ("POST", "/groups/all/queue/1/move"),
    ("POST", "/scenes"),
    ("POST", "/stations"),
];

#[test]
fn a_body_that_is_no_json_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    for (method, path) in WITH_BODY {
        for body in ["", "{", "}", "{\"", "volume=1", "{\"\\ud800\": 1}", "\u{0}", "nul"] {
            hub.refused(400, "JSON", method, path, Some(body));
        }
        // What comes after it is read too.
        let (status, _) = hub.ask(method, path, Some("{} {}"), &[]);
        assert!(matches!(status, 400 | 422), "{status}");
        let nested = "[".repeat(10_000);
        let (status, _) = hub.ask(method, path, Some(&nested), &[]);
        assert!(matches!(status, 400 | 422), "{status}");
    }
}

#[test]
fn a_body_of_another_shape_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    for (method, path) in WITH_BODY {
        for body in ["null", "1", "\"all\"", "true", "[{}]"] {
            hub.refused(422, "invalid", method, path, Some(body));
        }
    }
    for (method, path, body, names) in [
        ("PATCH", "/rooms/kitchen", r#"{"muted": "yes"}"#, "muted"),
        ("PATCH", "/groups/all", r#"{"name": 7}"#, "name"),
        ("PATCH", "/groups/all", r#"{"muted": 1}"#, "muted"),
        ("POST", "/groups", "{}", "name"),
        ("POST", "/groups", r#"{"name": "x", "rooms": "kitchen"}"#, "rooms"),
        ("POST", "/groups", r#"{"name": "x", "rooms": [1]}"#, "rooms[0]"),
        ("POST", "/groups/all/play", r#"{"file": 1}"#, "file"),
        ("POST", "/groups/all/play", r#"{"file": ["/a"]}"#, "file"),
        ("PUT", "/groups/all/rooms", r#"{"rooms": "kitchen"}"#, "rooms"),
        ("POST", "/groups/all/queue", r#"{"items": [{"tune": "x"}]}"#, "items[0]"),
        ("POST", "/groups/all/queue", r#"{"items": [], "at": "last"}"#, "at"),
        ("POST", "/groups/all/queue/1/move", r#"{"to": -1}"#, "to"),
        ("POST", "/stations", r#"{"name": "x"}"#, "url"),
        // Values in the order of the fields are no object.
        ("POST", "/groups/all/seek", "[1]", "an object"),
        ("POST", "/groups", r#"["x", ["kitchen"]]"#, "an object"),
        ("POST", "/tokens", "[60, 1]", "an object"),
        ("PATCH", "/rooms/kitchen", r#"{"equaliser": [true, 0, []]}"#, "an object"),
        ("PATCH", "/rooms/kitchen", r#"{"equaliser": {"bands": [["peak", 100]]}}"#, "an object"),
    ] {
        hub.refused(422, names, method, path, Some(body));
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_by_name() {
    let (hub, _node) = Hub::with_a_group();
    for (method, path) in WITH_BODY {
        hub.refused(422, "unknown field `loud`", method, path, Some(r#"{"loud": 1}"#));
        // What it is called stays on the line.
        hub.refused(422, "unknown field `two lines`", method, path, Some(r#"{"two\nlines": 1}"#));
    }
    hub.refused(422, "duplicate field `volume`", "PATCH", "/groups/all", Some(r#"{"volume": 1, "volume": 2}"#));
}

#[test]
fn a_body_that_does_not_say_that_it_is_json_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    for (method, path) in WITH_BODY {
        for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let headers = [("content-type", kind)];
            hub.refused_with(415, "application/json", method, path, Some(r#"{"muted": true}"#), &headers);
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    let name = "x".repeat(64 * 1024);
    for (method, path) in WITH_BODY {
        hub.refused(413, "longer than 64 KiB", method, path, Some(&format!(r#"{{"name": "{name}"}}"#)));
    }
    hub.refused(413, "longer than 64 KiB", "POST", "/groups/all/stop", Some(&format!("{name}x")));
    // What is not too large is looked at.
    let long = format!(r#"{{"{}": 1}}"#, &name[..60 * 1024]);
    hub.refused(422, "unknown field", "PATCH", "/groups/all", Some(&long));
}

#[test]
fn a_method_that_a_route_does_not_know_is_refused_by_name() {
    let (hub, _node) = Hub::with_a_group();
    for (method, path) in [
        ("POST", "/hub"),
        ("DELETE", "/nodes"),
        ("GET", "/tokens"),
        ("PUT", "/rooms"),
        ("GET", "/rooms/kitchen"),
        ("PUT", "/nodes/attic"),
        ("DELETE", "/groups"),
        ("POST", "/groups/all"),
        ("POST", "/groups/all/rooms/kitchen"),
        ("GET", "/groups/all/play"),
        ("PUT", "/groups/all/pause"),
        ("GET", "/groups/all/stop"),
        ("PATCH", "/groups/all/seek"),
        ("POST", "/library"),
        ("GET", "/library/scan"),
        ("DELETE", "/library/tracks"),
        ("GET", "/groups/all/rooms"),
        ("PUT", "/groups/all/queue"),
        ("GET", "/scenes/evening"),
        ("PUT", "/stations"),
        ("GET", "/rooms/kitchen/beep"),
    ] {
        let body = (!matches!(method, "GET" | "DELETE")).then_some("{}");
        hub.refused(405, &format!("{method} cannot be done here"), method, path, body);
    }
}

#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    for path in ["", "/", "/group", "/groups/", "/groups/all/room", "/groups/all/play/now", "/rooms/a/b", "/../hub"] {
        hub.refused(404, "the API is at /api/v1", "GET", path, None);
    }
}

#[test]
fn a_connection_takes_a_second_request_after_one_whose_body_nobody_wanted() {
    let (hub, _node) = Hub::with_a_group();
    let mut stream = TcpStream::connect(hub.api).unwrap();
    stream.set_nodelay(true).unwrap();
    for (path, status) in [("groups/all/stop", 200), ("groups/all/pause", 409), ("nowhere", 404), ("hub", 405)] {
        // The body comes late.
        let head = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n",
            hub.api
        );
        stream.write_all(head.as_bytes()).unwrap();
        hub.get("/hub");
        stream.write_all(b"null").unwrap();
        let mut answer = BufReader::new(&stream);
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {line:?}");
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            answer.read_line(&mut line).unwrap();
            length = line.strip_prefix("content-length: ").map_or(length, |length| length.trim().parse().unwrap());
        }
        answer.read_exact(&mut vec![0; length]).unwrap();
    }
}
