//! Names for things on the wire.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A hub or a node: its Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId(pub [u8; 32]);

/// A household: the Ed25519 public key that signs its member list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HouseholdId(pub [u8; 32]);

/// One rendition of a stream (one codec at one step) as one hub sends it; unique within that hub's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId(pub u16);

/// One of the rooms that a node drives, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomIndex(pub u8);

/// Which connection a clock packet belongs to; drawn by the hub, unique among its live connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClockTag(pub u32);

/// Something that a hub asks of a node; counted by the hub, unique within its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId(pub u32);

/// The first ten hexadecimal digits: enough to tell machines of one house apart.
fn write_short(key: &[u8; 32], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    key[..5].iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

impl fmt::Display for PeerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_short(&self.0, out)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_short(&self.0, out)
    }
}

impl fmt::Display for HouseholdId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_short(&self.0, out)
    }
}

impl fmt::Debug for HouseholdId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_short(&self.0, out)
    }
}
