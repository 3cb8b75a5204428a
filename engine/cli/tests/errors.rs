//! What a script sees of an error: a status that is not 0, nothing on standard output, and one line of JSON.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{net::TcpListener, process::Command};

use serde_json::Value;

/// Runs `unisono --json` against an address at which nobody listens.
fn error_of(arguments: &[&str]) -> (Option<i32>, Value) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_unisono"));
    let ended = command.args(["--json", "--api", &free.to_string()]).args(arguments).output().unwrap();
    assert!(ended.stdout.is_empty(), "{arguments:?}: {:?}", ended.stdout);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    (ended.status.code(), serde_json::from_str(&said).unwrap())
}

#[test]
fn a_command_that_cannot_be_carried_out_says_so_in_json() {
    for arguments in [&["status"][..], &["play", "/a.flac"], &["room", "rename", "kitchen", ""]] {
        let (status, said) = error_of(arguments);
        assert_eq!((status, said.as_object().unwrap().len()), (Some(1), 1), "{arguments:?}: {said}");
        assert!(!said["error"].as_str().unwrap().is_empty());
    }
    let (_, said) = error_of(&["status"]);
    assert!(said["error"].as_str().unwrap().contains("no hub answers"), "{said}");
}

#[test]
fn a_command_that_is_none_says_so_in_json() {
    for (arguments, names) in [
        (&["seek", "abc"][..], "'abc'"),
        (&["volume", "kitchen", "101"], "101 is not in 0..=100"),
        (&["dance"], "'dance'"),
        (&[], "subcommand"),
    ] {
        let (status, said) = error_of(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
        assert!(said["error"].as_str().unwrap().contains(names), "{arguments:?}: {said}");
    }
}
