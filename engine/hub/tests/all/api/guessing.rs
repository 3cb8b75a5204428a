//! Nobody guesses a secret or a setup code.

use std::{thread::sleep, time::Duration};

use serde_json::json;
use unisono_core::wire::control::RefuseReason;

use crate::api::{
    hub::Hub,
    setup::{ELSEWHERE, SECRET},
};

#[test]
fn whoever_guesses_secrets_has_to_wait_and_learns_nothing_by_it() {
    let hub = Hub::start();
    hub.set_up();
    let login = |secret: &str| hub.ask("POST", "/login", Some(&json!({ "secret": secret }).to_string()), &[]);
    for _ in 0..3 {
        assert_eq!(login("wrong").0, 403);
    }
    let (status, said) = login(SECRET);
    assert_eq!(status, 429, "{said}");
    assert!(said["error"].as_str().unwrap().contains("wait 1 s"), "{said}");
    hub.wait(|_| login(SECRET).0 == 204);
    // Whoever is right begins anew.
    assert_eq!((login("wrong").0, login("wrong").0, login(SECRET).0), (403, 403, 204));
}

#[test]
fn a_setup_code_is_guessed_no_faster_than_a_secret_and_on_loopback_there_is_none() {
    let hub = Hub::start();
    let setup = |code: &str| {
        hub.ask("POST", "/setup", Some(&json!({"code": code, "secret": SECRET}).to_string()), &[ELSEWHERE])
    };
    let (status, said) = setup("");
    assert_eq!(status, 403);
    assert!(said["error"].as_str().unwrap().contains("good no more"), "{said}");
    assert_eq!((setup("a").0, setup("b").0, setup("c").0), (403, 403, 429));
    assert_eq!(hub.get("/session").1["setup_needed"], true);
}

#[test]
fn a_wrong_code_is_refused_while_there_is_one() {
    let hub = Hub::start_for_all();
    let body = json!({"code": "aaaa-aaaa", "secret": SECRET}).to_string();
    let (status, said) = hub.ask("POST", "/setup", Some(&body), &[ELSEWHERE]);
    assert_eq!(status, 403);
    assert!(said["error"].as_str().unwrap().contains("not the one that the hub has printed"), "{said}");
}

#[test]
fn whoever_tries_join_tokens_is_told_to_wait_and_may_come_with_a_good_one_afterwards() {
    let hub = Hub::start();
    let token = hub.token();
    for wrong in 0..3 {
        let refuse = hub.knock(&format!("wrong {wrong}"), &token, [wrong; 16]).unwrap();
        assert_eq!(refuse.reason, RefuseReason::TokenUnknown, "{}", refuse.text);
    }
    let refuse = hub.knock("right", &token, *token.secret()).unwrap();
    // As one that will be asked again by itself.
    assert_eq!(refuse.reason, RefuseReason::Full);
    assert!(refuse.text.contains("127.0.0.1 were not good; wait 1 s"), "{}", refuse.text);
    sleep(Duration::from_millis(1_100));
    assert_eq!(hub.knock("right", &token, *token.secret()), None);
}
