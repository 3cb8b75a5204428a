//! Keys that are the same in every run.

use data_encoding::BASE64;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// The pair of a seed.
pub(crate) fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("any 32 bytes are a seed")
}

/// The public half of a pair.
pub(crate) fn public(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().try_into().expect("Ed25519 has keys of 32 bytes")
}

/// A key file: PEM around PKCS#8 version 2.
pub(crate) fn key_file(seed: u8) -> String {
    const HEAD: &[u8] = &[0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let body = [HEAD, &[seed; 32], &[0x81, 0x21, 0], &public(&pair(seed))].concat();
    let label = "PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(&body))
}
