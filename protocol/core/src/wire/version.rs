//! Protocol versions: a minor step apart works, a major difference is refused.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What this build speaks.
pub const VERSION: Version = Version { major: 1, minor: 4 };

/// A protocol version. Minor versions only add: message types, trailing fields, values of open enumerations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// Raised when an old peer could no longer understand.
    pub major: u16,
    /// Raised when something was added that an old peer may ignore.
    pub minor: u16,
}

impl Version {
    /// The version that two peers speak with each other, or `None` when they cannot.
    ///
    /// Minor versions further than one apart still work by the same rules, but only a step of one is tested.
    pub fn common(self, other: Self) -> Option<Self> {
        (self.major == other.major).then(|| self.min(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_minor_version_is_spoken_and_a_major_step_is_not() {
        let (old, new) = (Version { major: 1, minor: 0 }, Version { major: 1, minor: 1 });
        assert_eq!(old.common(new), Some(old));
        assert_eq!(new.common(old), Some(old));
        assert_eq!(old.common(Version { major: 2, minor: 0 }), None);
    }
}
