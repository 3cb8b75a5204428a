//! The signed member list.

use unisono_core::wire::{
    control::MAX_NAME_LEN,
    ids::{HouseholdId, PeerId},
};
use unisono_household::members::{MAX_MEMBERS, MemberList, Pinned, Role, SignedMembers};

use crate::keys;

/// A member list: as it comes, and with the signature of the household whose key has the seed 9.
pub fn member_list(data: &[u8]) {
    let pair = keys::pair(9);
    let household = HouseholdId(keys::public(&pair));
    let signature = pair.sign(&[b"unisono member list 1\0", data].concat());
    for bytes in [data, &[signature.as_ref(), data].concat()] {
        let Ok(signed) = SignedMembers::from_bytes(bytes) else { continue };
        assert_eq!(signed.to_bytes(), bytes);
        // Pinned by this household, and by the one that it may have its key from.
        let previous = HouseholdId(keys::public(&keys::pair(8)));
        for pinned in [household, previous] {
            if let Ok(list) = signed.verify(pinned) {
                check(&list, &signed);
            }
        }
    }
}

fn check(list: &MemberList, signed: &SignedMembers) {
    assert!(list.version > 0 && list.members.len() <= MAX_MEMBERS);
    for member in &list.members {
        assert_eq!(list.role_of(member.peer), Some(member.role));
        assert!((1..=MAX_NAME_LEN).contains(&member.name.len()) && !member.name.contains(char::is_control));
    }
    let hub = list.members.iter().find(|member| member.role == Role::Hub).expect("there is one in every list").peer;
    let (mut pinned, joined) = Pinned::by_joining(signed, hub).expect("it was verified");
    assert_eq!(&joined, list);
    assert_eq!(&pinned.accept(signed).expect("it is the same list"), list);
    assert!(Pinned::by_joining(signed, PeerId([0xee; 32])).is_err() || list.role_of(PeerId([0xee; 32])).is_some());
}
