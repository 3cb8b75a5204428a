//! What a person chooses from.

/// What an adapter knows of a device. Properties arrive one by one, so most are optional.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    pub address: Address,
    /// `Name` (not `Alias`, which is the address with dashes when there is no name).
    pub name: Option<String>,
    /// `Class`; only classic devices have one.
    pub class: Option<u32>,
    /// `UUIDs`, those of 16 bits (0x110b for A2DP sink).
    pub services: Vec<u16>,
    /// `RSSI` in dBm: there only while the device is seen in an inquiry (and so is in pairing mode).
    pub signal: Option<i16>,
    /// `AddressType` is `random`: Low Energy.
    pub random_address: bool,
    pub paired: bool,
    pub connected: bool,
    pub legacy_pairing: bool,
}

pub struct Scan {}
impl Scan {
    /// `remembered`: those that the node keeps (address, name).
    pub fn new(now: Timestamp<NodeClock>, span: Nanos, remembered: impl IntoIterator<Item = (Address, String)>) -> Self;
    /// What to tell the person first (HINTS).
    /// Takes a sight; `Some` when it is new in the list or what is shown of it changed.
    pub fn handle_sight(&mut self, sight: &Sight) -> Option<Found>;
    /// The list at this moment: loudest first; at the start the remembered speakers, as not in pairing mode.
    pub fn list(&self) -> Vec<Found>;
    pub fn ends_at(&self) -> Timestamp<NodeClock>;
    /// At the end: what is to be said if nothing was found (NotFound, OnlyLowEnergySeen)
    pub fn verdict(&self) -> Option<Failure>;
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    pub address: Address,
    pub name: Option<String>,
    pub signal: Option<i16>,   // dBm
    pub model: Option<String>, // in the speaker table
    pub standing: Standing,
}
pub enum Standing { New, Remembered, NotInPairingMode, Connected, LowEnergyOnly }
