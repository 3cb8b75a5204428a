//! What goes into the machine and what comes out of it.

use super::Sight;
use crate::{Address, Failure, reconnect::Departure};

/// What a person wants to pair.
#[derive(Clone, Debug)]
pub struct Request {
    /// The speaker.
    pub address: Address,
    /// Its PIN, for those that want one; the agent answers with it and with nothing else.
    pub pin: Option<String>,
    /// Whether it is one of the speakers that this node keeps.
    pub remembered: bool,
    /// How it looked when it was chosen. `None` when it was not seen, and also when that was so long ago that `BlueZ`
    /// may have dropped it (it drops an unpaired device 30 s after it was seen last).
    pub sight: Option<Sight>,
}

/// Names one command, so that an answer that comes after its time is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// A command to be carried out. Report how it went with [`Event::Done`] and the same ticket, also when it failed.
/// A command does not wait for the answers to earlier ones ([`Command::CancelPairing`] ends a [`Command::Pair`] that
/// hangs); they are sent in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// To be handed back.
    pub ticket: Ticket,
    /// What to do.
    pub command: Command,
}

/// What is to be done about the address being paired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make the adapter pairable (never discoverable) and register the agent, which asks [`super::Pairing::authorize`].
    OpenWindow {
        /// What the agent answers when a PIN is wanted. Without one it is registered without that ability.
        pin: Option<String>,
    },
    /// Look for classic devices (transport `bredr`); report each with [`Event::Sighted`].
    StartDiscovery,
    /// Stop looking, on whoever's behalf this program looks. It is done when the adapter's `Discovering` is false or this
    /// program's session is gone; looking that another program does is not ours to stop.
    StopDiscovery,
    /// `Adapter1.RemoveDevice`: drop keys that the speaker no longer has.
    Remove,
    /// `Device1.Pair`.
    Pair,
    /// `Device1.CancelPairing`.
    CancelPairing,
    /// Set `Device1.Trusted`.
    Trust,
    /// `Device1.ConnectProfile` with the UUID of an A2DP sink, never `Connect`.
    ConnectProfile,
    /// `Device1.Disconnect`. It also ends a `ConnectProfile` that hangs.
    Disconnect,
    /// Acquire the transport and play the chime, unless other streams are in its way: then it is done, too. Wait for
    /// `Acquire` in any case; never cut it short with `Release`.
    Chime,
    /// Not pairable any more; unregister the agent.
    CloseWindow,
}

/// What happened. Events of other addresses are ignored, so all may be passed on.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A command was carried out, or not.
    Done(Ticket, Result<(), Failure>),
    /// A device was seen, or what is known of it changed.
    Sighted(Sight),
    /// `BlueZ` dropped the device.
    Vanished(Address),
    /// A transport to it was configured, by us or by the speaker. Also right after [`super::Pairing::start`], if one is
    /// there.
    TransportUp(Address),
    /// Its transport is gone.
    TransportDown(Address),
    /// Its connection is gone.
    Disconnected(Address, Departure),
    /// `BlueZ` left the bus.
    BluezGone,
    /// The person does not want it any more.
    Cancel,
}
