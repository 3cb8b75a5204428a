//! Other programs that use Bluetooth for sound. Two cannot share an adapter: whose endpoint a speaker gets is chance, and
//! one that registers for calls brings the sound of a telephone.

use std::collections::{BTreeMap, BTreeSet};

use zbus::{Connection, fdo::DBusProxy, names::BusName};

use super::{
    names::{AUDIO, CALLS},
    objects::Adapter,
};
use crate::doctor::{self, Evidence, Facts, Holder, is_telling};

/// The programs on the bus that may, and by what they were noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Programs(BTreeMap<Holder, Evidence>);

impl Programs {
    /// Who holds an adapter so that it cannot be used, if anybody does. What it offers tells; where it is the `only` one,
    /// a program that is there for nothing else is taken to want it, too. `ours` is whether we have registered with it.
    pub(crate) fn holder(&self, adapter: &Adapter, only: bool, ours: bool) -> Option<String> {
        let telling: BTreeSet<_> =
            self.0.iter().filter(|(holder, by)| is_telling(**holder, **by)).map(|(holder, _)| holder.name()).collect();
        let others = adapter.services_of_others(ours);
        let foreign = others.iter().any(|service| CALLS.contains(service) || AUDIO.contains(service));
        let all = || self.0.keys().map(|holder| holder.name()).collect();
        match foreign {
            true if self.0.is_empty() => Some("a program of unknown name".into()),
            true if telling.is_empty() => Some(list(&all())),
            false if !only || telling.is_empty() => None,
            _ => Some(list(&telling)),
        }
    }

    /// Adds them to what the doctor knows.
    pub(crate) fn note(&self, facts: &mut Facts) {
        let known = facts.programs.get_or_insert_default();
        for (holder, evidence) in &self.0 {
            let known = known.entry(*holder).or_insert(*evidence);
            *known = (*known).max(*evidence);
        }
    }
}

fn list(names: &BTreeSet<&'static str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// Whether a name on the bus belongs to such a program.
pub(super) fn is_of_interest(name: &str) -> bool {
    Holder::of_bus_name(name).is_some()
}

/// Looks who is on the bus, by their names and by their processes.
pub(super) async fn look(bus: &Connection) -> zbus::Result<Programs> {
    let dbus = DBusProxy::new(bus).await?;
    let mut found = BTreeMap::new();
    for name in dbus.list_names().await? {
        let noticed = match &*name {
            BusName::WellKnown(name) => Holder::of_bus_name(name).map(|holder| (holder, Evidence::BusName)),
            // One that has left meanwhile has no process.
            BusName::Unique(_) => {
                dbus.get_connection_unix_process_id(name.inner().to_owned()).await.ok().and_then(doctor::process)
            }
        };
        if let Some((holder, evidence)) = noticed {
            let known = found.entry(holder).or_insert(evidence);
            *known = evidence.max(*known);
        }
    }
    Ok(Programs(found))
}

#[cfg(test)]
mod tests {
    use super::{super::names::AUDIO_SOURCE, *};

    fn adapter(services: &[u16]) -> Adapter {
        Adapter { services: services.to_vec(), ..Adapter::default() }
    }

    #[test]
    fn an_adapter_that_another_program_uses_is_held_and_a_second_one_is_free() {
        let programs = Programs([(Holder::BlueAlsa, Evidence::BusName)].into());
        assert_eq!(programs.holder(&adapter(&[0x1200]), true, false).as_deref(), Some("bluealsa"));
        assert_eq!(programs.holder(&adapter(&[0x1200]), false, false), None);
        assert_eq!(programs.holder(&adapter(&[0x1112]), false, false).as_deref(), Some("bluealsa"));
    }

    #[test]
    fn a_desktop_whose_sound_server_leaves_bluetooth_alone_is_none() {
        let programs = Programs([(Holder::PipeWire, Evidence::Process)].into());
        assert_eq!(programs.holder(&adapter(&[0x1200, 0x110c, 0x110e]), true, false), None);
        assert_eq!(programs.holder(&adapter(&[0x111f]), true, false).as_deref(), Some("PipeWire"));
        // What we have registered ourselves is no stranger's.
        assert_eq!(programs.holder(&adapter(&[AUDIO_SOURCE]), true, true), None);
        assert!(programs.holder(&adapter(&[AUDIO_SOURCE]), true, false).is_some());
        let loaded = Programs([(Holder::PipeWire, Evidence::BluetoothPart)].into());
        assert!(loaded.holder(&adapter(&[]), true, false).is_some());
    }
}
