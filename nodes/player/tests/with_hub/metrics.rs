//! A real Prometheus, with the files that operators get, finds and reads a hub and its nodes, and has an answer to every
//! question of every panel.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use unisono_benches::dashboards::{
    self,
    panels::{self, Variables},
    prometheus::Prometheus,
};

use crate::house::{House, noise};

/// A bound for failures only.
const PATIENCE: Duration = Duration::from_secs(60);

/// Panels that have nothing to show in this house, and why.
const WITHOUT_DATA: [(&str, &str); 3] = [
    ("Packets to the speaker", "no room has a Bluetooth speaker"),
    ("Connections and delay reports", "no room has a Bluetooth speaker"),
    ("Failures", "no room has a Bluetooth speaker"),
];

fn page(address: &str) -> String {
    let mut answer = ureq::get(format!("http://{address}/metrics")).call().unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    answer.body_mut().read_to_string().unwrap()
}

/// What Prometheus' own tool has to say of a page.
fn check(page: &str) {
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().expect("promtool, of the package prometheus, is installed");
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "promtool check metrics: {said}\n{page}");
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn prometheus_finds_hub_and_nodes_and_every_panel_has_an_answer() {
    let music = tempfile::tempdir().unwrap();
    let file = music.path().join("noise.wav");
    noise(&file, 120, 9);
    let house = House::new(&[]);
    let (study, study_api) = house.another_node("study");
    house.tell("PUT", "/groups/all/rooms/study", &json!({}));
    house.tell("POST", "/groups/all/play", &json!({"file": file}));
    house.wait("both rooms to play", |house| {
        ["kitchen", "study"].iter().all(|room| house.room_called(room)["state"] == "playing")
    });
    let prometheus = Prometheus::start(&music.path().join("prometheus"), &house.hub_api(), "1s").unwrap();

    // It is told of the hub alone, and finds the nodes.
    let up = || {
        let found = prometheus.query("up == 1").unwrap();
        let label = |name: &str| -> BTreeSet<String> {
            found.iter().filter_map(|series| series.labels.get(name).cloned()).collect()
        };
        (label("instance"), label("role"), label("machine"))
    };
    let instances = BTreeSet::from([house.hub_api(), house.node_api().to_owned(), study_api.clone()]);
    let roles = BTreeSet::from(["hub", "node"].map(String::from));
    let machines = BTreeSet::from(["attic", "kitchen", "study"].map(String::from));
    wait("hub and nodes to be read", || up() == (instances.clone(), roles.clone(), machines.clone()));

    // Every question of every panel.
    let dashboards = panels::read(&dashboards::folder().join("grafana")).unwrap();
    let with = Variables { hub: ".+".into(), room: "kitchen".into(), interval: "10s".into() };
    let unanswered = || {
        let mut unanswered = Vec::new();
        for dashboard in &dashboards {
            for panel in dashboard.panels.iter().filter(|panel| panel.kind != "row") {
                for question in &panel.questions {
                    let asked = question.asked(&with);
                    let answer = prometheus.query(&asked).unwrap_or_else(|error| panic!("{asked}: {error:#}"));
                    if answer.iter().all(|series| series.values.is_empty()) {
                        unanswered.push(panel.title.as_str());
                    }
                }
            }
        }
        unanswered
    };
    let expected: BTreeSet<&str> = WITHOUT_DATA.iter().map(|(panel, _)| *panel).collect();
    let begun = Instant::now();
    loop {
        let unanswered: BTreeSet<&str> = unanswered().into_iter().collect();
        if unanswered == expected {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "without an answer are {unanswered:?}");
        thread::sleep(Duration::from_millis(200));
    }
    for rule in ["instance_room:unisono_sync_error_seconds:abs", "household_room:unisono_room_led:count"] {
        wait(rule, || prometheus.query(rule).unwrap().len() == 2);
    }

    // What is said is what is so.
    let value = |expression: &str| prometheus.query(expression).unwrap()[0].values[0].1;
    assert!((value("count(unisono_room_connected == 1)") - 2.0).abs() < 0.1);
    let received = r#"unisono_packets_received_total{room="kitchen", role="hub"}"#;
    let before = value(received);
    wait("more packets", || value(received) > before);
    assert!(value(r#"max(unisono_sync_error_seconds{evidence="model"})"#).abs() < 0.01);
    assert!(value(r#"sum(unisono_output_latency_seconds{role="hub", room="kitchen"})"#) > 0.3, "margin and buffer");
    for address in [house.hub_api(), house.node_api().to_owned()] {
        let page = page(&address);
        check(&page);
        assert!(page.contains("unisono_sync_error_seconds{evidence=\"model\",room=\"kitchen\"}"), "{page}");
        assert!(!page.contains("evidence=\"acoustic\"") && !page.contains("noise"), "{page}");
    }
    assert!(page(house.node_api()).contains("\nunisono_standalone{state=\"with_hub\"} 1\n"));
    assert!(page(house.node_api()).contains("\nunisono_clock_offset_seconds "));

    // A node that has gone is sent nobody to; a room that is forgotten leaves nothing.
    drop(study);
    house.wait("the hub to notice", |house| house.room_called("study")["online"] == false);
    wait("the node to be off the list", || prometheus.query("up").unwrap().len() == 2);
    assert!(page(&house.hub_api()).contains("unisono_room_connected{room=\"study\"} 0"));
    let (status, _) = house.hub("DELETE", "/rooms/study", None);
    assert_eq!(status, 204);
    assert!(!page(&house.hub_api()).contains("study"), "{}", page(&house.hub_api()));
    wait("its series to end", || prometheus.query(r#"unisono_room_connected{room="study"}"#).unwrap().is_empty());
}
