//! Clock packets on QUIC's port: the genuine ones, and all the others.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use crate::common::{LOOPBACK, Pair, Relay, hub, hub_options, identity, until, within};
use bytes::Bytes;
use tokio::{net::UdpSocket, time::timeout};
use unisono_core::{
    clock::{ClockClient, ClockServer, Estimator, Prober},
    time::{HubClock, Nanos, NodeClock},
    wire::{
        clock::{Probe, Report},
        ids::ClockTag,
    },
};
use unisono_transport::{ClockChannel, ClockCounters, Endpoint, Error, Expect, clock::now};

const TAG: ClockTag = ClockTag(0x00c0_ffee);

fn probe(sequence: u64) -> Probe {
    Probe { tag: TAG, sequence, report_interval_ms: 20 }
}

fn report(sequence: u64) -> Report {
    Report { tag: TAG, sequence, sent: [None; 2], least_interval_ms: 0, echoes: Vec::new() }
}

struct Exchange {
    pair: Pair,
    relay: Relay,
    at_hub: ClockChannel<HubClock>,
    at_node: ClockChannel<NodeClock>,
}

async fn exchange() -> Exchange {
    let hub = hub();
    let relay = Relay::start(hub.local_address().unwrap()).await;
    let pair = Pair::through(hub, relay.address).await;
    let at_hub = pair.at_hub.clock(TAG).unwrap();
    let at_node = pair.at_node.clock(TAG).unwrap();
    Exchange { pair, relay, at_hub, at_node }
}

#[tokio::test]
async fn clock_packets_pass_both_ways_beside_quic() {
    let Exchange { pair, relay: _relay, mut at_hub, mut at_node } = exchange().await;
    for sequence in 1..=50 {
        let sent = at_node.send(&probe(sequence).encode()).unwrap();
        pair.at_hub.send_datagram(Bytes::from_static(b"sound")).unwrap();
        let received = within(at_hub.recv()).await.unwrap();
        assert_eq!(Probe::parse(&received.fields).unwrap(), probe(sequence));
        // One machine, so both clocks are the same.
        let way = Nanos::new(received.at.as_nanos() - sent.as_nanos());
        assert!(way > Nanos::ZERO && way < Nanos::from_secs(1), "{way}");

        at_hub.send(&report(sequence).encode()).unwrap();
        let received = within(at_node.recv()).await.unwrap();
        assert_eq!(Report::parse(&received.fields).unwrap(), report(sequence));
        assert_eq!(&within(pair.at_node.read_datagram()).await.unwrap()[..], b"sound");
    }
    assert_eq!(pair.hub.clock_counters(), ClockCounters::default());
    assert_eq!(pair.node.clock_counters(), ClockCounters::default());
}

#[tokio::test]
async fn what_waits_at_a_held_port_comes_when_asked_for_and_keeps_the_instant_of_its_arrival() {
    let Exchange { pair, relay: _relay, at_hub, mut at_node } = exchange().await;
    // Nothing is held where nothing is stamped.
    let Some(held) = pair.node.hold() else { return };
    // What has come before is read first.
    tokio::task::yield_now().await;
    for round in 1..=20 {
        let sent = at_hub.send(&report(round).encode()).unwrap();
        pair.at_hub.send_datagram(Bytes::from_static(b"sound")).unwrap();
        let waited = Duration::from_millis(30);
        assert!(timeout(waited, at_node.recv()).await.is_err(), "it did not wait");
        held.receive();
        let received = within(at_node.recv()).await.unwrap();
        assert_eq!(Report::parse(&received.fields).unwrap(), report(round));
        let way = Nanos::new(received.at.as_nanos() - sent.as_nanos());
        assert!(way > Nanos::ZERO && way.to_duration() < waited, "{way}");
        assert_eq!(&within(pair.at_node.read_datagram()).await.unwrap()[..], b"sound");
    }
    drop(held);
    at_hub.send(&report(21).encode()).unwrap();
    assert_eq!(Report::parse(&within(at_node.recv()).await.unwrap().fields).unwrap(), report(21));
}

#[tokio::test]
async fn a_hub_that_listens_everywhere_answers_from_the_address_that_was_asked() {
    let everywhere = "[::]:0".parse().unwrap();
    let hub = Endpoint::bind(everywhere, &identity(), &hub_options()).unwrap();
    let port = hub.local_address().unwrap().port();
    // Two of this machine's addresses: an answer from the wrong one would not match.
    for to in [([127, 0, 0, 2], port).into(), ([0, 0, 0, 0, 0, 0, 0, 1], port).into()] {
        let relay = Relay::start(to).await;
        let node = crate::common::node();
        let (at_node, at_hub) =
            within(async { tokio::join!(node.connect(relay.address, Expect::AnyMember), hub.accept()) }).await;
        let mut at_node = at_node.unwrap().clock::<NodeClock>(TAG).unwrap();
        let mut at_hub = at_hub.unwrap().clock::<HubClock>(TAG).unwrap();
        at_node.send(&probe(1).encode()).unwrap();
        within(at_hub.recv()).await.unwrap();
        at_hub.send(&report(1).encode()).unwrap();
        within(at_node.recv()).await.unwrap();
        assert_eq!(relay.newest_report_from(), Some(to));
    }
}

/// The runtime has one thread, so nobody reads while it sleeps.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_packet_that_waited_to_be_read_is_told_to_have_arrived_when_it_did() {
    let pair = Pair::connect().await;
    let mut at_hub = pair.at_hub.clock::<HubClock>(TAG).unwrap();
    let at_node = pair.at_node.clock::<NodeClock>(TAG).unwrap();
    let mut stamped = 0;
    for sequence in 1.. {
        let before = now::<HubClock>();
        at_node.send(&probe(sequence).encode()).unwrap();
        let sent = now::<HubClock>();
        std::thread::sleep(Duration::from_millis(5));
        let received = within(at_hub.recv()).await.unwrap();
        assert!(received.at > before);
        // The kernel begins to stamp a moment after it was asked to, and a machine that is very busy lets a packet wait
        // for longer than a stamp is believed.
        stamped += u32::from(received.at < sent + Nanos::from_millis(1));
        if stamped == 10 {
            return;
        }
        assert!(sequence < 200, "{stamped} packets have a stamp");
    }
}

#[tokio::test]
async fn changed_repeated_and_turned_packets_are_dropped_and_counted() {
    let Exchange { pair, relay, mut at_hub, mut at_node } = exchange().await;
    at_node.send(&probe(1).encode()).unwrap();
    within(at_hub.recv()).await.unwrap();
    at_hub.send(&report(1).encode()).unwrap();
    within(at_node.recv()).await.unwrap();
    let (genuine, answer) = (relay.probes().remove(0), relay.reports().remove(0));

    for place in 8..genuine.len() {
        let mut changed = genuine.clone();
        changed[place] ^= 1;
        relay.send_to_hub(&changed).await;
    }
    let forged = genuine.len() as u64 - 8;
    until(|| pair.hub.clock_counters().forged == forged).await;
    relay.send_to_hub(&genuine).await;
    until(|| pair.hub.clock_counters().replayed == 1).await;
    // A packet sent back to its sender, and one whose kind was changed so that it looks like the sender's own.
    relay.send_to_node(&genuine).await;
    relay.send_to_hub(&answer).await;
    let mut turned = answer.clone();
    turned[0] = genuine[0];
    relay.send_to_hub(&turned).await;
    until(|| pair.node.clock_counters().unknown == 1 && pair.hub.clock_counters().unknown == 1).await;
    until(|| pair.hub.clock_counters().forged == forged + 1).await;

    at_node.send(&probe(2).encode()).unwrap();
    assert_eq!(Probe::parse(&within(at_hub.recv()).await.unwrap().fields).unwrap(), probe(2));
}

#[tokio::test]
async fn one_connection_cannot_speak_for_another() {
    let one = exchange().await;
    let Exchange { pair, relay, at_node, .. } = exchange().await;
    at_node.send(&probe(1).encode()).unwrap();
    until(|| !relay.probes().is_empty()).await;
    one.relay.send_to_hub(&relay.probes()[0]).await;
    until(|| one.pair.hub.clock_counters().forged == 1).await;
    assert_eq!(pair.hub.clock_counters().forged, 0);
}

#[tokio::test]
async fn a_sequence_number_is_used_once() {
    let Exchange { pair, relay: _relay, at_hub, at_node } = exchange().await;
    at_node.send(&probe(5).encode()).unwrap();
    for refused in [probe(5), probe(4), Probe { tag: ClockTag(1), ..probe(6) }] {
        assert!(matches!(at_node.send(&refused.encode()), Err(Error::ClockPacket(_))));
    }
    assert!(matches!(at_node.send(&report(7).encode()), Err(Error::ClockPacket(_))));
    assert!(matches!(at_hub.send(&[2; 1_000]), Err(Error::ClockPacket(_))));
    assert!(matches!(at_hub.send(&[]), Err(Error::ClockPacket(_))));
    drop(at_node);
    assert!(matches!(pair.at_node.clock::<NodeClock>(TAG), Err(Error::Taken(_))));
}

#[tokio::test]
async fn answers_follow_a_node_that_roams() {
    let Exchange { pair, mut relay, mut at_hub, mut at_node } = exchange().await;
    at_node.send(&probe(1).encode()).unwrap();
    within(at_hub.recv()).await.unwrap();
    let before = pair.at_hub.remote_address();
    let after = relay.roam().await;
    assert_ne!(before, after);
    at_node.send(&probe(2).encode()).unwrap();
    within(at_hub.recv()).await.unwrap();
    // QUIC knows nothing of it yet.
    assert_eq!(pair.at_hub.remote_address(), before);
    // What goes to the old address gets through as well; the relay tells.
    at_hub.send(&report(1).encode()).unwrap();
    within(at_node.recv()).await.unwrap();
    assert_eq!(relay.newest_report_at(), Some(after));
}

#[tokio::test]
async fn a_closed_channel_takes_nothing_more() {
    let Exchange { pair, relay: _relay, at_hub, mut at_node } = exchange().await;
    drop(at_hub);
    at_node.send(&probe(1).encode()).unwrap();
    until(|| pair.hub.clock_counters().unknown == 1).await;
    pair.at_hub.close("done");
    assert!(matches!(within(at_node.recv()).await, Err(Error::Closed(_))));
}

#[tokio::test]
async fn garbage_on_the_port_stops_neither_quic_nor_the_clock() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let Exchange { pair, relay: _relay, mut at_hub, at_node } = exchange().await;
    let (address, vandal) = (pair.hub.local_address().unwrap(), UdpSocket::bind(LOOPBACK).await.unwrap());
    let mut datagram = [0; 1_400];
    for _ in 0..10_000 {
        let length = random.usize(0..datagram.len());
        random.fill(&mut datagram[..length]);
        vandal.send_to(&datagram[..length], address).await.unwrap();
    }
    within(async {
        for sequence in 1.. {
            at_node.send(&probe(sequence).encode()).unwrap();
            match timeout(Duration::from_millis(100), at_hub.recv()).await {
                Ok(received) => return received.unwrap(),
                Err(_) => continue,
            }
        }
        unreachable!()
    })
    .await;
    let (to_hub, _) = pair.at_node.control().await.unwrap();
    to_hub.try_send(vec![0; 6]).unwrap();
    let (_, mut from_node) = within(pair.at_hub.control()).await.unwrap();
    assert!(within(from_node.recv()).await.unwrap().is_some());
    assert!(pair.hub.clock_counters().unknown > 0);
    assert!(pair.at_node.close_reason().is_none());
}

#[tokio::test]
async fn a_node_learns_the_hubs_clock() {
    let Exchange { pair: _pair, relay: _relay, mut at_hub, mut at_node } = exchange().await;
    let hub = tokio::spawn(async move {
        let mut server = ClockServer::new(TAG);
        loop {
            let wait = server.poll_timeout().map_or(Nanos::from_secs(1), |at| at - now());
            tokio::select! {
                received = at_hub.recv() => {
                    let Ok(received) = received else { return };
                    server.handle_probe(&Probe::parse(&received.fields).unwrap(), received.at);
                }
                () = tokio::time::sleep(wait.to_duration()) => {}
            }
            while let Some((report, token)) = server.poll_transmit(now()) {
                if let Ok(at) = at_hub.send(&report.encode()) {
                    server.handle_sent(token, at);
                }
            }
        }
    });
    let (mut client, mut prober) = (ClockClient::new(TAG, Estimator::new()), Prober::new(TAG, 2));
    let estimate = within(async {
        loop {
            let pace = client.pace(now());
            while let Some((probe, token)) = prober.poll_transmit(now(), pace) {
                if let Ok(at) = at_node.send(&probe.encode()) {
                    client.handle_sent(token, at);
                }
            }
            let wait = prober.poll_timeout(pace).map_or(Nanos::ZERO, |at| at - now());
            tokio::select! {
                received = at_node.recv() => {
                    let received = received.unwrap();
                    client.handle_report(&Report::parse(&received.fields).unwrap(), received.at);
                }
                () = tokio::time::sleep(wait.to_duration()) => {}
            }
            if let Some(estimate) = client.estimate(now()) {
                return estimate;
            }
        }
    })
    .await;
    let here = now::<NodeClock>();
    let error = Nanos::new(estimate.mapping.forward(here).as_nanos() - here.as_nanos());
    assert!(error.abs() < Nanos::from_millis(5), "{error}");
    hub.abort();
}
