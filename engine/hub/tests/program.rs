//! `unisono-hub` as a program among others: what becomes of it when its terminal or its log goes away.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    fs::{File, OpenOptions},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn hub(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unisono-hub"));
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
