//! Wireless networks: `/sys/class/net`, `/proc/net/wireless`, and `iw` for the band, which no file tells.

use std::{path::Path, process::Command};

use super::{super::WifiFacts, list, read};

pub(super) fn read_all(root: &Path) -> Option<Vec<WifiFacts>> {
    let class = root.join("sys/class/net");
    let table = read(&root.join("proc/net/wireless")).unwrap_or_default();
    let mut networks = Vec::new();
    for interface in list(&class)? {
        let folder = class.join(&interface);
        let is_wireless = folder.join("phy80211").exists() || folder.join("wireless").exists();
        if !is_wireless || read(&folder.join("operstate")).as_deref() != Some("up") {
            continue;
        }
        let sent = read(&folder.join("statistics/tx_packets")).and_then(|text| text.parse().ok());
        let (signal_dbm, excessive_retries) = row(&table, &interface);
        networks.push(WifiFacts { interface, frequency_mhz: None, signal_dbm, excessive_retries, sent });
    }
    Some(networks)
}

/// Adds what `iw dev` says, if there is such a program.
pub(super) fn ask_iw(networks: &mut [WifiFacts]) {
    if networks.is_empty() {
        return;
    }
    // It is in a folder that is not on every user's path.
    let answer =
        ["iw", "/usr/sbin/iw", "/sbin/iw"].iter().find_map(|program| Command::new(program).arg("dev").output().ok());
    let Some(answer) = answer.filter(|answer| answer.status.success()) else {
        return;
    };
    let text = String::from_utf8_lossy(&answer.stdout);
    for network in networks {
        network.frequency_mhz = frequency(&text, &network.interface);
    }
}

/// The level (dBm) and the packets given up, of an interface's line in `/proc/net/wireless`.
fn row(table: &str, interface: &str) -> (Option<i32>, Option<u64>) {
    let mut rows = table.lines().filter_map(|line| line.split_once(':'));
    let Some((_, row)) = rows.find(|(name, _)| name.trim() == interface) else {
        return (None, None);
    };
    // status link level noise | nwid crypt frag retry misc | beacon
    let columns: Vec<_> = row.split_whitespace().map(|column| column.trim_end_matches('.')).collect();
    let level = columns.get(2).and_then(|text| text.parse().ok()).filter(|level| *level < 0);
    let retry = columns.get(7).and_then(|text| text.parse().ok());
    (level, retry)
}

/// The frequency (MHz) of an interface, of what `iw dev` prints: `channel 6 (2437 MHz), width: …` under `Interface wlan0`.
fn frequency(text: &str, interface: &str) -> Option<u32> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| line.strip_prefix("Interface ") != Some(interface));
    lines.next()?;
    let channel = lines.take_while(|line| !line.starts_with("Interface ")).find(|line| line.starts_with("channel "))?;
    channel.split_once('(')?.1.split_once(" MHz")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iw_says_which_band_an_interface_is_on() {
        let text = "phy#0\n\tInterface p2p\n\t\ttype P2P-device\n\tInterface wlan0\n\t\tifindex 3\n\t\tssid home (2 MHz)\n\
                    \t\tchannel 6 (2437 MHz), width: 20 MHz, center1: 2437 MHz\n\tInterface wlan1\n\t\tchannel 36 (5180 MHz)\n";
        assert_eq!(frequency(text, "wlan0"), Some(2_437));
        assert_eq!(frequency(text, "wlan1"), Some(5_180));
        assert_eq!(frequency(text, "p2p"), None);
        assert_eq!(frequency(text, "eth0"), None);
        assert_eq!(frequency("", "wlan0"), None);
    }

    #[test]
    fn a_driver_that_gives_no_decibels_gives_no_signal() {
        assert_eq!(row(" wlan0: 0000   60.  50.  0.   0 0 0 7 0 0", "wlan0"), (None, Some(7)));
        assert_eq!(row(" wlan0: 0000", "wlan0"), (None, None));
    }
}
