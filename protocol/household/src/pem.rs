//! Secrets as text: PEM (RFC 7468) with one block, which editors, backups and secret scanners recognise.

use data_encoding::BASE64;

/// Base64 characters in a line, as RFC 7468 has it.
const LINE: usize = 64;

pub(crate) fn encode(label: &str, bytes: &[u8]) -> String {
    let encoded = BASE64.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + &format!("-----END {label}-----\n")
}

/// The bytes of the one block, `None` when this is anything else.
pub(crate) fn decode(label: &str, text: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?.trim();
    let body = text.strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body = body.strip_suffix(&format!("-----END {label}-----"))?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64.decode(body.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_go_both_ways() {
        let text = encode("THING", &[0xab; 50]);
        assert_eq!(
            text,
            "-----BEGIN THING-----\n\
             q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur\n\
             q6s=\n\
             -----END THING-----\n"
        );
        assert_eq!(decode("THING", text.as_bytes()).unwrap(), [0xab; 50]);
        assert_eq!(decode("THING", text.replace('\n', "\r\n").as_bytes()).unwrap(), [0xab; 50]);
    }

    #[test]
    fn another_label_half_a_block_or_noise_is_nothing() {
        let text = encode("THING", b"x");
        assert_eq!(decode("OTHER", text.as_bytes()), None);
        assert_eq!(decode("THING", &text.as_bytes()[..30]), None);
        assert_eq!(decode("THING", b""), None);
        assert_eq!(decode("THING", b"\xff\xfe"), None);
    }
}
