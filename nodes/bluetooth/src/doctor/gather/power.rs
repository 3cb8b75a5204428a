//! Undervoltage, where the firmware watches it: a Raspberry Pi does.

use std::path::Path;

use super::{super::Power, list};

/// Bits of `get_throttled`, from the Raspberry Pi documentation of `vcgencmd`.
const LOW_NOW: u32 = 1 << 0;
const LOW_BEFORE: u32 = 1 << 16;

pub(super) fn read(root: &Path) -> Option<Power> {
    throttled(root).or_else(|| alarm(root))
}

/// The firmware's own word.
fn throttled(root: &Path) -> Option<Power> {
    let text = super::read(&root.join("sys/devices/platform/soc/soc:firmware/get_throttled"))?;
    let bits = u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()?;
    Some(Power { low_now: bits & LOW_NOW != 0, low_before: bits & LOW_BEFORE != 0 })
}

/// The driver `rpi_volt`, whose alarm stays until the voltage has been right for a while.
fn alarm(root: &Path) -> Option<Power> {
    let class = root.join("sys/class/hwmon");
    let monitor = list(&class)?
        .into_iter()
        .map(|name| class.join(name))
        .find(|folder| super::read(&folder.join("name")).as_deref() == Some("rpi_volt"))?;
    let is_low = super::read(&monitor.join("in0_lcrit_alarm"))? != "0";
    Some(Power { low_now: is_low, low_before: is_low })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn both_ways_of_saying_so_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(read(root), None);
        let monitor = root.join("sys/class/hwmon/hwmon2");
        fs::create_dir_all(&monitor).unwrap();
        fs::write(monitor.join("name"), "rpi_volt\n").unwrap();
        fs::write(monitor.join("in0_lcrit_alarm"), "1\n").unwrap();
        assert_eq!(read(root), Some(Power { low_now: true, low_before: true }));
        let firmware = root.join("sys/devices/platform/soc/soc:firmware");
        fs::create_dir_all(&firmware).unwrap();
        for (text, low_now, low_before) in [("0", false, false), ("0x50000", false, true), ("50005\n", true, true)] {
            fs::write(firmware.join("get_throttled"), text).unwrap();
            assert_eq!(read(root), Some(Power { low_now, low_before }), "{text}");
        }
    }
}
