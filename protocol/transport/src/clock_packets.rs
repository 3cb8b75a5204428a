//! Authenticates clock packets.
//!
//! Keys come from the TLS exporter of the connection that a packet belongs to (RFC 8446, 7.5), one for each direction.
//! ChaCha20-Poly1305 (RFC 8439) serves as a code over the packet's fields, which stay readable: it encrypts nothing.
//! The sequence number is the nonce and must never be used twice with a key.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use unisono_core::wire::clock::{HEADER_LEN, MAX_ECHOES, PROBE, REPORT, TAG_LEN, TRANSMIT_STAMPS};

/// The longest packet, tag included: a report with all its stamps and echoes.
pub(crate) const MAX_PACKET: usize = HEADER_LEN + 8 * TRANSMIT_STAMPS + 16 * MAX_ECHOES + TAG_LEN;

/// What the TLS exporter is asked for.
pub(crate) const EXPORTER_LABEL: &[u8] = b"EXPORTER-unisono-clock";

/// The exporter's context for packets of a kind; kinds travel in one direction each.
pub(crate) const fn exporter_context(kind: u8) -> &'static [u8] {
    match kind {
        PROBE => b"probe",
        REPORT => b"report",
        _ => b"",
    }
}

/// The key of one direction.
#[derive(Debug)]
pub(crate) struct ClockKey(LessSafeKey);

impl ClockKey {
    /// From the exporter's output.
    pub(crate) fn new(secret: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&CHACHA20_POLY1305, secret).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// The tag of these fields; `None` only where they are longer than any packet can be.
    pub(crate) fn tag(&self, sequence: u64, fields: &[u8]) -> Option<[u8; TAG_LEN]> {
        let tag = self.0.seal_in_place_separate_tag(nonce(sequence), Aad::from(fields), &mut []).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Whether the tag belongs to these fields.
    pub(crate) fn is_genuine(&self, sequence: u64, fields: &[u8], tag: &[u8; TAG_LEN]) -> bool {
        self.0.open_in_place(nonce(sequence), Aad::from(fields), &mut { *tag }).is_ok()
    }
}

fn nonce(sequence: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&sequence.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use unisono_core::wire::{clock::Probe, ids::ClockTag};

    use super::*;

    fn key(secret: u8) -> ClockKey {
        ClockKey::new(&[secret; 32]).unwrap()
    }

    #[test]
    fn a_packet_with_any_bit_changed_is_not_genuine() {
        let probe = Probe { tag: ClockTag(3), sequence: 9, report_interval_ms: 20 }.encode();
        let tag = key(1).tag(9, &probe).unwrap();
        assert!(key(1).is_genuine(9, &probe, &tag));
        for place in 0..8 * (probe.len() + tag.len()) {
            let (mut fields, mut changed) = (probe, tag);
            match fields.get_mut(place / 8) {
                Some(byte) => *byte ^= 1 << (place % 8),
                None => changed[place / 8 - probe.len()] ^= 1 << (place % 8),
            }
            assert!(!key(1).is_genuine(9, &fields, &changed), "bit {place}");
        }
    }

    #[test]
    fn another_key_or_sequence_number_is_not_genuine() {
        let tag = key(1).tag(9, b"fields").unwrap();
        assert!(!key(2).is_genuine(9, b"fields", &tag));
        assert!(!key(1).is_genuine(10, b"fields", &tag));
        assert!(!key(1).is_genuine(9, b"field", &tag));
    }

    #[test]
    fn each_direction_has_its_own_key() {
        // Both count from one: with one key, every nonce would be used twice.
        assert_ne!(exporter_context(PROBE), exporter_context(REPORT));
    }

    #[test]
    fn the_tag_is_that_of_the_standard() {
        // RFC 8439, 2.8, over no text; computed with another implementation (OpenSSL).
        let tag = key(0).tag(1, &[0x01; 16]).unwrap();
        assert_eq!(tag, TAG_OF_ONES);
    }

    const TAG_OF_ONES: [u8; 16] =
        [0xf7, 0xb1, 0x4f, 0x56, 0x64, 0x9e, 0x8b, 0x39, 0x62, 0xc9, 0xed, 0xb6, 0x2f, 0xd1, 0x41, 0xa4];
}
