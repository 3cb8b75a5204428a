//! What a machine believes about its household, and what it takes to change that.

use ring::digest::{SHA256, digest};
use unisono_core::wire::ids::{HouseholdId, PeerId};

use super::{MemberList, Role, SignedMembers};
use crate::Error;

/// The household that a machine belongs to, and the newest member list that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    household: HouseholdId,
    version: u64,
    /// SHA-256 of the list: two lists of one version are told apart by it.
    digest: [u8; 32],
}

impl Pinned {
    /// Pins the household of a list. The connection must have proved already that its sender holds the key `hub`,
    /// and that key must have come from a person (a join token): there is nothing else to judge the list by.
    ///
    /// # Errors
    /// When the list is not signed by the household that it names, or `hub` is not a hub in it.
    pub fn by_joining(signed: &SignedMembers, hub: PeerId) -> Result<(Self, MemberList), Error> {
        let (pinned, list) = Self::as_named(signed)?;
        match list.role_of(hub) {
            Some(Role::Hub) => Ok((pinned, list)),
            _ => Err(Error::ListWithoutSender),
        }
    }

    /// The pin that a list from one's own files stands for.
    pub(crate) fn as_named(signed: &SignedMembers) -> Result<(Self, MemberList), Error> {
        let list = signed.verify_as_named()?;
        Ok((Self { household: list.household, version: list.version, digest: digest_of(signed) }, list))
    }

    /// Takes a list that is newer than the one held, or the same. After a change of key the new one is pinned.
    ///
    /// # Errors
    /// When the list is not one of this household, is older, or differs from the one held at the same version.
    /// The pin is then as it was.
    pub fn accept(&mut self, signed: &SignedMembers) -> Result<MemberList, Error> {
        let list = signed.verify(self.household)?;
        let digest = digest_of(signed);
        if list.version < self.version {
            return Err(Error::ListOlder { held: self.version, offered: list.version });
        }
        if list.version == self.version && digest != self.digest {
            return Err(Error::ListConflict { version: list.version });
        }
        *self = Self { household: list.household, version: list.version, digest };
        Ok(list)
    }

    /// The household's key.
    pub fn household(&self) -> HouseholdId {
        self.household
    }

    /// The version of the newest list seen.
    pub fn version(&self) -> u64 {
        self.version
    }
}

fn digest_of(signed: &SignedMembers) -> [u8; 32] {
    *digest(&SHA256, signed.list_bytes()).as_ref().first_chunk().expect("SHA-256 is as long")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keys::SecretKey,
        members::{Succession, tests::house},
    };

    fn signed(version: u64) -> SignedMembers {
        let (key, list) = house(version);
        SignedMembers::sign(&list, &key).unwrap()
    }

    fn pinned(version: u64) -> Pinned {
        Pinned::by_joining(&signed(version), PeerId([1; 32])).unwrap().0
    }

    #[test]
    fn joining_needs_the_hub_that_the_person_named() {
        for stranger in [2, 4] {
            let refused = Pinned::by_joining(&signed(5), PeerId([stranger; 32])).unwrap_err();
            assert!(matches!(refused, Error::ListWithoutSender), "{refused}");
        }
        assert_eq!(pinned(5).version(), 5);
    }

    #[test]
    fn newer_and_equal_lists_are_taken_and_older_ones_are_not() {
        let mut pin = pinned(5);
        pin.accept(&signed(5)).unwrap();
        pin.accept(&signed(9)).unwrap();
        assert_eq!(pin.version(), 9);
        let before = pin;
        assert!(matches!(pin.accept(&signed(8)), Err(Error::ListOlder { held: 9, offered: 8 })));
        assert_eq!(pin, before);
    }

    #[test]
    fn two_truths_of_one_version_are_refused() {
        let mut pin = pinned(5);
        let (key, mut list) = house(5);
        list.members.pop();
        let other = SignedMembers::sign(&list, &key).unwrap();
        assert!(matches!(pin.accept(&other), Err(Error::ListConflict { version: 5 })));
    }

    #[test]
    fn after_a_succession_the_old_key_counts_no_more() {
        let mut pin = pinned(5);
        let (old, mut list) = house(6);
        let new = SecretKey::from_seed(&[10; 32]);
        list.household = HouseholdId(new.public());
        list.successions = vec![Succession::sign(&old, list.household)];
        pin.accept(&SignedMembers::sign(&list, &new).unwrap()).unwrap();
        assert_eq!(pin.household().0, new.public());
        assert!(matches!(pin.accept(&signed(99)), Err(Error::OtherHousehold { .. })));
    }
}
