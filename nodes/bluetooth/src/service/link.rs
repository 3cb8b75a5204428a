//! From what `BlueZ` shows of a speaker at each moment to what happened to it.

use std::collections::BTreeSet;

use crate::{bluez::Objects, reconnect::Departure};

/// What is known of a speaker's connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    /// The transport to it, of those that were configured with an endpoint of ours.
    pub(super) transport: Option<String>,
    connected: bool,
    /// Whether this connection had a way for music.
    had_music: bool,
    /// How the connection ends, once somebody has said so.
    departure: Option<Departure>,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// There is a connection, and no way for music yet.
    Linked,
    /// The way for music is there.
    Up,
    /// The way for music is gone.
    Down,
    /// The connection is gone.
    Gone(Departure),
}

impl Link {
    /// Looks at the speaker's device and gives what happened since it was looked at last.
    pub(super) fn look(&mut self, objects: &Objects, device: Option<&str>, ours: &BTreeSet<String>) -> Vec<Happening> {
        let mut happenings = Vec::new();
        let shown = device.and_then(|path| objects.devices.get(path));
        let transport = device.and_then(|path| {
            let ours = objects.transports_of(path).find(|transport| ours.contains(*transport))?;
            Some(ours.to_owned())
        });
        let connected = shown.is_some_and(|device| device.sight.connected) || transport.is_some();
        if self.transport.is_some() && self.transport != transport {
            happenings.push(Happening::Down);
        }
        if self.connected && !connected {
            // What never came to music was no goodbye: BlueZ drops what is left over from a program that ended.
            let unsaid = if self.had_music { Departure::Unknown } else { Departure::LinkLost };
            happenings.push(Happening::Gone(self.departure.take().unwrap_or(unsaid)));
        }
        if !self.connected && connected {
            self.departure = None;
            self.had_music = false;
            if transport.is_none() {
                happenings.push(Happening::Linked);
            }
        }
        if transport.is_some() && self.transport != transport {
            happenings.push(Happening::Up);
        }
        self.had_music |= transport.is_some();
        self.transport = transport;
        self.connected = connected;
        happenings
    }

    /// Somebody says how the connection ends; the first one knows best.
    pub(super) fn is_ending(&mut self, departure: Departure) {
        self.departure.get_or_insert(departure);
    }

    /// Whether there is a connection, with or without music.
    pub(super) const fn is_connected(&self) -> bool {
        self.connected
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use zbus::zvariant::{ObjectPath, Value};

    use super::*;

    const SPEAKER: &str = "/org/bluez/hci0/dev_00_AA_01_01_00_FE";

    fn shown(objects: &mut Objects, path: &str, interface: &str, properties: &[(&str, Value<'_>)]) {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), value.try_to_owned().unwrap()));
        objects.add(path, &HashMap::from([(interface.to_owned(), properties.collect())]));
    }

    #[test]
    fn a_connection_is_followed_and_what_bluez_said_of_its_end_is_told() {
        let (mut objects, mut ours, mut link) = (Objects::default(), BTreeSet::new(), Link::default());
        let mut look = |objects: &Objects, ours: &BTreeSet<String>, said: Option<Departure>| {
            said.into_iter().for_each(|departure| link.is_ending(departure));
            link.look(objects, Some(SPEAKER), ours)
        };
        assert_eq!(look(&objects, &ours, None), []);
        shown(&mut objects, SPEAKER, "org.bluez.Device1", &[("Connected", true.into())]);
        assert_eq!(look(&objects, &ours, None), [Happening::Linked]);
        let device = ObjectPath::try_from(SPEAKER).unwrap();
        shown(&mut objects, "/t", "org.bluez.MediaTransport1", &[("Device", device.into())]);
        assert_eq!(look(&objects, &ours, None), [], "it is another program's");
        ours.insert("/t".into());
        assert_eq!(look(&objects, &ours, None), [Happening::Up]);
        assert_eq!(look(&objects, &ours, None), []);
        objects.remove("/t", &["org.bluez.MediaTransport1".into()]);
        assert_eq!(look(&objects, &ours, None), [Happening::Down]);
        shown(&mut objects, SPEAKER, "org.bluez.Device1", &[("Connected", false.into())]);
        let gone = Happening::Gone(Departure::LinkLost);
        assert_eq!(look(&objects, &ours, Some(Departure::LinkLost)), [gone]);
        // The next connection's end is another matter, and one without music no goodbye.
        let device = || ObjectPath::try_from(SPEAKER).unwrap();
        for (music, departure) in [(true, Departure::Unknown), (false, Departure::LinkLost)] {
            let mut objects = Objects::default();
            shown(&mut objects, SPEAKER, "org.bluez.Device1", &[("Connected", true.into())]);
            if music {
                shown(&mut objects, "/t", "org.bluez.MediaTransport1", &[("Device", device().into())]);
            }
            look(&objects, &ours, None);
            let told = look(&Objects::default(), &ours, None);
            assert_eq!(told.last(), Some(&Happening::Gone(departure)), "{told:?}");
        }
    }
}
