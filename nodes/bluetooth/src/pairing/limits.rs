//! How long each step of pairing may take. From the timers of `BlueZ` itself: a page is given up after 5.12 s, an AVDTP
//! request after 6 s, an agent's answer after 60 s.

use unisono_core::time::Nanos;

/// From choosing to the end, without cleaning up. Also how long the window may stay open.
pub const WHOLE_LIMIT: Nanos = Nanos::from_secs(120);
/// Cleaning up after that: calling off, disconnecting, closing the window, each asked for at most three times.
pub const CLEANUP_LIMIT: Nanos = Nanos::from_secs(10);

/// Making the adapter pairable and registering the agent: local, but a busy machine is slow.
pub(super) const OPEN: Nanos = Nanos::from_secs(5);
/// Two rounds of an inquiry (10.24 s each) with the name requests between.
pub(super) const SEARCH: Nanos = Nanos::from_secs(25);
/// The end of an inquiry, confirmed.
pub(super) const STOP_DISCOVERY: Nanos = Nanos::from_secs(5);
/// Paging, pairing, and asking for its services; some speakers speak a sentence in between.
pub(super) const PAIR: Nanos = Nanos::from_secs(45);
/// Of that, what comes once the keys are made. In 4 of 100 pairings of two controllers of one machine (`BlueZ` 5.82,
/// Linux 6.12) no answer came for 40 s; in a new connection it came at once.
pub(super) const SERVICES: Nanos = Nanos::from_secs(5);
/// Writing one property, or removing a device.
pub(super) const LOCAL: Nanos = Nanos::from_secs(5);
/// Paging (5.12 s), AVDTP discovery and configuration (up to 6 s each).
pub(super) const CONNECT: Nanos = Nanos::from_secs(20);
/// From a connected profile to the transport that `BlueZ` announces.
pub(super) const TRANSPORT: Nanos = Nanos::from_secs(10);
/// Acquiring the transport (10 s), and the chime.
pub(super) const CHIME: Nanos = Nanos::from_secs(15);

/// How often a step is tried again, over the whole pairing.
pub(super) const RETRIES: usize = 3;
/// The pause before each retry.
pub(super) const PAUSES: [Nanos; RETRIES] = [Nanos::from_secs(1), Nanos::from_secs(2), Nanos::from_secs(4)];
/// How often cleaning up asks for the same thing.
pub(super) const CLEANUP_ROUNDS: u8 = 3;
/// How long cleaning up waits for an answer before it asks again.
pub(super) const CLEANUP_STEP: Nanos = Nanos::from_secs(3);
