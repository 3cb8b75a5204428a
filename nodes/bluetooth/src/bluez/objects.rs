//! What `BlueZ` shows at the moment: adapters, devices, transports. Kept from the objects that it lists and the signals
//! that follow; no input makes it fail.

use std::collections::{BTreeMap, HashMap};

use zbus::zvariant::{OwnedValue, Value};

use super::names::{self, ADAPTER, AUDIO_SOURCE, DEVICE, MEDIA, Service, TRANSPORT};
use crate::{Address, pairing::Sight};

/// Properties of one interface, as they come.
pub(crate) type Properties = HashMap<String, OwnedValue>;

/// The interfaces of one object with their properties.
pub(crate) type Interfaces = HashMap<String, Properties>;

/// An adapter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Adapter {
    /// Its address; `None` until `BlueZ` has said it.
    pub(crate) address: Option<Address>,
    pub(crate) powered: bool,
    /// Somebody looks for devices with it.
    pub(crate) discovering: bool,
    /// What it offers to others: ours, and what other programs have registered.
    pub(crate) services: Vec<Service>,
    /// Whether endpoints can be registered (`Media1` is there).
    pub(crate) media: bool,
    /// Whether a stream may have transmit stamps (`BlueZ` 5.83 and later).
    pub(crate) stamped: bool,
}

impl Adapter {
    /// What other programs offer with it, `ours` being whether we have registered, too.
    pub(crate) fn services_of_others(&self, ours: bool) -> Vec<Service> {
        self.services.iter().copied().filter(|service| !ours || *service != AUDIO_SOURCE).collect()
    }
}

/// A device that an adapter knows or sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    pub(crate) sight: Sight,
    keys: Keys,
    /// The name that a person gave it, else its own, else its address with dashes.
    pub(crate) alias: Option<String>,
    pub(crate) trusted: bool,
}

/// Whether there are keys of a device, as `BlueZ` says it: `Bonded` (since 5.65) as soon as they are made, `Paired` only
/// once it knows the device's services, too (`pending_paired` in its `device.c`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Keys {
    bonded: bool,
    paired: bool,
}

/// A stream that is configured between an endpoint of ours and one of a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transport {
    /// The path of its device.
    pub(crate) device: String,
    pub(crate) configuration: Vec<u8>,
    pub(crate) state: TransportState,
    /// The speaker's delay report in 1/10 ms; some versions of `BlueZ` show none until there is one, others zero.
    pub(crate) delay: Option<u16>,
    /// The speaker's own volume, 0 to 127, when it has one that can be set.
    pub(crate) volume: Option<u16>,
}

/// What goes on in a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TransportState {
    /// Nothing flows.
    #[default]
    Idle,
    /// The speaker has started it and waits for us to take it.
    Pending,
    /// It is taken.
    Active,
}

/// Everything that `BlueZ` shows, by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Objects {
    pub(crate) adapters: BTreeMap<String, Adapter>,
    pub(crate) devices: BTreeMap<String, Device>,
    pub(crate) transports: BTreeMap<String, Transport>,
}

impl Objects {
    /// An object with these interfaces is there.
    pub(crate) fn add(&mut self, path: &str, interfaces: &Interfaces) {
        for (interface, properties) in interfaces {
            match interface.as_str() {
                ADAPTER => drop(self.adapters.entry(path.into()).or_default()),
                MEDIA => self.adapters.entry(path.into()).or_default().media = true,
                DEVICE => {
                    let Some(address) = names::device_address(path) else { continue };
                    let sight = Sight::new(address);
                    self.devices
                        .insert(path.into(), Device { sight, keys: Keys::default(), alias: None, trusted: false });
                }
                TRANSPORT => drop(self.transports.insert(path.into(), Transport::default())),
                _ => continue,
            }
            self.change(path, interface, properties, &[]);
        }
    }

    /// An object has lost these interfaces.
    pub(crate) fn remove(&mut self, path: &str, interfaces: &[String]) {
        for interface in interfaces {
            match interface.as_str() {
                ADAPTER => drop(self.adapters.remove(path)),
                DEVICE => drop(self.devices.remove(path)),
                TRANSPORT => drop(self.transports.remove(path)),
                _ => {}
            }
        }
    }

    /// Properties have changed, and others (`invalidated`) are gone.
    pub(crate) fn change(&mut self, path: &str, interface: &str, changed: &Properties, invalidated: &[String]) {
        match interface {
            ADAPTER => {
                if let Some(adapter) = self.adapters.get_mut(path) {
                    change_adapter(adapter, changed);
                }
            }
            DEVICE => {
                if let Some(device) = self.devices.get_mut(path) {
                    change_device(device, changed, invalidated);
                }
            }
            MEDIA => {
                if let Some(adapter) = self.adapters.get_mut(path)
                    && let Some(features) = changed.get("SupportedFeatures")
                {
                    adapter.stamped = texts(features).iter().any(|feature| feature == "tx-timestamping");
                }
            }
            TRANSPORT => {
                if let Some(transport) = self.transports.get_mut(path) {
                    change_transport(transport, changed, invalidated);
                }
            }
            _ => {}
        }
    }

    /// The paths of the transports to a device.
    pub(crate) fn transports_of<'a>(&'a self, device: &'a str) -> impl Iterator<Item = &'a str> {
        let of = self.transports.iter().filter(move |(_, transport)| transport.device == device);
        of.map(|(path, _)| path.as_str())
    }

    /// The adapter of an address, and its path.
    pub(crate) fn adapter_of(&self, address: Address) -> Option<(&str, &Adapter)> {
        let found = self.adapters.iter().find(|(_, adapter)| adapter.address == Some(address))?;
        Some((found.0.as_str(), found.1))
    }
}

fn change_adapter(adapter: &mut Adapter, changed: &Properties) {
    for (name, value) in changed {
        match name.as_str() {
            "Address" => adapter.address = text(value).and_then(|text| text.parse().ok()),
            "Powered" => adapter.powered = truth(value),
            "Discovering" => adapter.discovering = truth(value),
            "UUIDs" => adapter.services = services(value),
            _ => {}
        }
    }
}

fn change_device(device: &mut Device, changed: &Properties, invalidated: &[String]) {
    let sight = &mut device.sight;
    for (name, value) in changed {
        match name.as_str() {
            "Alias" => device.alias = text(value),
            "Name" => sight.name = text(value),
            "Class" => sight.class = value.downcast_ref().ok(),
            "UUIDs" => sight.services = services(value),
            "RSSI" => sight.signal = value.downcast_ref().ok(),
            "AddressType" => sight.random_address = text(value).as_deref() == Some("random"),
            "Bonded" => device.keys.bonded = truth(value),
            "Paired" => device.keys.paired = truth(value),
            "Connected" => sight.connected = truth(value),
            "LegacyPairing" => sight.legacy_pairing = truth(value),
            "Trusted" => device.trusted = truth(value),
            _ => {}
        }
    }
    sight.paired = device.keys.bonded || device.keys.paired;
    if invalidated.iter().any(|name| name == "RSSI") {
        sight.signal = None;
    }
}

fn change_transport(transport: &mut Transport, changed: &Properties, invalidated: &[String]) {
    for (name, value) in changed {
        match name.as_str() {
            "Device" => transport.device = path(value).unwrap_or_default(),
            "Configuration" => transport.configuration = value.try_clone().ok().and_then(bytes).unwrap_or_default(),
            "State" => {
                transport.state = match text(value).as_deref() {
                    Some("active") => TransportState::Active,
                    Some("pending") => TransportState::Pending,
                    _ => TransportState::Idle,
                };
            }
            "Delay" => transport.delay = value.downcast_ref().ok(),
            "Volume" => transport.volume = value.downcast_ref().ok(),
            _ => {}
        }
    }
    for name in invalidated {
        match name.as_str() {
            "Delay" => transport.delay = None,
            "Volume" => transport.volume = None,
            _ => {}
        }
    }
}

fn text(value: &OwnedValue) -> Option<String> {
    value.downcast_ref::<&str>().ok().map(Into::into)
}

fn truth(value: &OwnedValue) -> bool {
    value.downcast_ref().unwrap_or(false)
}

fn path(value: &OwnedValue) -> Option<String> {
    match &**value {
        Value::ObjectPath(path) => Some(path.to_string()),
        _ => None,
    }
}

fn bytes(value: OwnedValue) -> Option<Vec<u8>> {
    value.try_into().ok()
}

fn services(value: &OwnedValue) -> Vec<Service> {
    texts(value).iter().filter_map(|text| names::service(text)).collect()
}

fn texts(value: &OwnedValue) -> Vec<String> {
    value.try_clone().ok().and_then(|value| value.try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{names::AUDIO_SINK, *};

    const SPEAKER: &str = "/org/bluez/hci0/dev_00_AA_01_01_00_FE";
    const ADDRESS: Address = Address([0, 0xaa, 1, 1, 0, 0xfe]);

    fn properties<const N: usize>(pairs: [(&str, Value<'_>); N]) -> Properties {
        pairs.into_iter().map(|(name, value)| (name.into(), value.try_to_owned().unwrap())).collect()
    }

    fn shown(interface: &str, with: Properties) -> Interfaces {
        Interfaces::from([(interface.into(), with)])
    }

    #[test]
    fn a_device_is_followed_from_the_first_sight_to_the_last() {
        let mut objects = Objects::default();
        let seen = properties([
            ("Alias", "Kitchen".into()),
            ("Class", 0x24_0404_u32.into()),
            ("RSSI", (-60_i16).into()),
            ("Paired", false.into()),
        ]);
        objects.add(SPEAKER, &shown(DEVICE, seen));
        let sight = &objects.devices[SPEAKER].sight;
        assert_eq!((sight.address, sight.class, sight.signal), (ADDRESS, Some(0x24_0404), Some(-60)));
        assert_eq!(objects.devices[SPEAKER].alias.as_deref(), Some("Kitchen"));

        let sink = vec![names::uuid(AUDIO_SINK), "of its own".into()];
        objects.change(SPEAKER, DEVICE, &properties([("Paired", true.into()), ("UUIDs", sink.into())]), &[]);
        objects.change(SPEAKER, DEVICE, &Properties::new(), &["RSSI".into()]);
        let sight = &objects.devices[SPEAKER].sight;
        assert!(sight.paired && !sight.connected);
        assert_eq!((sight.signal, sight.services.as_slice()), (None, [AUDIO_SINK].as_slice()));

        objects.remove(SPEAKER, &[DEVICE.into()]);
        assert_eq!(objects, Objects::default());
    }

    #[test]
    fn a_transport_has_a_delay_only_while_bluez_shows_one() {
        let mut objects = Objects::default();
        let device = zbus::zvariant::ObjectPath::try_from(SPEAKER).unwrap();
        let configured = properties([
            ("Device", device.into()),
            ("Configuration", vec![0x11_u8, 0x15, 2, 51].into()),
            ("State", "pending".into()),
        ]);
        objects.add("/t", &shown(TRANSPORT, configured));
        assert_eq!(objects.transports_of(SPEAKER).collect::<Vec<_>>(), ["/t"]);
        let transport = &objects.transports["/t"];
        assert_eq!((transport.state, transport.delay), (TransportState::Pending, None));
        assert_eq!(transport.configuration, [0x11, 0x15, 2, 51]);
        objects.change("/t", TRANSPORT, &properties([("Delay", 1_820_u16.into())]), &[]);
        assert_eq!(objects.transports["/t"].delay, Some(1_820));
        objects.change("/t", TRANSPORT, &Properties::new(), &["Delay".into()]);
        assert_eq!(objects.transports["/t"].delay, None);
    }

    #[test]
    fn transmit_stamps_are_for_a_bluez_that_says_it_bears_them() {
        let mut objects = Objects::default();
        let adapter = "/org/bluez/hci0";
        objects.add(adapter, &shown(MEDIA, properties([("SupportedUUIDs", vec![names::uuid(AUDIO_SINK)].into())])));
        assert!(objects.adapters[adapter].media && !objects.adapters[adapter].stamped);
        let features = vec!["something else".to_owned(), "tx-timestamping".to_owned()];
        objects.add(adapter, &shown(MEDIA, properties([("SupportedFeatures", features.into())])));
        assert!(objects.adapters[adapter].stamped);
    }

    #[test]
    fn values_of_the_wrong_type_and_paths_that_were_never_shown_do_no_harm() {
        let mut objects = Objects::default();
        objects.change(SPEAKER, DEVICE, &properties([("Paired", true.into())]), &[]);
        assert_eq!(objects, Objects::default());
        let wrong = properties([("Class", "loud".into()), ("UUIDs", 7_u8.into()), ("RSSI", true.into())]);
        objects.add(SPEAKER, &shown(DEVICE, wrong));
        assert_eq!(objects.devices[SPEAKER].sight, Sight::new(ADDRESS));
        objects.add("/org/bluez/hci0/dev_loud", &shown(DEVICE, Properties::new()));
        assert_eq!(objects.devices.len(), 1);
        let wrong = properties([("Device", 1_u8.into()), ("State", 3_u8.into()), ("Configuration", "".into())]);
        objects.add("/t", &shown(TRANSPORT, wrong));
        assert_eq!(objects.transports["/t"], Transport::default());
    }
}
