//! A hub that announces itself is found, with multicast DNS on a port of its own.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::common::{identity, within};
use tokio::time::timeout;
use unisono_core::wire::{VERSION, ids::HouseholdId};
use unisono_transport::discovery::{Announcement, Browser, Event, Found, Record};

const EVERYWHERE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 4_321);

fn any_port() -> u16 {
    20_000 + fastrand::u16(0..20_000)
}

/// The next hub that is found.
async fn next_found(browser: &mut Browser) -> Found {
    within(async {
        loop {
            if let Event::Found(found) = browser.next().await {
                return found;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_hub_is_found_renamed_and_lost() {
    let mdns_port = any_port();
    let (hub, household) = (identity().peer_id(), HouseholdId([5; 32]));
    let mut browser = Browser::new_at(mdns_port);
    let announcement = Announcement::start_at(mdns_port, &Record::new(hub, Some(household), "Küche"), EVERYWHERE);

    let found = next_found(&mut browser).await;
    assert_eq!(found.record, Record::new(hub, Some(household), "Küche"));
    assert_eq!(found.record.version, Some(VERSION));
    assert!(!found.addresses.is_empty() && found.addresses.iter().all(|address| address.port() == 4_321));

    announcement.update(&Record::new(hub, Some(household), "Bad"));
    within(async { while !matches!(browser.next().await, Event::Found(found) if found.record.name == "Bad") {} }).await;
    drop(announcement);
    within(async { while browser.next().await != (Event::Lost { instance: found.instance.clone() }) {} }).await;
}

/// Every name and address that is told until the announcement has been found and, once it is dropped, lost.
async fn all_found(browser: &mut Browser, announcement: Announcement) -> (BTreeSet<String>, BTreeSet<SocketAddr>) {
    let first = next_found(browser).await;
    let (mut names, mut addresses) = (BTreeSet::from([first.record.name]), BTreeSet::from_iter(first.addresses));
    // Addresses come one interface after the other.
    let more = async {
        loop {
            if let Event::Found(found) = browser.next().await {
                names.insert(found.record.name);
                addresses.extend(found.addresses);
            }
        }
    };
    let _ = timeout(Duration::from_secs(2), more).await;
    drop(announcement);
    within(async { while browser.next().await != (Event::Lost { instance: first.instance.clone() }) {} }).await;
    (names, addresses)
}

#[tokio::test]
async fn a_hub_is_announced_only_where_it_listens() {
    let mdns_port = any_port();
    let start = |name: &str, at| Announcement::start_at(mdns_port, &Record::new(identity().peer_id(), None, name), at);
    let only = |name: &str| BTreeSet::from([name.to_owned()]);
    let mut browser = Browser::new_at(mdns_port);
    let _here_only = ["127.0.0.1:4321", "[::1]:4321", "[::ffff:127.0.0.1]:4321"]
        .map(|address| start("here only", address.parse().unwrap()));
    let (names, everywhere) = all_found(&mut browser, start("everywhere", EVERYWHERE)).await;
    assert_eq!(names, only("everywhere"));

    if everywhere.iter().any(SocketAddr::is_ipv4) {
        let ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 4_321));
        let (names, addresses) = all_found(&mut browser, start("IPv4", ipv4)).await;
        assert_eq!(names, only("IPv4"));
        assert!(addresses.iter().all(SocketAddr::is_ipv4), "{addresses:?}");
    }

    // A machine without a network has no such address.
    let Some(&one) = everywhere.iter().find(|address| !address.ip().is_loopback()) else { return };
    let (names, addresses) = all_found(&mut browser, start("one", one)).await;
    assert_eq!((names, addresses), (only("one"), BTreeSet::from([one])));
}
