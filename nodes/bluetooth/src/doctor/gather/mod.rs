//! What the machine's files say. Each reader takes the root of the file system, so that tests can build their own.

mod adapters;
mod limits;
mod power;
mod processes;
mod wifi;

use std::{fs, path::Path};

use super::{Evidence, Facts, Holder};

impl Facts {
    /// What can be known without `BlueZ`. It reads files and asks `iw` for bands, if that is there; a few milliseconds.
    pub fn gather() -> Self {
        let mut facts = Self::gather_from(Path::new("/"));
        if let Some(networks) = &mut facts.wifi {
            wifi::ask_iw(networks);
        }
        facts
    }

    /// What the files under a root say.
    pub fn gather_from(root: &Path) -> Self {
        Self {
            kernel: read(&root.join("proc/sys/kernel/osrelease")),
            adapters: adapters::read_all(root),
            programs: processes::read(root),
            wifi: wifi::read_all(root),
            power: power::read(root),
            permissions: limits::read(root),
            ..Self::default()
        }
    }

    /// Adds the programs that a bus has names of.
    pub fn note_bus_names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let programs = self.programs.get_or_insert_default();
        for holder in names.into_iter().filter_map(Holder::of_bus_name) {
            let evidence = programs.entry(holder).or_insert(Evidence::BusName);
            *evidence = (*evidence).max(Evidence::BusName);
        }
    }
}

/// Looks at one process. `None` if it takes no Bluetooth sound.
pub(crate) fn process(number: u32) -> Option<(Holder, Evidence)> {
    processes::look(&Path::new("/proc").join(number.to_string()))
}

/// A file's text without the white space around it; `None` if it cannot be read or is empty.
fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The names in a folder, in order; `None` if it cannot be read.
fn list(folder: &Path) -> Option<Vec<String>> {
    let mut names: Vec<_> =
        fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Some(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{
        super::{Permissions, Power},
        *,
    };

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A Raspberry Pi with everything against it.
    fn pi() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "proc/sys/kernel/osrelease", "6.1.0-rpi7\n");
        write(root, "sys/devices/usb1/1-1/idVendor", "0a12\n");
        write(root, "sys/devices/usb1/1-1/idProduct", "0001\n");
        write(root, "sys/devices/usb1/1-1/1-1:1.0/bluetooth/hci0/rfkill1/soft", "1\n");
        write(root, "sys/devices/usb1/1-1/1-1:1.0/bluetooth/hci0/rfkill1/hard", "0\n");
        write(root, "sys/bus/usb/drivers/btusb/module", "");
        fs::create_dir_all(root.join("sys/class/bluetooth")).unwrap();
        let hci0 = root.join("sys/devices/usb1/1-1/1-1:1.0/bluetooth/hci0");
        symlink(root.join("sys/devices/usb1/1-1/1-1:1.0"), hci0.join("device")).unwrap();
        symlink(root.join("sys/bus/usb/drivers/btusb"), root.join("sys/devices/usb1/1-1/1-1:1.0/driver")).unwrap();
        symlink(&hci0, root.join("sys/class/bluetooth/hci0")).unwrap();
        write(root, "sys/class/bluetooth/hci0:256", "");
        write(root, "proc/1/comm", "systemd\n");
        write(root, "proc/40/comm", "wireplumber\n");
        write(root, "proc/40/maps", "7f00 r-xp /usr/lib/spa-0.2/bluez5/libspa-bluez5.so\n");
        write(root, "proc/41/comm", "pipewire\n");
        write(root, "proc/41/maps", "7f00 r-xp /usr/lib/libc.so\n");
        write(root, "proc/42/comm", "pulseaudio\n");
        write(root, "proc/43/comm", "bluealsa\n");
        write(root, "sys/class/net/lo/operstate", "unknown\n");
        write(root, "sys/class/net/wlan0/phy80211/name", "phy0\n");
        write(root, "sys/class/net/wlan0/operstate", "up\n");
        write(root, "sys/class/net/wlan0/statistics/tx_packets", "1000\n");
        write(
            root,
            "proc/net/wireless",
            "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n \
             face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n \
             wlan0: 0000   38.  -72.  -256        0      0      0     35      0        0\n",
        );
        write(root, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n");
        write(root, "proc/self/status", "Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nGroups:\t20 29 \n");
        write(root, "etc/group", "root:x:0:\naudio:x:29:\nbluetooth:x:112:pi\n");
        write(
            root,
            "proc/self/limits",
            "Limit                     Soft Limit           Hard Limit           Units     \n\
             Max nice priority         0                    0                    \n\
             Max realtime priority     0                    95                   \n",
        );
        folder
    }

    #[test]
    fn what_a_machines_files_say_is_understood() {
        let folder = pi();
        let facts = Facts::gather_from(folder.path());
        assert_eq!(facts.kernel.as_deref(), Some("6.1.0-rpi7"));
        let adapters = facts.adapters.unwrap();
        assert_eq!(adapters.len(), 1);
        assert_eq!(adapters[0].name, "hci0");
        assert_eq!(adapters[0].driver.as_deref(), Some("btusb"));
        assert_eq!(adapters[0].usb, Some((0x0a12, 1)));
        assert_eq!((adapters[0].soft_blocked, adapters[0].hard_blocked), (Some(true), Some(false)));
        // PipeWire's maps can be read, and have no Bluetooth part; PulseAudio's cannot.
        assert_eq!(
            facts.programs.unwrap().into_iter().collect::<Vec<_>>(),
            [
                (Holder::WirePlumber, Evidence::BluetoothPart),
                (Holder::PulseAudio, Evidence::Process),
                (Holder::BlueAlsa, Evidence::Process)
            ]
        );
        let wifi = facts.wifi.unwrap();
        assert_eq!(wifi.len(), 1);
        assert_eq!(wifi[0].signal_dbm, Some(-72));
        assert_eq!((wifi[0].excessive_retries, wifi[0].sent), (Some(35), Some(1_000)));
        assert_eq!(facts.power, Some(Power { low_now: true, low_before: true }));
        let expected = Permissions {
            is_root: Some(false),
            in_bluetooth_group: Some(false),
            in_container: Some(false),
            realtime_priority: Some(0),
        };
        assert_eq!(facts.permissions, expected);
    }

    #[test]
    fn where_there_are_no_files_nothing_is_claimed() {
        let folder = tempfile::tempdir().unwrap();
        let facts = Facts::gather_from(folder.path());
        assert_eq!(facts.programs, None);
        assert_eq!(facts.wifi, None);
        assert_eq!(facts.power, None);
        assert_eq!(facts.permissions.is_root, None);
        // A kernel without Bluetooth has no such folder: no adapter, or no way to see one.
        assert_eq!(facts.adapters, None);
    }

    #[test]
    fn names_on_the_bus_are_added_and_never_weaken_what_is_known() {
        let programs = Some([(Holder::PulseAudio, Evidence::BluetoothPart)].into());
        let mut facts = Facts { programs, ..Facts::default() };
        facts.note_bus_names(["org.bluez", "org.pulseaudio.Server", "org.ofono"]);
        let programs = facts.programs.unwrap();
        assert_eq!(programs[&Holder::PulseAudio], Evidence::BluetoothPart);
        assert_eq!(programs[&Holder::Ofono], Evidence::BusName);
        assert_eq!(programs.len(), 2);
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let facts = Facts::gather();
        assert!(facts.kernel.is_some());
        assert!(facts.permissions.realtime_priority.is_some());
        assert!(super::super::diagnose(&facts).len() >= super::super::Topic::ALL.len());
    }
}
