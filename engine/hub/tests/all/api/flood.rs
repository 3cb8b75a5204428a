//! People who only hold connections keep nobody out.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::api::{events::Socket, hub::Hub};

/// How long the hub takes for an answer, at the 99th of a hundred.
fn p99(hub: &Hub) -> Duration {
    let mut waits: Vec<Duration> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            // Each on a connection of its own, as a phone that comes back.
            let url = format!("http://{}/api/v1/rooms", hub.api);
            let answer = ureq::get(url).header("connection", "close").call().unwrap();
            assert_eq!(answer.status(), 200);
            begun.elapsed()
        })
        .collect();
    waits.sort();
    waits[98]
}

/// As many connections as the system gives, up to so many: the hub is in this process, too, and takes 512 itself.
fn connections(hub: &Hub, number: usize, begin: &[u8]) -> Vec<TcpStream> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: usize = files.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    let number = number.min(files.saturating_sub(800));
    let open = (0..number).map_while(|_| {
        let mut stream = TcpStream::connect_timeout(&hub.api, Duration::from_secs(5)).ok()?;
        stream.set_nodelay(true).ok()?;
        // The hub may have closed it already.
        let _ = stream.write_all(begin);
        Some(stream)
    });
    open.collect()
}

#[test]
fn a_thousand_that_say_nothing_and_a_thousand_that_never_end_hold_up_nobody() {
    let (hub, _node) = Hub::with_a_group();
    let mut watcher = Socket::open(&hub, &[]).unwrap();
    watcher.next();
    let silent = connections(&hub, 1_000, b"");
    assert!(silent.len() > 100, "the system gives {} connections", silent.len());
    let quiet = p99(&hub);
    assert!(quiet < Duration::from_millis(500), "{quiet:?} beside {} silent ones", silent.len());
    drop(silent);
    let mut slow = connections(&hub, 1_000, b"GET /api/v1/rooms HTTP/1.1\r\nhost: localhost\r\nx-a: ");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        for stream in &mut slow {
            let _ = stream.write_all(b"a");
        }
    }
    let slowly = p99(&hub);
    assert!(slowly < Duration::from_millis(500), "{slowly:?} beside {} slow ones", slow.len());
    // Whoever is served stays.
    hub.patch("/rooms/kitchen", &serde_json::json!({"volume": 42}));
    watcher.until("rooms", |room| room["volume"] == 42);
}

/// Asks on a connection that goes on; what is answered.
fn ask_on(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /api/v1/hub HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn requests_whose_end_does_not_come_keep_nobody_out_and_throw_nobody_out() {
    let hub = Hub::start();
    let mut known = TcpStream::connect(hub.api).unwrap();
    assert!(ask_on(&mut known).starts_with("HTTP/1.1 200 "));
    let head = "POST /api/v1/groups HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let slow = connections(&hub, 1_000, format!("{head}content-length: 10\r\n\r\n{{").as_bytes());
    assert!(slow.len() > 600, "the system gives {} connections", slow.len());
    let wait = p99(&hub);
    assert!(wait < Duration::from_millis(500), "{wait:?} beside {}", slow.len());
    assert!(ask_on(&mut known).starts_with("HTTP/1.1 200 "), "whoever was there before is still heard");
}

#[test]
fn ten_thousand_idle_ones_hold_up_nobody() {
    let (hub, _node) = Hub::with_a_group();
    let idle = connections(&hub, 10_000, b"");
    let wait = p99(&hub);
    assert!(wait < Duration::from_millis(500), "{wait:?} beside {}", idle.len());
}

#[test]
fn a_head_that_is_too_long_is_refused_and_one_that_does_not_come_is_not_waited_for() {
    let hub = Hub::start();
    let long = format!("GET /api/v1/rooms HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
    let mut stream = TcpStream::connect(hub.api).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(long.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let mut late = TcpStream::connect(hub.api).unwrap();
    late.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    late.write_all(b"GET /api/v1/rooms HTTP/1.1\r\nhost: loc").unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = late.read_to_end(&mut rest);
    let waited = begun.elapsed();
    assert!((10..25).contains(&waited.as_secs()), "{waited:?}: {}", String::from_utf8_lossy(&rest));
}

#[test]
fn a_body_that_does_not_come_is_refused() {
    let hub = Hub::start();
    let mut stream = TcpStream::connect(hub.api).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = "POST /api/v1/groups HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the body does not come"), "{answer}");
}
