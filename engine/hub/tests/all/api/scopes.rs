//! What each route takes: a table of all of them, against the hub that serves them.

use std::collections::BTreeSet;

use serde_json::json;

use crate::api::hub::Hub;

/// Every route of the API, and the scope that it takes; `None`: nothing.
const ROUTES: &[(&str, &str, Option<&str>)] = &[
    ("GET", "/session", None),
    ("POST", "/setup", None),
    ("POST", "/login", None),
    ("POST", "/logout", None),
    ("GET", "/hub", Some("read")),
    ("GET", "/health", Some("read")),
    ("GET", "/events", Some("read")),
    ("GET", "/openapi.json", Some("read")),
    ("GET", "/nodes", Some("read")),
    ("GET", "/rooms", Some("read")),
    ("GET", "/rooms/{room}/doctor", Some("read")),
    ("GET", "/rooms/{room}/standalone", Some("read")),
    ("GET", "/rooms/{room}/bluetooth", Some("read")),
    ("GET", "/groups", Some("read")),
    ("GET", "/groups/{group}", Some("read")),
    ("GET", "/groups/{group}/queue", Some("read")),
    ("GET", "/library", Some("read")),
    ("GET", "/library/tracks", Some("read")),
    ("GET", "/library/albums", Some("read")),
    ("GET", "/library/albums/{album}", Some("read")),
    ("GET", "/library/artists", Some("read")),
    ("GET", "/library/covers/{cover}", Some("read")),
    ("GET", "/sources", Some("read")),
    ("GET", "/scenes", Some("read")),
    ("GET", "/stations", Some("read")),
    ("POST", "/groups", Some("control")),
    ("PATCH", "/groups/{group}", Some("control")),
    ("DELETE", "/groups/{group}", Some("control")),
    ("PUT", "/groups/{group}/rooms/{room}", Some("control")),
    ("DELETE", "/groups/{group}/rooms/{room}", Some("control")),
    ("POST", "/groups/{group}/play", Some("control")),
    ("POST", "/groups/{group}/pause", Some("control")),
    ("POST", "/groups/{group}/seek", Some("control")),
    ("POST", "/groups/{group}/stop", Some("control")),
    ("PUT", "/groups/{group}/rooms", Some("control")),
    ("POST", "/groups/{group}/next", Some("control")),
    ("POST", "/groups/{group}/previous", Some("control")),
    ("POST", "/groups/{group}/queue", Some("control")),
    ("DELETE", "/groups/{group}/queue", Some("control")),
    ("DELETE", "/groups/{group}/queue/{entry}", Some("control")),
    ("POST", "/groups/{group}/queue/{entry}/move", Some("control")),
    ("POST", "/groups/{group}/queue/{entry}/play", Some("control")),
    ("POST", "/scenes", Some("control")),
    ("DELETE", "/scenes/{scene}", Some("control")),
    ("POST", "/scenes/{scene}/recall", Some("control")),
    ("POST", "/stations", Some("control")),
    ("DELETE", "/stations/{station}", Some("control")),
    ("PATCH", "/rooms/{room}", Some("control")),
    ("POST", "/rooms/{room}/beep", Some("control")),
    ("POST", "/library/scan", Some("admin")),
    ("DELETE", "/rooms/{room}", Some("admin")),
    ("POST", "/rooms/{room}/standalone", Some("admin")),
    ("POST", "/rooms/{room}/bluetooth/scan", Some("admin")),
    ("POST", "/rooms/{room}/bluetooth/pair", Some("admin")),
    ("PATCH", "/rooms/{room}/bluetooth/{address}", Some("admin")),
    ("POST", "/rooms/{room}/bluetooth/{address}/{verb}", Some("admin")),
    ("PATCH", "/nodes/{node}", Some("admin")),
    ("DELETE", "/nodes/{node}", Some("admin")),
    ("POST", "/tokens", Some("admin")),
    ("GET", "/access", Some("admin")),
    ("POST", "/access", Some("admin")),
    ("DELETE", "/access/{id}", Some("admin")),
];

const SCOPES: [&str; 3] = ["read", "control", "admin"];

#[test]
fn every_route_takes_its_scope_and_no_less() {
    let hub = Hub::start();
    let tokens = SCOPES.map(|scope| {
        let (status, made) = hub.post("/access", &json!({"name": scope, "scope": scope}));
        assert_eq!(status, 201);
        made["token"].as_str().unwrap().to_owned()
    });
    hub.set_up();
    let (_, description) = hub.with_token(&tokens[0], "GET", "/openapi.json", None);
    let described = description["paths"].as_object().unwrap().iter();
    let described = described.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    let table = ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(described.collect::<BTreeSet<_>>(), table.collect(), "the table has every route");
    for (method, route, scope) in ROUTES {
        let path = route.replace(['{', '}'], "");
        let body = (*method != "GET" && *method != "DELETE").then(|| json!({}));
        let ask = |token: Option<&str>| match token {
            Some(token) => hub.with_token(token, method, &path, body.as_ref()).0,
            None => hub.ask(method, &path, body.as_ref().map(ToString::to_string).as_deref(), &[]).0,
        };
        let Some(scope) = scope else {
            assert!(!matches!(ask(None), 401 | 429), "{method} {route}");
            continue;
        };
        let said = description["paths"][route][method.to_lowercase()]["description"].as_str().unwrap();
        assert!(said.ends_with(&format!("Scope: {scope}.")), "{method} {route}: {said}");
        assert_eq!(ask(None), 401, "{method} {route} without a token");
        let needed = SCOPES.iter().position(|other| other == scope).unwrap();
        for (has, token) in tokens.iter().enumerate() {
            let status = ask(Some(token));
            assert_eq!(status == 403, has < needed, "{method} {route} with {}: {status}", SCOPES[has]);
            assert_ne!(status, 401, "{method} {route} with {}", SCOPES[has]);
        }
    }
}

#[test]
fn of_a_room_whoever_plays_sets_the_volume_and_nothing_else() {
    let (hub, _node) = Hub::with_a_group();
    let (_, made) = hub.post("/access", &json!({"name": "phone", "scope": "control"}));
    let token = made["token"].as_str().unwrap();
    let change = |change| hub.with_token(token, "PATCH", "/rooms/kitchen", Some(&change)).0;
    // On this machine a token says what its bearer may do, with a secret or without.
    assert_eq!((change(json!({"volume": 20})), change(json!({"muted": true}))), (200, 200));
    for more in [
        json!({"name": "x"}),
        json!({"max_volume": 100}),
        json!({"start_volume": 5}),
        json!({"start_volume": null}),
        json!({"channels": "mono"}),
        json!({"equaliser": {"enabled": false, "preamp_db": 0.0, "bands": []}}),
    ] {
        assert_eq!(change(more.clone()), 403, "{more}");
        let mut with_volume = more;
        with_volume["volume"] = 21.into();
        assert_eq!(change(with_volume.clone()), 403, "{with_volume}");
    }
    assert_eq!(hub.room("kitchen")["volume"], 20);
}

#[test]
fn what_prometheus_reads_takes_the_scope_read_and_no_more() {
    let hub = Hub::start();
    let (_, made) = hub.post("/access", &json!({"name": "prometheus", "scope": "read"}));
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    hub.set_up();
    for path in ["/metrics", "/prometheus/targets"] {
        assert_eq!(hub.beside(path, &[]).0, 401, "{path}");
        assert_eq!(hub.beside(path, &[("authorization", "Bearer of-bad-news")]).0, 401, "{path}");
        assert_eq!(hub.beside(path, &[("authorization", &bearer)]).0, 200, "{path}");
        assert_eq!(hub.beside(path, &[("authorization", &bearer), crate::api::setup::ELSEWHERE]).0, 200, "{path}");
    }
}

#[test]
fn files_of_the_hub_are_named_on_its_machine_alone() {
    let (hub, _node) = Hub::with_a_group();
    let wav = hub.wav("a.wav", 1);
    let (_, made) = hub.post("/access", &json!({"name": "phone", "scope": "admin"}));
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let body = json!({"file": wav}).to_string();
    let elsewhere = [("authorization", &bearer[..]), crate::api::setup::ELSEWHERE];
    let (status, said) = hub.ask("POST", "/groups/all/play", Some(&body), &elsewhere);
    assert_eq!(status, 403, "{said}");
    assert_eq!(hub.ask("POST", "/groups/all/play", Some(&body), &[("authorization", &bearer)]).0, 200);
}
