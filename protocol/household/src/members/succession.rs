//! How a household passes to a new key, so that a hub that is sent away cannot sign for it any more.
//!
//! The old key signs the new one, and every list from then on carries the proof: a machine that pins the old key
//! accepts the list and pins the new one. The hub that was sent away still holds the old key; it can deceive machines
//! that have not met the new list yet, and only those.

use serde::{Deserialize, Serialize};
use unisono_core::wire::ids::HouseholdId;

use super::{MemberList, Signature};
use crate::{
    Error,
    keys::{SecretKey, is_signed},
};

/// The most key changes that a list proves; older pins than that have to join again.
pub(super) const MAX_SUCCESSIONS: usize = 16;

/// One change of the household's key, signed by the key that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    /// The key that was given up.
    pub previous: HouseholdId,
    /// Its signature of the next key.
    pub signature: Signature,
}

impl Succession {
    /// The old key's word that the new one takes its place.
    pub fn sign(previous: &SecretKey, next: HouseholdId) -> Self {
        let signature = Signature(previous.sign(&message(next)));
        Self { previous: HouseholdId(previous.public()), signature }
    }

    fn leads_to(&self, next: HouseholdId) -> bool {
        is_signed(&self.previous.0, &message(next), &self.signature.0)
    }
}

impl MemberList {
    /// Checks that the list's household is `pinned` or has its key from it, by whatever number of steps.
    pub(super) fn descends_from(&self, pinned: HouseholdId) -> Result<(), Error> {
        if self.household == pinned {
            return Ok(());
        }
        let start = self.successions.iter().position(|step| step.previous == pinned);
        let start = start.ok_or(Error::OtherHousehold { pinned, found: self.household })?;
        let steps = &self.successions[start..];
        let nexts = steps[1..].iter().map(|step| step.previous).chain([self.household]);
        if steps.iter().zip(nexts).all(|(step, next)| step.leads_to(next)) { Ok(()) } else { Err(Error::ListForged) }
    }
}

fn message(next: HouseholdId) -> Vec<u8> {
    [DOMAIN, &next.0].concat()
}

/// Keeps a signature under a key from meaning anything elsewhere.
const DOMAIN: &[u8] = b"unisono succession 1\0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{SignedMembers, tests::house};

    /// The keys of a household that has changed its key `changes` times, and its newest list.
    fn heirs(changes: u8) -> (Vec<SecretKey>, SignedMembers) {
        let keys: Vec<_> = (0..=changes).map(|number| SecretKey::from_seed(&[number + 100; 32])).collect();
        let (_, mut list) = house(7);
        let id = |key: &SecretKey| HouseholdId(key.public());
        list.successions = keys.windows(2).map(|pair| Succession::sign(&pair[0], id(&pair[1]))).collect();
        let newest = keys.last().unwrap();
        list.household = id(newest);
        let signed = SignedMembers::sign_unchecked(&list, newest);
        (keys, signed)
    }

    #[test]
    fn a_pin_follows_a_chain_of_successions_from_any_of_its_keys() {
        let (keys, signed) = heirs(16);
        for key in &keys {
            let list = signed.verify(HouseholdId(key.public())).unwrap();
            assert_eq!(list.household.0, keys[16].public());
        }
        let stranger = SecretKey::from_seed(&[66; 32]);
        assert!(matches!(signed.verify(HouseholdId(stranger.public())), Err(Error::OtherHousehold { .. })));
    }

    #[test]
    fn a_chain_is_bounded() {
        let (keys, signed) = heirs(17);
        assert!(matches!(signed.verify(HouseholdId(keys[17].public())), Err(Error::ListMalformed(_))));
    }

    #[test]
    fn a_succession_that_the_old_key_has_not_signed_is_worth_nothing() {
        let (keys, signed) = heirs(2);
        let genuine = signed.verify(HouseholdId(keys[2].public())).unwrap();
        let pinned = HouseholdId(keys[0].public());
        let thief = SecretKey::from_seed(&[66; 32]);

        let mut claimed = genuine.clone();
        claimed.household = HouseholdId(thief.public());
        let signed = SignedMembers::sign_unchecked(&claimed, &thief);
        assert!(matches!(signed.verify(pinned), Err(Error::ListForged)), "the last step leads elsewhere");

        let mut claimed = genuine;
        claimed.successions.remove(1);
        let signed = SignedMembers::sign_unchecked(&claimed, &keys[2]);
        assert!(matches!(signed.verify(pinned), Err(Error::ListForged)), "a step is missing");
    }
}
