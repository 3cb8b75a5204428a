//! Control messages: all of them, in order, and a stuck peer holds up nobody.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use crate::common::{Pair, Relay, hub, until, within};
use bytes::Bytes;
use unisono_core::wire::{
    self,
    frame::{Frame, MAX_BODY},
};
use unisono_transport::{Closed, ControlReceiver, ControlSender, Error};

struct Streams {
    hub: (ControlSender, ControlReceiver),
    node: (ControlSender, ControlReceiver),
}

async fn streams(pair: &Pair) -> Streams {
    let node = pair.at_node.control().await.unwrap();
    node.0.try_send(message(0).encode()).unwrap();
    let mut hub = within(pair.at_hub.control()).await.unwrap();
    assert_eq!(within(hub.1.recv()).await.unwrap(), Some(message(0)));
    Streams { hub, node }
}

fn message(number: u16) -> Frame {
    Frame { kind: number, body: number.to_be_bytes().repeat(usize::from(number)) }
}

#[tokio::test]
async fn messages_arrive_in_order_both_ways() {
    let pair = Pair::connect().await;
    let mut streams = streams(&pair).await;
    let count = 400;
    let hub = async {
        for number in 1..count {
            streams.hub.0.send(message(number).encode()).await.unwrap();
            assert_eq!(streams.hub.1.recv().await.unwrap(), Some(message(number)));
        }
    };
    let node = async {
        for number in 1..count {
            streams.node.0.send(message(number).encode()).await.unwrap();
        }
        for number in 1..count {
            assert_eq!(streams.node.1.recv().await.unwrap(), Some(message(number)));
        }
    };
    within(async { tokio::join!(hub, node) }).await;
}

#[tokio::test]
async fn the_longest_message_passes_and_a_longer_one_is_refused_on_both_sides() {
    let pair = Pair::connect().await;
    let mut streams = streams(&pair).await;
    let longest = Frame { kind: 9, body: vec![7; MAX_BODY as usize] };
    streams.hub.0.send(longest.encode()).await.unwrap();
    assert_eq!(within(streams.node.1.recv()).await.unwrap(), Some(longest));
    let longer = Frame { kind: 9, body: vec![7; MAX_BODY as usize + 1] }.encode();
    assert!(matches!(streams.hub.0.try_send(longer.clone()), Err(Error::Wire(wire::Error::TooLong(_)))));
    streams.hub.0.try_send(longer[..6].to_vec()).unwrap();
    assert!(matches!(within(streams.node.1.recv()).await, Err(Error::Wire(wire::Error::TooLong(_)))));
}

#[tokio::test]
async fn a_peer_that_never_reads_blocks_nobody() {
    let pair = Pair::connect().await;
    let streams = streams(&pair).await;
    let big = Frame { kind: 1, body: vec![0; 64 * 1024] }.encode();
    let mut sent = 0;
    loop {
        match streams.hub.0.try_send(big.clone()) {
            Ok(()) => sent += 1,
            Err(Error::ControlFull) => break,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
        assert!(sent < 64, "the queue has no bound");
    }
    assert!(pair.at_hub.send_datagram(Bytes::from_static(b"sound")).unwrap());
    assert_eq!(&within(pair.at_node.read_datagram()).await.unwrap()[..], b"sound");
    pair.at_hub.close("too slow");
    assert_eq!(within(pair.at_node.closed()).await, Closed::Peer("too slow".into()));
    assert!(matches!(streams.hub.0.try_send(vec![0; 6]), Err(Error::Closed(_) | Error::ControlFull)));
}

#[tokio::test]
async fn small_messages_are_bounded_too() {
    let pair = Pair::connect().await;
    let streams = streams(&pair).await;
    let mut sent = 0;
    while streams.hub.0.try_send(message(1).encode()).is_ok() {
        sent += 1;
        assert!(sent <= 256, "the queue has no bound");
    }
    assert_eq!(sent, 256);
}

#[tokio::test]
async fn a_waiting_sender_goes_on_when_the_peer_reads_again() {
    let pair = Pair::connect().await;
    let mut streams = streams(&pair).await;
    let big = Frame { kind: 1, body: vec![3; MAX_BODY as usize] };
    let sender = streams.hub.0.clone();
    let sending = tokio::spawn({
        let big = big.clone();
        async move {
            for _ in 0..12 {
                sender.send(big.encode()).await?;
            }
            Ok::<(), Error>(())
        }
    });
    until(|| pair.at_hub.statistics().sent_bytes > 200_000).await;
    assert!(!sending.is_finished());
    for _ in 0..12 {
        assert_eq!(within(streams.node.1.recv()).await.unwrap(), Some(big.clone()));
    }
    within(sending).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_last_word_arrives_before_the_end() {
    let pair = Pair::connect().await;
    let mut streams = streams(&pair).await;
    let words = async {
        for number in 1..100 {
            streams.hub.0.send(message(number).encode()).await.unwrap();
        }
        streams.hub.0.finish().await.unwrap();
        pair.at_hub.close("goodbye");
        assert!(matches!(streams.hub.0.send(vec![0; 6]).await, Err(Error::Closed(_))));
    };
    let heard = async {
        for number in 1..100 {
            assert_eq!(streams.node.1.recv().await.unwrap(), Some(message(number)));
        }
        assert_eq!(streams.node.1.recv().await.unwrap(), None);
    };
    within(async { tokio::join!(words, heard) }).await;
    assert_eq!(within(pair.at_node.closed()).await, Closed::Peer("goodbye".into()));
}

#[tokio::test]
async fn a_last_word_is_waited_for_until_the_peer_has_it() {
    let hub = hub();
    let relay = Relay::start(hub.local_address().unwrap()).await;
    let pair = Pair::through(hub, relay.address).await;
    let mut streams = streams(&pair).await;
    relay.cut(true);
    let before = pair.at_hub.statistics().sent_packets;
    streams.hub.0.try_send(message(5).encode()).unwrap();
    let sender = streams.hub.0.clone();
    let finishing = tokio::spawn(async move { sender.finish().await });
    // The word, and at least one more attempt.
    until(|| pair.at_hub.statistics().sent_packets > before + 1).await;
    assert!(!finishing.is_finished());
    relay.cut(false);
    assert_eq!(within(streams.node.1.recv()).await.unwrap(), Some(message(5)));
    within(finishing).await.unwrap().unwrap();
}

#[tokio::test]
async fn there_is_one_control_stream() {
    let pair = Pair::connect().await;
    let _streams = streams(&pair).await;
    assert!(matches!(pair.at_node.control().await, Err(Error::Taken(_))));
    assert!(matches!(pair.at_hub.control().await, Err(Error::Taken(_))));
}

#[tokio::test]
async fn a_wait_for_the_control_stream_ends_with_the_connection() {
    let pair = Pair::connect().await;
    pair.at_node.close("changed my mind");
    match within(pair.at_hub.control()).await {
        Err(Error::Closed(reason)) => assert_eq!(reason, Closed::Peer("changed my mind".into())),
        other => panic!("{other:?}"),
    }
}
