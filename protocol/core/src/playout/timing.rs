//! What the threads of a room keep to, in the programs and in the simulator alike.

use core::ops::Range;

use super::Leads;
use crate::time::Nanos;

/// What is kept in a device. Less a turn it is how long a machine may stand still before its device runs dry: a virtual
/// one did for 50 ms some times an hour. Volume and mute act behind it.
pub const BUFFER: Nanos = Nanos::from_millis(80);

/// Decoded sound is handed over so early when it is there, and a packet that is missing is given up so late: of what the
/// device holds, the audio thread spends some waiting for sound that is late. The decoding thread takes four packets at
/// each wake-up, so that the last of them has 60 ms less.
pub const LEADS: Leads = Leads { ready: Nanos::from_millis(200), give_up: Nanos::from_millis(70) };

/// The most that may lie behind a converter: a speaker's own delay, a trim. A group waits for its slowest room up to
/// this; what is beyond it the room is late by. Four times what the slowest speakers on sale hold.
pub const MAX_OUTPUT_LATENCY: Nanos = Nanos::from_secs(2);

/// The audio thread looks at its device so often: often enough for [`BUFFER`], and no more, for each look costs system
/// calls.
pub const TURN: Range<Nanos> = Nanos::from_millis(16)..Nanos::from_millis(24);

/// The same where the device's counter moves in steps of [`COARSE`] or more, or is not known yet: what can be known of
/// such a counter is known at its steps. At irregular times, as all of them are, to meet the steps at every phase. (Steps
/// of 10 ms, two rooms, simulated: 50 µs apart, 68 with [`TURN`].)
pub const COARSE_TURN: Range<Nanos> = Nanos::from_millis(12)..Nanos::from_millis(18);

/// Steps of a counter that are coarse.
pub const COARSE: Nanos = Nanos::from_millis(2);

/// With less than this queued the device cannot wait for sound that is late: the longest turn, half of it again for
/// devices that say in steps what they hold, and 3 ms for the thread to wake up.
pub const URGENT: Nanos = Nanos::from_millis(40);

const _: () = assert!(URGENT.as_nanos() >= TURN.end.as_nanos() * 3 / 2 + 3_000_000);
