//! Play, pause, seek, stop, and files that cannot be played.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use crate::api::hub::Hub;

fn play(path: &Path) -> String {
    json!({"file": path}).to_string()
}

fn position(group: &Value) -> f64 {
    group["position_s"].as_f64().unwrap()
}

/// Plays a file of ten seconds and pauses it, so that nothing changes by itself any more.
fn paused() -> (Hub, impl Sized) {
    let (hub, node) = Hub::with_a_group();
    let wav = hub.wav("ten.wav", 10);
    assert_eq!(hub.post("/groups/all/play", &json!({"file": wav, "position_s": 2.5})).0, 200);
    assert_eq!(hub.ask("POST", "/groups/all/pause", None, &[]).0, 200);
    (hub, node)
}

#[test]
fn a_file_is_played_paused_sought_resumed_and_stopped() {
    let (hub, _node) = Hub::with_a_group();
    let wav = hub.wav("ten.wav", 10);
    let (status, group) = hub.post("/groups/all/play", &json!({"file": wav, "position_s": 2.5}));
    assert_eq!((status, &group["state"], &group["title"]), (200, &json!("playing"), &json!("ten")));
    assert_eq!((position(&group), group["length_s"].as_f64()), (2.5, Some(10.0)));
    hub.wait(|hub| position(&hub.get("/groups/all").1) > 2.6);

    let (status, group) = hub.ask("POST", "/groups/all/pause", None, &[]);
    assert_eq!((status, &group["state"]), (200, &json!("paused")));
    assert!(position(&group) > 2.6);
    assert_eq!(hub.ask("POST", "/groups/all/pause", None, &[]), (200, group.clone()));

    let (status, group) = hub.post("/groups/all/seek", &json!({"position_s": 5}));
    assert_eq!((status, position(&group), &group["state"]), (200, 5.0, &json!("paused")));
    let (status, group) = hub.post("/groups/all/play", &json!({}));
    assert_eq!((status, position(&group), &group["state"]), (200, 5.0, &json!("playing")));
    hub.wait(|hub| position(&hub.get("/groups/all").1) > 5.1);
    let (status, group) = hub.post("/groups/all/seek", &json!({"position_s": 0.0}));
    assert_eq!((status, position(&group), &group["state"]), (200, 0.0, &json!("playing")));

    let other = hub.wav("other.wav", 3);
    let (status, group) = hub.post("/groups/all/play", &json!({"file": other}));
    assert_eq!((status, position(&group), &group["title"]), (200, 0.0, &json!("other")));

    let (status, group) = hub.ask("POST", "/groups/all/stop", None, &[]);
    assert_eq!((status, &group["state"], &group["position_s"]), (200, &json!("stopped"), &Value::Null));
    assert_eq!(hub.ask("POST", "/groups/all/stop", None, &[]).0, 200);
}

#[test]
fn what_plays_ends_by_itself() {
    let (hub, _node) = Hub::with_a_group();
    let wav = hub.wav("short.wav", 1);
    assert_eq!(hub.post("/groups/all/play", &json!({"file": wav})).1["state"], "playing");
    hub.wait(|hub| hub.get("/groups/all").1["state"] == "stopped");
    assert_eq!(hub.post("/groups/all/play", &json!({"file": wav, "position_s": 1.0})).1["state"], "playing");
    hub.wait(|hub| hub.get("/groups/all").1["state"] == "stopped");
}

#[test]
fn files_that_cannot_be_played_are_refused_by_name_and_reason() {
    let (hub, _node) = paused();
    let folder = hub.folder.path();
    let wav = fs::read(folder.join("ten.wav")).unwrap();
    let secret = hub.file("secret.wav", &wav);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let mut files = vec![
        (folder.join("missing.wav"), "does not exist"),
        (folder.join("missing.wav/below"), "does not exist"),
        (hub.file("empty.wav", b""), "is empty"),
        (folder.to_path_buf(), "is a directory"),
        ("/dev/zero".into(), "not a file"),
        (hub.file("notes.wav", &b"not a sound ".repeat(1_000)), "not recognised"),
        (hub.file("header.wav", &wav[..44]), "header.wav"),
        (hub.file("half.wav", &wav[..20]), "half.wav"),
        (folder.join("two\nlines.wav"), r"two\nlines.wav"),
    ];
    // Root may read everything.
    if fs::File::open(&secret).is_err() {
        files.push((secret, "may not be read"));
    }
    for (path, names) in files {
        hub.refused(422, names, "POST", "/groups/all/play", Some(&play(&path)));
    }
    hub.refused(422, "NUL", "POST", "/groups/all/play", Some(r#"{"file": "/a\u0000b"}"#));
    for relative in
        ["", "a.wav", "./a.wav", "file:a.wav", "file://host/a.wav", "file:///%", "file:///%zz", "file:///%e"]
    {
        let names = format!("\"{relative}\" is neither an absolute path nor a file:// URL");
        hub.refused(422, &names, "POST", "/groups/all/play", Some(&play(relative.as_ref())));
    }
}

#[test]
fn of_a_file_that_was_cut_off_what_is_there_is_played_and_where_it_breaks_off_is_said_at_once() {
    let (hub, _node) = Hub::with_a_group();
    let whole = hub.wav("ten.wav", 10);
    let wav = fs::read(&whole).unwrap();
    let cut = hub.file("cut.wav", &wav[..44 + 48_000]);
    let warning = format!("{cut:?} breaks off at 0.5 s; what can be decoded is played. Try another copy");
    let (status, group) = hub.post("/groups/all/play", &json!({"file": cut}));
    assert_eq!((status, &group["warning"]), (200, &json!(warning)));
    hub.wait(|hub| hub.get("/groups/all").1["state"] == "stopped");
    assert_eq!(hub.get("/groups").1[0]["warning"], json!(warning), "it stays said");
    assert_eq!(hub.post("/groups/all/play", &json!({"file": whole})).1["warning"], Value::Null);
}

#[test]
fn positions_that_cannot_be_are_refused() {
    let (hub, _node) = paused();
    let file = json!(hub.folder.path().join("ten.wav")).to_string();
    for (position, status, names) in [
        ("-1", 422, "position_s: -1"),
        ("-0.001", 422, "position_s: -0.001"),
        ("1e8", 422, "position_s: 100000000"),
        ("1e308", 422, "position_s: 1"),
        ("11", 409, "11.0 s lies beyond the end: it is 10.0 s long"),
        ("1e999", 400, "line 1 column"),
        ("NaN", 400, "line 1 column"),
        ("\"1\"", 422, "position_s"),
        ("null", 422, "position_s"),
        ("[1]", 422, "position_s"),
    ] {
        let body = format!(r#"{{"position_s": {position}}}"#);
        hub.refused(status, names, "POST", "/groups/all/seek", Some(&body));
        let body = format!(r#"{{"file": {file}, "position_s": {position}}}"#);
        hub.refused(status, names, "POST", "/groups/all/play", Some(&body));
    }
    hub.refused(422, "position_s", "POST", "/groups/all/seek", Some("{}"));
}

#[test]
fn nothing_can_be_paused_resumed_or_sought_where_nothing_plays() {
    let (hub, _node) = Hub::with_a_group();
    let names = "nothing plays in \"all\"";
    hub.refused(409, names, "POST", "/groups/all/pause", None);
    hub.refused(409, names, "POST", "/groups/all/play", Some("{}"));
    hub.refused(409, names, "POST", "/groups/all/seek", Some(r#"{"position_s": 0}"#));
}

#[test]
fn a_group_that_nobody_would_hear_says_so_and_does_not_play() {
    let (hub, node) = Hub::with_a_group();
    let body = play(&hub.wav("a.wav", 5));
    hub.post("/groups", &json!({"name": "empty"}));
    hub.refused(409, "group \"empty\" has no rooms", "POST", "/groups/empty/play", Some(&body));
    node.abort();
    hub.wait(|hub| hub.room("kitchen")["online"] == false);
    hub.refused(409, "no room of \"all\" is online", "POST", "/groups/all/play", Some(&body));
    hub.refused(409, "no room of \"all\" is online", "POST", "/groups/all/play", Some("{}"));
}

#[test]
fn what_was_deleted_while_it_played_is_gone_and_its_name_is_free() {
    let (hub, _node) = Hub::with_a_group();
    let wav = hub.wav("ten.wav", 10);
    hub.post("/groups/all/play", &json!({"file": wav}));
    assert_eq!(hub.ask("DELETE", "/groups/all", None, &[]).0, 204);
    hub.refused(404, "no group \"all\"", "POST", "/groups/all/pause", None);
    let (status, again) = hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
    assert_eq!((status, &again["state"], &again["title"]), (201, &json!("stopped"), &Value::Null));
    assert_eq!(hub.post("/groups/all/play", &json!({"file": wav})).1["state"], "playing");
}

#[test]
fn a_name_that_is_no_utf8_is_played_as_a_url() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let (hub, _node) = Hub::with_a_group();
    let odd = hub.folder.path().join(OsStr::from_bytes(b"caf\xe9 100%.wav"));
    fs::rename(hub.wav("a.wav", 5), &odd).unwrap();
    let file = unisono_hub::location::of(&odd);
    assert!(file.starts_with("file:///") && file.ends_with("caf%E9%20100%25.wav"), "{file}");
    let (status, group) = hub.post("/groups/all/play", &json!({"file": file}));
    assert_eq!((status, &group["state"], &group["title"]), (200, &json!("playing"), &json!("caf\u{fffd} 100%")));
}
