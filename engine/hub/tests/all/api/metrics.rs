//! What Prometheus reads, and where it is sent.

use serde_json::{Value, json};
use unisono_core::wire::control::Evidence;

use crate::api::{hub::Hub, status::report};

impl Hub {
    /// The lines of the page about Unisono, without what explains them.
    fn metrics(&self) -> Vec<String> {
        let (status, text) = self.beside("/metrics", &[]);
        assert_eq!(status, 200, "{text}");
        text.lines().filter(|line| line.starts_with("unisono_")).map(str::to_owned).collect()
    }

    fn series(&self, of: &str) -> Vec<String> {
        self.metrics().into_iter().filter(|line| line.contains(of)).collect()
    }

    fn targets(&self, host: &str) -> Value {
        let (status, text) = self.beside("/prometheus/targets", &[("host", host)]);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn has(lines: &[String], line: &str) {
    assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:#?}");
}

#[test]
fn a_hub_without_rooms_says_what_it_is() {
    let hub = Hub::start();
    let lines = hub.metrics();
    has(&lines, r#"unisono_nodes{state="connected"} 0"#);
    has(&lines, r#"unisono_state_durable{store="session"} 1"#);
    has(&lines, "unisono_refused_datagrams_total 0");
    let build = format!(r#"program="unisono-hub",protocol="1.4",version="{}""#, env!("CARGO_PKG_VERSION"));
    has(&lines, &format!("unisono_build_info{{{build}}} 1"));
    assert!(hub.series("unisono_hub_info{")[0].contains(r#"codec="opus""#), "{lines:#?}");
    assert!(hub.beside("/metrics", &[]).1.contains("\nprocess_resident_memory_bytes "));
    assert!(hub.series("room=").is_empty() && hub.series("acoustic").is_empty());
}

#[test]
fn rooms_and_groups_are_there_until_they_are_forgotten() {
    let (hub, node) = Hub::with_a_group();
    let (_, token) = hub.post("/groups", &json!({"name": "Öde \"x\"\\"}));
    assert_eq!(token["name"], "Öde \"x\"\\");
    let lines = hub.metrics();
    has(&lines, r#"unisono_room_connected{room="kitchen"} 1"#);
    has(&lines, r#"unisono_room_volume_ratio{room="kitchen"} 0.35"#);
    has(&lines, r#"unisono_room_state{room="kitchen",state="starting"} 1"#);
    has(&lines, r#"unisono_group_rooms{group="all",state="connected"} 1"#);
    has(&lines, r#"unisono_group_playing{group="all"} 0"#);
    has(&lines, r#"unisono_group_rooms{group="Öde \"x\"\\",state="away"} 0"#);
    has(&lines, r#"unisono_nodes{state="connected"} 1"#);
    let info = hub.series("unisono_room_info{");
    assert!(info[0].contains(r#"group="all""#) && info[0].contains(r#"output="a speaker""#), "{info:?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("unisono_sync_error_seconds")),
        "nothing was measured: {lines:#?}"
    );
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["online"] == false);
    let lines = hub.metrics();
    has(&lines, r#"unisono_room_connected{room="kitchen"} 0"#);
    has(&lines, r#"unisono_room_state{room="kitchen",state="offline"} 1"#);
    has(&lines, r#"unisono_nodes{state="away"} 1"#);
    assert_eq!(hub.ask("DELETE", "/rooms/kitchen", None, &[]).0, 204);
    assert!(hub.series("kitchen").is_empty(), "{:#?}", hub.series("kitchen"));
    hub.patch("/groups/all", &json!({"name": "downstairs"}));
    assert!(hub.series("group=\"all\"").is_empty() && !hub.series("group=\"downstairs\"").is_empty());
}

#[test]
fn sync_errors_are_counted_by_size_as_often_as_they_are_said_and_go_with_the_room() {
    let hub = Hub::start();
    let said = report(&[Evidence::Device, Evidence::Nothing]);
    let node = hub.join_saying("ground floor", &["kitchen", "study"], &[said.clone(), said]);
    let labels = r#"evidence="device",room="kitchen""#;
    let count = |hub: &Hub| hub.series(&format!("unisono_sync_error_abs_seconds_count{{{labels}}}"));
    hub.wait(|hub| count(hub) == [format!("unisono_sync_error_abs_seconds_count{{{labels}}} 2")]);
    let lines = hub.metrics();
    for (bound, below) in [("0.000001", 0), ("0.0002", 0), ("0.0005", 2), ("0.1", 2), ("+Inf", 2)] {
        has(&lines, &format!("unisono_sync_error_abs_seconds_bucket{{{labels},le=\"{bound}\"}} {below}"));
    }
    has(&lines, &format!("unisono_sync_error_abs_seconds_sum{{{labels}}} 0.0006"));
    let of_study = hub.series("unisono_sync_error_abs_seconds").into_iter().filter(|line| line.contains("study"));
    assert_eq!(of_study.count(), 0, "nothing was measured there");
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["online"] == false);
    assert_eq!(hub.ask("DELETE", "/rooms/kitchen", None, &[]).0, 204);
    assert!(hub.series("unisono_sync_error_abs_seconds").is_empty());
}

#[test]
fn rooms_of_one_name_are_told_apart() {
    let hub = Hub::start();
    let _nodes = (hub.join("one", &["bath"]), hub.join("two", &["bath"]));
    hub.wait(|hub| hub.get("/rooms").1.as_array().unwrap().len() == 2);
    let lines = hub.series("unisono_room_connected{");
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("room=\"bath (")), "{lines:?}");
}

#[test]
fn requests_and_writes_are_counted() {
    let hub = Hub::start();
    let before = |hub: &Hub, of: &str| -> f64 {
        let line = hub.series(of).pop().unwrap_or_default();
        line.rsplit_once(' ').map_or(0.0, |(_, value)| value.parse().unwrap())
    };
    let writes = r#"unisono_state_writes_total{store="configuration"}"#;
    let first = before(&hub, writes);
    hub.post("/groups", &json!({"name": "all"}));
    assert!(before(&hub, writes) > first);
    for path in ["/groups/all", "/groups/nobody", "/nowhere"] {
        hub.get(path);
    }
    let requests = |labels: &str| before(&hub, &format!("unisono_api_requests_total{{{labels}}}"));
    assert!((requests(r#"code="200",method="GET",route="/api/v1/groups/{group}""#) - 1.0).abs() < 0.5);
    assert!((requests(r#"code="404",method="GET",route="/api/v1/groups/{group}""#) - 1.0).abs() < 0.5);
    assert!((requests(r#"code="404",method="GET",route="none""#) - 1.0).abs() < 0.5);
    assert!((requests(r#"code="201",method="POST",route="/api/v1/groups""#) - 1.0).abs() < 0.5);
    let timed = r#"unisono_api_request_duration_seconds_count{method="GET",route="/api/v1/groups/{group}"}"#;
    assert!((before(&hub, timed) - 2.0).abs() < 0.5);
    assert!(hub.series("nobody").is_empty(), "what somebody types is no label");
}

#[test]
fn prometheus_is_sent_to_where_it_has_found_the_hub() {
    let (hub, _node) = Hub::with_a_group();
    for host in ["localhost:9", "127.0.0.1:8480"] {
        let targets = hub.targets(host);
        // The node has said nothing of an API of its own.
        assert_eq!(targets.as_array().unwrap().len(), 1, "{targets}");
        assert_eq!(targets[0]["targets"], json!([host]));
        let labels = &targets[0]["labels"];
        assert_eq!((&labels["role"], &labels["machine"]), (&json!("hub"), &json!("attic")), "{targets}");
        assert_eq!(labels["__metrics_path__"], "/metrics");
    }
}

#[test]
fn neither_is_there_for_a_page_of_somebody_else() {
    let hub = Hub::start();
    for path in ["/metrics", "/prometheus/targets"] {
        let (status, text) = hub.beside(path, &[("host", "evil.example")]);
        assert_eq!(status, 421, "{path}: {text}");
    }
}
