//! The member list with the household's signature: what goes over the wire and into files.
//!
//! Layout: signature (64 bytes, Ed25519), then the list as postcard. The signature covers [`DOMAIN`] and the list's
//! bytes as they are, so a list keeps its signature when a newer hub has appended fields that this build skips.

use serde::{Deserialize, Serialize};
use unisono_core::wire::{control::presentable, ids::HouseholdId};

use super::MemberList;
use crate::{
    Error,
    keys::{SecretKey, is_signed},
};

/// An Ed25519 signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "([u8; 32], [u8; 32])", into = "([u8; 32], [u8; 32])")]
pub struct Signature(pub [u8; 64]);

impl From<([u8; 32], [u8; 32])> for Signature {
    fn from((head, tail): ([u8; 32], [u8; 32])) -> Self {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&head);
        bytes[32..].copy_from_slice(&tail);
        Self(bytes)
    }
}

impl From<Signature> for ([u8; 32], [u8; 32]) {
    fn from(Signature(bytes): Signature) -> Self {
        let (head, tail) = bytes.split_at(32);
        let half = |bytes: &[u8]| *bytes.first_chunk().expect("half of 64");
        (half(head), half(tail))
    }
}

/// A signed member list that nobody has judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedMembers {
    bytes: Vec<u8>,
    signature: Signature,
}

impl SignedMembers {
    /// Signs a list with the key of the household that it names.
    ///
    /// # Errors
    /// When the list breaks its rules, or names another household than the key's.
    pub fn sign(list: &MemberList, household: &SecretKey) -> Result<Self, Error> {
        list.check()?;
        if list.members.iter().any(|member| presentable(&member.name) != member.name) {
            return Err(Error::ListMalformed("a name in it cannot be shown"));
        }
        if list.household.0 != household.public() {
            return Err(Error::ListMalformed("it names another household than the key's"));
        }
        Ok(Self::sign_unchecked(list, household))
    }

    pub(super) fn sign_unchecked(list: &MemberList, household: &SecretKey) -> Self {
        let bytes = postcard::to_allocvec(list).expect("lists have no failing serializer");
        let signature = Signature(household.sign(&message(&bytes)));
        Self { bytes, signature }
    }

    /// What goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.signature.0.as_slice(), &self.bytes].concat()
    }

    /// Takes apart what came over the wire, without believing it.
    ///
    /// # Errors
    /// When the bytes cannot be a signed list by their length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.split_first_chunk() {
            Some((signature, list)) if list.len() <= MAX_LEN => {
                Ok(Self { bytes: list.to_vec(), signature: Signature(*signature) })
            }
            _ => Err(Error::ListMalformed("it has an impossible length")),
        }
    }

    /// The list, when the pinned household, or one that its key has passed the household on to, has signed it.
    ///
    /// Whether it is older than the list held is for [`Pinned`](super::Pinned) to say.
    ///
    /// # Errors
    /// When the list cannot be read, breaks its rules, is of another household, or is not signed by it.
    pub fn verify(&self, pinned: HouseholdId) -> Result<MemberList, Error> {
        let list = self.verify_as_named()?;
        list.descends_from(pinned)?;
        Ok(list)
    }

    /// The list, when the household that it names itself has signed it.
    pub(super) fn verify_as_named(&self) -> Result<MemberList, Error> {
        let (mut list, _newer): (MemberList, _) =
            postcard::take_from_bytes(&self.bytes).map_err(|_| Error::ListMalformed("it cannot be read"))?;
        if !is_signed(&list.household.0, &message(&self.bytes), &self.signature.0) {
            return Err(Error::ListForged);
        }
        list.check()?;
        // Another version's hub may have other ideas of what can be shown; that is no reason to lose the household.
        for member in &mut list.members {
            member.name = presentable(&member.name);
        }
        Ok(list)
    }

    /// The list's bytes, without the signature.
    pub(super) fn list_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn message(list: &[u8]) -> Vec<u8> {
    [DOMAIN, list].concat()
}

/// Keeps a signature under a list from meaning anything elsewhere.
const DOMAIN: &[u8] = b"unisono member list 1\0";

/// The most members with the longest names and a full chain of successions are 103 kB.
const MAX_LEN: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{Role, tests::house};

    #[test]
    fn a_signed_list_comes_back_as_it_was() {
        let (key, list) = house(7);
        let bytes = SignedMembers::sign(&list, &key).unwrap().to_bytes();
        assert_eq!(SignedMembers::from_bytes(&bytes).unwrap().verify(list.household).unwrap(), list);
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let (key, mut list) = house(300);
        list.members.truncate(1);
        let bytes = SignedMembers::sign(&list, &key).unwrap().to_bytes();
        let mut expected = key.public().to_vec();
        expected.extend([0xac, 0x02, 1]);
        expected.extend([1; 32]);
        expected.extend(b"\x01\x09machine 1\x00");
        assert_eq!(bytes[64..], expected);
        let message = [b"unisono member list 1\0".as_slice(), &expected].concat();
        assert_eq!(bytes[..64], key.sign(&message));
    }

    #[test]
    fn fields_that_a_newer_hub_appends_are_skipped() {
        let (key, list) = house(7);
        let mut bytes = postcard::to_allocvec(&list).unwrap();
        bytes.extend(b"what comes later");
        let signature = Signature(key.sign(&message(&bytes)));
        assert_eq!(SignedMembers { bytes, signature }.verify(list.household).unwrap(), list);
    }

    #[test]
    fn names_that_cannot_be_shown_are_not_signed_and_are_mended_when_read() {
        for name in ["", "new\nline", " indented"] {
            let (key, mut list) = house(7);
            list.members[1].name = name.into();
            assert!(matches!(SignedMembers::sign(&list, &key), Err(Error::ListMalformed(_))), "{name:?}");
            let read = SignedMembers::sign_unchecked(&list, &key).verify(list.household).unwrap();
            assert_eq!(read.members[1].name, presentable(name));
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let (key, list) = house(7);
        let bytes = SignedMembers::sign(&list, &key).unwrap().to_bytes();
        for place in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[place] ^= 1;
            assert!(SignedMembers::from_bytes(&forged).unwrap().verify(list.household).is_err(), "byte {place}");
        }
    }

    #[test]
    fn only_the_household_makes_members() {
        let (_, mut list) = house(7);
        let stranger = SecretKey::from_seed(&[66; 32]);
        let forged = SignedMembers::sign_unchecked(&list, &stranger);
        assert!(matches!(forged.verify(list.household), Err(Error::ListForged)));
        assert!(matches!(SignedMembers::sign(&list, &stranger), Err(Error::ListMalformed(_))));

        let pinned = list.household;
        list.household = HouseholdId(stranger.public());
        let other = SignedMembers::sign(&list, &stranger).unwrap();
        assert!(matches!(other.verify(pinned), Err(Error::OtherHousehold { .. })));
    }

    #[test]
    fn the_largest_household_fits_into_a_control_message() {
        let (key, mut list) = house(u64::MAX);
        list.members = (0..u16::try_from(crate::members::MAX_MEMBERS).unwrap())
            .map(|id| super::super::Member {
                peer: unisono_core::wire::ids::PeerId(std::array::from_fn(|place| id.to_be_bytes()[place.min(1)])),
                role: Role::Hub,
                name: "x".repeat(64),
            })
            .collect();
        let bytes = SignedMembers::sign(&list, &key).unwrap().to_bytes();
        assert!(bytes.len() < usize::try_from(unisono_core::wire::frame::MAX_BODY).unwrap() / 2, "{}", bytes.len());
        assert!(SignedMembers::from_bytes(&bytes).unwrap().verify(list.household).is_ok());
    }
}
