//! A hub that announces itself is found, with multicast DNS on a port of its own.

mod common;

use common::{identity, within};
use unisono_core::wire::{VERSION, ids::HouseholdId};
use unisono_transport::discovery::{Announcement, Browser, Event, Record};

#[tokio::test]
async fn a_hub_is_found_renamed_and_lost() {
    let mdns_port = 20_000 + fastrand::u16(0..20_000);
    let (hub, household) = (identity().peer_id(), HouseholdId([5; 32]));
    let mut browser = Browser::new_at(mdns_port);
    let announcement = Announcement::start_at(mdns_port, &Record::new(hub, Some(household), "Küche"), 4_321);

    let found = within(async {
        loop {
            if let Event::Found(found) = browser.next().await {
                return found;
            }
        }
    })
    .await;
    assert_eq!(found.record, Record::new(hub, Some(household), "Küche"));
    assert_eq!(found.record.version, Some(VERSION));
    assert!(!found.addresses.is_empty() && found.addresses.iter().all(|address| address.port() == 4_321));

    announcement.update(&Record::new(hub, Some(household), "Bad"));
    within(async { while !matches!(browser.next().await, Event::Found(found) if found.record.name == "Bad") {} }).await;
    drop(announcement);
    within(async { while browser.next().await != (Event::Lost { instance: found.instance.clone() }) {} }).await;
}
