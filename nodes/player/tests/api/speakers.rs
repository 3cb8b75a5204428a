//! Bluetooth on a machine that has none.

use serde_json::{Value, json};
use unisono_player::standalone::StandaloneSettings;

use crate::node::Node;

fn lines(text: &str) -> Vec<Value> {
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_speaker_that_is_not_remembered_is_not_found() {
    let node = Node::start(StandaloneSettings::default());
    assert_eq!(node.get("/bluetooth").await, json!([]));
    let flip = "/bluetooth/AA:BB:CC:DD:EE:FF";
    for verb in ["connect", "disconnect", "forget", "test"] {
        let (status, said) = node.post(&format!("{flip}/{verb}"), json!({})).await;
        assert!((400..500).contains(&status), "{verb}: {status} {said}");
        assert!(!said["error"].as_str().unwrap().is_empty());
    }
    node.refused(404, "dance", "POST", &format!("{flip}/dance"), None).await;
    node.refused(422, "no Bluetooth address", "POST", "/bluetooth/flip/connect", None).await;
    node.refused(422, "mode: \"rude\"", "PATCH", flip, Some(json!({"mode": "rude"}))).await;
    node.refused(422, "trim_ms", "PATCH", flip, Some(json!({"trim_ms": 5000}))).await;
    node.refused(422, "seconds: 0", "POST", "/bluetooth/scan?seconds=0", None).await;
    node.refused(422, "no Bluetooth address", "POST", "/bluetooth/pair", Some(json!({"address": "x"}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_and_a_pairing_end_with_a_line_that_says_why_there_is_nothing() {
    let node = Node::start(StandaloneSettings::default());
    let host = [("host", "localhost")];
    let (status, text) = node.raw("POST", "/bluetooth/scan?seconds=1", None, &host).await;
    let lines_of_scan = lines(&text);
    let last = lines_of_scan.last().unwrap();
    assert_eq!((status, last["event"].clone()), (200, json!("over")), "{text}");
    assert!(!last["failure"]["remedy"].as_str().unwrap().is_empty(), "{text}");
    let pair = json!({"address": "AA:BB:CC:DD:EE:FF"});
    let (status, text) = node.raw("POST", "/bluetooth/pair", Some(pair), &host).await;
    let lines_of_pairing = lines(&text);
    let last = lines_of_pairing.last().unwrap();
    assert_eq!((status, last["event"].clone()), (200, json!("failed")), "{text}");
    assert!(!last["failure"]["cause"].as_str().unwrap().is_empty(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_has_something_to_say_of_everything() {
    let node = Node::start(StandaloneSettings::default());
    let findings = node.get("/doctor").await;
    let findings = findings.as_array().unwrap();
    assert!(findings.len() >= 10, "{findings:?}");
    let is_whole = |finding: &Value| ["level", "what", "finding"].iter().all(|key| finding[key].is_string());
    assert!(findings.iter().all(is_whole), "{findings:?}");
}
