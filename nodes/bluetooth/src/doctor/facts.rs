//! What is known. Everything is optional: a machine keeps some of it to itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Version;
use crate::{Address, Failure};

/// What is known of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Whether `BlueZ` can be used, and if not, why.
    pub bluez: Option<Result<(), Failure>>,
    /// The version of `bluetoothd`.
    pub bluez_version: Option<Version>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// The adapters, those that `BlueZ` does not show as well.
    pub adapters: Option<Vec<AdapterFacts>>,
    /// Programs that take Bluetooth sound, and by what they were noticed.
    pub programs: Option<BTreeMap<Holder, Evidence>>,
    /// Wireless networks that this machine is in.
    pub wifi: Option<Vec<WifiFacts>>,
    /// What the controller says of links to speakers.
    pub links: Option<Vec<LinkFacts>>,
    /// What the senders have counted.
    pub streams: Option<Vec<StreamFacts>>,
    /// The machine's power supply.
    pub power: Option<Power>,
    /// What this program may do.
    pub permissions: Permissions,
}

/// An adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdapterFacts {
    /// `hci0`.
    pub name: String,
    /// Its address, from `BlueZ`.
    pub address: Option<Address>,
    /// Whether it is on, from `BlueZ`.
    pub powered: Option<bool>,
    /// The kernel's driver.
    pub driver: Option<String>,
    /// The numbers of a USB adapter.
    pub usb: Option<(u16, u16)>,
    /// Blocked by rfkill: a program did that, and a program can undo it.
    pub soft_blocked: Option<bool>,
    /// Blocked by rfkill: a switch or a key did that.
    pub hard_blocked: Option<bool>,
    /// Whether somebody looks for devices with it.
    pub discovering: Option<bool>,
    /// Services that others than this program have registered (`Adapter1.UUIDs`, those of 16 bits).
    pub services_of_others: Option<Vec<u16>>,
    /// How many streams it carries for this program.
    pub streams: Option<u32>,
}

/// A program that takes Bluetooth sound where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// `PipeWire` by itself; it does so through its session manager.
    PipeWire,
    /// `PipeWire`'s session manager.
    WirePlumber,
    /// `PulseAudio`.
    PulseAudio,
    /// bluez-alsa.
    BlueAlsa,
    /// oFono, which holds HFP.
    Ofono,
}

/// By what a program was noticed, the stronger later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// It runs.
    Process,
    /// It has its name on the bus.
    BusName,
    /// Its Bluetooth part is loaded.
    BluetoothPart,
}

/// A wireless network interface that is connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WifiFacts {
    /// `wlan0`.
    pub interface: String,
    /// Where it is, MHz.
    pub frequency_mhz: Option<u32>,
    /// How strong the access point is heard, dBm.
    pub signal_dbm: Option<i32>,
    /// Packets that were sent again and again, and then dropped, since it is up.
    pub excessive_retries: Option<u64>,
    /// Packets sent since it is up.
    pub sent: Option<u64>,
}

/// What a controller says of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFacts {
    /// The speaker.
    pub address: Address,
    /// Decibels above (or below) the range in which the controller is content; 0 is good.
    pub rssi: Option<i8>,
    /// 255 is the best; what less means is the maker's secret.
    pub quality: Option<u8>,
    /// How often nothing came back in time since it is connected.
    pub failed_contacts: Option<u16>,
    /// Which of the 79 channels adaptive hopping uses, the lowest first, as a controller gives it.
    pub channels: Option<[u8; 10]>,
}

impl LinkFacts {
    /// Of a link of which nothing is known yet.
    pub const fn new(address: Address) -> Self {
        Self { address, rssi: None, quality: None, failed_contacts: None, channels: None }
    }

    /// How many channels it uses.
    pub fn channel_count(&self) -> Option<u32> {
        self.channels.map(|map| map.iter().map(|byte| byte.count_ones()).sum())
    }
}

/// What a sender has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFacts {
    /// The speaker.
    pub address: Address,
    /// Packets sent.
    pub packets: u64,
    /// Packets that found the socket full.
    pub dropped: u64,
}

/// The power supply, where the firmware watches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// The voltage is too low now.
    pub low_now: bool,
    /// It was too low since the machine started.
    pub low_before: bool,
}

/// What this program may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permissions {
    /// Whether it runs as root.
    pub is_root: Option<bool>,
    /// Whether it is in the group `bluetooth`; `Some(false)` also where there is no such group.
    pub in_bluetooth_group: Option<bool>,
    /// Whether it runs in a container.
    pub in_container: Option<bool>,
    /// The highest real-time priority that it may take.
    pub realtime_priority: Option<u64>,
}
