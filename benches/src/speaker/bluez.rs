//! The interfaces of `BlueZ` that a speaker uses.

use std::collections::HashMap;

use zbus::{
    proxy,
    zvariant::{ObjectPath, OwnedFd, OwnedObjectPath, OwnedValue, Value},
};

/// What is under an object, by interface and property.
pub(super) type Interfaces = HashMap<String, HashMap<String, OwnedValue>>;

/// Everything that `BlueZ` has.
#[proxy(interface = "org.freedesktop.DBus.ObjectManager", default_service = "org.bluez", default_path = "/")]
pub(super) trait Objects {
    fn get_managed_objects(&self) -> zbus::Result<HashMap<OwnedObjectPath, Interfaces>>;

    #[zbus(signal)]
    fn interfaces_added(&self, object: OwnedObjectPath, interfaces: Interfaces) -> zbus::Result<()>;
}

/// An adapter.
#[proxy(interface = "org.bluez.Adapter1", default_service = "org.bluez")]
pub(super) trait Adapter {
    fn remove_device(&self, device: &ObjectPath<'_>) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn address(&self) -> zbus::Result<String>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn powered(&self) -> zbus::Result<bool>;

    #[zbus(property)]
    fn set_powered(&self, on: bool) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn discoverable(&self) -> zbus::Result<bool>;

    #[zbus(property)]
    fn set_discoverable(&self, on: bool) -> zbus::Result<()>;

    #[zbus(property)]
    fn set_discoverable_timeout(&self, seconds: u32) -> zbus::Result<()>;

    #[zbus(property)]
    fn set_pairable(&self, on: bool) -> zbus::Result<()>;
}

/// Where agents are made known.
#[proxy(interface = "org.bluez.AgentManager1", default_service = "org.bluez", default_path = "/org/bluez")]
pub(super) trait AgentManager {
    fn register_agent(&self, agent: &ObjectPath<'_>, capability: &str) -> zbus::Result<()>;

    fn request_default_agent(&self, agent: &ObjectPath<'_>) -> zbus::Result<()>;
}

/// Where endpoints are made known.
#[proxy(interface = "org.bluez.Media1", default_service = "org.bluez")]
pub(super) trait Media {
    fn register_endpoint(&self, endpoint: &ObjectPath<'_>, properties: HashMap<&str, Value<'_>>) -> zbus::Result<()>;
}

/// A stream.
#[proxy(interface = "org.bluez.MediaTransport1", default_service = "org.bluez")]
pub(super) trait Transport {
    /// The socket, and how much it takes at once in each direction.
    fn try_acquire(&self) -> zbus::Result<(OwnedFd, u16, u16)>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> zbus::Result<String>;

    /// Its own volume, 0 to 127.
    #[zbus(property(emits_changed_signal = "false"))]
    fn volume(&self) -> zbus::Result<u16>;

    #[zbus(property)]
    fn set_volume(&self, volume: u16) -> zbus::Result<()>;

    /// In tenths of a millisecond.
    #[zbus(property)]
    fn set_delay(&self, tenths: u16) -> zbus::Result<()>;
}

/// The other end.
#[proxy(interface = "org.bluez.Device1", default_service = "org.bluez")]
pub(super) trait Device {
    fn connect_profile(&self, uuid: &str) -> zbus::Result<()>;

    fn disconnect(&self) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn trusted(&self) -> zbus::Result<bool>;

    #[zbus(property)]
    fn set_trusted(&self, trusted: bool) -> zbus::Result<()>;
}
