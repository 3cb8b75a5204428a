//! Adapters in `/sys/class/bluetooth`.

use std::{fs, path::Path};

use super::{super::AdapterFacts, list, read};

pub(super) fn read_all(root: &Path) -> Option<Vec<AdapterFacts>> {
    let class = root.join("sys/class/bluetooth");
    let names = list(&class)?;
    // `hci0:256` is a connection.
    let adapters = names.iter().filter(|name| name.starts_with("hci") && !name.contains(':'));
    Some(adapters.map(|name| read_one(&class.join(name), name)).collect())
}

fn read_one(folder: &Path, name: &str) -> AdapterFacts {
    let device = folder.join("device");
    let driver = fs::read_link(device.join("driver")).ok();
    let driver = driver.and_then(|path| path.file_name()?.to_str().map(str::to_owned));
    // A USB adapter is an interface of a device, whose numbers are one folder up.
    let usb = device.canonicalize().ok().and_then(|path| {
        let parent = path.parent()?;
        Some((hexadecimal(&parent.join("idVendor"))?, hexadecimal(&parent.join("idProduct"))?))
    });
    let rfkill = list(folder).into_iter().flatten().find(|entry| entry.starts_with("rfkill"));
    let blocked = |kind: &str| {
        let file = folder.join(rfkill.as_ref()?).join(kind);
        read(&file).map(|text| text != "0")
    };
    AdapterFacts {
        name: name.to_owned(),
        driver,
        usb,
        soft_blocked: blocked("soft"),
        hard_blocked: blocked("hard"),
        ..AdapterFacts::default()
    }
}

fn hexadecimal(path: &Path) -> Option<u16> {
    u16::from_str_radix(&read(path)?, 16).ok()
}
