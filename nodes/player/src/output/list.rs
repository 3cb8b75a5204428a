//! The outputs of this machine.

use super::{OutputSpec, alsa, cpal, spec::ModelSpec};

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

/// What `auto` means here and now: the first hardware device that is free, else the first, else the model.
pub(super) fn automatic() -> OutputSpec {
    let devices = alsa::playback_devices();
    let free = devices.iter().find(|device| device.available);
    let chosen = free.or(devices.first()).and_then(|device| device.id.parse().ok());
    chosen.unwrap_or_else(|| OutputSpec::Model(ModelSpec::default()))
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
}
