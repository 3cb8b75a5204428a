//! The WebSocket: everything as it is, then what changes.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tungstenite::{
    Error, Message, WebSocket,
    client::{IntoClientRequest, client},
    http::Request,
    protocol::CloseFrame,
};

use crate::api::{hub::Hub, setup::ELSEWHERE};

/// One who watches.
pub(crate) struct Socket {
    socket: WebSocket<TcpStream>,
    seq: u64,
}

impl Socket {
    pub(crate) fn open(hub: &Hub, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request: Request<()> = format!("ws://{}/api/v1/events", hub.api).into_client_request().unwrap();
        for (name, value) in headers {
            let name = tungstenite::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(hub.api).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        match client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, seq: 0 }),
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// The next message; numbers follow one another.
    pub(crate) fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                let seq = message["seq"].as_u64().unwrap();
                assert!(message.get("snapshot").is_some() || seq == self.seq + 1, "{} after {}", seq, self.seq);
                self.seq = seq;
                return message;
            }
        }
    }

    /// Reads until a view of a section is so.
    pub(crate) fn until(&mut self, section: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next();
            let all = [&message["changed"][section], &message["snapshot"][section]];
            let mut views = all.into_iter().filter_map(Value::as_array).flatten();
            if let Some(view) = views.find(|view| is_so(view)) {
                return view.clone();
            }
        }
    }

    /// Reads until the whole of a section is so.
    pub(crate) fn until_whole(&mut self, section: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next();
            let mut all = [&message["changed"][section], &message["snapshot"][section]].into_iter();
            if let Some(view) = all.find(|view| is_so(view)) {
                return view.clone();
            }
        }
    }

    /// Reads until something of a section is gone, and says what.
    fn gone(&mut self, section: &str) -> Value {
        loop {
            let message = self.next();
            if message["removed"][section].is_array() {
                return message["removed"][section].clone();
            }
        }
    }

    /// Why the hub has closed it.
    fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame,
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

#[test]
fn a_snapshot_has_what_the_routes_have_and_changes_follow_it() {
    let (hub, node) = Hub::with_a_group();
    let mut socket = Socket::open(&hub, &[]).unwrap();
    let first = socket.next();
    let snapshot = &first["snapshot"];
    for section in ["hub", "rooms", "groups", "nodes", "sources", "stations", "scenes", "library"] {
        assert_eq!(snapshot[section], hub.get(&format!("/{section}")).1, "{section}");
    }
    assert!(snapshot["health"].is_array() && first.get("resync").is_none());

    hub.patch("/rooms/kitchen", &json!({"volume": 11}));
    assert_eq!(socket.until("rooms", |room| room["volume"] == 11)["name"], "kitchen");
    hub.post("/groups", &json!({"name": "other"}));
    let other = socket.until("groups", |group| group["name"] == "other");
    hub.ask("DELETE", "/groups/other", None, &[]);
    assert_eq!(socket.gone("groups"), json!([other["id"]]));
    node.abort();
    // Both may come at once.
    let (mut room_is_gone, mut node_is_gone) = (false, false);
    while !(room_is_gone && node_is_gone) {
        let message = socket.next();
        let has = |section: &str, is_so: &dyn Fn(&Value) -> bool| {
            message["changed"][section].as_array().is_some_and(|views| views.iter().any(is_so))
        };
        room_is_gone |= has("rooms", &|room| room["online"] == false);
        node_is_gone |= has("nodes", &|node| node["role"] == "node" && node["online"] == false);
    }
}

#[test]
fn a_change_is_there_within_a_moment_and_of_what_plays_only_what_happens_to_it() {
    let (hub, _node) = Hub::with_a_group();
    let mut socket = Socket::open(&hub, &[]).unwrap();
    socket.next();
    let mut waits: Vec<Duration> = (1..=20)
        .map(|volume| {
            hub.patch("/rooms/kitchen", &json!({ "volume": volume }));
            let begun = Instant::now();
            socket.until("rooms", |room| room["volume"] == volume);
            begun.elapsed()
        })
        .collect();
    waits.sort();
    // The bound is for a machine that has other things to do; it is 50 ms.
    assert!(waits[waits.len() / 2] < Duration::from_millis(150), "{waits:?}");

    let wav = hub.wav("ten.wav", 10);
    hub.post("/groups/all/play", &json!({"file": wav, "position_s": 2}));
    let playing = socket.until("groups", |group| group["state"] == "playing");
    assert!((1.9..4.0).contains(&playing["position_s"].as_f64().unwrap()), "{playing}");
    // Once it is heard it goes on, and nobody has to be told.
    for volume in 21..81 {
        hub.patch("/rooms/kitchen", &json!({ "volume": volume }));
        let message = socket.next();
        assert!(volume < 41 || message["changed"].get("groups").is_none(), "{message}");
        std::thread::sleep(Duration::from_millis(50));
    }
    hub.post("/groups/all/seek", &json!({"position_s": 0}));
    socket.until("groups", |group| group["position_s"].as_f64().is_some_and(|position| position < 1.5));
}

#[test]
fn what_is_saved_and_what_is_queued_is_seen_as_it_changes() {
    let (hub, _node) = Hub::with_a_group();
    let mut socket = Socket::open(&hub, &[]).unwrap();
    socket.next();
    for (section, made) in [
        ("stations", json!({"name": "news", "url": "http://radio.example/news"})),
        ("scenes", json!({"name": "evening"})),
    ] {
        assert_eq!(hub.post(&format!("/{section}"), &made).0, 201);
        let seen = socket.until(section, |view| view["name"] == made["name"]);
        assert_eq!(json!([seen]), hub.get(&format!("/{section}")).1);
        assert_eq!(hub.delete(&format!("/{section}/{}", seen["id"].as_str().unwrap())).0, 204);
        assert_eq!(socket.gone(section), json!([seen["id"]]));
    }
    hub.post("/stations", &json!({"name": "news", "url": "http://radio.example/news"}));
    let (status, queue) = hub.post("/groups/all/queue", &json!({"items": [{"station": "news"}]}));
    assert_eq!(status, 200, "{queue}");
    let group = socket.until("groups", |group| group["queue"]["length"] == 1);
    assert_eq!(group["queue"]["version"], queue["version"]);
}

#[test]
fn two_hundred_watch_and_all_are_told() {
    let (hub, _node) = Hub::with_a_group();
    let mut sockets: Vec<Socket> = (0..200).map(|_| Socket::open(&hub, &[]).unwrap()).collect();
    hub.patch("/rooms/kitchen", &json!({"volume": 77}));
    for socket in &mut sockets {
        socket.until("rooms", |room| room["volume"] == 77);
    }
    // There is an end to it.
    let more = (0..200).map_while(|_| Socket::open(&hub, &[]).ok());
    let more: Vec<Socket> = more.collect();
    assert_eq!(more.len(), 100);
    assert!(matches!(Socket::open(&hub, &[]), Err(429)));
    drop(more);
    hub.wait(|hub| Socket::open(hub, &[]).is_ok());
}

#[test]
fn one_who_does_not_read_holds_up_nobody() {
    let (hub, _node) = Hub::with_a_group();
    let _asleep = Socket::open(&hub, &[]).unwrap();
    let mut awake = Socket::open(&hub, &[]).unwrap();
    for volume in (1..=90).chain(1..=90) {
        hub.patch("/rooms/kitchen", &json!({ "volume": volume }));
        awake.until("rooms", |room| room["volume"] == volume);
    }
}

#[test]
fn a_page_from_elsewhere_watches_nothing() {
    let hub = Hub::start();
    let ours = format!("http://{}", hub.api);
    for headers in [
        &[("origin", "http://evil.example")][..],
        &[("origin", "null")],
        &[("origin", &ours), ("sec-fetch-site", "cross-site")],
        &[("host", "evil.example")],
    ] {
        assert!(matches!(Socket::open(&hub, headers), Err(403 | 421)), "{headers:?}");
    }
    assert!(matches!(Socket::open(&hub, &[ELSEWHERE]), Err(401)));
    assert!(Socket::open(&hub, &[("origin", &ours)]).is_ok());
}

#[test]
fn a_socket_ends_with_what_has_opened_it() {
    let hub = Hub::start();
    let mut trusted = Socket::open(&hub, &[]).unwrap();
    let cookie = hub.set_up();
    // What was open to everybody here is so no more.
    assert_eq!(u16::from(trusted.closed().unwrap().code), 1008);
    let local = hub.local_token();
    let mut by_cookie = Socket::open(&hub, &[("cookie", &cookie), ELSEWHERE]).unwrap();
    let made = hub.with_token(&local, "POST", "/access", Some(&json!({"name": "wall", "scope": "read"}))).1;
    let token = format!("Bearer {}", made["token"].as_str().unwrap());
    let mut by_token = Socket::open(&hub, &[("authorization", &token)]).unwrap();
    let mut by_local = Socket::open(&hub, &[("authorization", &format!("Bearer {local}"))]).unwrap();
    by_token.next();
    hub.with_token(&local, "DELETE", &format!("/access/{}", made["id"].as_str().unwrap()), None);
    assert_eq!(u16::from(by_token.closed().unwrap().code), 1008);
    by_cookie.next();
    let page = format!("http://{}", hub.api);
    hub.ask("POST", "/logout", None, &[("cookie", &cookie), ("origin", &page)]);
    assert_eq!(u16::from(by_cookie.closed().unwrap().code), 1008);
    by_local.next();
    hub.with_token(&local, "POST", "/groups", Some(&json!({"name": "still here"})));
    by_local.until("groups", |group| group["name"] == "still here");
}

#[test]
fn what_a_socket_sends_is_bounded_and_asking_without_one_is_refused() {
    let hub = Hub::start();
    assert!(matches!(hub.get("/events").0, 400 | 426));
    let mut socket = Socket::open(&hub, &[]).unwrap();
    socket.next();
    socket.socket.send(Message::text("hello")).unwrap();
    hub.post("/groups", &json!({"name": "all"}));
    socket.until("groups", |group| group["name"] == "all");
    let _ = socket.socket.send(Message::text("x".repeat(100_000)));
    socket.closed();
}

#[test]
fn whoever_floods_a_socket_loses_it_and_nobody_else_does() {
    let (hub, _node) = Hub::with_a_group();
    let (mut other, mut flood) = (Socket::open(&hub, &[]).unwrap(), Socket::open(&hub, &[]).unwrap());
    for _ in 0..10_000 {
        // It is closed meanwhile.
        if flood.socket.send(Message::Ping(vec![0; 100].into())).is_err() {
            break;
        }
    }
    assert!(flood.closed().is_none_or(|frame| u16::from(frame.code) == 1008));
    hub.patch("/rooms/kitchen", &json!({"volume": 42}));
    other.until("rooms", |room| room["volume"] == 42);
}
