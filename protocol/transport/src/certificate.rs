//! The one kind of certificate that is accepted: X.509 version 3, Ed25519, signed by its own key.
//!
//! Names, dates and extensions mean nothing here and are not looked at: the key is the identity. What is read is read
//! strictly (X.690, DER), and the signature covers the rest, so that a key belongs to exactly the bytes that came.

use ring::signature::{ED25519, UnparsedPublicKey};
use unisono_core::wire::ids::PeerId;

/// The subject public key info of an Ed25519 key (RFC 8410, 4), up to the 32 bytes of the key.
pub(crate) const PUBLIC_KEY_INFO: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The algorithm identifier of Ed25519 (RFC 8410, 3).
const ALGORITHM: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// The version field of a certificate that says 3 (RFC 5280, 4.1.2.1).
const VERSION_3: [u8; 5] = [0xa0, 0x03, 0x02, 0x01, 0x02];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
const EXTENSIONS: u8 = 0xa3;

/// The key of a self-signed Ed25519 certificate (RFC 5280, 4.1); `None` for anything else.
pub fn public_key(certificate: &[u8]) -> Option<PeerId> {
    let mut outer = Der(certificate);
    let mut parts = Der(outer.element(SEQUENCE)?.contents);
    outer.end()?;

    let signed = parts.element(SEQUENCE)?;
    parts.exactly(&ALGORITHM)?;
    let signature = parts.element(BIT_STRING)?.contents.strip_prefix(&[0])?;
    parts.end()?;

    let mut fields = Der(signed.contents);
    fields.exactly(&VERSION_3)?;
    let _serial = fields.element(INTEGER)?;
    fields.exactly(&ALGORITHM)?;
    let issuer = fields.element(SEQUENCE)?;
    let _validity = fields.element(SEQUENCE)?;
    let subject = fields.element(SEQUENCE)?;
    fields.exactly(&PUBLIC_KEY_INFO)?;
    let key = fields.array::<32>()?;
    if !fields.0.is_empty() {
        fields.element(EXTENSIONS)?;
    }
    fields.end()?;

    let self_signed = issuer.contents == subject.contents
        && UnparsedPublicKey::new(&ED25519, key).verify(signed.whole, signature).is_ok();
    self_signed.then_some(PeerId(key))
}

/// One tag, length and value.
struct Element<'a> {
    whole: &'a [u8],
    contents: &'a [u8],
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next element, which must have this tag and a length in its shortest form, below 64 KiB.
    fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let (header, length) = match *self.0 {
            [first, short @ 0..=0x7f, ..] if first == tag => (2, usize::from(short)),
            [first, 0x81, length @ 0x80..=0xff, ..] if first == tag => (3, usize::from(length)),
            [first, 0x82, high @ 1..=0xff, low, ..] if first == tag => {
                (4, usize::from(u16::from_be_bytes([high, low])))
            }
            _ => return None,
        };
        let (whole, rest) = self.0.split_at_checked(header + length)?;
        self.0 = rest;
        Some(Element { whole, contents: whole.get(header..)? })
    }

    fn exactly(&mut self, bytes: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256};
    use ring::{rand::SystemRandom, signature::Ed25519KeyPair};

    use super::*;
    use crate::Identity;

    fn identity() -> Identity {
        Identity::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref()).unwrap()
    }

    #[test]
    fn the_key_is_found_in_a_certificate_of_ours() {
        let identity = identity();
        assert_eq!(public_key(identity.certificate()), Some(identity.peer_id()));
    }

    #[test]
    fn a_certificate_with_any_bit_changed_is_refused() {
        let certificate = identity().certificate().to_vec();
        for place in 0..certificate.len() {
            for bit in 0..8 {
                let mut changed = certificate.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(public_key(&changed), None, "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn a_certificate_cut_or_continued_is_refused() {
        let certificate = identity().certificate().to_vec();
        for length in 0..certificate.len() {
            assert_eq!(public_key(&certificate[..length]), None);
        }
        assert_eq!(public_key(&[&certificate[..], &[0]].concat()), None);
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let key = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        assert_eq!(public_key(certificate.der()), None);
    }

    #[test]
    fn a_certificate_signed_by_another_key_is_refused() {
        let (one, two) = (identity(), identity());
        let certificate = one.certificate().to_vec();
        let ours = one.peer_id().0;
        let place = certificate.windows(32).position(|window| window == ours).unwrap();
        let mut stolen = certificate.clone();
        stolen[place..place + 32].copy_from_slice(&two.peer_id().0);
        assert_eq!(public_key(&stolen), None);
    }

    #[test]
    fn lengths_must_be_in_their_shortest_form() {
        let read = |bytes: &[u8]| Der(bytes).element(SEQUENCE).map(|element| element.contents.len());
        assert_eq!(read(&[&[0x30, 0x7f][..], &[0; 127]].concat()), Some(127));
        assert_eq!(read(&[&[0x30, 0x81, 0x80][..], &[0; 128]].concat()), Some(128));
        assert_eq!(read(&[&[0x30, 0x81, 0x7f][..], &[0; 127]].concat()), None);
        assert_eq!(read(&[&[0x30, 0x82, 0x01, 0x00][..], &[0; 256]].concat()), Some(256));
        assert_eq!(read(&[&[0x30, 0x82, 0x00, 0xff][..], &[0; 255]].concat()), None);
        assert_eq!(read(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(read(&[]), None);
    }
}
