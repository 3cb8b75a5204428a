//! The files of `engine/dashboards`: Prometheus takes them, alerts fire when they are to and not otherwise, and nothing in
//! them asks for a metric that there is not.

use std::{collections::BTreeSet, fs, process::Command};

use crate::dashboards::{
    folder,
    panels::{self, Dashboard, metrics_in},
};

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(folder().join("prometheus")).output();
    let output = output.expect("promtool, of the package prometheus, is installed");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

fn dashboards() -> Vec<Dashboard> {
    panels::read(&folder().join("grafana")).unwrap()
}

/// Every name that hub or node give to a metric.
fn exported() -> BTreeSet<String> {
    let sources = [
        include_str!("../../../engine/hub/src/metrics/mod.rs"),
        include_str!("../../../engine/hub/src/metrics/sync_errors.rs"),
        include_str!("../../../nodes/player/src/metrics.rs"),
        include_str!("../../../protocol/api/src/metrics/http.rs"),
        include_str!("../../../protocol/api/src/metrics/page.rs"),
        include_str!("../../../protocol/api/src/metrics/rooms.rs"),
    ];
    let quoted = sources.iter().flat_map(|source| source.split('"').skip(1).step_by(2));
    let is_name =
        |text: &&str| text.starts_with("unisono_") && text.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric());
    // Quotes that are escaped shift what is inside: look at both.
    let shifted = sources.iter().flat_map(|source| source.split('"').step_by(2));
    quoted.chain(shifted).filter(is_name).map(str::to_owned).collect()
}

fn rules(file: &str) -> String {
    fs::read_to_string(folder().join("prometheus").join(file)).unwrap()
}

#[test]
fn prometheus_takes_the_configuration_and_the_rules() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "recording.yml", "alerts.yml"]);
}

#[test]
fn each_alert_fires_when_it_is_to_and_not_otherwise() {
    promtool(&["test", "rules", "tests.yml"]);
    let (alerts, tests) = (rules("alerts.yml"), rules("tests.yml"));
    let runbook = fs::read_to_string(folder().join("RUNBOOK.md")).unwrap();
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for name in names {
        count += 1;
        let of_it = tests.split("alertname: ").filter(|rest| rest.lines().next() == Some(name));
        let (silent, firing): (Vec<&str>, Vec<&str>) =
            of_it.partition(|rest| rest.lines().nth(1).is_some_and(|line| line.trim() == "exp_alerts: []"));
        assert!(!silent.is_empty() && !firing.is_empty(), "{name} is not tested both ways");
        assert!(runbook.contains(&format!("\n## {name}\n")), "{name} is not in the runbook");
        assert!(alerts.contains(&format!("#{}\"", name.to_lowercase())), "{name} does not link to the runbook");
    }
    assert!(count >= 9 && runbook.matches("\n## ").count() == count, "{count} alerts");
}

#[test]
fn nothing_asks_for_a_metric_that_there_is_not() {
    let exported = exported();
    assert!(exported.len() > 50, "{exported:?}");
    let questions = dashboards().into_iter().flat_map(|dashboard| {
        let panels = dashboard.panels.into_iter();
        panels.flat_map(|panel| panel.questions).flat_map(|question| question.metrics()).collect::<Vec<_>>()
    });
    let rules = ["recording.yml", "alerts.yml", "tests.yml"].map(rules);
    // What is recorded is called with a colon, the external label by its one name.
    let ruled = rules.iter().flat_map(|text| metrics_in(text)).filter(|name| name != "unisono_runbook");
    for name in questions.chain(ruled) {
        assert!(exported.contains(&name), "nobody exports {name}");
    }
}

#[test]
fn dashboards_keep_their_address_name_their_units_and_ask_for_their_source() {
    let dashboards = dashboards();
    let uids: Vec<&str> = dashboards.iter().map(|dashboard| dashboard.json["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, ["unisono-household", "unisono-hub", "unisono-room"]);
    let files: Vec<&str> = dashboards.iter().map(|dashboard| dashboard.file.as_str()).collect();
    assert_eq!(files, ["household", "hub", "room"]);
    for Dashboard { title, panels, json, .. } in &dashboards {
        let variables = json["templating"]["list"].as_array().unwrap();
        assert!(variables.iter().any(|variable| variable["type"] == "datasource"), "{title}");
        let mut ids = BTreeSet::new();
        for panel in json["panels"].as_array().unwrap() {
            let name = format!("{title}, {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: its id is another's");
            if panel["type"] == "row" {
                continue;
            }
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{name} does not say what it shows");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}");
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}");
            }
        }
        for panel in panels.iter().filter(|panel| panel.kind != "row") {
            let name = format!("{title}, {}", panel.title);
            assert!(!panel.unit.is_empty() && !panel.questions.is_empty(), "{name} has no unit or no question");
            assert!(
                panel.questions.iter().all(|question| !question.legend.is_empty()),
                "{name}: a series without name"
            );
            let [x, y, w, h] = panel.place;
            assert!(x + w <= 24 && w > 0 && h > 0, "{name} does not fit");
            let over = panels.iter().filter(|other| {
                let [left, top, width, height] = other.place;
                left < x + w && x < left + width && top < y + h && y < top + height
            });
            assert_eq!(over.count(), 1, "{name} lies over another panel");
        }
    }
}
