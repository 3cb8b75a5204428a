//! Whatever arrives, parsing gives a value or an error.

use bytes::Bytes;
use proptest::prelude::*;
use unisono_core::{
    clock::Estimator,
    leadership::Judge,
    session::{HubSession, NodeConfig, NodeSession},
    time::{Nanos, Timestamp},
    units::FramePosition,
    wire::{
        clock::{Header, Probe, Report},
        control::{Codec, Message, Room},
        frame::{Frame, FrameReader},
        ids::{ClockTag, RoomIndex, StreamId},
        media::{MAX_FRAGMENTS, MediaHeader},
        nack::{MAX_ENTRIES, Missing, Nack},
    },
};

fn node() -> NodeSession {
    let room = Room {
        index: RoomIndex(0),
        name: "room".into(),
        output: "model".into(),
        latency: Nanos::from_millis(100),
        term: None,
    };
    let config = NodeConfig {
        name: "node".into(),
        household: None,
        members_version: 0,
        join: None,
        codecs: vec![Codec::Opus],
        rooms: vec![room],
    };
    NodeSession::new(config, Estimator::new(), Nanos::from_millis(50))
}

/// Control messages of known types with bodies that are nearly right or not at all.
fn frames() -> impl Strategy<Value = Frame> {
    let kinds = prop_oneof![Just(1), Just(2), Just(3), Just(4), Just(5), 64_u16..75, any::<u16>()];
    (kinds, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(kind, body)| Frame { kind, body })
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = MediaHeader::parse(&bytes);
        let _ = Nack::parse(&bytes);
        let _ = Header::parse(&bytes);
        let _ = Probe::parse(&bytes);
        let _ = Report::parse(&bytes);
        let mut reader = FrameReader::default();
        reader.push(&bytes);
        while let Ok(Some(frame)) = reader.next_frame() {
            let _ = Message::from_frame(&frame);
        }
    }

    #[test]
    fn no_body_makes_a_message_panic(frame in frames()) {
        let _ = Message::from_frame(&frame);
    }

    #[test]
    fn headers_and_requests_survive_the_wire(
        repair: bool, stream: u16, fragment in 0..MAX_FRAGMENTS, position: u64,
        missing in prop::collection::vec((any::<u64>(), any::<u32>()), 0..MAX_ENTRIES),
    ) {
        let header = MediaHeader {
            repair, stream: StreamId(stream), fragment, fragments: MAX_FRAGMENTS, previous_len: 0,
            position: FramePosition(position),
        };
        let datagram = [&header.encode()[..], b"x"].concat();
        prop_assert_eq!(MediaHeader::parse(&datagram), Ok((header, &b"x"[..])));
        let missing = missing.into_iter().map(|(position, fragments)| Missing { position: FramePosition(position), fragments });
        let nack = Nack { stream: StreamId(stream), missing: missing.collect() };
        prop_assert_eq!(Nack::parse(&nack.encode()), Ok(nack));
    }

    #[test]
    fn a_session_survives_whatever_its_peer_says(
        said in prop::collection::vec((frames(), prop::collection::vec(any::<u8>(), 0..40), any::<i64>()), 0..30),
    ) {
        let mut node = node();
        let mut hub = HubSession::new(ClockTag(1));
        let mut judges = [Judge::default()];
        for (frame, datagram, nanos) in said {
            node.handle_frame(Timestamp::from_nanos(nanos), &frame, &mut judges);
            node.handle_datagram(Timestamp::from_nanos(nanos), &Bytes::from(datagram.clone()));
            node.handle_timeout(Timestamp::from_nanos(nanos));
            let _ = hub.handle_frame(&frame);
            let _ = hub.handle_datagram(&datagram);
            while node.poll_action().is_some() {}
        }
    }
}
