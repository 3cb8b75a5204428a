//! Bluetooth speakers of a node: they are found and paired, kept connected, fed as an A2DP source, and their latency is
//! known while they play.
//!
//! | module | what is in it | |
//! |---|---|---|
//! | [`pairing`] | from a scan to a speaker that plays | sans-IO |
//! | [`reconnect`] | when a remembered speaker is called, and when it is left alone | sans-IO |
//! | [`latency`] | from handing over a frame to hearing it, in parts with their sources | sans-IO |
//! | [`volume`] | a speaker's own volume, where it stands for the room's | sans-IO |
//! | [`speakers`] | what is known of models before they are measured | |
//! | [`doctor`] | what is wrong with Bluetooth on a machine, and what to do about it | |
//! | [`a2dp`] | SBC in RTP at absolute deadlines, on the socket of a transport | |
//! | [`bluez`] | `BlueZ` over D-Bus | |
//! | [`service`] | all of it, as a node uses it | |

pub mod a2dp;
mod address;
pub mod bluez;
pub mod doctor;
mod failure;
pub mod latency;
pub mod pairing;
pub mod reconnect;
pub mod service;
pub mod speakers;
pub mod volume;

pub use self::{address::Address, failure::Failure};
