//! Other programs that use Bluetooth for sound. Two cannot share an adapter: whose endpoint a speaker gets is chance, and
//! one that registers for calls brings the sound of a telephone.

use std::{collections::BTreeSet, fs};

use zbus::{Connection, fdo::DBusProxy, names::BusName};

use super::{
    names::{AUDIO_SINK, AUDIO_SOURCE, CALLS},
    objects::Adapter,
};

/// The programs that were found, as a person knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Programs {
    /// Own a name on the bus that says so.
    named: BTreeSet<&'static str>,
    /// Run and are on the bus, which alone means nothing: desktops have them.
    running: BTreeSet<&'static str>,
}

impl Programs {
    /// Who holds an adapter so that it cannot be used, if anybody does. What it offers tells; where it is the `only` one,
    /// a program that is there for nothing else is taken to want it, too. `ours` is whether we have registered with it.
    pub(crate) fn holder(&self, adapter: &Adapter, only: bool, ours: bool) -> Option<String> {
        let foreign = adapter
            .services
            .iter()
            .any(|service| CALLS.contains(service) || *service == AUDIO_SINK || (*service == AUDIO_SOURCE && !ours));
        match (self.named.first(), foreign) {
            (Some(_), foreign) if foreign || only => Some(list(&self.named)),
            (_, true) if self.running.is_empty() => Some("a program of unknown name".into()),
            (_, true) => Some(list(&self.running)),
            _ => None,
        }
    }

    /// All of them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.named.union(&self.running).map(|name| (*name).to_owned()).collect()
    }
}

fn list(names: &BTreeSet<&'static str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// Whether a name on the bus belongs to such a program.
pub(super) fn is_of_interest(name: &str) -> bool {
    named(name).is_some()
}

/// Looks who is on the bus.
pub(super) async fn look(bus: &Connection) -> zbus::Result<Programs> {
    let dbus = DBusProxy::new(bus).await?;
    let mut found = Programs::default();
    for name in dbus.list_names().await? {
        if let Some(program) = named(name.as_str()) {
            found.named.insert(program);
        }
        if matches!(*name, BusName::Unique(_))
            && let Ok(process) = dbus.get_connection_unix_process_id(name.inner().to_owned()).await
            && let Ok(comm) = fs::read_to_string(format!("/proc/{process}/comm"))
            && let Some((_, program)) = PROCESSES.iter().find(|(name, _)| comm.trim_end() == *name)
        {
            found.running.insert(program);
        }
    }
    Ok(found)
}

fn named(name: &str) -> Option<&'static str> {
    let (_, program) = NAMES
        .iter()
        .find(|(known, _)| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))?;
    Some(program)
}

/// Names on the bus, also with a suffix.
const NAMES: [(&str, &str); 3] = [("org.bluealsa", "bluealsa"), ("org.ofono", "oFono"), ("org.hsphfpd", "hsphfpd")];

/// What the kernel calls their processes: the first 15 bytes.
const PROCESSES: [(&str, &str); 6] = [
    ("wireplumber", "PipeWire"),
    ("pipewire", "PipeWire"),
    ("pipewire-media-", "PipeWire"),
    ("pulseaudio", "PulseAudio"),
    ("bluealsa", "bluealsa"),
    ("ofonod", "oFono"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(services: &[u16]) -> Adapter {
        Adapter { services: services.to_vec(), ..Adapter::default() }
    }

    #[test]
    fn names_with_and_without_a_suffix_are_known() {
        assert_eq!(named("org.bluealsa"), Some("bluealsa"));
        assert_eq!(named("org.bluealsa.hci1"), Some("bluealsa"));
        assert_eq!(named("org.bluealsasomething"), None);
        assert_eq!(named("org.bluez"), None);
    }

    #[test]
    fn an_adapter_that_another_program_uses_is_held_and_a_second_one_is_free() {
        let programs = Programs { named: BTreeSet::from(["bluealsa"]), running: BTreeSet::new() };
        assert_eq!(programs.holder(&adapter(&[0x1200]), true, false).as_deref(), Some("bluealsa"));
        assert_eq!(programs.holder(&adapter(&[0x1200]), false, false), None);
        assert_eq!(programs.holder(&adapter(&[0x1112]), false, false).as_deref(), Some("bluealsa"));
    }

    #[test]
    fn a_desktop_whose_sound_server_leaves_bluetooth_alone_is_none() {
        let programs = Programs { named: BTreeSet::new(), running: BTreeSet::from(["PipeWire"]) };
        assert_eq!(programs.holder(&adapter(&[0x1200, 0x110c, 0x110e]), true, false), None);
        assert_eq!(programs.holder(&adapter(&[0x111f]), true, false).as_deref(), Some("PipeWire"));
        // What we have registered ourselves is no stranger's.
        assert_eq!(programs.holder(&adapter(&[AUDIO_SOURCE]), true, true), None);
        assert!(programs.holder(&adapter(&[AUDIO_SOURCE]), true, false).is_some());
    }
}
