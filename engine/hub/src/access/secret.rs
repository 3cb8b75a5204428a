//! Secrets and tokens: drawn, hashed, compared.

use std::{io, num::NonZeroU32, path::Path};

use ring::{
    pbkdf2,
    rand::{SecureRandom, SystemRandom},
};
use unisono_household::{Error, config::access::SecretHash, local_access};

/// What OWASP asks of PBKDF2 with HMAC-SHA-256 (Password Storage Cheat Sheet).
const ITERATIONS: u32 = 600_000;

/// Hashes a secret with a salt of its own. It takes a good part of a second, on purpose.
pub(crate) fn hash_secret(secret: &str) -> io::Result<SecretHash> {
    let salt = random::<16>()?;
    let mut hash = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations(ITERATIONS), &salt, secret.as_bytes(), &mut hash);
    Ok(SecretHash { salt, iterations: ITERATIONS, hash })
}

/// Whether it is the secret that was hashed. It takes as long as hashing it did.
pub(crate) fn is_secret(secret: &str, kept: &SecretHash) -> bool {
    let iterations = iterations(kept.iterations);
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &kept.salt, secret.as_bytes(), &kept.hash).is_ok()
}

/// A token that nobody can guess: 256 bits.
pub(crate) fn draw_token() -> io::Result<String> {
    let digits: String = random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    // What searches for leaked secrets can find it by this.
    Ok(format!("unisono_{digits}"))
}

/// The token that a hub of the same user has left on this machine, where its API has this port.
///
/// # Errors
/// When the file is not this user's alone, or cannot be read.
pub fn local_token(runtime: &Path, port: u16) -> Result<Option<String>, Error> {
    local_access::read_local_access(runtime, port)
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes)
}

fn iterations(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_again_and_no_other_is() {
        let kept = hash_secret("correct horse").unwrap();
        assert!(is_secret("correct horse", &kept));
        assert!(!is_secret("correct hors", &kept) && !is_secret("", &kept));
        assert_ne!(kept.salt, hash_secret("correct horse").unwrap().salt);
        assert_eq!(kept.iterations, ITERATIONS);
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let (one, other) = (draw_token().unwrap(), draw_token().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), "unisono_".len() + 64);
    }
}
