//! The lab: real processes, each with a crystal of its own, on converters that record what they emitted and when.
//!
//! | module | what is in it |
//! |---|---|
//! | [`instruments`] | `labdac`, `labclock` and `wifilink`, built from their C sources in `benches/lab` |
//! | [`recording`] | what a converter emitted, read back |
//! | [`listen`] | where in a recording each piece of the original is |
//! | [`house`] | a hub and its nodes as processes |
//! | [`network`], [`profile`] | namespaces and the links between them |
//! | [`crystal`], [`process`], [`setup`], [`material`] | what every player is given |
//! | [`unisono`], [`snapcast`] | the players |
//! | [`contest`], [`interrupt`] | one run with all of them |
//! | [`stillness`] | when the machine itself stood still meanwhile |
//! | [`analysis`], [`figures`], [`report`] | what came of it |

pub mod analysis;
pub mod contest;
pub mod crystal;
pub mod figures;
pub mod house;
pub mod instruments;
pub mod interrupt;
pub mod listen;
pub mod material;
pub mod network;
pub mod process;
pub mod profile;
pub mod recording;
pub mod report;
pub mod setup;
pub mod snapcast;
pub mod stillness;
pub mod unisono;
