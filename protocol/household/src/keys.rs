//! Ed25519 keys and the files that they live in.
//!
//! A key file is PEM text: `PRIVATE KEY` around PKCS#8 version 2 (RFC 5958, RFC 8410), which carries the public key
//! beside the private one and so checks itself. The reset key, which is only random bytes, is `UNISONO SECRET` around
//! the bytes and the first eight of their SHA-256.
//!
//! A key file that exists is never replaced. Keys are not wiped from memory: who can read it can sign as well.

use std::{fmt, path::Path};

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use crate::{Error, files, pem};

/// The private key of a hub, a node or a household.
pub struct SecretKey {
    pair: Ed25519KeyPair,
    pkcs8: [u8; PKCS8_LEN],
}

impl SecretKey {
    /// Reads the key at `path`, or draws one and writes it there (mode 0600) when there is no such file.
    ///
    /// # Errors
    /// When the file is damaged, readable by others, or cannot be read or written. It is left as it is.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        match Self::load(path)? {
            Some(key) => Ok(key),
            None => {
                let key = Self::generate()?;
                key.store(path)?;
                Ok(key)
            }
        }
    }

    /// Reads the key at `path`; `None` when there is no such file.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, Error> {
        let Some(text) = files::read_secret(path, MAX_FILE_LEN)? else { return Ok(None) };
        let key = pem::decode(KEY_LABEL, &text).and_then(|pkcs8| Self::from_pkcs8(&pkcs8));
        key.map(Some).ok_or_else(|| Error::KeyDamaged { path: path.to_owned() })
    }

    pub(crate) fn store(&self, path: &Path) -> Result<(), Error> {
        files::write_atomically(path, pem::encode(KEY_LABEL, &self.pkcs8).as_bytes())
    }

    /// A new key that lives in memory only.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, Error> {
        random().map(|seed| Self::from_seed(&seed))
    }

    pub(crate) fn from_seed(seed: &[u8; SEED_LEN]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let mut pkcs8 = [0; PKCS8_LEN];
        let parts = [PKCS8_HEAD, seed.as_slice(), PKCS8_MIDDLE, pair.public_key().as_ref()].concat();
        pkcs8.copy_from_slice(&parts);
        Self { pair, pkcs8 }
    }

    /// There is one form of each key: what differs from it in a single bit is not taken.
    fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        let seed = bytes.get(PKCS8_HEAD.len()..)?.first_chunk()?;
        Some(Self::from_seed(seed)).filter(|key| key.pkcs8 == bytes)
    }

    /// The key as PKCS#8 version 2, the form that TLS takes. Secret.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key: the body of a `PeerId` or a `HouseholdId`.
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }

    /// Signs a message. The same message always gets the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }

    pub(crate) fn seed(&self) -> &[u8; SEED_LEN] {
        self.pkcs8[PKCS8_HEAD.len()..].first_chunk().expect("the form has room for it")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretKey(public {})", data_encoding::HEXLOWER.encode(&self.public()))
    }
}

/// Whether `public` signed the message.
pub(crate) fn is_signed(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// Reads `N` secret bytes at `path`, or draws and writes them, by the same rules as a key: QUIC's reset key is one.
///
/// # Errors
/// As [`SecretKey::load_or_create`].
pub fn load_or_create_secret<const N: usize>(path: &Path) -> Result<[u8; N], Error> {
    let Some(text) = files::read_secret(path, MAX_FILE_LEN)? else {
        let secret: [u8; N] = random()?;
        let body = [secret.as_slice(), &check(&secret)].concat();
        files::write_atomically(path, pem::encode(SECRET_LABEL, &body).as_bytes())?;
        return Ok(secret);
    };
    let body = pem::decode(SECRET_LABEL, &text).unwrap_or_default();
    match body.split_first_chunk::<N>() {
        Some((secret, rest)) if rest == check(secret) => Ok(*secret),
        _ => Err(Error::SecretDamaged { path: path.to_owned() }),
    }
}

fn check(secret: &[u8]) -> [u8; 8] {
    *digest(&SHA256, secret).as_ref().first_chunk().expect("SHA-256 is longer")
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

const KEY_LABEL: &str = "PRIVATE KEY";
const SECRET_LABEL: &str = "UNISONO SECRET";
const SEED_LEN: usize = 32;

/// Ten times what a key file holds.
const MAX_FILE_LEN: u64 = 4096;

/// DER of `OneAsymmetricKey` version 2, algorithm 1.3.101.112, up to the seed (RFC 8410 section 7).
const PKCS8_HEAD: &[u8] =
    &[0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// Between seed and public key: context tag 1, a bit string of 33 bytes, no unused bits.
const PKCS8_MIDDLE: &[u8] = &[0x81, 0x21, 0x00];
const PKCS8_LEN: usize = PKCS8_HEAD.len() + SEED_LEN + PKCS8_MIDDLE.len() + 32;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/hub.key");
        let made = SecretKey::load_or_create(&path).unwrap();
        let read = SecretKey::load_or_create(&path).unwrap();
        assert_eq!(made.public(), read.public());
        assert!(is_signed(&made.public(), b"hello", &read.sign(b"hello")));
        assert!(!is_signed(&made.public(), b"hullo", &read.sign(b"hello")));
    }

    #[test]
    fn the_form_of_a_key_is_the_one_that_tls_takes() {
        let key = SecretKey::generate().unwrap();
        let parsed = Ed25519KeyPair::from_pkcs8(key.pkcs8()).unwrap();
        assert_eq!(parsed.public_key().as_ref(), key.public());
        assert_eq!(&SecretKey::from_seed(key.seed()).public(), &key.public());
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.key");
        SecretKey::load_or_create(&path).unwrap();
        let intact = fs::read(&path).unwrap();
        let altered = |place: usize| {
            let mut bytes = intact.clone();
            bytes[place] = if bytes[place] == b'Q' { b'R' } else { b'Q' };
            bytes
        };
        let body = 28..intact.len() - 26;
        let damaged = body.map(altered).chain([vec![], b"\0".repeat(400), intact[..80].to_vec()]);
        for bytes in damaged.filter(|bytes| *bytes != intact) {
            fs::write(&path, &bytes).unwrap();
            let refused = SecretKey::load_or_create(&path).unwrap_err();
            assert!(matches!(refused, Error::KeyDamaged { .. }), "{refused}");
            assert!(refused.to_string().contains("hub.key"), "{refused}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_others_can_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.key");
        SecretKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = SecretKey::load_or_create(&path).unwrap_err();
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        SecretKey::load_or_create(&path).unwrap();
    }

    #[test]
    fn a_folder_or_a_dangling_link_in_the_place_of_a_key_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(SecretKey::load_or_create(dir.path()).unwrap_err(), Error::Io { .. }));
        #[cfg(unix)]
        {
            let link = dir.path().join("hub.key");
            std::os::unix::fs::symlink(dir.path().join("backup-not-mounted"), &link).unwrap();
            assert!(matches!(SecretKey::load_or_create(&link).unwrap_err(), Error::Io { .. }));
        }
    }

    #[test]
    fn a_secret_follows_the_same_rules() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reset.key");
        let made = load_or_create_secret::<64>(&path).unwrap();
        assert_eq!(load_or_create_secret::<64>(&path).unwrap(), made);
        assert!(matches!(load_or_create_secret::<32>(&path).unwrap_err(), Error::SecretDamaged { .. }));
        fs::write(&path, "").unwrap();
        assert!(matches!(load_or_create_secret::<64>(&path).unwrap_err(), Error::SecretDamaged { .. }));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = SecretKey::from_seed(&[0x5a; 32]);
        assert!(!format!("{key:?}").contains("5a5a"));
    }
}
