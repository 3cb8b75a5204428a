//! What people type, and paste.

use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use unisono_household::{
    recovery::{self, key_from_recovery_code},
    token::{JoinToken, MAX_ADDRESSES},
};

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

/// Bytes as text with a checksum, as `unisono_household` writes them.
fn checked(kind: &str, payload: &[u8]) -> String {
    let check = digest(&SHA256, &[kind.as_bytes(), b"\0", payload].concat());
    BASE32_NOPAD.encode(&[payload, &check.as_ref()[..4]].concat()).to_ascii_lowercase()
}
