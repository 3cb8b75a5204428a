//! What is wrong with Bluetooth on this machine, and what to do about it.
//!
//! [`Facts`] are what is known: [`Facts::gather`] reads what the machine's files say, the service adds what `BlueZ` says.
//! [`diagnose`] makes findings of them, and does nothing else; what is not known is said to be so.

mod adapter;
mod diagnose;
mod facts;
mod gather;
mod hci;
mod machine;
mod programs;
mod radio;
mod version;

pub(crate) use self::gather::process;
pub use self::{
    diagnose::{Finding, Level, Topic, diagnose},
    facts::{AdapterFacts, Evidence, Facts, Holder, LinkFacts, Permissions, Power, StreamFacts, WifiFacts},
    hci::read_link,
    programs::is_telling,
    version::Version,
};
