//! Errors of the two libraries, by the name and the message that `BlueZ` gave them.

use bluer::{ErrorKind, InternalErrorKind};
use tracing::debug;

use crate::Failure;

/// What an error of `bluer` means.
pub(super) fn of_bluer(error: &bluer::Error) -> Failure {
    let name = match &error.kind {
        ErrorKind::Internal(InternalErrorKind::DBus(name)) => name.clone(),
        ErrorKind::Internal(InternalErrorKind::DBusConnectionLost | InternalErrorKind::Io(_)) => DISCONNECTED.into(),
        // The one error that the library renames.
        ErrorKind::NotFound => "org.freedesktop.DBus.Error.UnknownObject".into(),
        // The others are called as BlueZ calls them.
        kind => format!("org.bluez.Error.{kind:?}"),
    };
    named(&name, &error.message)
}

/// What an error of `zbus` means.
pub(super) fn of_zbus(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::MethodError(name, message, _) => named(name, message.as_deref().unwrap_or_default()),
        zbus::Error::FDO(error) => of_fdo(error),
        zbus::Error::InputOutput(cause) if cause.kind() == std::io::ErrorKind::TimedOut => Failure::StepTimeout,
        zbus::Error::InputOutput(_) => named(DISCONNECTED, ""),
        error => named("", &error.to_string()),
    }
}

/// What an error that the bus itself defines means.
fn of_fdo(error: &zbus::fdo::Error) -> Failure {
    match error {
        zbus::fdo::Error::ZBus(error) => of_zbus(error),
        error => named(zbus::DBusError::name(error).as_str(), zbus::DBusError::description(error).unwrap_or_default()),
    }
}

fn named(name: &str, message: &str) -> Failure {
    let failure = Failure::of_bluez(name, message);
    debug!("{name}: {message} ({})", failure.name());
    failure
}

const DISCONNECTED: &str = "org.freedesktop.DBus.Error.Disconnected";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_bluez_gave_survive_bluer() {
        let page_timeout = bluer::Error { kind: ErrorKind::Failed, message: "br-connection-page-timeout".into() };
        assert_eq!(of_bluer(&page_timeout), Failure::PageTimeout);
        let kind = ErrorKind::AuthenticationRejected;
        assert_eq!(of_bluer(&bluer::Error { kind, message: String::new() }), Failure::AuthenticationRejected);
        let kind = ErrorKind::Internal(InternalErrorKind::DBus("org.freedesktop.DBus.Error.ServiceUnknown".into()));
        assert_eq!(of_bluer(&bluer::Error { kind, message: String::new() }), Failure::NoBluez);
    }

    #[test]
    fn what_the_bus_says_by_itself_has_a_name_too() {
        let error = zbus::fdo::Error::AccessDenied(String::new());
        assert_eq!(of_zbus(&zbus::Error::FDO(Box::new(error))), Failure::NotPermitted);
        let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(of_zbus(&zbus::Error::InputOutput(gone.into())), Failure::NoBluez);
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert_eq!(of_zbus(&zbus::Error::InputOutput(late.into())), Failure::StepTimeout);
    }
}
