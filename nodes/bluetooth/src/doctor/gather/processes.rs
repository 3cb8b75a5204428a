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
    let processes = list(&proc)?.into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    for (holder, evidence) in processes.filter_map(|process| look(&proc.join(process))) {
        let known = found.entry(holder).or_insert(evidence);
        *known = evidence.max(*known);
    }
    Some(found)
}

/// Looks at one process, by its folder. `None` if it is none of those, or known to have no Bluetooth part.
pub(super) fn look(folder: &Path) -> Option<(Holder, Evidence)> {
    let holder = Holder::of_process(&super::read(&folder.join("comm"))?)?;
    let evidence = match fs::read(folder.join("maps")) {
        // The kernel's threads and processes that have ended have none.
        Ok(maps) if maps.is_empty() => Evidence::Process,
        Ok(maps) if contains(&maps, LIBRARY) => Evidence::BluetoothPart,
        Ok(_) if !matches!(holder, Holder::BlueAlsa | Holder::Ofono) => return None,
        _ => Evidence::Process,
    };
    Some((holder, evidence))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
