//! Errors of the bus, by the name and the message that `BlueZ` gave them.

use tracing::debug;

use crate::Failure;

/// What an error of the library means.
pub(super) fn of_zbus(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::MethodError(name, message, _) => named(name, message.as_deref().unwrap_or_default()),
        zbus::Error::FDO(error) => of_fdo(error),
        zbus::Error::InputOutput(cause) if cause.kind() == std::io::ErrorKind::TimedOut => Failure::StepTimeout,
        zbus::Error::InputOutput(_) => named("org.freedesktop.DBus.Error.Disconnected", ""),
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

#[cfg(test)]
mod tests {
    use super::*;

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
