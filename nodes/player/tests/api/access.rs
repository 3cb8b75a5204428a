//! Who may ask, and at which port.

use serde_json::json;
use unisono_player::{api, standalone::StandaloneSettings};

use crate::node::Node;

#[tokio::test]
async fn only_this_machine_may_ask_and_no_page_from_elsewhere_may_change_anything() {
    let node = Node::start(StandaloneSettings::default());
    for host in ["evil.example", "192.168.1.2:8481", ""] {
        assert_eq!(node.raw("GET", "/rooms", None, &[("host", host)]).await.0, 421, "{host}");
    }
    assert_eq!(node.raw("GET", "/rooms", None, &[]).await.0, 421);
    let foreign = [
        [("host", "localhost"), ("origin", "http://evil.example")],
        // Another server on this machine is elsewhere, too.
        [("host", "localhost:8481"), ("origin", "http://localhost:3000")],
        [("host", "localhost"), ("sec-fetch-site", "cross-site")],
    ];
    for (path, body) in
        [("/standalone", json!({"on": true})), ("/rooms/0/stop", json!({})), ("/bluetooth/scan", json!({}))]
    {
        for headers in &foreign {
            let (status, said) = node.raw("POST", path, Some(body.clone()), headers).await;
            assert_eq!((status, said.contains("a page from elsewhere")), (403, true), "{path} {headers:?}: {said}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_one_line() {
    let node = Node::start(StandaloneSettings::default());
    node.refused(404, "nothing here", "GET", "/groups", None).await;
    node.refused(405, "cannot be done here", "DELETE", "/rooms", None).await;
    node.refused(404, "no room \"attic\"", "POST", "/rooms/attic/stop", None).await;
    node.refused(404, "no room \"2\"", "PATCH", "/rooms/2", Some(json!({}))).await;
    node.refused(422, "volume: 101", "PATCH", "/rooms/0", Some(json!({"volume": 101}))).await;
    node.refused(422, "true, false or \"auto\"", "POST", "/standalone", Some(json!({"on": "perhaps"}))).await;
    node.refused(422, "unknown field", "POST", "/rooms/0/play", Some(json!({"url": "x"}))).await;
    node.refused(422, "no absolute path", "POST", "/rooms/0/play", Some(json!({"file": "a.wav"}))).await;
    let two = json!({"file": "/a.wav", "folder": "/"});
    node.refused(422, "not several", "POST", "/rooms/0/play", Some(two)).await;
    let format = json!({"fifo": "/x", "format": "loud"});
    node.refused(422, "48000:16:2", "POST", "/rooms/0/play", Some(format)).await;
}

#[tokio::test]
async fn a_second_node_on_a_machine_has_another_port_unless_it_was_asked_for_by_name() {
    let first = api::bind(None).await.unwrap().unwrap();
    let second = api::bind(None).await.unwrap().unwrap();
    let taken = first.local_addr().unwrap();
    assert_ne!(taken, second.local_addr().unwrap());
    let said = api::bind(Some(taken)).await.unwrap_err().to_string();
    assert!(said.contains(&taken.to_string()) && said.contains("--api") && !said.contains('\n'), "{said}");
}
