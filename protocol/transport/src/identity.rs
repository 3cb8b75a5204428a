//! Who this machine is: an Ed25519 key.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, DnType, PKCS_ED25519, date_time_ymd};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use unisono_core::wire::ids::PeerId;

use crate::Error;

/// A machine's key, and the certificate that carries it through TLS.
///
/// ```
/// use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
/// use unisono_transport::Identity;
///
/// let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system has randomness");
/// let identity = Identity::from_pkcs8(pkcs8.as_ref())?;
/// println!("this machine is {}", identity.peer_id());
/// # Ok::<(), unisono_transport::Error>(())
/// ```
pub struct Identity {
    peer_id: PeerId,
    key: PrivatePkcs8KeyDer<'static>,
    certificate: CertificateDer<'static>,
}

impl Identity {
    /// From an Ed25519 key in PKCS #8 version 2 (RFC 8410, 7), DER, as [`Ed25519KeyPair::generate_pkcs8`] makes it.
    ///
    /// # Errors
    /// [`Error::Identity`] when the bytes are anything else, or the public key in them does not fit the private one.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|error| Error::Identity(error.to_string()))?;
        let public = pair.public_key().as_ref().try_into();
        let peer_id = PeerId(public.map_err(|_| Error::Identity("its public key is not 32 bytes long".into()))?);
        let key = PrivatePkcs8KeyDer::from(pkcs8.to_vec());
        let certificate = certify(&key).map_err(|error| Error::Identity(error.to_string()))?;
        Ok(Self { peer_id, key, certificate })
    }

    /// The name under which others know this machine: its public key.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Identity").field(&self.peer_id).finish()
    }
}

/// Nobody checks the dates: a machine without a battery-backed clock starts in 1970. They only have to be there.
fn certify(key: &PrivatePkcs8KeyDer<'_>) -> Result<CertificateDer<'static>, rcgen::Error> {
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(key, &PKCS_ED25519)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "unisono");
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    Ok(params.self_signed(&pair)?.into())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn an_identity_is_the_same_after_every_start() {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let (first, second) = (Identity::from_pkcs8(pkcs8.as_ref()), Identity::from_pkcs8(pkcs8.as_ref()));
        assert_eq!(first.unwrap().certificate(), second.unwrap().certificate());
    }

    #[test]
    fn a_damaged_key_is_an_error() {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        for place in 0..pkcs8.as_ref().len() {
            let mut damaged = pkcs8.as_ref().to_vec();
            damaged[place] ^= 0x10;
            assert!(matches!(Identity::from_pkcs8(&damaged), Err(Error::Identity(_))), "byte {place}");
        }
        assert!(matches!(Identity::from_pkcs8(&[]), Err(Error::Identity(_))));
    }

    #[test]
    fn a_key_that_does_not_name_its_public_half_is_an_error() {
        let version_1 =
            [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..], &[7; 32]].concat();
        assert!(matches!(Identity::from_pkcs8(&version_1), Err(Error::Identity(_))));
    }

    #[test]
    fn the_private_key_is_not_shown() {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let identity = Identity::from_pkcs8(pkcs8.as_ref()).unwrap();
        assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.peer_id()));
    }
}
