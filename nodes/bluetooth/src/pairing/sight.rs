//! What an adapter knows of a device.

use crate::Address;

/// The service class of an A2DP sink, as a UUID of 16 bits.
pub const AUDIO_SINK: u16 = 0x110b;
/// "Advanced audio" itself, which some speakers announce instead.
const ADVANCED_AUDIO: u16 = 0x110d;
/// The major class "audio/video" in bits 8 to 12 of a class of device.
const MAJOR_AUDIO: u32 = 0x04;

/// What an adapter knows of a device. Properties arrive one by one, so most may be missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// `Address`.
    pub address: Address,
    /// `Name`; not `Alias`, which is the address when there is no name.
    pub name: Option<String>,
    /// `Class`. Only classic devices have one.
    pub class: Option<u32>,
    /// Those of `UUIDs` that have a form of 16 bits.
    pub services: Vec<u16>,
    /// `RSSI` in dBm. It is there only while the adapter looks and sees the device. An inquiry sees what is in pairing
    /// mode; one that looks for Low Energy, too, sees the other half of many speakers whenever they are on.
    pub signal: Option<i16>,
    /// `AddressType` is `random`, as only Low Energy has it.
    pub random_address: bool,
    /// `Bonded` or `Paired`: there are keys of it.
    pub paired: bool,
    /// `Connected`.
    pub connected: bool,
    /// `LegacyPairing`: it knows only pairing by PIN.
    pub legacy_pairing: bool,
}

impl Sight {
    /// Of a device of which nothing else is known yet.
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            name: None,
            class: None,
            services: Vec::new(),
            signal: None,
            random_address: false,
            paired: false,
            connected: false,
            legacy_pairing: false,
        }
    }

    /// Whether it is seen now.
    pub const fn is_near(&self) -> bool {
        self.signal.is_some()
    }

    /// Whether it speaks classic Bluetooth. What has neither a class nor a service for music advertises Low Energy.
    pub fn is_classic(&self) -> bool {
        !self.random_address && (self.class.is_some_and(|class| class != 0) || self.offers_music())
    }

    /// Whether it takes music; `None` as long as one cannot tell.
    pub fn takes_music(&self) -> Option<bool> {
        let class = self.class.filter(|class| *class != 0).map(|class| (class >> 8) & 0x1f == MAJOR_AUDIO);
        match class {
            _ if self.offers_music() => Some(true),
            Some(true) => Some(true),
            Some(false) if !self.services.is_empty() => Some(false),
            _ => None,
        }
    }

    fn offers_music(&self) -> bool {
        self.services.iter().any(|service| matches!(*service, AUDIO_SINK | ADVANCED_AUDIO))
    }
}
