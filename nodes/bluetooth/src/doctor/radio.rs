//! Findings on the air: Wi-Fi beside Bluetooth, and what controllers say of links to speakers.

use unisono_core::words::count;

use super::{Facts, Finding, Level, LinkFacts, StreamFacts, Topic, WifiFacts};

/// Below this a Wi-Fi station repeats a lot.
const WEAK_WIFI_DBM: i32 = -72;
/// Wi-Fi packets given up, of those sent: from here on it shows.
const MANY_RETRIES: f64 = 0.01;
/// Below the golden range by so much, a link begins to repeat (decibels).
const WEAK_LINK: i8 = -10;
/// A room plays clean with less than a thousandth of its packets lost.
const MANY_DROPS: f64 = 0.001;
/// Adaptive hopping has to keep 20 of 79 channels; at half of them, a good part of the band is taken.
const FEW_CHANNELS: u32 = 40;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = wifi(facts.wifi.as_deref());
    let links = facts.links.as_deref().unwrap_or_default();
    let streams = facts.streams.as_deref().unwrap_or_default();
    findings.extend(or_unknown(
        links.iter().filter_map(signal).collect(),
        Topic::Signal,
        "how strong speakers are heard is not known (none is connected, or this machine keeps it to itself)",
    ));
    let wifi_retries = facts.wifi.iter().flatten().filter_map(retries_of_wifi);
    let retries = wifi_retries.chain(links.iter().filter_map(retries_of_link)).chain(streams.iter().filter_map(drops));
    findings.extend(or_unknown(retries.collect(), Topic::Retries, "nothing is known of what had to be sent again"));
    findings.extend(or_unknown(
        links.iter().filter_map(channels).collect(),
        Topic::Channels,
        "which channels adaptive hopping uses is not known (no speaker is connected, or this machine keeps it to itself)",
    ));
    findings
}

fn or_unknown(findings: Vec<Finding>, topic: Topic, otherwise: &str) -> Vec<Finding> {
    if findings.is_empty() { vec![Finding::unknown(topic, otherwise)] } else { findings }
}

fn wifi(networks: Option<&[WifiFacts]>) -> Vec<Finding> {
    let Some(networks) = networks else {
        return vec![Finding::unknown(Topic::Wifi, "it is not known whether this machine uses Wi-Fi")];
    };
    if networks.is_empty() {
        return vec![Finding::fine(Topic::Wifi, "this machine uses no Wi-Fi")];
    }
    let mut findings = Vec::new();
    for network in networks {
        let name = &network.interface;
        findings.push(match network.frequency_mhz {
            Some(mhz @ 2_400..2_500) => Finding::new(
                Level::Warning,
                Topic::Wifi,
                format!("{name} is on 2.4 GHz ({mhz} MHz), where Bluetooth is"),
                "use 5 GHz or Ethernet for this machine; failing that, a USB Bluetooth adapter away from it",
            ),
            Some(mhz) => Finding::fine(Topic::Wifi, format!("{name} is on {mhz} MHz, away from Bluetooth")),
            None => Finding::new(
                Level::Note,
                Topic::Wifi,
                format!("{name} is connected; on which band is not known"),
                "iw dev shows it; 2.4 GHz disturbs Bluetooth",
            ),
        });
        if network.signal_dbm.is_some_and(|signal| signal < WEAK_WIFI_DBM) {
            let signal = network.signal_dbm.unwrap_or_default();
            findings.push(Finding::new(
                Level::Warning,
                Topic::Wifi,
                format!("{name} hears its access point only weakly ({signal} dBm) and so is long on the air"),
                "move the machine or the access point, or use Ethernet",
            ));
        }
    }
    findings
}

fn signal(link: &LinkFacts) -> Option<Finding> {
    let rssi = link.rssi?;
    let quality = link.quality.map(|quality| format!(", link quality {quality} of 255")).unwrap_or_default();
    let at = format!("{}: {rssi} dB beside the best range{quality}", link.address);
    Some(if rssi <= WEAK_LINK {
        let remedy =
            "bring the speaker and the adapter nearer; a USB adapter on a cable gets out of the machine's shadow";
        Finding::new(Level::Warning, Topic::Signal, format!("{at}; that is weak"), remedy)
    } else {
        Finding::fine(Topic::Signal, at)
    })
}

fn channels(link: &LinkFacts) -> Option<Finding> {
    let count = link.channel_count()?;
    let at = format!("{}: {count} of 79 channels in use", link.address);
    Some(if count < FEW_CHANNELS {
        let remedy = "Wi-Fi or something else fills the band: 5 GHz or Ethernet for what is near, and the channels 1, 6, 11 \
                      apart for the rest";
        Finding::new(Level::Warning, Topic::Channels, at, remedy)
    } else {
        Finding::fine(Topic::Channels, at)
    })
}

fn retries_of_link(link: &LinkFacts) -> Option<Finding> {
    let failed = link.failed_contacts?;
    let at = format!("{}: nothing came back in time {} since it is connected", link.address, count(failed, "time"));
    Some(if failed > 0 {
        Finding::new(Level::Note, Topic::Retries, at, "if it grows while music plays, bring the speaker nearer")
    } else {
        Finding::fine(Topic::Retries, at)
    })
}

fn retries_of_wifi(network: &WifiFacts) -> Option<Finding> {
    let retries = network.excessive_retries?;
    let name = &network.interface;
    let at = format!("{name}: {} given up after many attempts", count(retries, "packet"));
    let share = network.sent.map(|sent| ratio(retries, sent));
    Some(if share.is_some_and(|share| share > MANY_RETRIES) {
        let remedy = "Wi-Fi and Bluetooth get in each other's way: 5 GHz, Ethernet, or a USB Bluetooth adapter";
        Finding::new(Level::Warning, Topic::Retries, at, remedy)
    } else {
        Finding::fine(Topic::Retries, at)
    })
}

fn drops(stream: &StreamFacts) -> Option<Finding> {
    if stream.packets == 0 {
        return None;
    }
    let share = ratio(stream.dropped, stream.packets + stream.dropped);
    let at =
        format!("{}: {} of {} found the link full", stream.address, stream.dropped, count(stream.packets, "packet"));
    Some(if share > MANY_DROPS {
        let remedy = "the radio does not keep up: nearer, less Wi-Fi on 2.4 GHz, one speaker per adapter";
        Finding::new(Level::Warning, Topic::Retries, at, remedy)
    } else {
        Finding::fine(Topic::Retries, at)
    })
}

#[expect(clippy::cast_precision_loss, reason = "compared with a threshold only")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    const SPEAKER: Address = Address([0, 1, 2, 3, 4, 5]);

    fn levels(facts: &Facts) -> Vec<(Topic, Level)> {
        findings(facts).iter().map(|finding| (finding.what, finding.level)).collect()
    }

    #[test]
    fn wifi_is_warned_of_where_bluetooth_is() {
        let on = |frequency_mhz, signal_dbm| Facts {
            wifi: Some(vec![WifiFacts {
                interface: "wlan0".into(),
                frequency_mhz,
                signal_dbm,
                ..WifiFacts::default()
            }]),
            ..Facts::default()
        };
        assert!(levels(&on(Some(2_437), None)).contains(&(Topic::Wifi, Level::Warning)));
        assert!(levels(&on(Some(5_180), Some(-50))).contains(&(Topic::Wifi, Level::Fine)));
        assert!(levels(&on(Some(5_180), Some(-80))).contains(&(Topic::Wifi, Level::Warning)));
        assert!(levels(&on(None, None)).contains(&(Topic::Wifi, Level::Note)));
        let none = Facts { wifi: Some(Vec::new()), ..Facts::default() };
        assert!(levels(&none).contains(&(Topic::Wifi, Level::Fine)));
    }

    #[test]
    fn a_weak_link_few_channels_and_many_drops_are_warned_of() {
        let link = LinkFacts {
            rssi: Some(-14),
            quality: Some(200),
            failed_contacts: Some(3),
            channels: Some([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]),
            ..LinkFacts::new(SPEAKER)
        };
        let stream = StreamFacts { address: SPEAKER, packets: 10_000, dropped: 50 };
        let bad = levels(&Facts { links: Some(vec![link]), streams: Some(vec![stream]), ..Facts::default() });
        for topic in [Topic::Signal, Topic::Channels, Topic::Retries] {
            assert!(bad.contains(&(topic, Level::Warning)), "{topic:?}: {bad:?}");
        }
        let link = LinkFacts {
            rssi: Some(0),
            quality: Some(255),
            failed_contacts: Some(0),
            channels: Some([0xff; 10]),
            ..LinkFacts::new(SPEAKER)
        };
        let stream = StreamFacts { address: SPEAKER, packets: 10_000, dropped: 1 };
        let good = levels(&Facts { links: Some(vec![link]), streams: Some(vec![stream]), ..Facts::default() });
        for topic in [Topic::Signal, Topic::Channels, Topic::Retries] {
            assert!(good.contains(&(topic, Level::Fine)), "{topic:?}: {good:?}");
            assert!(!good.contains(&(topic, Level::Warning)), "{topic:?}: {good:?}");
        }
    }

    #[test]
    fn wifi_that_gives_up_many_packets_is_warned_of() {
        let with = |excessive_retries| Facts {
            wifi: Some(vec![WifiFacts {
                interface: "wlan0".into(),
                excessive_retries: Some(excessive_retries),
                sent: Some(100_000),
                ..WifiFacts::default()
            }]),
            ..Facts::default()
        };
        assert!(levels(&with(5_000)).contains(&(Topic::Retries, Level::Warning)));
        assert!(levels(&with(5)).contains(&(Topic::Retries, Level::Fine)));
    }
}
