//! Who may ask: programs on this machine, and no web page of somebody else's.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::hub::Hub;

/// Sends bytes as they are; gives all that comes back.
fn raw(hub: &Hub, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(hub.api).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn deletes(headers: &str) -> Vec<u8> {
    format!("DELETE /api/v1/groups/all HTTP/1.1\r\n{headers}connection: close\r\n\r\n").into()
}

#[test]
fn a_host_that_is_not_this_machine_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    let port = hub.api.port();
    let before = hub.everything();
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "192.168.1.2",
        "0.0.0.0",
        "[::]",
        "[::ffff:192.168.1.2]:80",
        "localhost:80:evil.example",
        "",
    ] {
        let answer = raw(&hub, &deletes(&format!("host: {host}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 421 "), "{host:?}: {answer}");
        assert!(answer.ends_with(r#"{"error":"this API answers to localhost only"}"#), "{host:?}: {answer}");
        // Nor may it read.
        let reads = format!("GET /api/v1/rooms HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert!(raw(&hub, reads.as_bytes()).starts_with("HTTP/1.1 421 "), "{host:?}");
    }
    let without = raw(&hub, b"DELETE /api/v1/groups/all HTTP/1.0\r\n\r\n");
    assert!(without.starts_with("HTTP/1.0 421 "), "{without}");
    let unreadable = raw(&hub, b"DELETE /api/v1/groups/all HTTP/1.1\r\nhost: \xff\r\nconnection: close\r\n\r\n");
    assert!(unreadable.starts_with("HTTP/1.1 4"), "{unreadable}");
    assert_eq!(hub.everything(), before);
    for host in ["localhost", "127.0.0.1", "127.9.9.9:80", "[::1]", &format!("localhost:{port}")] {
        let reads = format!("GET /api/v1/hub HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert!(raw(&hub, reads.as_bytes()).starts_with("HTTP/1.1 200 "), "{host:?}");
    }
}

#[test]
fn a_page_from_elsewhere_changes_nothing() {
    let (hub, _node) = Hub::with_a_group();
    let routes = [
        ("POST", "/tokens", Some("{}")),
        ("PATCH", "/rooms/kitchen", Some(r#"{"volume": 100}"#)),
        ("DELETE", "/rooms/kitchen", None),
        ("PATCH", "/nodes/attic", Some(r#"{"name": "cellar"}"#)),
        ("DELETE", "/nodes/attic", None),
        ("POST", "/groups", Some(r#"{"name": "x"}"#)),
        ("PATCH", "/groups/all", Some(r#"{"muted": true}"#)),
        ("DELETE", "/groups/all", None),
        ("DELETE", "/groups/all/rooms/kitchen", None),
        ("PUT", "/groups/all/rooms/kitchen", None),
        ("POST", "/groups/all/play", Some("{}")),
        ("POST", "/groups/all/pause", None),
        ("POST", "/groups/all/seek", Some(r#"{"position_s": 0}"#)),
        ("POST", "/groups/all/stop", None),
        ("POST", "/library/scan", None),
    ];
    for (method, path, body) in routes {
        for origin in ["http://evil.example", "null", "https://localhost", "http://localhost.evil.example"] {
            hub.refused_with(403, "a page from elsewhere", method, path, body, &[("origin", origin)]);
        }
    }
    let host = format!("host: {}\r\n", hub.api);
    for origin in [&b"\xff"[..], b"", b"http://evil.example\xff"] {
        let mut request =
            format!("DELETE /api/v1/groups/all HTTP/1.1\r\n{host}connection: close\r\norigin: ").into_bytes();
        request.extend_from_slice(origin);
        request.extend_from_slice(b"\r\n\r\n");
        let answer = raw(&hub, &request);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin:?}: {answer}");
    }
    assert_eq!(hub.get("/groups/all").0, 200);
    // What a browser asks before a page may send JSON is not answered with a permission.
    let asks = "OPTIONS /api/v1/groups/all HTTP/1.1\r\norigin: http://evil.example\r\n";
    let answer = raw(&hub, format!("{asks}{host}connection: close\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("access-control"), "{answer}");
}

#[test]
fn a_page_from_this_machine_may_change_things_and_every_page_is_without_a_right_to_read() {
    let (hub, _node) = Hub::with_a_group();
    for origin in ["http://localhost", "http://127.0.0.1:3000", "http://[::1]:80"] {
        let (status, _) = hub.ask("PATCH", "/groups/all", Some("{}"), &[("origin", origin)]);
        assert_eq!(status, 200, "{origin}");
    }
    let host = format!("host: {}\r\n", hub.api);
    let reads = format!("GET /api/v1/hub HTTP/1.1\r\n{host}origin: http://evil.example\r\nconnection: close\r\n\r\n");
    let answer = raw(&hub, reads.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("access-control"), "{answer}");
}
