//! The recovery code: the household's key on paper. Whoever has it can found the household anew on another machine,
//! and every node that belonged to it will recognise it.
//!
//! It is base32 (RFC 4648) of one byte that says the version, 1, of the 32 bytes of the key's seed, and of the first
//! four bytes of the SHA-256 of `recovery code`, a zero byte, and both: twelve groups of five characters.

use crate::{Error, code, keys::SecretKey};

/// The code for a household's key. Secret.
pub fn recovery_code(household: &SecretKey) -> String {
    let letters = code::encode(KIND, &[&[VERSION], household.seed().as_slice()].concat());
    let groups: Vec<_> = letters.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect();
    groups.join("-")
}

/// The household's key from its code; case, spaces and dashes do not matter.
///
/// # Errors
/// When the code is mistyped, or from a newer version.
pub fn key_from_recovery_code(text: &str) -> Result<SecretKey, Error> {
    let payload = code::decode(KIND, text).ok_or(Error::Mistyped { what: KIND })?;
    match payload.split_first() {
        Some((&VERSION, seed)) => seed.try_into().map(SecretKey::from_seed).map_err(|_| Error::Mistyped { what: KIND }),
        _ => Err(Error::NewerText { what: KIND }),
    }
}

const KIND: &str = "recovery code";
const VERSION: u8 = 1;
const GROUP: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_brings_the_same_key_back() {
        let key = SecretKey::generate().unwrap();
        let code = recovery_code(&key);
        assert!(code.split('-').all(|group| group.len() == 5), "{code}");
        assert_eq!(code.split('-').count(), 12);
        let typed = code.to_uppercase().replace('-', " ");
        assert_eq!(key_from_recovery_code(&typed).unwrap().public(), key.public());
    }

    #[test]
    fn a_mistake_is_not_taken_for_another_household() {
        let code = recovery_code(&SecretKey::generate().unwrap());
        let mut wrong = code.clone().into_bytes();
        wrong.swap(3, 4);
        let wrong = String::from_utf8(wrong).unwrap();
        if wrong != code {
            assert!(matches!(key_from_recovery_code(&wrong), Err(Error::Mistyped { .. })));
        }
        assert!(matches!(key_from_recovery_code(&code[..20]), Err(Error::Mistyped { .. })));
        assert!(matches!(key_from_recovery_code(""), Err(Error::Mistyped { .. })));
        let newer = code::encode(KIND, &[2, 3, 4]);
        assert!(matches!(key_from_recovery_code(&newer), Err(Error::NewerText { .. })));
    }
}
