//! How a peer notices at once that this machine's program was started anew.
//!
//! A QUIC endpoint answers a packet for a connection that it does not know with a *stateless reset*, a token that the
//! peer was given when the connection began (RFC 9000, 10.3). For that, the new program must be able to make the old
//! one's tokens, and must recognise its connection IDs: an ID that it has not made is answered with silence, or every
//! stray packet could draw an answer. Both follow from one key that is kept on disk.

use std::sync::Arc;

use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use quinn_proto::InvalidCid;
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

/// The endpoint's configuration, with all that follows from the key.
pub(crate) fn endpoint_config(reset_key: &[u8; 64]) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(derive(reset_key, b"unisono reset token")));
    let ids = derive(reset_key, b"unisono connection id");
    config.cid_generator(move || Box::new(SignedIds(ids.clone())));
    config
}

fn derive(reset_key: &[u8; 64], purpose: &[u8]) -> hmac::Key {
    let root = hmac::Key::new(hmac::HMAC_SHA256, reset_key);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, purpose).as_ref())
}

/// Connection IDs that the next run of the program recognises: random bytes and their signature. quinn's own kind has
/// 24 random bits, which come round again while old reset tokens are still about; these do not.
struct SignedIds(hmac::Key);

impl SignedIds {
    fn signature(&self, random: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        signature.copy_from_slice(&hmac::sign(&self.0, random).as_ref()[..SIGNATURE_LEN]);
        signature
    }
}

impl ConnectionIdGenerator for SignedIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID_LEN];
        let (random, signature) = id.split_at_mut(RANDOM_LEN);
        // Fails only where the system has no randomness at all; TLS has failed before. The caller draws again when it
        // knows the ID already.
        let _ = SystemRandom::new().fill(random);
        signature.copy_from_slice(&self.signature(random));
        ConnectionId::new(&id)
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        match id.split_at_checked(RANDOM_LEN) {
            Some((random, signature)) if signature == self.signature(random) => Ok(()),
            _ => Err(InvalidCid),
        }
    }

    fn cid_len(&self) -> usize {
        ID_LEN
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

const RANDOM_LEN: usize = 8;

/// One stray packet in four thousand million draws an answer.
const SIGNATURE_LEN: usize = 4;

const ID_LEN: usize = RANDOM_LEN + SIGNATURE_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(reset_key: &[u8; 64]) -> SignedIds {
        SignedIds(derive(reset_key, b"unisono connection id"))
    }

    #[test]
    fn the_next_run_knows_the_connection_ids_of_this_one() {
        let id = ids(&[7; 64]).generate_cid();
        assert!(ids(&[7; 64]).validate(&id).is_ok());
        assert!(ids(&[8; 64]).validate(&id).is_err());
    }

    #[test]
    fn a_made_up_connection_id_is_not_recognised() {
        let mut ids = ids(&[7; 64]);
        let id = ids.generate_cid();
        for place in 0..ID_LEN {
            let mut changed = id.to_vec();
            changed[place] ^= 1;
            assert!(ids.validate(&ConnectionId::new(&changed)).is_err());
        }
        assert!(ids.validate(&ConnectionId::new(&id[..4])).is_err());
        assert_ne!(ids.generate_cid(), id);
    }
}
