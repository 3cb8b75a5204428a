//! Findings on adapters, and on whether `BlueZ` answers at all.

use super::{AdapterFacts, Facts, Finding, Level, Topic};
use crate::Failure;

/// CSR8510 and its many copies.
const CSR: (u16, u16) = (0x0a12, 0x0001);

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(Err(failure)) = facts.bluez {
        let topic = match failure {
            Failure::NoAdapter | Failure::AdapterOff => Topic::Adapter,
            Failure::NotPermitted => Topic::Permissions,
            Failure::OtherProgram => Topic::Programs,
            _ => Topic::Bluez,
        };
        findings.push(Finding::new(Level::Problem, topic, failure.cause(), failure.remedy()));
    }
    let Some(adapters) = &facts.adapters else {
        if !findings.iter().any(|finding| finding.what == Topic::Adapter) {
            findings.push(Finding::unknown(Topic::Adapter, "it is not known which adapters there are"));
        }
        return findings;
    };
    if adapters.is_empty() && !matches!(facts.bluez, Some(Err(Failure::NoAdapter))) {
        let failure = Failure::NoAdapter;
        findings.push(Finding::new(Level::Problem, Topic::Adapter, failure.cause(), failure.remedy()));
    }
    for adapter in adapters {
        findings.push(state(adapter));
        findings.extend(kind(adapter));
        findings.extend(load(adapter));
    }
    findings
}

fn state(adapter: &AdapterFacts) -> Finding {
    let name = describe(adapter);
    if adapter.hard_blocked == Some(true) {
        let finding = format!("{name} is switched off by a switch or key of the machine (rfkill, hard)");
        return Finding::new(
            Level::Problem,
            Topic::Adapter,
            finding,
            "find that switch, or look into the firmware's setup",
        );
    }
    if adapter.soft_blocked == Some(true) {
        let finding = format!("{name} is switched off by software (rfkill, soft)");
        return Finding::new(Level::Problem, Topic::Adapter, finding, "rfkill unblock bluetooth");
    }
    match adapter.powered {
        Some(false) => Finding::new(Level::Problem, Topic::Adapter, format!("{name} is off"), "bluetoothctl power on"),
        Some(true) => Finding::fine(Topic::Adapter, format!("{name} is on")),
        None => Finding::unknown(Topic::Adapter, format!("{name} is there; whether it is on is not known")),
    }
}

fn kind(adapter: &AdapterFacts) -> Option<Finding> {
    let name = &adapter.name;
    if adapter.usb == Some(CSR) {
        let finding = format!("{name} is a CSR8510 or a copy of one; these lose streams, with two speakers above all");
        return Some(Finding::new(Level::Warning, Topic::Adapter, finding, "an adapter with RTL8761B does better"));
    }
    if adapter.driver.as_deref().is_some_and(|driver| driver.starts_with("hci_uart")) {
        let finding = format!("{name} shares its radio (and mostly its antenna) with this machine's Wi-Fi");
        return Some(Finding::new(
            Level::Note,
            Topic::Adapter,
            finding,
            "if the sound breaks up: Wi-Fi on 5 GHz, Ethernet, or a USB adapter on a short cable",
        ));
    }
    None
}

fn load(adapter: &AdapterFacts) -> Vec<Finding> {
    let name = &adapter.name;
    let mut findings = Vec::new();
    if adapter.discovering == Some(true) && adapter.streams.is_some_and(|streams| streams > 0) {
        findings.push(Finding::new(
            Level::Warning,
            Topic::Adapter,
            format!("{name} looks for devices while it carries music; that starves the music"),
            "end the scan; another program may do it (an open bluetoothctl, a desktop's Bluetooth settings)",
        ));
    }
    if adapter.streams.is_some_and(|streams| streams > 1) {
        findings.push(Finding::new(
            Level::Warning,
            Topic::Adapter,
            format!("{name} carries more than one stream"),
            "if the sound breaks up, give each speaker an adapter of its own",
        ));
    }
    findings
}

fn describe(adapter: &AdapterFacts) -> String {
    let mut text = adapter.name.clone();
    if let Some(address) = adapter.address {
        text = format!("{text} {address}");
    }
    if let Some(driver) = &adapter.driver {
        text = format!("{text} ({driver})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(adapter: AdapterFacts) -> String {
        let facts = Facts { adapters: Some(vec![adapter]), ..Facts::default() };
        findings(&facts).iter().map(|finding| format!("{:?} {finding}\n", finding.level)).collect()
    }

    #[test]
    fn each_way_in_which_an_adapter_is_off_is_told_apart() {
        let hci0 = AdapterFacts { name: "hci0".into(), ..AdapterFacts::default() };
        assert!(
            of(AdapterFacts { hard_blocked: Some(true), ..hci0.clone() })
                .contains("Problem adapter: hci0 is switched off by a switch")
        );
        assert!(of(AdapterFacts { soft_blocked: Some(true), ..hci0.clone() }).contains("rfkill unblock bluetooth"));
        assert!(of(AdapterFacts { powered: Some(false), ..hci0.clone() }).contains("bluetoothctl power on"));
        assert!(of(AdapterFacts { powered: Some(true), ..hci0 }).contains("Fine adapter: hci0 is on"));
    }

    #[test]
    fn a_scan_beside_music_and_a_bad_dongle_are_warned_of() {
        let text = of(AdapterFacts {
            name: "hci1".into(),
            usb: Some(CSR),
            discovering: Some(true),
            streams: Some(2),
            ..AdapterFacts::default()
        });
        assert!(
            text.contains("CSR8510") && text.contains("starves") && text.contains("more than one stream"),
            "{text}"
        );
    }

    #[test]
    fn no_adapter_and_no_bluez_are_problems_each_with_its_remedy() {
        let none = Facts { adapters: Some(Vec::new()), ..Facts::default() };
        assert_eq!(findings(&none)[0].level, Level::Problem);
        for failure in [Failure::NoBluez, Failure::NoAdapter, Failure::NotPermitted, Failure::OtherProgram] {
            let facts = Facts { bluez: Some(Err(failure)), adapters: Some(Vec::new()), ..Facts::default() };
            let found = findings(&facts);
            assert_eq!(found[0].remedy.as_deref(), Some(failure.remedy()));
        }
    }
}
