//! `unisono-hub` as a program among others: what becomes of it when its terminal or its log goes away.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn hub(state: &Path) -> Command {
    // Whoever runs the tests under nohup would hand that on.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_unisono-hub")]);
    command.args(["--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--state"]).arg(state).stdin(Stdio::null());
    command.arg("--runtime").arg(state.with_extension("run"));
    command
}

/// Waits until a hub has made its state, which it does once signals are caught.
fn started(hub: &mut Child, state: &Path) {
    let since = Instant::now();
    while std::fs::read_dir(state).map_or(0, Iterator::count) == 0 {
        assert!(hub.try_wait().unwrap().is_none(), "it has ended");
        assert!(since.elapsed() < Duration::from_secs(60), "it has not started");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hub_whose_log_cannot_be_written_goes_on_and_ends_in_order_with_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut hub = hub(&state).stderr(full()).spawn().unwrap();
    started(&mut hub, &state);
    assert!(Command::new("kill").args(["-HUP", &hub.id().to_string()]).status().unwrap().success());
    assert_eq!(hub.wait().unwrap().code(), Some(0));
}

#[test]
fn an_answer_that_cannot_be_written_is_one_line_of_error() {
    let folder = tempfile::tempdir().unwrap();
    let ended = hub(folder.path()).arg("--check-config").stdout(full()).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with("unisono-hub: standard output: "), "{said}");
}

#[test]
fn a_service_keeps_its_state_in_the_folder_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("hub.toml");
    std::fs::write(&config, "").unwrap();
    let checked = |state: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unisono-hub"));
        command.arg("--check-config").arg("--config").arg(&config).args(state);
        let ended = command.env("STATE_DIRECTORY", "/given/hub:/given/other").output().unwrap();
        String::from_utf8(ended.stdout).unwrap()
    };
    assert!(checked(&[]).ends_with("state in /given/hub\n"), "{}", checked(&[]));
    assert!(checked(&["--state", "/named"]).ends_with("state in /named\n"), "what is named counts for more");
}

#[test]
fn settings_that_cannot_be_used_are_told_from_what_may_be_otherwise_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("hub.toml");
    std::fs::write(&config, "margin_ms = 1\n").unwrap();
    let ended = hub(folder.path()).arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.lines().count()), (Some(78), 1), "{said}");
    assert!(said.contains("hub.toml:1: margin_ms: "), "{said}");
}

#[test]
fn the_code_that_a_hub_prints_sets_it_up_from_elsewhere_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_unisono-hub"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    command.args(["--listen", "127.0.0.1:0", "--api", &format!("0.0.0.0:{port}"), "--state"]);
    command.arg(folder.path().join("state")).arg("--runtime").arg(folder.path().join("run"));
    let mut hub = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(hub.stdout.take().unwrap()).lines().map(Result::unwrap);
    let code = printed.find_map(|line| line.split_once("good once: ").map(|(_, code)| code.to_owned())).unwrap();
    assert!(printed.take(14).any(|line| line.contains('\u{2588}')), "and a picture of it");

    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |path: &str, body: serde_json::Value| {
        let url = format!("http://127.0.0.1:{port}/api/v1{path}");
        let request = agent.post(url).header("x-forwarded-for", "192.168.1.9").content_type("application/json");
        let answer = request.send(body.to_string()).unwrap();
        let cookie = answer.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        (answer.status().as_u16(), cookie)
    };
    let secret = "correct horse";
    assert_eq!(post("/setup", serde_json::json!({"code": "aaaa-aaaa", "secret": secret})).0, 403);
    let (status, cookie) = post("/setup", serde_json::json!({"code": code.to_uppercase(), "secret": secret}));
    assert_eq!(status, 204);
    let rooms = agent.get(format!("http://127.0.0.1:{port}/api/v1/rooms")).header("cookie", cookie.unwrap()).call();
    assert_eq!(rooms.unwrap().status(), 200);
    assert_eq!(post("/setup", serde_json::json!({"code": code, "secret": "another one"})).0, 409);
    assert_eq!(post("/login", serde_json::json!({"secret": secret})).0, 204);
    hub.kill().unwrap();
    hub.wait().unwrap();
}
