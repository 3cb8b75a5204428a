//! Why an output cannot be opened.

use std::io;

use unisono_bluetooth::{Address, Failure};

use super::OutputSpec;

/// Why an output cannot be opened: in one line what, on which device, and what to try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is none of that name, now. It may be plugged in later.
    #[error("{device}: no such device is here; plug it in, or choose one that `unisono-node --list` shows")]
    NotFound {
        /// The output as it was asked for.
        device: String,
    },
    /// There has been no sound card at all.
    #[error("auto: no sound card is here; plug one in, or choose another output (`unisono-node --list`)")]
    NoCard,
    /// Somebody else has it.
    #[error("{device}: in use by {holder}; stop that, or choose another output")]
    Busy {
        /// The output as it was asked for.
        device: String,
        /// Who has it, as far as the system tells.
        holder: String,
    },
    /// It is there, and this user must not use it.
    #[error("{device}: permission denied; {remedy}")]
    Permission {
        /// The output as it was asked for.
        device: String,
        /// What to try.
        remedy: &'static str,
    },
    /// It does not do this rate, format or number of channels.
    #[error("{device}: {problem}; {remedy}")]
    Unsupported {
        /// The output as it was asked for.
        device: String,
        /// What it does not do.
        problem: String,
        /// What to try.
        remedy: String,
    },
    /// A Bluetooth speaker is not there, or cannot be had.
    #[error("{device}: {failure}")]
    Speaker {
        /// The output as it was asked for.
        device: String,
        /// Why.
        failure: Failure,
        /// The speakers that have its adapter, where that is why.
        holders: Vec<Address>,
        /// Times that it was connected until then, where that is why.
        connects: u64,
    },
    /// Speakers are opened by a node that runs.
    #[error("{device}: only a node that runs plays on it; try `unisono bluetooth test`")]
    NoSpeakers {
        /// The output as it was asked for.
        device: String,
    },
    /// Anything else.
    #[error("{device}: {reason}; try another output")]
    Other {
        /// The output as it was asked for.
        device: String,
        /// What the system says.
        reason: String,
    },
}

impl OpenError {
    /// Whether it would not be so if another output were closed.
    pub(crate) fn is_because_of(&self, other: &OutputSpec) -> bool {
        match (self, other) {
            (Self::Speaker { failure: Failure::AdapterBusy, holders, .. }, OutputSpec::Bluetooth(address)) => {
                holders.contains(address)
            }
            _ => false,
        }
    }

    /// Which connection of a speaker that is there it is about.
    pub(crate) const fn connection(&self) -> u64 {
        match self {
            Self::Speaker { connects, .. } => *connects,
            _ => 0,
        }
    }

    /// For a file that cannot be created.
    pub(super) fn from_io(device: String, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::Other { device, reason: String::from("the folder that it is to be in does not exist") }
            }
            io::ErrorKind::AlreadyExists => {
                Self::Other { device, reason: String::from("it and every numbered one beside it exists already") }
            }
            io::ErrorKind::PermissionDenied => {
                Self::Permission { device, remedy: "choose a folder that this user may write to" }
            }
            _ => Self::Other { device, reason: one_line(&error.to_string()) },
        }
    }
}

/// What others say, on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
