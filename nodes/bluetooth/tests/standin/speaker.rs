//! A speaker as the stand-in has it.

use unisono_bluetooth::Address;

/// A speaker, and how it behaves.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    pub(crate) address: Address,
    pub(crate) name: &'static str,
    /// It is switched on and in reach.
    pub(crate) on: bool,
    /// It is found, and lets itself be paired.
    pub(crate) pairing_mode: bool,
    /// Its Low Energy half advertises whenever it is on, from the same address.
    pub(crate) advertises: bool,
    /// It has our key.
    pub(crate) knows_us: bool,
    /// It has no classic Bluetooth at all.
    pub(crate) low_energy: bool,
    /// Its services by their 16-bit numbers.
    pub(crate) services: Vec<u16>,
    /// It does not answer the question for its services in the connection in which its keys were made.
    pub(crate) hides_services: bool,
    /// It wants this PIN.
    pub(crate) pin: Option<&'static str>,
    /// It shows a number that has to be confirmed.
    pub(crate) compares: bool,
    /// Its SBC capabilities.
    pub(crate) capabilities: [u8; 4],
    /// The longest packet that it takes.
    pub(crate) mtu: u16,
    /// Its volume, if it has one that can be set, and in how many steps it has that.
    pub(crate) volume: Option<u16>,
    pub(crate) volume_steps: u16,
    /// It does what it is asked for; `BlueZ` says that it asked, whatever comes of it.
    pub(crate) follows_volume: bool,
    /// Its delay report in 1/10 ms. `BlueZ` before 5.79 shows none where it is zero.
    pub(crate) delay: Option<u16>,
}

impl Speaker {
    /// An ordinary one in pairing mode.
    pub(crate) fn new(number: u8) -> Self {
        Self {
            address: Address([0x00, 0xaa, 0x01, 0x01, 0x00, number]),
            name: "Kitchen speaker",
            on: true,
            pairing_mode: true,
            advertises: false,
            knows_us: false,
            low_energy: false,
            services: vec![0x110b, 0x110c, 0x110e],
            hides_services: false,
            pin: None,
            compares: false,
            capabilities: [0xff, 0xff, 2, 53],
            mtu: 895,
            volume: None,
            volume_steps: 127,
            follows_volume: true,
            delay: Some(1_500),
        }
    }
}
