//! What comes before anyone is known.

use unisono_core::wire::control::MAX_NAME_LEN;
use unisono_transport::{discovery::Record, public_key};

/// The certificate of whoever connects.
pub fn certificate(data: &[u8]) {
    if let Some(key) = public_key(data) {
        assert!(data.windows(32).any(|window| window == key.0));
    }
}

/// The TXT record of an announcement (RFC 6763, 6): strings after their lengths.
pub fn discovery_record(data: &[u8]) {
    let mut attributes = Vec::new();
    let mut rest = data;
    while let [length, strings @ ..] = rest {
        let (attribute, after) = strings.split_at(usize::from(*length).min(strings.len()));
        rest = after;
        let mut parts = attribute.splitn(2, |byte| *byte == b'=');
        attributes.extend(parts.next().map(|name| (name, parts.next())));
    }
    let record = Record::parse(|name| {
        attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).and_then(|(_, value)| *value)
    });
    assert!((1..=MAX_NAME_LEN).contains(&record.name.len()) && !record.name.contains(char::is_control));
}
