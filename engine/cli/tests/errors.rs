//! What a script sees of an error: a status that is not 0, nothing on standard output, and one line of JSON.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
    thread,
};

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
fn a_node_that_is_not_there_is_named_and_so_is_a_command_that_is_for_a_hub() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, status, names) in [
        (&["--node", &free, "status"][..], 1, "no node answers at 127.0.0.1:"),
        (&["--node", &free, "bluetooth", "scan"], 1, "unisono-node"),
        (&["--node", &free, "bluetooth", "pair"], 1, "name the speaker's address"),
        (&["--node", &free, "bluetooth", "set", "AA:BB:CC:DD:EE:FF"], 2, "--trim-ms"),
        (&["--node", "group", "create", "all"], 2, "'group'"),
        (&["--node", &free, "volume", "101"], 2, "101 is not in 0..=100"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unisono"));
        let ended = command.arg("--json").args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), said.lines().count()), (Some(status), 1), "{arguments:?}: {said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert!(said["error"].as_str().unwrap().contains(names), "{arguments:?}: {said}");
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn an_address_of_the_other_kind_is_told_from_one_where_something_is_not_there() {
    for (option, names) in
        [("--node", "is no node of this version; for a hub it is --api"), ("--api", "for a node it is --node")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let body = format!("{{\"error\": \"{}\"}}", unisono_api::NOTHING_HERE);
            write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_unisono"));
        let ended = command.args([option, &address, "status"]).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.ends_with(&format!("{names}\n")), "{said}");
    }
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
