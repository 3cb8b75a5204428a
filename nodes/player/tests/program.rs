//! `unisono-node` as a program: what it says of its settings.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::process::{Command, Output, Stdio};

/// What `--check-config` comes to, with these outputs.
fn checked(outputs: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("node.toml");
    std::fs::write(&config, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_unisono-node"));
    command.arg("--check-config").arg("--config").arg(config).arg("--state").arg(folder.path().join("state"));
    for output in outputs {
        command.args(["--output", output]);
    }
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_device_that_is_not_there_is_named_in_one_line_with_where_to_look() {
    let ended = checked(&["model", "alsa:hw:CARD=NoSuchCard,DEV=0"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("alsa:hw:CARD=NoSuchCard,DEV=0: no such device") && said.contains("--list"), "{said}");
    assert!(ended.stdout.is_empty());
}

#[test]
fn what_needs_no_device_is_fine_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("room.wav");
    let ended = checked(&["auto", "model", &format!("file:{}", recording.display())]);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(!recording.exists());
}
