//! From what `BlueZ` and the bus say to a [`Failure`].
//!
//! `BlueZ` gives an error name (`org.bluez.Error.Failed`) and a message. Since 5.62 the message of a failed connection is
//! a reason (`br-connection-page-timeout`, `src/error.h`); before that, and today still in places, it is the text of an
//! `errno`. Which `errno` stands for which reason is in `src/error.c`, which MGMT status for which name in `src/device.c`
//! (`new_authentication_return`), from 5.50 to 5.87.

use super::Failure;

/// Reasons, without `br-connection-` or `le-connection-` before them.
const REASONS: &[(&str, Failure)] = &[
    ("already-connected", Failure::AlreadyConnected),
    ("page-timeout", Failure::PageTimeout),
    ("profile-unavailable", Failure::ProfileUnavailable),
    ("sdp-search", Failure::ProfileUnavailable),
    ("create-socket", Failure::CreateSocket),
    ("bad-socket", Failure::CreateSocket),
    ("memory-allocation", Failure::CreateSocket),
    ("invalid-argument", Failure::Other),
    ("invalid-arguments", Failure::Other),
    ("adapter-not-powered", Failure::AdapterOff),
    ("not-supported", Failure::ProfileUnavailable),
    ("busy", Failure::Busy),
    ("concurrent-connection-limit", Failure::ConnectionLimit),
    ("timeout", Failure::ConnectTimeout),
    ("refused", Failure::Refused),
    ("aborted-by-remote", Failure::AbortedByRemote),
    ("abort-by-remote", Failure::AbortedByRemote),
    ("aborted-by-local", Failure::Canceled),
    ("abort-by-local", Failure::Canceled),
    ("lmp-protocol-error", Failure::RadioProtocol),
    ("link-layer-protocol-error", Failure::RadioProtocol),
    ("gatt-browsing", Failure::ConnectFailed),
    ("canceled", Failure::Canceled),
    ("key-missing", Failure::KeyMissing),
    ("unknown", Failure::ConnectFailed),
];

/// Texts of `errno` as glibc has them (musl's in second place where it differs), and other messages of a `Failed`.
const TEXTS: &[(&str, Failure)] = &[
    ("Operation already in progress", Failure::Busy), // EALREADY
    ("Operation in progress", Failure::Busy),         // EINPROGRESS, musl
    ("Operation now in progress", Failure::Busy),
    ("Transport endpoint is already connected", Failure::AlreadyConnected), // EISCONN
    ("Socket is connected", Failure::AlreadyConnected),
    ("Host is down", Failure::PageTimeout), // EHOSTDOWN
    ("Page Timeout", Failure::PageTimeout),
    ("Protocol not available", Failure::ProfileUnavailable), // ENOPROTOOPT: nobody registered an endpoint
    ("No more profiles to connect to", Failure::ProfileUnavailable),
    ("Operation not supported", Failure::ProfileUnavailable), // EOPNOTSUPP
    ("Not supported", Failure::ProfileUnavailable),
    ("Protocol not supported", Failure::ProfileUnavailable), // EPROTONOSUPPORT
    ("Input/output error", Failure::CreateSocket),           // EIO
    ("I/O error", Failure::CreateSocket),
    ("File descriptor in bad state", Failure::CreateSocket), // EBADFD
    ("Bad file descriptor", Failure::CreateSocket),
    ("Cannot allocate memory", Failure::CreateSocket), // ENOMEM
    ("Out of memory", Failure::CreateSocket),
    ("No buffer space available", Failure::CreateSocket), // ENOBUFS
    ("Invalid argument", Failure::Other),                 // EINVAL
    ("No route to host", Failure::AdapterOff),            // EHOSTUNREACH
    ("Host is unreachable", Failure::AdapterOff),
    ("Network is down", Failure::AdapterOff),   // ENETDOWN
    ("No such device", Failure::NoAdapter),     // ENODEV
    ("Device or resource busy", Failure::Busy), // EBUSY
    ("Resource busy", Failure::Busy),
    ("Resource temporarily unavailable", Failure::Busy), // EAGAIN
    ("Too many links", Failure::ConnectionLimit),        // EMLINK
    ("Connection timed out", Failure::ConnectTimeout),   // ETIMEDOUT
    ("Operation timed out", Failure::ConnectTimeout),
    ("Connection refused", Failure::Refused),                // ECONNREFUSED
    ("Connection reset by peer", Failure::AbortedByRemote),  // ECONNRESET
    ("Software caused connection abort", Failure::Canceled), // ECONNABORTED
    ("Connection aborted", Failure::Canceled),
    ("Operation canceled", Failure::Canceled), // ECANCELED
    ("Operation cancelled", Failure::Canceled),
    ("Protocol error", Failure::RadioProtocol),               // EPROTO
    ("Invalid exchange", Failure::KeyMissing),                // EBADE
    ("Permission denied", Failure::AuthenticationFailed),     // EACCES, from the socket: the link is not secure enough
    ("Operation not permitted", Failure::NotPermitted),       // EPERM
    ("Transport endpoint is not connected", Failure::HungUp), // ENOTCONN
    ("Socket not connected", Failure::HungUp),
    ("Function not implemented", Failure::Other), // ENOSYS
    ("Not paired", Failure::KeyMissing),
    ("Connect failed", Failure::ConnectFailed),
    ("No discovery started", Failure::Other),
];

/// `org.bluez.Error.`: names whose message adds nothing.
const BLUEZ: &[(&str, Failure)] = &[
    ("BREDR.ProfileUnavailable", Failure::ProfileUnavailable),
    ("AgentNotAvailable", Failure::Other),
    ("AlreadyConnected", Failure::AlreadyConnected),
    ("AlreadyExists", Failure::AlreadyPaired),
    ("AuthenticationCanceled", Failure::AuthenticationCanceled),
    ("AuthenticationFailed", Failure::AuthenticationFailed),
    ("AuthenticationRejected", Failure::AuthenticationRejected),
    ("AuthenticationTimeout", Failure::AuthenticationTimeout),
    ("Blocked", Failure::AdapterOff), // rfkill, of `Powered`
    ("Busy", Failure::Busy),
    ("Canceled", Failure::Canceled),
    ("ConnectionAttemptFailed", Failure::PageTimeout),
    ("DoesNotExist", Failure::NotFound),
    ("InProgress", Failure::Busy),
    ("InvalidArguments", Failure::Other),
    ("NoSuchAdapter", Failure::NoAdapter),
    ("NotAuthorized", Failure::AcquireFailed), // of `Acquire`: somebody owns the transport, or it is not idle
    ("NotAvailable", Failure::ProfileUnavailable),
    ("NotConnected", Failure::HungUp),
    ("NotPermitted", Failure::NotPermitted),
    ("NotReady", Failure::AdapterOff),
    ("NotSupported", Failure::ProfileUnavailable),
    ("Rejected", Failure::AuthenticationRejected),
    ("Unsupported", Failure::ProfileUnavailable),
    ("Failed", Failure::ConnectFailed),
];

/// `org.freedesktop.DBus.Error.`
const BUS: &[(&str, Failure)] = &[
    ("AccessDenied", Failure::NotPermitted),
    ("AuthFailed", Failure::NotPermitted),
    ("Disconnected", Failure::NoBluez),
    ("FileNotFound", Failure::NoBluez), // of the bus' socket
    ("IOError", Failure::NoBluez),
    ("LimitsExceeded", Failure::Other),
    ("NameHasNoOwner", Failure::NoBluez),
    ("NoReply", Failure::StepTimeout),
    ("NoServer", Failure::NoBluez),
    ("ServiceUnknown", Failure::NoBluez),
    ("Spawn.ServiceNotFound", Failure::NoBluez),
    ("Timeout", Failure::StepTimeout),
    ("TimedOut", Failure::StepTimeout),
    ("UnknownInterface", Failure::NotFound),
    ("UnknownMethod", Failure::NotFound), // the object has gone, or never had that interface
    ("UnknownObject", Failure::NotFound),
];

impl Failure {
    /// What an error of the bus means, by its name (`org.bluez.Error.Failed`, or without the part before the last dots)
    /// and its message. Where both say something, the reason in the message is the closer one.
    pub fn of_bluez(name: &str, message: &str) -> Self {
        let message = message.trim();
        if let Some(failure) = reason(message) {
            return failure;
        }
        let name = name.trim();
        if let Some(name) = name.strip_prefix("org.freedesktop.DBus.Error.") {
            if name == "NoReply" && message.contains("disconnected from message bus") {
                return Self::BluezRestarted;
            }
            return look_up(BUS, name).unwrap_or(Self::Other);
        }
        let name = name.strip_prefix("org.bluez.Error.").unwrap_or(name);
        let named = look_up(BLUEZ, name);
        match named {
            // The name says nothing; perhaps the message does.
            None | Some(Self::ConnectFailed) => {
                look_up(TEXTS, without_number(message)).or(named).unwrap_or(Self::Other)
            }
            Some(failure) => failure,
        }
    }
}

/// The `br-connection-…` reason in a message, wherever in it.
fn reason(message: &str) -> Option<Failure> {
    message
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter_map(|word| word.strip_prefix("br-connection-").or_else(|| word.strip_prefix("le-connection-")))
        .map(|reason| look_up(REASONS, reason).unwrap_or(Failure::ConnectFailed))
        .next()
}

/// Without the number that some versions add: `Host is down (112)`.
fn without_number(message: &str) -> &str {
    message.split(" (").next().unwrap_or(message)
}

fn look_up(table: &[(&str, Failure)], key: &str) -> Option<Failure> {
    table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, failure)| *failure)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each reason that `src/error.h` has ever had, 5.62 to 5.87.
    const ERROR_H: &str = "br-connection-already-connected br-connection-page-timeout \
        br-connection-profile-unavailable br-connection-sdp-search br-connection-create-socket \
        br-connection-invalid-argument br-connection-adapter-not-powered br-connection-not-supported \
        br-connection-bad-socket br-connection-memory-allocation br-connection-busy \
        br-connection-concurrent-connection-limit br-connection-timeout br-connection-refused \
        br-connection-aborted-by-remote br-connection-aborted-by-local br-connection-lmp-protocol-error \
        br-connection-canceled br-connection-key-missing br-connection-unknown \
        le-connection-invalid-arguments le-connection-adapter-not-powered le-connection-not-supported \
        le-connection-already-connected le-connection-bad-socket le-connection-memory-allocation le-connection-busy \
        le-connection-refused le-connection-create-socket le-connection-timeout \
        le-connection-concurrent-connection-limit le-connection-abort-by-remote le-connection-abort-by-local \
        le-connection-link-layer-protocol-error le-connection-gatt-browsing le-connection-key-missing \
        le-connection-unknown";

    #[test]
    fn every_reason_that_bluez_gives_has_a_name_of_its_own() {
        let words: Vec<_> = ERROR_H.split_whitespace().collect();
        assert_eq!(words.len(), 37);
        for word in words {
            let key = word.split_once("-connection-").unwrap().1;
            let (_, expected) = REASONS.iter().find(|(reason, _)| *reason == key).expect(word);
            assert_eq!(Failure::of_bluez("org.bluez.Error.Failed", word), *expected, "{word}");
            // Others bring the name without its prefix, and put words around.
            assert_eq!(Failure::of_bluez("Failed", &format!("connect: {word}: (36)")), *expected, "{word}");
        }
        // A later BlueZ may have more.
        assert_eq!(Failure::of_bluez("org.bluez.Error.Failed", "br-connection-new-one"), Failure::ConnectFailed);
    }

    #[test]
    fn the_strings_that_people_meet_say_what_they_mean() {
        for (name, message, expected) in [
            ("org.bluez.Error.Failed", "br-connection-page-timeout", Failure::PageTimeout),
            ("org.bluez.Error.Failed", "Host is down", Failure::PageTimeout),
            ("org.bluez.Error.Failed", "Host is down (112)", Failure::PageTimeout),
            ("org.bluez.Error.ConnectionAttemptFailed", "Page Timeout", Failure::PageTimeout),
            ("org.bluez.Error.NotAvailable", "br-connection-profile-unavailable", Failure::ProfileUnavailable),
            ("org.bluez.Error.Failed", "Protocol not available", Failure::ProfileUnavailable),
            ("org.bluez.Error.BREDR.ProfileUnavailable", "No more profiles to connect to", Failure::ProfileUnavailable),
            ("org.bluez.Error.InProgress", "br-connection-busy", Failure::Busy),
            ("org.bluez.Error.InProgress", "In Progress", Failure::Busy),
            ("org.bluez.Error.NotReady", "br-connection-adapter-not-powered", Failure::AdapterOff),
            ("org.bluez.Error.NotReady", "Resource Not Ready", Failure::AdapterOff),
            ("org.bluez.Error.Failed", "br-connection-key-missing", Failure::KeyMissing),
            ("org.bluez.Error.Failed", "Device or resource busy", Failure::Busy),
            ("org.bluez.Error.AuthenticationCanceled", "Authentication Canceled", Failure::AuthenticationCanceled),
            ("org.bluez.Error.AuthenticationFailed", "Authentication Failed", Failure::AuthenticationFailed),
            ("org.bluez.Error.AuthenticationRejected", "Authentication Rejected", Failure::AuthenticationRejected),
            ("org.bluez.Error.AuthenticationTimeout", "Authentication Timeout", Failure::AuthenticationTimeout),
            ("org.bluez.Error.AlreadyExists", "Already Paired", Failure::AlreadyPaired),
            ("org.bluez.Error.NotAuthorized", "Operation Not Authorized", Failure::AcquireFailed),
            ("org.freedesktop.DBus.Error.ServiceUnknown", "The name org.bluez was not provided", Failure::NoBluez),
            ("org.freedesktop.DBus.Error.AccessDenied", "Rejected send message", Failure::NotPermitted),
            ("org.freedesktop.DBus.Error.NoReply", "Did not receive a reply", Failure::StepTimeout),
            (
                "org.freedesktop.DBus.Error.NoReply",
                "Message recipient disconnected from message bus without replying",
                Failure::BluezRestarted,
            ),
            ("org.freedesktop.DBus.Error.UnknownObject", "Method \"Pair\" …", Failure::NotFound),
            ("org.freedesktop.DBus.Error.NoMemory", "", Failure::Other),
            ("org.bluez.Error.Failed", "", Failure::ConnectFailed),
            ("com.example.Error", "what is this", Failure::Other),
            ("", "", Failure::Other),
        ] {
            assert_eq!(Failure::of_bluez(name, message), expected, "{name}: {message}");
        }
    }

    #[test]
    fn every_text_in_the_tables_is_reached_and_none_is_there_twice() {
        for (text, expected) in TEXTS {
            assert_eq!(Failure::of_bluez("org.bluez.Error.Failed", text), *expected, "{text}");
        }
        for (name, expected) in BLUEZ {
            assert_eq!(Failure::of_bluez(&format!("org.bluez.Error.{name}"), ""), *expected, "{name}");
        }
        for (name, expected) in BUS {
            assert_eq!(Failure::of_bluez(&format!("org.freedesktop.DBus.Error.{name}"), "x"), *expected, "{name}");
        }
        for table in [REASONS, TEXTS, BLUEZ, BUS] {
            let keys: BTreeSet<_> = table.iter().map(|(key, _)| key.to_lowercase()).collect();
            assert_eq!(keys.len(), table.len());
        }
    }

    #[test]
    fn names_for_programs_are_distinct_and_every_failure_says_what_to_do() {
        let names: BTreeSet<_> = Failure::ALL.iter().map(|failure| failure.name()).collect();
        assert_eq!(names.len(), Failure::ALL.len());
        for failure in Failure::ALL {
            assert!(!failure.cause().is_empty() && !failure.remedy().is_empty(), "{failure:?}");
            assert!(failure.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{failure:?}");
            assert!(!(failure.wants_new_keys() && failure.is_worth_retrying()), "{failure:?}");
        }
    }
}
