//! A node that runs is told to join, and cannot.

use serde_json::json;
use unisono_core::wire::ids::PeerId;
use unisono_household::token::JoinToken;
use unisono_player::standalone::StandaloneSettings;

use crate::node::Node;

/// A token of a hub that is not there.
fn token() -> String {
    JoinToken::new(&["127.0.0.1:9".parse().unwrap()], PeerId([5; 32]), [8; 16]).unwrap().to_string()
}

#[tokio::test]
async fn a_token_that_is_good_for_nothing_is_said_to_be_and_the_node_goes_on() {
    let node = Node::start(StandaloneSettings::default());
    node.refused(422, "token: ", "POST", "/join", Some(json!({"token": "unisono1-"}))).await;
    for _ in 0..2 {
        node.refused(409, "cannot join: ", "POST", "/join", Some(json!({"token": token()}))).await;
    }
    assert_eq!(node.get("/node").await["hub"]["connected"], false);
}

#[tokio::test]
async fn a_node_that_stands_alone_for_good_joins_nobody() {
    let node = Node::start(StandaloneSettings { always: true, ..StandaloneSettings::default() });
    node.refused(409, "for good", "POST", "/join", Some(json!({"token": token()}))).await;
}
