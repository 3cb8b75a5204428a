//! Whom the hub listens to: no web page of somebody else's, under whatever name that has the hub appear.

use crate::api::{hub::Hub, raw::raw};

fn deletes(headers: &str) -> Vec<u8> {
    format!("DELETE /api/v1/groups/all HTTP/1.1\r\n{headers}connection: close\r\n\r\n").into()
}

#[test]
fn a_host_that_is_not_the_hub_is_refused() {
    let (hub, _node) = Hub::with_a_group();
    let port = hub.api.port();
    let before = hub.everything();
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "0.0.0.0",
        "[::]",
        "localhost:80:evil.example",
        "",
    ] {
        let answer = raw(&hub, &deletes(&format!("host: {host}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 421 "), "{host:?}: {answer}");
        assert!(answer.contains(r#"{"error":"this hub is not called so;"#), "{host:?}: {answer}");
        // Nor may it read.
        let reads = format!("GET /api/v1/rooms HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert!(raw(&hub, reads.as_bytes()).starts_with("HTTP/1.1 421 "), "{host:?}");
    }
    let without = raw(&hub, b"DELETE /api/v1/groups/all HTTP/1.0\r\n\r\n");
    assert!(without.starts_with("HTTP/1.0 421 "), "{without}");
    let unreadable = raw(&hub, b"DELETE /api/v1/groups/all HTTP/1.1\r\nhost: \xff\r\nconnection: close\r\n\r\n");
    assert!(unreadable.starts_with("HTTP/1.1 4"), "{unreadable}");
    assert_eq!(hub.everything(), before);
    for host in ["localhost", "127.0.0.1", "192.168.1.2:80", "[::1]", "hub.local", &format!("localhost:{port}")] {
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
        for origin in ["http://evil.example", "null", "http://localhost", "http://localhost.evil.example"] {
            hub.refused_with(403, "a page from elsewhere", method, path, body, &[("origin", origin)]);
        }
        let ours = format!("http://{}", hub.api);
        for site in ["cross-site", "same-site", ""] {
            let headers = [("origin", &ours[..]), ("sec-fetch-site", site)];
            hub.refused_with(403, "a page from elsewhere", method, path, body, &headers);
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
fn the_hubs_own_page_may_change_things_and_every_page_is_without_a_right_to_read() {
    let (hub, _node) = Hub::with_a_group();
    let ours = format!("http://{}", hub.api);
    for headers in [&[("origin", &ours[..])][..], &[("origin", &ours), ("sec-fetch-site", "same-origin")], &[]] {
        let (status, _) = hub.ask("PATCH", "/groups/all", Some("{}"), headers);
        assert_eq!(status, 200, "{headers:?}");
    }
    let host = format!("host: {}\r\n", hub.api);
    let reads = format!("GET /api/v1/hub HTTP/1.1\r\n{host}origin: http://evil.example\r\nconnection: close\r\n\r\n");
    let answer = raw(&hub, reads.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("access-control"), "{answer}");
}

#[test]
fn every_answer_tells_browsers_to_do_nothing_else_with_it() {
    let (hub, _node) = Hub::with_a_group();
    for (method, path, body, headers) in [
        ("GET", "/rooms", None, &[][..]),
        ("GET", "/openapi.json", None, &[]),
        ("GET", "/nowhere", None, &[]),
        ("DELETE", "/rooms", None, &[]),
        ("POST", "/groups", Some("{"), &[]),
        ("POST", "/groups", Some("{}"), &[("origin", "http://evil.example")]),
        ("GET", "/rooms", None, &[("host", "evil.example")]),
        ("POST", "/logout", None, &[]),
    ] {
        let (answer, _) = hub.answer(method, path, body, headers);
        let said = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        let policy = said("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(said(name), value, "{method} {path}: {name}");
        }
    }
}

#[test]
fn names_with_markup_in_them_come_back_as_data() {
    let (hub, _node) = Hub::with_a_group();
    let name = "<img src=x onerror=alert(1)>";
    let (answer, made) =
        hub.answer("PATCH", "/rooms/kitchen", Some(&serde_json::json!({"name": name}).to_string()), &[]);
    assert_eq!((answer.status().as_u16(), made["name"].as_str()), (200, Some(name)));
    assert_eq!(answer.headers()["content-type"], "application/json");
}

#[test]
fn a_body_that_is_no_json_is_refused_where_none_is_wanted_too() {
    let (hub, _node) = Hub::with_a_group();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        hub.refused_with(415, "JSON", "POST", "/groups/all/stop", Some("a=b"), &[("content-type", kind)]);
    }
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(hub.ask("POST", "/groups/all/stop", Some("{}"), &charset).0, 200);
}
