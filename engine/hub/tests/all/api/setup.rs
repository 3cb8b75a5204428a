//! From a hub that trusts its machine to one with an administrator, and who is let in then.

use std::net::TcpStream;

use serde_json::{Value, json};

use crate::api::hub::Hub;

/// What comes through a proxy comes from anywhere.
pub(crate) const ELSEWHERE: (&str, &str) = ("x-forwarded-for", "192.168.1.9");

pub(crate) const SECRET: &str = "correct horse";

/// The cookie of an answer.
pub(crate) fn cookie(answer: &ureq::http::Response<ureq::Body>) -> String {
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

impl Hub {
    /// Gives it an administrator, and logs a browser in.
    pub(crate) fn set_up(&self) -> String {
        let (answer, _) = self.answer("POST", "/setup", Some(&json!({ "secret": SECRET }).to_string()), &[]);
        assert_eq!(answer.status(), 204);
        cookie(&answer)
    }

    /// What the hub has left for programs on its machine.
    pub(crate) fn local_token(&self) -> String {
        let token = unisono_hub::access::local_token(&self.folder.path().join("runtime"), self.api.port());
        token.unwrap().unwrap()
    }

    pub(crate) fn with_token(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(ToString::to_string);
        self.ask(method, path, body.as_deref(), &[("authorization", &format!("Bearer {token}"))])
    }
}

#[test]
fn until_there_is_a_secret_this_machine_may_everything_and_others_nothing() {
    let hub = Hub::start();
    let said = hub.get("/session").1;
    assert_eq!(said, json!({"setup_needed": true, "scope": "admin", "name": null, "loopback": true}));
    assert_eq!(hub.get("/rooms").0, 200);
    let elsewhere = [ELSEWHERE];
    let (status, said) = hub.ask("GET", "/rooms", None, &elsewhere);
    assert_eq!(status, 401, "{said}");
    assert!(said["error"].as_str().unwrap().contains("no administrator yet"), "{said}");
    let said = hub.ask("GET", "/session", None, &elsewhere).1;
    assert_eq!(said, json!({"setup_needed": true, "scope": null, "name": null, "loopback": false}));
    let (status, _) = hub.ask("POST", "/login", Some(r#"{"secret": "whatever it is"}"#), &elsewhere);
    assert_eq!(status, 409);
    // Each proxy says in its own way that it is one.
    for header in [
        ("forwarded", "for=192.168.1.9"),
        ("via", "1.1 attic"),
        ("x-forwarded-host", "music.example"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "192.168.1.9"),
    ] {
        assert_eq!(hub.ask("GET", "/rooms", None, &[header]).0, 401, "{header:?}");
    }
}

#[test]
fn others_on_the_network_are_told_from_this_machine() {
    let hub = Hub::start_for_all();
    // Routed nowhere; only tells which address this machine has.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let Ok(()) = socket.connect("192.0.2.1:9") else { return };
    let own = socket.local_addr().unwrap().ip();
    if own.is_loopback() || own.is_unspecified() {
        return;
    }
    let Ok(_) = TcpStream::connect((own, hub.api.port())) else { return };
    let session = ureq::get(format!("http://{own}:{}/api/v1/session", hub.api.port())).call().unwrap();
    let said: Value = serde_json::from_str(&session.into_body().read_to_string().unwrap()).unwrap();
    assert_eq!(said, json!({"setup_needed": true, "scope": null, "name": null, "loopback": false}));
}

#[test]
fn with_a_secret_even_this_machine_needs_the_token_that_is_left_for_it() {
    let hub = Hub::start();
    let browser = hub.set_up();
    let (status, said) = hub.get("/rooms");
    assert_eq!(status, 401, "{said}");
    let token = hub.local_token();
    assert_eq!(hub.with_token(&token, "GET", "/rooms", None).0, 200);
    assert_eq!(hub.with_token(&token, "POST", "/groups", Some(&json!({"name": "all"}))).0, 201);
    let authorization = format!("Bearer {token}");
    let (status, _) = hub.ask("GET", "/rooms", None, &[("authorization", &authorization), ELSEWHERE]);
    assert_eq!(status, 401, "a proxy passes on what others ask");
    assert_eq!(hub.ask("GET", "/rooms", None, &[("cookie", &browser), ELSEWHERE]).0, 200);
    for token in ["", "unisono_00", &token[..token.len() - 1]] {
        assert_eq!(hub.with_token(token, "GET", "/rooms", None).0, 401, "{token}");
    }
}

#[test]
fn a_browser_logs_in_and_out_and_its_cookie_counts_on_its_own_page_alone() {
    let hub = Hub::start();
    hub.set_up();
    let (answer, _) = hub.answer("POST", "/login", Some(r#"{"secret": "correct horse"}"#), &[ELSEWHERE]);
    assert_eq!(answer.status(), 204);
    let cookie = cookie(&answer);
    let page = format!("http://{}", hub.api);
    let from_page = [("cookie", &cookie[..]), ("origin", &page), ELSEWHERE];
    assert_eq!(hub.ask("POST", "/groups", Some(r#"{"name": "all"}"#), &from_page).0, 201);
    // A page elsewhere has the browser send the cookie; an old browser says nothing of pages.
    for headers in [
        &[("cookie", &cookie[..]), ("origin", "http://evil.example")][..],
        &[("cookie", &cookie), ("origin", &page), ("sec-fetch-site", "cross-site")],
        &[("cookie", &cookie)],
    ] {
        assert_eq!(hub.ask("DELETE", "/groups/all", None, headers).0, 403, "{headers:?}");
    }
    assert_eq!(hub.ask("POST", "/logout", None, &from_page).0, 204);
    assert_eq!(hub.ask("GET", "/groups", None, &from_page).0, 401);
    assert_eq!(hub.ask("GET", "/session", None, &from_page).1["scope"], Value::Null);
}

#[test]
fn a_session_and_a_token_outlast_a_restart_and_the_local_token_does_not() {
    let hub = Hub::start();
    let browser = hub.set_up();
    let local = hub.local_token();
    let (_, made) = hub.with_token(&local, "POST", "/access", Some(&json!({"name": "metrics", "scope": "read"})));
    let token = made["token"].as_str().unwrap().to_owned();
    let port = hub.api.port();
    let hub = hub.restarted();
    assert_eq!(hub.get("/rooms").0, 401);
    assert_eq!(hub.with_token(&token, "GET", "/rooms", None).0, 200);
    assert_eq!(hub.with_token(&local, "GET", "/rooms", None).0, 401);
    // The cookie is called after the port, which is another here.
    let browser = browser.replace(&port.to_string(), &hub.api.port().to_string());
    assert_eq!(hub.ask("GET", "/rooms", None, &[("cookie", &browser)]).0, 200);
}

#[test]
fn another_secret_logs_everybody_out_and_leaves_tokens() {
    let hub = Hub::start();
    let browser = hub.set_up();
    let local = hub.local_token();
    let (status, _) = hub.ask("POST", "/setup", Some(r#"{"secret": "another one"}"#), &[]);
    assert_eq!(status, 409, "nobody else sets it up anew");
    let (status, _) = hub.with_token(&local, "POST", "/setup", Some(&json!({"secret": "another one"})));
    assert_eq!(status, 204);
    assert_eq!(hub.ask("GET", "/rooms", None, &[("cookie", &browser)]).0, 401);
    let login = |secret: &str| hub.ask("POST", "/login", Some(&json!({ "secret": secret }).to_string()), &[]).0;
    assert_eq!((login(SECRET), login("another one")), (403, 204));
}

#[test]
fn tokens_are_named_listed_shown_once_and_revoked() {
    let hub = Hub::start();
    hub.set_up();
    let local = hub.local_token();
    let admin = |method, path: &str, body: Option<&Value>| hub.with_token(&local, method, path, body);
    let (status, made) = admin("POST", "/access", Some(&json!({"name": "lights", "scope": "control"})));
    assert_eq!((status, &made["name"], &made["scope"]), (201, &json!("lights"), &json!("control")));
    let (token, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!(admin("POST", "/access", Some(&json!({"name": "Lights", "scope": "read"}))).0, 409);
    for wrong in [json!({"name": "", "scope": "read"}), json!({"name": "x", "scope": "root"})] {
        assert_eq!(admin("POST", "/access", Some(&wrong)).0, 422, "{wrong}");
    }
    let listed = admin("GET", "/access", None).1;
    assert!(!listed.to_string().contains(token), "{listed}");
    let kinds: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"token") && kinds.contains(&"session"), "{listed}");
    assert_eq!(hub.with_token(token, "POST", "/groups", Some(&json!({"name": "all"}))).0, 201);
    assert_eq!(admin("DELETE", &format!("/access/{id}"), None).0, 204);
    assert_eq!(hub.with_token(token, "GET", "/groups", None).0, 401);
    assert_eq!(admin("DELETE", &format!("/access/{id}"), None).0, 404);
    // Nothing that opens anything is on the disk.
    let kept = std::fs::read(hub.folder.path().join("state/household.redb")).unwrap();
    let holds = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("lights") && !holds(token) && !holds(&local) && !holds(SECRET));
}

#[test]
fn secrets_that_are_too_short_or_too_long_are_refused() {
    let hub = Hub::start();
    for secret in ["", "1234567", &"x".repeat(257)] {
        hub.refused(422, "secret", "POST", "/setup", Some(&json!({ "secret": secret }).to_string()));
    }
}
