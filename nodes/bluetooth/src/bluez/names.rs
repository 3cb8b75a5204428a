//! What things are called on the bus (`BlueZ`'s doc/*-api.txt, unchanged from 5.66 to 5.87).

use crate::Address;

/// A service that the Bluetooth SIG has numbered.
pub(crate) type Service = u16;

/// `BlueZ` itself.
pub(crate) const BLUEZ: &str = "org.bluez";

pub(crate) const ADAPTER: &str = "org.bluez.Adapter1";
pub(crate) const DEVICE: &str = "org.bluez.Device1";
pub(crate) const MEDIA: &str = "org.bluez.Media1";
pub(crate) const TRANSPORT: &str = "org.bluez.MediaTransport1";

/// A2DP source: what we are.
pub(crate) const AUDIO_SOURCE: Service = 0x110a;
/// A2DP sink: what a speaker is.
pub(crate) const AUDIO_SINK: Service = 0x110b;
/// A2DP: source, sink, and the profile itself.
pub(crate) const AUDIO: [Service; 3] = [AUDIO_SOURCE, AUDIO_SINK, 0x110d];
/// The sides of HSP and HFP: none of them is ours.
pub(crate) const CALLS: [Service; 4] = [0x1108, 0x1112, 0x111e, 0x111f];

/// What a service is called in full.
pub(crate) fn uuid(service: Service) -> String {
    format!("0000{service:04x}{BASE}")
}

/// The service of a UUID, if the Bluetooth SIG has numbered it.
pub(crate) fn service(uuid: &str) -> Option<Service> {
    let number = uuid.strip_prefix("0000")?.strip_suffix(BASE)?;
    u16::from_str_radix(number, 16).ok()
}

/// The sink as `bluer` wants it.
pub(crate) const SINK: bluer::Uuid = bluer::Uuid::from_u128(((AUDIO_SINK as u128) << 96) | 0x1000_8000_0080_5f9b_34fb);

/// The end of the Bluetooth base UUID.
const BASE: &str = "-0000-1000-8000-00805f9b34fb";

/// The path of an adapter of the kernel's name, `hci0`.
pub(crate) fn adapter_path(name: &str) -> String {
    format!("/org/bluez/{name}")
}

/// The path of a device behind an adapter.
pub(crate) fn device_path(adapter: &str, address: Address) -> String {
    format!("{adapter}/dev_{}", address.to_string().replace(':', "_"))
}

/// The kernel's name of the adapter, `hci0`, from any path below it.
pub(crate) fn adapter_name(path: &str) -> Option<&str> {
    path.strip_prefix("/org/bluez/")?.split('/').next().filter(|name| !name.is_empty())
}

/// The path of the adapter that a path belongs to.
pub(crate) fn adapter_path_of(path: &str) -> Option<String> {
    adapter_name(path).map(adapter_path)
}

/// The address of the device at a path, and `None` for what lies below one.
pub(crate) fn device_address(path: &str) -> Option<Address> {
    path.rsplit('/').next()?.strip_prefix("dev_")?.replace('_', ":").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_and_read_alike() {
        let address: Address = "00:AA:01:01:00:FE".parse().unwrap();
        let path = device_path(&adapter_path("hci1"), address);
        assert_eq!(path, "/org/bluez/hci1/dev_00_AA_01_01_00_FE");
        assert_eq!((adapter_name(&path), device_address(&path)), (Some("hci1"), Some(address)));
        assert_eq!(device_address(&format!("{path}/fd0")), None);
        assert_eq!(adapter_name("/org/bluez"), None);
    }

    #[test]
    fn services_have_their_numbers() {
        let sink = "0000110b-0000-1000-8000-00805f9b34fb";
        assert_eq!(SINK.to_string(), sink);
        assert_eq!((uuid(AUDIO_SINK).as_str(), service(sink)), (sink, Some(AUDIO_SINK)));
        for other in ["0001110b-0000-1000-8000-00805f9b34fb", "0000110b-0000-1000-8000-00805f9b34fc", "110b", ""] {
            assert_eq!(service(other), None, "{other}");
        }
    }
}
