//! How the machines of a household reach each other: QUIC, clock packets beside it on the same port, keys that are
//! pinned instead of certified, and discovery on the local network.
//!
//! An [`Endpoint`] is a UDP port with an [`Identity`]. From it go and come [`Connection`]s, each of which carries one
//! stream of control messages ([`ControlSender`], [`ControlReceiver`]), datagrams, and clock packets
//! ([`ClockChannel`]). Everything runs on tokio; nothing blocks.
#![forbid(unsafe_code)]

mod acceptor;
mod certificate;
pub mod clock;
mod clock_channel;
mod clock_packets;
mod congestion;
mod connection;
mod control;
pub mod discovery;
mod endpoint;
mod error;
mod identity;
mod pace;
mod parameters;
mod queue;
mod registry;
mod restart;
mod runtime;
mod socket;
mod split;
mod tls;
mod verifier;

#[doc(hidden)]
pub use certificate::public_key;
pub use clock_channel::{ClockChannel, ClockSender, ClockSide, Received};
pub use connection::{Connection, Statistics};
pub use control::{ControlReceiver, ControlSender};
pub use endpoint::{Endpoint, Options};
pub use error::{Closed, Error};
pub use identity::Identity;
pub use pace::network_of;
pub use registry::ClockCounters;
pub use socket::Held;
pub use verifier::Expect;
