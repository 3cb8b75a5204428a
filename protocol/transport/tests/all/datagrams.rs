//! Datagrams: what fits, what is dropped, and what an outage does.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use crate::common::{Pair, Relay, hub, until, within};
use bytes::Bytes;
use unisono_core::{
    time::Nanos,
    wire::{
        frame::Frame,
        media::{HEADER_LEN, MAX_PAYLOAD},
    },
};
use unisono_transport::Error;

#[tokio::test]
async fn datagrams_arrive_both_ways() {
    let pair = Pair::connect().await;
    assert!(pair.at_node.send_datagram(Bytes::from_static(b"up")).unwrap());
    assert_eq!(&within(pair.at_hub.read_datagram()).await.unwrap()[..], b"up");
    assert!(pair.at_hub.send_datagram(Bytes::from_static(b"down")).unwrap());
    assert_eq!(&within(pair.at_node.read_datagram()).await.unwrap()[..], b"down");
}

#[tokio::test]
async fn a_full_media_datagram_fits_a_path_of_1200_bytes() {
    let pair = Pair::connect().await;
    for connection in [&pair.at_hub, &pair.at_node] {
        let (limit, mtu) = (connection.max_datagram_size(), usize::from(connection.statistics().mtu));
        assert!(limit + 1_200 >= HEADER_LEN + MAX_PAYLOAD + mtu, "{limit} bytes at {mtu}");
    }
    let full = Bytes::from(vec![7; HEADER_LEN + MAX_PAYLOAD]);
    assert!(pair.at_hub.send_datagram(full.clone()).unwrap());
    assert_eq!(within(pair.at_node.read_datagram()).await.unwrap(), full);
    let long = Bytes::from(vec![7; 2_000]);
    assert!(matches!(pair.at_hub.send_datagram(long), Err(Error::DatagramTooLong { length: 2_000, .. })));
}

#[tokio::test]
async fn a_reader_that_stalls_holds_up_nobody() {
    let pair = Pair::connect().await;
    pair.at_hub.set_budget(u32::MAX, Nanos::ZERO);
    let mut datagram = vec![0; 1_000];
    let mut last = 0_u32;
    while last < 5_000 {
        datagram[..4].copy_from_slice(&last.to_be_bytes());
        if pair.at_hub.send_datagram(datagram.clone().into()).unwrap() {
            last += 1;
        }
        tokio::task::yield_now().await;
    }
    let (to_hub, _) = pair.at_node.control().await.unwrap();
    let hello = Frame { kind: 1, body: b"still there".to_vec() };
    to_hub.try_send(hello.encode()).unwrap();
    let (_, mut from_node) = within(pair.at_hub.control()).await.unwrap();
    assert_eq!(within(from_node.recv()).await.unwrap(), Some(hello));
    // The oldest are gone, the newest are there.
    let first = within(pair.at_node.read_datagram()).await.unwrap();
    assert!(u32::from_be_bytes(first[..4].try_into().unwrap()) > 1_000);
    within(async { while pair.at_node.read_datagram().await.unwrap()[..4] != (last - 1).to_be_bytes() {} }).await;
}

#[tokio::test]
async fn the_first_datagram_after_an_outage_gets_through_at_once() {
    let hub = hub();
    let relay = Relay::start(hub.local_address().unwrap()).await;
    let pair = Pair::through(hub, relay.address).await;
    pair.at_hub.set_budget(1_500_000, Nanos::from_millis(300));
    pair.at_hub.send_datagram(Bytes::from_static(b"before")).unwrap();
    within(pair.at_node.read_datagram()).await.unwrap();

    relay.cut(true);
    let before = pair.at_hub.statistics().sent_bytes;
    // What a lossless stream sends in four seconds, a hundred times what Cubic would begin with.
    let lost = Bytes::from(vec![0; 1_000]);
    let sent = tokio::time::Instant::now();
    for count in 0..750 {
        while !pair.at_hub.send_datagram(lost.clone()).unwrap() {
            tokio::task::yield_now().await;
        }
        until(|| pair.at_hub.statistics().sent_bytes - before > 1_000 * count).await;
    }
    relay.cut(false);
    pair.at_hub.send_datagram(Bytes::from_static(b"after")).unwrap();
    // The relay may still have had the last of the others in its hands.
    let after = within(async {
        loop {
            let datagram = pair.at_node.read_datagram().await.unwrap();
            if datagram != lost {
                return datagram;
            }
        }
    });
    assert_eq!(&after.await[..], b"after");
    assert!(sent.elapsed().as_secs() < 5, "the test itself outlasted the connection");
}

#[tokio::test]
async fn a_node_that_roams_keeps_its_connection() {
    let hub = hub();
    let mut relay = Relay::start(hub.local_address().unwrap()).await;
    let pair = Pair::through(hub, relay.address).await;
    let new_address = relay.roam().await;
    pair.at_node.send_datagram(Bytes::from_static(b"here I am")).unwrap();
    within(pair.at_hub.read_datagram()).await.unwrap();
    until(|| pair.at_hub.remote_address() == new_address).await;
    pair.at_hub.send_datagram(Bytes::from_static(b"there you are")).unwrap();
    assert_eq!(&within(pair.at_node.read_datagram()).await.unwrap()[..], b"there you are");
}

#[tokio::test]
async fn what_would_be_stale_is_dropped_at_the_sender_and_counted() {
    let hub = hub();
    let relay = Relay::start(hub.local_address().unwrap()).await;
    let pair = Pair::through(hub, relay.address).await;
    pair.at_hub.set_budget(64_000, Nanos::from_millis(300));
    relay.cut(true);
    let datagram = Bytes::from(vec![0; 1_000]);
    // Nearly all that may be in flight.
    let before = pair.at_hub.statistics().sent_bytes;
    for _ in 0..240 {
        assert!(pair.at_hub.send_datagram(datagram.clone()).unwrap());
    }
    until(|| pair.at_hub.statistics().sent_bytes > before + 240_000).await;
    let mut queued = 0;
    within(async {
        while pair.at_hub.send_datagram(datagram.clone()).unwrap() {
            queued += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    assert_eq!(pair.at_hub.statistics().dropped_datagrams, 1);
    assert!(queued < 100, "{queued} kilobytes are waiting");
}
