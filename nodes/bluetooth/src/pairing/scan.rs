//! What a person chooses from: the audio sinks that the adapter sees, as it sees them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use super::Sight;
use crate::{Address, Failure, speakers};

/// How long a scan takes unless set.
pub const SPAN: Nanos = Nanos::from_secs(30);

/// What to tell a person before anything else.
pub const HINTS: &[&str] = &[
    "Switch the speaker off and on again.",
    "Set its pairing mode: mostly, hold its Bluetooth button until it blinks quickly or says so.",
    "Hold it within some metres, and disconnect it from phones that are near.",
];

/// Signals wander by some decibels from one inquiry to the next; less than this is not worth a line on the screen.
const SIGNAL_STEP: i16 = 6;

/// What choosing a speaker would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Seen, and not known yet.
    New,
    /// Seen, and one of those that this node keeps. Whether it is in pairing mode shows once it is chosen: its Low
    /// Energy half may be all that is seen.
    Remembered,
    /// One of those that this node keeps, and not seen, so not in pairing mode.
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

#[cfg(test)]
mod tests {
    use super::*;

    const FLIP: Address = Address([0, 1, 2, 3, 4, 5]);
    const KEPT: Address = Address([0, 1, 2, 3, 4, 6]);

    fn scan() -> Scan {
        Scan::new(Timestamp::from_nanos(0), SPAN, [(KEPT, "Kitchen".into())], speakers::Table::built_in())
    }

    fn see(scan: &mut Scan, sight: &Sight) -> Option<Found> {
        scan.handle_sight(sight, speakers::Table::built_in())
    }

    fn speaker(address: Address) -> Sight {
        Sight { class: Some(0x24_0414), signal: Some(-60), ..Sight::new(address) }
    }

    #[test]
    fn a_speaker_is_shown_at_once_and_again_only_when_there_is_something_new() {
        let mut scan = scan();
        assert_eq!(scan.ends_at(), Timestamp::from_nanos(30_000_000_000));
        let found = see(&mut scan, &speaker(FLIP)).unwrap();
        assert_eq!((found.standing, found.name, found.model), (Standing::New, None, None));
        let named = Sight { name: Some("JBL Flip 6".into()), ..speaker(FLIP) };
        assert_eq!(see(&mut scan, &named).unwrap().model.as_deref(), Some("JBL Flip 6"));
        assert_eq!(see(&mut scan, &named), None);
        assert_eq!(see(&mut scan, &Sight { signal: Some(-57), ..named.clone() }), None, "signals wander");
        let near = see(&mut scan, &Sight { signal: Some(-40), ..named }).unwrap();
        assert_eq!(near.signal, Some(-40));
        // Properties come one by one: without its name, it keeps it.
        assert_eq!(see(&mut scan, &Sight { signal: Some(-41), ..speaker(FLIP) }), None);
        assert_eq!(scan.verdict(), None);
        assert_eq!(scan.list()[0].address, FLIP);
    }

    #[test]
    fn what_takes_no_music_is_not_shown() {
        let mut scan = scan();
        let phone = Sight { class: Some(0x5a_020c), services: vec![0x110a, 0x112f], ..speaker(FLIP) };
        assert_eq!(see(&mut scan, &phone), None);
        assert_eq!(phone.takes_music(), Some(false));
        let odd = Sight { services: vec![0x110b], ..phone };
        assert_eq!(see(&mut scan, &odd).unwrap().standing, Standing::New, "its services say more than its class");
        assert_eq!(see(&mut scan, &Sight { signal: None, ..speaker(Address([9; 6])) }), None, "it is not there");
    }

    #[test]
    fn a_remembered_speaker_is_shown_as_not_in_pairing_mode_until_it_is_seen() {
        let mut scan = scan();
        assert_eq!(scan.list()[0].standing, Standing::NotInPairingMode);
        assert_eq!(scan.verdict(), Some(Failure::NotInPairingMode));
        let paired = Sight { paired: true, signal: None, ..speaker(KEPT) };
        assert_eq!(see(&mut scan, &Sight { name: Some("Kitchen".into()), ..paired.clone() }), None);
        let found = see(&mut scan, &Sight { signal: Some(-50), ..paired.clone() }).unwrap();
        assert_eq!((found.standing, found.name.as_deref()), (Standing::Remembered, Some("Kitchen")));
        let found = see(&mut scan, &Sight { connected: true, ..paired }).unwrap();
        assert_eq!(found.standing.obstacle(), Some(Failure::AlreadyConnected));
    }

    #[test]
    fn low_energy_is_named_and_turns_into_a_speaker_when_its_other_half_is_seen() {
        let mut scan = scan();
        let half = Sight { name: Some("LE-Boom".into()), signal: Some(-50), ..Sight::new(FLIP) };
        assert_eq!(see(&mut scan, &half).unwrap().standing, Standing::LowEnergyOnly);
        let beacon = Sight { random_address: true, signal: Some(-70), ..Sight::new(Address([7; 6])) };
        assert_eq!(see(&mut scan, &beacon), None, "nobody looks for what has no name");
        assert_eq!(scan.verdict(), Some(Failure::OnlyLowEnergySeen));
        let whole = Sight { class: Some(0x24_0414), ..half };
        assert_eq!(see(&mut scan, &whole).unwrap().standing, Standing::New);
        assert_eq!(scan.verdict(), None);
    }
}
