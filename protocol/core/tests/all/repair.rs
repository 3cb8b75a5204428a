//! Lost packets: which are asked for, when, and what the listener gets in the end.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use bytes::Bytes;
use unisono_core::{
    repair::{Packet, Receiver, ReceiverCounts, RepairRing},
    time::{Nanos, NodeClock, Timestamp},
    units::{FrameCount, FramePosition},
    wire::{
        ids::StreamId,
        media::{MAX_PAYLOAD, MediaHeader},
        nack::{MAX_ENTRIES, Nack},
    },
};

const STREAM: StreamId = StreamId(1);
const FRAMES: u32 = 960;
const RTT: Nanos = Nanos::from_millis(40);

fn at(millis: i64) -> Timestamp<NodeClock> {
    Timestamp::from_nanos(5_000_000_000 + millis * 1_000_000)
}

fn position(packet: u64) -> FramePosition {
    FramePosition(packet * u64::from(FRAMES))
}

fn packet(number: u64) -> Packet {
    Packet::new(STREAM, position(number), Bytes::from_static(b"sound"), None).unwrap()
}

fn receiver() -> Receiver {
    Receiver::new(STREAM, FRAMES, position(0))
}

/// Hands a datagram over; gives the numbers of the packets that it completed.
fn hand(receiver: &mut Receiver, millis: i64, datagram: &Bytes) -> Vec<u64> {
    let (header, payload) = MediaHeader::parse(datagram).unwrap();
    let arrived = receiver.handle(at(millis), &header, &datagram.slice_ref(payload));
    arrived.iter().map(|arrived| arrived.position.0 / u64::from(FRAMES)).collect()
}

fn hand_all(receiver: &mut Receiver, millis: i64, packets: impl IntoIterator<Item = u64>) {
    packets.into_iter().for_each(|number| drop(hand(receiver, millis, &packet(number).datagrams()[0])));
}

/// What is asked for at an instant, when every packet is of use until `deadline`.
fn asked(receiver: &mut Receiver, millis: i64, deadline: i64) -> Vec<u64> {
    let nack = receiver.poll_nack(at(millis), RTT, |_| Some(at(deadline)));
    nack.map_or_else(Vec::new, |nack| numbers(&nack))
}

fn numbers(nack: &Nack) -> Vec<u64> {
    nack.missing.iter().map(|missing| missing.position.0 / u64::from(FRAMES)).collect()
}

#[test]
fn a_gap_is_asked_for_once_it_cannot_be_a_matter_of_order() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 2]);
    assert_eq!(receiver.poll_timeout(), Some(at(2)));
    assert_eq!(asked(&mut receiver, 1, 500), []);
    assert_eq!(asked(&mut receiver, 2, 500), [1]);
}

/// A run that is replaced before any of it has left leaves positions that nothing is ever sent for.
#[test]
fn what_nothing_plays_is_neither_asked_for_nor_lost() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 2]);
    let played = |position: FramePosition| (position.0 != u64::from(FRAMES)).then(|| at(500));
    assert_eq!(receiver.poll_nack(at(10), RTT, played), None);
    assert_eq!((receiver.counts().lost, receiver.poll_timeout()), (0, None));
}

#[test]
fn packets_that_overtake_each_other_cost_no_request() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 3, 1]);
    hand_all(&mut receiver, 8, [2]);
    assert_eq!(asked(&mut receiver, 400, 500), []);
    assert_eq!(receiver.counts().lost, 0);
    assert_eq!(receiver.counts().received, 4);
}

/// When a gap of one packet is asked for, with a clock packet every millisecond from the hub or nothing.
fn asked_at(hears: bool) -> (Vec<i64>, ReceiverCounts) {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 2]);
    let times = (0..400).filter(|millis| {
        if hears {
            receiver.hear(at(*millis));
        }
        !asked(&mut receiver, *millis, 200).is_empty()
    });
    (times.collect(), receiver.counts())
}

#[test]
fn requests_follow_each_other_faster_the_less_time_is_left() {
    let (times, counts) = asked_at(true);
    // One and a half round trips and 4 ms, then half of that, then a quarter.
    assert_eq!(times, [2, 66, 98, 114, 130, 146, 162, 178, 194]);
    assert_eq!((counts.lost, counts.repaired, counts.requests), (1, 0, 9));
}

#[test]
fn while_nothing_comes_through_requests_are_few_and_then_made_up_for() {
    assert_eq!(asked_at(false).0, [2, 66, 98, 162]);
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 2]);
    let before: Vec<i64> = (0..300).filter(|millis| !asked(&mut receiver, *millis, 500).is_empty()).collect();
    assert_eq!(before, [2, 66, 98, 162, 226, 290]);
    receiver.hear(at(300));
    assert_eq!(receiver.poll_timeout(), Some(at(303)));
    assert_eq!(asked(&mut receiver, 303, 500), [1]);
}

#[test]
fn what_is_answered_is_not_asked_for_again_and_counts_as_repaired() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 2]);
    assert_eq!(asked(&mut receiver, 10, 500), [1]);
    let answer = packet(1).repairs(u32::MAX).next().unwrap();
    assert_eq!(hand(&mut receiver, 50, &answer), [1]);
    assert_eq!(hand(&mut receiver, 51, &answer), [], "a second copy is played twice");
    assert_eq!(asked(&mut receiver, 300, 500), []);
    let counts = receiver.counts();
    assert_eq!((counts.received, counts.lost, counts.repaired, counts.requests), (3, 1, 1, 1));
}

#[test]
fn a_packet_that_could_not_come_in_time_is_counted_and_not_asked_for() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 2]);
    assert_eq!(asked(&mut receiver, 10, 15), []);
    let counts = receiver.counts();
    assert_eq!((counts.lost, counts.requests), (1, 0));
    assert_eq!(receiver.poll_timeout(), None);
}

#[test]
fn of_a_large_packet_only_the_missing_fragments_are_asked_for() {
    let large = Packet::new(STREAM, position(0), vec![7; MAX_PAYLOAD * 3].into(), None).unwrap();
    let mut receiver = receiver();
    assert_eq!(hand(&mut receiver, 0, &large.datagrams()[0]), []);
    assert_eq!(hand(&mut receiver, 0, &large.datagrams()[2]), []);
    let nack = receiver.poll_nack(at(10), RTT, |_| Some(at(500))).unwrap();
    assert_eq!(nack.missing[0].fragments, 0b010);
    let answer: Vec<Bytes> = large.repairs(nack.missing[0].fragments).collect();
    assert_eq!(answer.len(), 1);
    assert_eq!(hand(&mut receiver, 20, &answer[0]), [0]);
}

#[test]
fn the_last_packet_is_missed_although_nothing_follows_it() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 1]);
    receiver.expect(at(40), position(2));
    assert_eq!(asked(&mut receiver, 50, 500), [2]);
}

#[test]
fn a_packet_that_rode_along_with_the_next_fills_the_gap_in_order() {
    let lost = packet(1);
    let next = Packet::new(STREAM, position(2), Bytes::from_static(b"next"), Some(&lost)).unwrap();
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0]);
    assert_eq!(hand(&mut receiver, 40, &next.datagrams()[0]), [1, 2]);
    assert_eq!(asked(&mut receiver, 60, 500), []);
    assert_eq!(receiver.counts().lost, 0);
    // What came by itself already is not played again.
    let third = Packet::new(STREAM, position(3), Bytes::from_static(b"third"), Some(&packet(2))).unwrap();
    assert_eq!(hand(&mut receiver, 80, &third.datagrams()[0]), [3]);
}

#[test]
fn more_gaps_than_one_request_holds_are_asked_for_in_two() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, [0, 101]);
    let (first, second) = (asked(&mut receiver, 10, 500), asked(&mut receiver, 11, 500));
    assert_eq!(first.len(), MAX_ENTRIES);
    assert_eq!([first, second].concat(), (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_joiner_does_not_ask_for_what_was_before_it() {
    let mut receiver = Receiver::new(STREAM, FRAMES, position(1_000));
    hand_all(&mut receiver, 0, [996, 998, 1_000, 1_002]);
    assert_eq!(asked(&mut receiver, 10, 500), [1_001]);
}

#[test]
fn what_a_jump_passes_over_is_not_missed_and_is_taken_all_the_same() {
    let mut receiver = receiver();
    hand_all(&mut receiver, 0, (0..1_100).filter(|number| *number != 1_090));
    receiver.forget_before(position(1_500));
    hand_all(&mut receiver, 20, [1_501]);
    assert_eq!(asked(&mut receiver, 30, 500), [1_500]);
    // For a decoder that warms up.
    assert_eq!(hand(&mut receiver, 31, &packet(1_499).datagrams()[0]), [1_499]);
}

#[test]
fn positions_from_nowhere_are_survived_and_asked_for_within_bounds() {
    for seed in 0..10 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut receiver = receiver();
        for millis in 0..500 {
            let number = (u64::MAX / u64::from(FRAMES)) >> random.u32(0..64);
            hand(&mut receiver, millis, &packet(number).datagrams()[0]);
            receiver.expect(at(millis), position(random.u64(0..1_000)));
            let asked = asked(&mut receiver, millis, millis + 100);
            assert!(asked.len() <= MAX_ENTRIES && asked.is_sorted(), "seed {seed}: {asked:?}");
        }
    }
}

#[test]
fn survives_thirty_percent_loss() {
    for seed in 0..10 {
        let (in_time, counts) = lossy_link(seed);
        println!("seed {seed}: {in_time} of 1000 in time, {counts:?}");
        assert!(in_time >= 998, "seed {seed}: {in_time} of 1000 in time");
        assert!((200..=400).contains(&counts.lost), "seed {seed}: {counts:?}");
        assert!(counts.lost - counts.repaired <= 2, "seed {seed}: {counts:?}");
    }
}

/// 20 s over a link that loses packets, requests and answers alike, with a second to make up for it. Gives how many of
/// the thousand packets came in time.
fn lossy_link(seed: u64) -> (usize, ReceiverCounts) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ring = RepairRing::new(FrameCount(96_000));
    let mut receiver = receiver();
    let mut on_the_way: BTreeMap<(i64, u32), Bytes> = BTreeMap::new();
    let mut heard = BTreeMap::new();
    for millis in 0..21_000_i64 {
        let mut leaving = Vec::new();
        if millis % 20 == 0 && millis < 20_000 {
            let fresh = packet(u64::try_from(millis / 20).unwrap());
            leaving.extend_from_slice(fresh.datagrams());
            ring.push(fresh);
        }
        if millis % 5 == 0 {
            let sent_by_now = u64::try_from((millis - 20).clamp(0, 19_980) / 20).unwrap();
            receiver.expect(at(millis), position(sent_by_now));
            let due = |position: FramePosition| Some(at(i64::try_from(position.0 / 48).unwrap() + 1_000));
            let nack = receiver.poll_nack(at(millis), RTT, due).filter(|_| random.f64() > 0.3);
            for missing in nack.iter().flat_map(|nack| &nack.missing) {
                leaving.extend(ring.at(missing.position).unwrap().repairs(missing.fragments));
            }
        }
        for datagram in leaving {
            if random.f64() > 0.3 {
                on_the_way.insert((millis + random.i64(2..20), random.u32(..)), datagram);
            }
        }
        while let Some(first) = on_the_way.first_entry().filter(|entry| entry.key().0 <= millis) {
            for number in hand(&mut receiver, millis, &first.remove()) {
                assert!(heard.insert(number, millis).is_none(), "seed {seed}: packet {number} came twice");
            }
        }
    }
    let deadline = |number: u64| i64::try_from(number * 20).unwrap() + 1_000;
    let in_time = heard.iter().filter(|(number, millis)| **millis <= deadline(**number)).count();
    (in_time, receiver.counts())
}
