//! What the threads of a room keep to, in the programs and in the simulator alike.

use core::ops::Range;

use super::Leads;
use crate::time::Nanos;

/// What is kept in a device. An audio thread without real-time priority came later than that twice a minute on two cores
/// with seven busy threads. Volume and mute act behind it.
pub const BUFFER: Nanos = Nanos::from_millis(60);

/// Decoded sound is handed over so early when it is there, and a packet that is missing is given up so late: of what the
/// device holds, the audio thread spends some waiting for sound that is late. The decoding thread takes two packets at
/// each wake-up, so that the second of them has 20 ms less.
pub const LEADS: Leads = Leads { ready: Nanos::from_millis(140), give_up: Nanos::from_millis(50) };

/// The most that may lie behind a converter: a speaker's own delay, a trim. A group waits for its slowest room up to
/// this; what is beyond it the room is late by. Four times what the slowest speakers on sale hold.
pub const MAX_OUTPUT_LATENCY: Nanos = Nanos::from_secs(2);

/// The audio thread looks at its device so often: at irregular times, so that the steps of a coarse counter are met at
/// every phase; often enough for [`BUFFER`], and no more, for each look costs system calls. (At 15 to 21 ms the error
/// between two rooms behind a cable, counters moving by 1 ms, was half as large again in simulation; at 11 to 16 ms it
/// is what it is here.)
pub const TURN: Range<Nanos> = Nanos::from_millis(12)..Nanos::from_millis(18);

/// With less than this queued the device cannot wait for sound that is late: the longest turn, half of it again for
/// devices that say in steps what they hold, and 3 ms for the thread to wake up.
pub const URGENT: Nanos = Nanos::from_millis(30);

const _: () = assert!(URGENT.as_nanos() >= TURN.end.as_nanos() * 3 / 2 + 3_000_000);
