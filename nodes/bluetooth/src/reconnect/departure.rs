//! How a connection ended.

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Departure {
    /// The speaker ended it: it was switched off, or went to another device.
    Remote,
    /// Nothing was heard of it for too long.
    LinkLost,
    /// This machine ended it.
    Local,
    /// Nobody says. It counts as [`Departure::Remote`], which takes no speaker from anyone; but a room may have it
    /// called, for one that is with another device refuses.
    Unknown,
}

impl Departure {
    /// From the first argument of `Device1.Disconnected`, which `BlueZ` has since 5.83.
    pub fn of_bluez(reason: &str) -> Self {
        match reason.strip_prefix("org.bluez.Reason.").unwrap_or(reason) {
            "Timeout" => Self::LinkLost,
            "Remote" => Self::Remote,
            "Local" | "Suspend" => Self::Local,
            // A failed authentication is told by the next call.
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_of_bluez_is_understood() {
        for (reason, departure) in [
            ("org.bluez.Reason.Unknown", Departure::Unknown),
            ("org.bluez.Reason.Timeout", Departure::LinkLost),
            ("org.bluez.Reason.Local", Departure::Local),
            ("org.bluez.Reason.Remote", Departure::Remote),
            ("org.bluez.Reason.Authentication", Departure::Unknown),
            ("org.bluez.Reason.Suspend", Departure::Local),
            ("", Departure::Unknown),
        ] {
            assert_eq!(Departure::of_bluez(reason), departure, "{reason}");
        }
    }
}
