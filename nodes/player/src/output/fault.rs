//! What can happen to an output while it runs. Made on the audio thread, so no part of it is allocated.

use nix::errno::Errno;
use unisono_bluetooth::Failure;

/// Why a call to an output did not do what it should. Whoever shows it adds the name of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It ran empty, and what was in it is lost. It has been prepared again: it counts from zero, and starts once
    /// enough was written.
    #[error("it ran empty and starts over; if this goes on, the machine is too busy")]
    Underrun,
    /// It is lost. Drop it; open it again when it is back.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// Why an output is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Gone {
    /// The device was unplugged or switched off.
    #[error("it was unplugged or switched off; plug it in, or choose another output")]
    Unplugged,
    /// The device runs and emits nothing.
    #[error("it has stopped moving; unplug it and plug it in again, or restart its sound server")]
    Stalled,
    /// The sound library ended the stream.
    #[error("the sound library ended the stream; open it again, or choose another output")]
    Ended,
    /// Nothing more can be recorded.
    #[error("the disk is full; make room on it, or record elsewhere")]
    DiskFull,
    /// A WAV file holds no more than 4 GiB.
    #[error("the recording has reached the 4 GiB that a WAV file can hold; it goes on in the next file beside it")]
    FileFull,
    /// A Bluetooth speaker went.
    #[error(transparent)]
    Speaker(Failure),
    /// The system refused a call.
    #[error("{call} failed: {}; open it again, or choose another output", description(.errno))]
    System {
        /// What was called.
        call: &'static str,
        /// The system's error number.
        errno: i32,
    },
}

fn description(errno: &i32) -> &'static str {
    Errno::from_raw(*errno).desc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_reads_is_one_line_with_something_to_try() {
        let broken = Gone::System { call: "snd_pcm_status", errno: Errno::EIO as i32 };
        for gone in [Gone::Unplugged, Gone::Stalled, Gone::Ended, Gone::DiskFull, Gone::FileFull, broken] {
            let line = Fault::from(gone).to_string();
            assert!(line.contains(';') && !line.contains('\n'), "{line}");
        }
        assert_eq!(broken.to_string(), "snd_pcm_status failed: I/O error; open it again, or choose another output");
    }
}
