//! What a person chooses from: the audio sinks that the adapter sees, as it sees them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use crate::{Address, Failure, speakers};

/// How long a scan takes unless set.
pub const SPAN: Nanos = Nanos::from_secs(30);

/// What to tell a person before anything else.
pub const HINTS: &[&str] = &[
    "Switch the speaker off and on again.",
    "Set its pairing mode: mostly, hold its Bluetooth button until it blinks quickly or says so.",
    "Hold it within some metres, and disconnect it from phones that are near.",
];

/// The service class of an A2DP sink, as a UUID of 16 bits.
pub const AUDIO_SINK: u16 = 0x110b;
/// "Advanced audio" itself, which some speakers announce instead.
const ADVANCED_AUDIO: u16 = 0x110d;
/// The major class "audio/video" in bits 8 to 12 of a class of device.
const MAJOR_AUDIO: u32 = 0x04;
/// Signals wander by some decibels from one inquiry to the next; less than this is not worth a line on the screen.
const SIGNAL_STEP: i16 = 6;

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
    /// `RSSI` in dBm. It is there only while an inquiry sees the device, which then is in pairing mode.
    pub signal: Option<i16>,
    /// `AddressType` is `random`, as only Low Energy has it.
    pub random_address: bool,
    /// `Paired`.
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

    /// Whether an inquiry sees it now.
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

/// What choosing a speaker would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In pairing mode, and not known yet.
    New,
    /// In pairing mode, and one of those that this node keeps.
    Remembered,
    /// One of those that this node keeps, but not in pairing mode.
    NotInPairingMode,
    /// Connected with this node.
    Connected,
    /// Only its Low Energy half is seen.
    LowEnergyOnly,
}

impl Standing {
    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Remembered => "remembered",
            Self::NotInPairingMode => "not_in_pairing_mode",
            Self::Connected => "connected",
            Self::LowEnergyOnly => "low_energy_only",
        }
    }

    /// Why it cannot be paired as it stands.
    pub const fn obstacle(self) -> Option<Failure> {
        match self {
            Self::New | Self::Remembered => None,
            Self::NotInPairingMode => Some(Failure::NotInPairingMode),
            Self::Connected => Some(Failure::AlreadyConnected),
            Self::LowEnergyOnly => Some(Failure::LowEnergyOnly),
        }
    }
}

impl Serialize for Standing {
    /// By its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A speaker in the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// Its address.
    pub address: Address,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// How strong it is heard, dBm.
    pub signal: Option<i16>,
    /// Its model, if the speaker table knows it.
    pub model: Option<String>,
    /// What choosing it would come to.
    pub standing: Standing,
}

/// One scan. The list starts with the speakers that the node keeps, as not in pairing mode.
#[derive(Debug)]
pub struct Scan {
    ends: Timestamp<NodeClock>,
    remembered: BTreeMap<Address, String>,
    shown: BTreeMap<Address, Found>,
    /// Whether anything classic was seen, a speaker or not.
    has_seen_classic: bool,
    has_seen_low_energy: bool,
}

impl Scan {
    /// For so long from now on, by a node that keeps these speakers, by address and name.
    pub fn new(
        now: Timestamp<NodeClock>,
        span: Nanos,
        remembered: impl IntoIterator<Item = (Address, String)>,
        table: &speakers::Table,
    ) -> Self {
        let remembered: BTreeMap<_, _> = remembered.into_iter().collect();
        let shown = remembered
            .iter()
            .map(|(address, name)| {
                let model = table.find(name).map(|model| model.name.clone());
                let standing = Standing::NotInPairingMode;
                (*address, Found { address: *address, name: Some(name.clone()), signal: None, model, standing })
            })
            .collect();
        Self { ends: now + span, remembered, shown, has_seen_classic: false, has_seen_low_energy: false }
    }

    /// Takes what the adapter says of a device: what the list shows of it now, if that is new.
    pub fn handle_sight(&mut self, sight: &Sight, table: &speakers::Table) -> Option<Found> {
        if sight.is_near() {
            self.has_seen_classic |= sight.is_classic();
            self.has_seen_low_energy |= !sight.is_classic();
        }
        let before = self.shown.get(&sight.address);
        let kept = self.remembered.get(&sight.address);
        let standing = standing(sight, kept.is_some())?;
        // An adapter forgets a name when it forgets the device; the list does not.
        let name = sight.name.clone().or_else(|| before.and_then(|found| found.name.clone()));
        let model = name.as_deref().and_then(|name| table.find(name)).map(|model| model.name.clone());
        let mut found = Found { address: sight.address, name, signal: sight.signal, model, standing };
        if let Some(before) = before {
            if let (Some(old), Some(new)) = (before.signal, found.signal)
                && old.abs_diff(new) < SIGNAL_STEP.unsigned_abs()
            {
                found.signal = before.signal;
            }
            if *before == found {
                return None;
            }
        }
        self.shown.insert(sight.address, found.clone());
        Some(found)
    }

    /// The list: those that can be chosen before the others, strongest first.
    pub fn list(&self) -> Vec<Found> {
        let mut list: Vec<_> = self.shown.values().cloned().collect();
        list.sort_by_key(|found| {
            (found.standing.obstacle().is_some(), std::cmp::Reverse(found.signal.unwrap_or(i16::MIN)))
        });
        list
    }

    /// When it is over.
    pub const fn ends_at(&self) -> Timestamp<NodeClock> {
        self.ends
    }

    /// At the end, what there is to say if nothing can be chosen.
    pub fn verdict(&self) -> Option<Failure> {
        if self.shown.values().any(|found| matches!(found.standing, Standing::New | Standing::Remembered)) {
            None
        } else if self.has_seen_low_energy && !self.has_seen_classic {
            Some(Failure::OnlyLowEnergySeen)
        } else if self.shown.values().any(|found| found.standing == Standing::LowEnergyOnly) {
            Some(Failure::LowEnergyOnly)
        } else if self.shown.values().any(|found| found.standing == Standing::NotInPairingMode) {
            Some(Failure::NotInPairingMode)
        } else {
            Some(Failure::NotFound)
        }
    }
}

/// Whether a device is for the list, and as what. A Low Energy one is if it has a name (a person looks for that), or if it
/// is one of ours.
fn standing(sight: &Sight, is_kept: bool) -> Option<Standing> {
    match sight.is_near() {
        _ if sight.connected && is_kept => Some(Standing::Connected),
        false => is_kept.then_some(Standing::NotInPairingMode),
        true if !sight.is_classic() => (is_kept || sight.name.is_some()).then_some(Standing::LowEnergyOnly),
        true if is_kept => Some(Standing::Remembered),
        true => (sight.takes_music() == Some(true)).then_some(Standing::New),
    }
}
