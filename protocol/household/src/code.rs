//! Bytes as text that a person can copy, read out and type: base32 (RFC 4648) in lower case, with a checksum.

use data_encoding::BASE32_NOPAD;
use ring::digest::{Context, SHA256};

/// One in four thousand million mistakes goes unnoticed.
const CHECK_LEN: usize = 4;

/// The text for some bytes. Codes of one `kind` are not mistaken for those of another.
pub(crate) fn encode(kind: &str, payload: &[u8]) -> String {
    BASE32_NOPAD.encode(&[payload, &check(kind, payload)].concat()).to_ascii_lowercase()
}

/// The bytes of a text, `None` when it is mistyped. Case, spaces and dashes do not matter, and the digits that are no
/// digits of base32 are taken for the letters that they look like.
pub(crate) fn decode(kind: &str, text: &str) -> Option<Vec<u8>> {
    let letters: String = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').map(plain).collect();
    let mut payload = BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
    let given = payload.split_off(payload.len().checked_sub(CHECK_LEN)?);
    (given == check(kind, &payload)).then_some(payload)
}

fn plain(letter: char) -> char {
    match letter {
        '0' => 'O',
        '1' => 'L',
        '8' => 'B',
        _ => letter.to_ascii_uppercase(),
    }
}

fn check(kind: &str, payload: &[u8]) -> [u8; CHECK_LEN] {
    let mut context = Context::new(&SHA256);
    context.update(kind.as_bytes());
    context.update(b"\0");
    context.update(payload);
    *context.finish().as_ref().first_chunk().expect("SHA-256 is longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_how_people_write() {
        let payload: Vec<u8> = (0..60).map(|number: u8| number.wrapping_mul(37)).collect();
        let code = encode("thing", &payload);
        let mangled = format!(" {}- \n{} ", code[..7].to_uppercase(), &code[7..]);
        assert_eq!(decode("thing", &mangled).unwrap(), payload);
        for (letter, digit) in [("o", "0"), ("l", "1"), ("b", "8")] {
            assert!(code.contains(letter), "{code}");
            assert_eq!(decode("thing", &code.replace(letter, digit)).unwrap(), payload);
        }
    }

    #[test]
    fn a_wrong_swapped_missing_or_added_letter_is_noticed() {
        let payload: Vec<u8> = (0..40).map(|number: u8| number.wrapping_mul(73)).collect();
        let code = encode("thing", &payload).into_bytes();
        let mut wrong = Vec::new();
        for place in 0..code.len() {
            for letter in b"abcdefghijklmnopqrstuvwxyz234567" {
                let mut one = code.clone();
                one[place] = *letter;
                wrong.push(one);
            }
            let mut missing = code.clone();
            missing.remove(place);
            wrong.push(missing);
            let mut doubled = code.clone();
            doubled.insert(place, code[place]);
            wrong.push(doubled);
            if place > 0 {
                let mut swapped = code.clone();
                swapped.swap(place - 1, place);
                wrong.push(swapped);
            }
        }
        for text in wrong.into_iter().filter(|text| *text != code) {
            let text = String::from_utf8(text).unwrap();
            assert_eq!(decode("thing", &text), None, "{text}");
        }
        assert_eq!(decode("other", &encode("thing", &payload)), None);
        assert_eq!(decode("thing", ""), None);
    }
}
