//! Programs that take Bluetooth sound, in `/proc`.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    super::{Evidence, Holder},
    list,
};

/// Part of the names of the libraries that make a sound server take Bluetooth: `libspa-bluez5.so`, `module-bluez5-….so`.
const LIBRARY: &str = "bluez5";

pub(super) fn read(root: &Path) -> Option<BTreeMap<Holder, Evidence>> {
    let proc = root.join("proc");
    let mut found = BTreeMap::new();
    for process in list(&proc)?.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let folder = proc.join(process);
        let Some(holder) = read_name(&folder) else {
            continue;
        };
        let evidence = match fs::read(folder.join("maps")) {
            // The kernel's threads and processes that have ended have none.
            Ok(maps) if maps.is_empty() => Evidence::Process,
            Ok(maps) if contains(&maps, LIBRARY) => Evidence::BluetoothPart,
            Ok(_) if !matches!(holder, Holder::BlueAlsa | Holder::Ofono) => continue,
            _ => Evidence::Process,
        };
        let known = found.entry(holder).or_insert(evidence);
        *known = evidence.max(*known);
    }
    Some(found)
}

fn read_name(folder: &Path) -> Option<Holder> {
    Holder::of_process(&super::read(&folder.join("comm"))?)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
