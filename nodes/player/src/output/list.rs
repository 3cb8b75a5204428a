//! The outputs of this machine.

use super::{OutputSpec, alsa, cpal};

/// An output that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What [`OutputSpec`] parses; the same after a restart of the machine.
    pub id: String,
    /// What a person calls it.
    pub description: String,
    /// Whether it can be opened now, as far as can be seen without opening it.
    pub available: bool,
}

impl Device {
    /// Whether it is the sound of a screen: there on nearly every machine, and mostly with nobody to hear it.
    fn is_screen(&self) -> bool {
        let names = format!("{} {}", self.id, self.description).to_lowercase();
        ["hdmi", "displayport"].iter().any(|name| names.contains(name))
    }
}

/// Every output of this machine: hardware first, the model last, which is always there. Not real-time.
pub fn list() -> Vec<Device> {
    let mut devices = alsa::playback_devices();
    let has_default = alsa::has_default();
    if has_default {
        devices.push(Device {
            id: String::from("alsa:default"),
            description: String::from("What ALSA is set to use; may be mixed and resampled"),
            available: true,
        });
    }
    let plays = has_default || !devices.is_empty();
    devices.extend(cpal::devices(plays));
    devices.push(Device {
        id: String::from("model"),
        description: String::from("A converter that is only computed; nothing is heard"),
        available: true,
    });
    devices
}

/// What `auto` means where there are these cards: what it meant `before` if that is one of them, so that no other is taken
/// for it while it is busy; else the first that is free, else the first. Screens have their turn where there is nothing
/// else, and never for a card that is gone: it would not be gone back to.
pub(super) fn automatic(cards: &[Device], before: &OutputSpec) -> Option<OutputSpec> {
    let name = before.to_string();
    let known = cards.iter().find(|card| card.id == name);
    let is_screen = *before == OutputSpec::Auto && cards.iter().all(Device::is_screen);
    let mut eligible = cards.iter().filter(|card| is_screen || !card.is_screen());
    let first = eligible.clone().next();
    let chosen = known.or_else(|| eligible.find(|card| card.available)).or(first);
    chosen.and_then(|card| card.id.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_output_can_be_asked_for_and_the_model_is_always_there() {
        let devices = list();
        for device in &devices {
            assert!(device.id.parse::<OutputSpec>().is_ok(), "{device:?}");
            assert!(!device.description.contains('\n'), "{device:?}");
        }
        assert_eq!(devices.last().map(|device| device.id.as_str()), Some("model"));
    }

    fn card(name: &str, available: bool) -> Device {
        Device { id: format!("alsa:hw:CARD={name},DEV=0"), description: format!("{name}, Audio"), available }
    }

    /// Which card `auto` means, where it meant one before or none yet.
    fn chosen(cards: &[Device], before: Option<&str>) -> Option<String> {
        let before = before.map_or(OutputSpec::Auto, |name| card(name, true).id.parse().unwrap());
        let chosen = automatic(cards, &before)?.to_string();
        cards.iter().find(|card| card.id == chosen).and_then(|card| card.description.split(',').next().map(Into::into))
    }

    #[test]
    fn auto_is_a_card_that_is_free_and_stays_the_same_one_while_that_is_there() {
        let cards = [card("Onboard", false), card("DAC", true)];
        assert_eq!(chosen(&cards, None).as_deref(), Some("DAC"));
        assert_eq!(chosen(&cards, Some("Onboard")).as_deref(), Some("Onboard"));
        assert_eq!(chosen(&cards[..1], None).as_deref(), Some("Onboard"), "it may be free when it is opened");
        assert_eq!(chosen(&[], Some("DAC")), None, "and never the model");
    }

    #[test]
    fn auto_is_a_screen_only_where_there_has_been_nothing_else() {
        let named = |description: &str| Device { description: description.into(), ..card("NVidia", true) };
        for screen in [card("vc4hdmi0", true), named("HDA NVidia, HDMI 0"), named("Tegra, DisplayPort 1")] {
            let cards = [screen.clone(), card("DAC", false)];
            assert_eq!(chosen(&cards, None).as_deref(), Some("DAC"), "{screen:?}");
            assert_eq!(chosen(&cards[..1], Some("DAC")), None, "{screen:?}");
            assert!(chosen(&cards[..1], None).is_some(), "{screen:?}");
        }
    }
}
