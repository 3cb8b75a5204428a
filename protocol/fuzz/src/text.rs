//! What people type, paste and edit.

use std::fs;

use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use unisono_household::{
    recovery::{self, key_from_recovery_code},
    token::{JoinToken, MAX_ADDRESSES},
};

use crate::state::folder;

/// A join token: as text, and as what a stranger has given a checksum.
pub fn join_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let forged = format!("unisono1-{}", checked("join token", data));
    for text in [text.as_ref(), &forged] {
        if let Ok(token) = text.parse::<JoinToken>() {
            assert!((1..=MAX_ADDRESSES).contains(&token.addresses().len()));
            // There is one form of each, without a byte too many.
            assert!(text != forged || token.to_string() == forged);
            assert_eq!(token.to_string().parse::<JoinToken>().expect("it was written by us"), token);
        }
    }
}

/// A recovery code: as text, and as what a stranger has given a checksum.
pub fn recovery_code(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for text in [text.as_ref(), &checked("recovery code", data)] {
        if let Ok(key) = key_from_recovery_code(text) {
            let again = key_from_recovery_code(&recovery::recovery_code(&key)).expect("it was written by us");
            assert_eq!(again.public(), key.public());
        }
    }
}

/// A settings file. What is wrong with it is one line that names the file.
pub fn settings(data: &[u8]) {
    let folder = folder();
    let path = folder.path().join("unisono.toml");
    fs::write(&path, data).expect("the folder is ours");
    if let Err(error) = unisono_settings::read::<Settings>(&path) {
        let said = error.to_string();
        assert!(said.starts_with(&format!("{}:", path.display())), "{said}");
        if matches!(error, unisono_settings::Error::Wrong { .. }) {
            assert!(!said.contains('\n'), "{said}");
        }
    }
}

/// Like those of the programs, which are their own and are not reached from here.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    name: Option<String>,
    hub: Vec<String>,
    margin_ms: Option<u32>,
    room: Vec<Room>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what matters is what it takes to fill them")]
struct Room {
    name: Option<String>,
    #[serde(default)]
    latency_ms: f64,
}

/// Bytes as text with a checksum, as `unisono_household` writes them.
fn checked(kind: &str, payload: &[u8]) -> String {
    let check = digest(&SHA256, &[kind.as_bytes(), b"\0", payload].concat());
    BASE32_NOPAD.encode(&[payload, &check.as_ref()[..4]].concat()).to_ascii_lowercase()
}
