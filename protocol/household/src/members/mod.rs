//! Who belongs to a household: a list that the household key signs and every member keeps.

mod pinned;
mod signed;
mod succession;

use serde::{Deserialize, Serialize};
use unisono_core::wire::ids::{HouseholdId, PeerId};

pub use pinned::Pinned;
pub use signed::{Signature, SignedMembers};
pub use succession::Succession;

use crate::Error;

/// The most members that a household has: the signed list stays far below the longest control message.
pub const MAX_MEMBERS: usize = 1_024;

/// What a member may do. Values that this build does not know survive it and allow nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Role {
    /// Holds the household key, leads streams.
    Hub,
    /// Plays.
    Node,
    /// A value that a newer hub knows.
    Other(u8),
}

impl From<u8> for Role {
    fn from(value: u8) -> Self {
        match value {
            1 => Self::Hub,
            2 => Self::Node,
            other => Self::Other(other),
        }
    }
}

impl From<Role> for u8 {
    fn from(role: Role) -> Self {
        match role {
            Role::Hub => 1,
            Role::Node => 2,
            Role::Other(other) => other,
        }
    }
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its key.
    pub peer: PeerId,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub name: String,
}

/// The members of a household at one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberList {
    /// Whose members, and whose key signs the list.
    pub household: HouseholdId,
    /// Raised by every change; 0 is no version.
    pub version: u64,
    /// Sorted by key, each key once.
    pub members: Vec<Member>,
    /// How the household came to its key, oldest first; empty while it has its first.
    pub successions: Vec<Succession>,
}

impl MemberList {
    /// The role of a machine, `None` when it is not a member.
    pub fn role_of(&self, peer: PeerId) -> Option<Role> {
        let found = self.members.binary_search_by_key(&peer, |member| member.peer);
        found.ok().map(|place| self.members[place].role)
    }

    /// Holds a list, from whomever, to the rules that the rest of the code relies on.
    fn check(&self) -> Result<(), Error> {
        let rule = |holds: bool, broken| if holds { Ok(()) } else { Err(Error::ListMalformed(broken)) };
        rule(self.version > 0, "it has no version")?;
        rule(self.members.len() <= MAX_MEMBERS, "it is too long")?;
        rule(self.successions.len() <= succession::MAX_SUCCESSIONS, "the household has changed its key too often")?;
        rule(self.members.is_sorted_by(|a, b| a.peer < b.peer), "it is not in order, or names a machine twice")?;
        rule(self.members.iter().any(|member| member.role == Role::Hub), "it names no hub")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;

    /// A household key, and a list of one hub and two nodes.
    pub(super) fn house(version: u64) -> (SecretKey, MemberList) {
        let key = SecretKey::from_seed(&[9; 32]);
        let member = |id: u8, role| Member { peer: PeerId([id; 32]), role, name: format!("machine {id}") };
        let members = vec![member(1, Role::Hub), member(2, Role::Node), member(3, Role::Node)];
        let list = MemberList { household: HouseholdId(key.public()), version, members, successions: Vec::new() };
        (key, list)
    }

    #[test]
    fn a_role_of_the_future_survives_and_is_neither_hub_nor_node() {
        let byte = postcard::to_allocvec(&Role::Other(77)).unwrap();
        assert_eq!(byte, [77]);
        assert_eq!(postcard::from_bytes::<Role>(&byte).unwrap(), Role::Other(77));
        for role in [Role::Hub, Role::Node] {
            assert_eq!(Role::from(u8::from(role)), role);
        }
    }

    #[test]
    fn members_are_found_and_strangers_are_not() {
        let (_, list) = house(1);
        assert_eq!(list.role_of(PeerId([1; 32])), Some(Role::Hub));
        assert_eq!(list.role_of(PeerId([3; 32])), Some(Role::Node));
        assert_eq!(list.role_of(PeerId([4; 32])), None);
    }

    #[test]
    fn a_list_that_breaks_a_rule_is_refused_at_both_ends() {
        let breaks: [fn(&mut MemberList); 6] = [
            |list| list.version = 0,
            |list| list.members.swap(0, 1),
            |list| list.members.push(list.members[2].clone()),
            |list| list.members.clear(),
            |list| list.members[0].role = Role::Other(9),
            |list| {
                list.members = (0..=1_024u16)
                    .map(|id| Member {
                        peer: PeerId(std::array::from_fn(|place| id.to_be_bytes()[place.min(1)])),
                        role: Role::Hub,
                        name: "hub".into(),
                    })
                    .collect();
            },
        ];
        for (number, break_rule) in breaks.into_iter().enumerate() {
            let (key, mut list) = house(1);
            let household = list.household;
            break_rule(&mut list);
            let refused = SignedMembers::sign(&list, &key).unwrap_err();
            assert!(matches!(refused, Error::ListMalformed(_)), "{number}: {refused}");
            let refused = SignedMembers::sign_unchecked(&list, &key).verify(household).unwrap_err();
            assert!(matches!(refused, Error::ListMalformed(_)), "{number}: {refused}");
        }
    }
}
