//! The heart of Unisono, without a socket, a clock or a runtime.
//!
//! Everything here takes time and bytes as arguments and gives actions back, so that a whole house (hubs, nodes,
//! their crystals and the links between them) runs in one test, in virtual time, from one seed.
//!
//! | module | what is in it |
//! |---|---|
//! | [`units`], [`time`] | frames, rates, gains; timestamps that know which clock they were read from |
//! | [`wire`] | every byte that crosses the network (the text is `protocol/SPEC.md`) |
//! | [`clock`] | how a node learns its hub's time: probes, reports, the estimator |
//! | [`timeline`] | anchors: which frame of a stream belongs to which instant of the hub's clock |
//! | [`playout`] | when to decode, what to put into the converter, how fast to resample |
//! | [`repair`] | noticing gaps, asking again, answering from a ring |
//! | [`sound`] | how a room's sound is shaped: channels, equaliser |
//! | [`leadership`] | terms, and the node as their judge |
//! | [`session`] | the state machines at both ends of a connection |
//! | [`words`] | how numbers of things are said |
#![forbid(unsafe_code)]

pub mod clock;
mod envelope;
pub mod leadership;
pub mod playout;
pub mod repair;
pub mod session;
pub mod sound;
pub mod time;
pub mod timeline;
pub mod units;
pub mod wire;
pub mod words;
