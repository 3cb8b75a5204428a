//! How two machines of different age and standing meet.

#![expect(clippy::unwrap_used, reason = "a test")]

use unisono_core::{
    clock::Estimator,
    leadership::{Judge, Term},
    session::{HubEvent, HubSession, NodeAction, NodeConfig, NodeSession},
    time::{Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Play},
    units::FramePosition,
    wire::{
        VERSION, Version,
        control::{
            Codec, Format, Hello, Message, Refuse, RefuseReason, Room, StreamStart, StreamStop, Trailing, Welcome,
        },
        frame::{Frame, FrameReader},
        ids::{ClockTag, PeerId, RoomIndex, StreamId},
    },
};

const NOW: Timestamp<NodeClock> = Timestamp::from_nanos(1_000_000_000);

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

fn frame_of(bytes: &[u8]) -> Frame {
    let mut reader = FrameReader::default();
    reader.push(bytes);
    reader.next_frame().unwrap().unwrap()
}

fn controls(node: &mut NodeSession) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(action) = node.poll_action() {
        if let NodeAction::Control(bytes) = action {
            frames.push(frame_of(&bytes));
        }
    }
    frames
}

fn hello(version: Version) -> Frame {
    let hello = controls(&mut node()).remove(0);
    let Some(Message::Hello(hello)) = Message::from_frame(&hello).unwrap() else { panic!("not a Hello") };
    Message::from(Hello { version, ..hello }).to_frame()
}

/// A node that a hub of this version has let in.
fn welcomed(judges: &mut [Judge]) -> NodeSession {
    let mut node = node();
    let mut hub = HubSession::new(ClockTag(9));
    let greeting = controls(&mut node).remove(0);
    assert!(matches!(hub.handle_frame(&greeting), Ok(Some(HubEvent::Hello(_)))));
    let welcome = hub.welcome("hub", vec![1, 2, 3]);
    node.handle_frame(NOW, &welcome.to_frame(), judges);
    let welcomed = node.poll_action();
    assert!(matches!(welcomed, Some(NodeAction::Welcomed(Welcome { ref members, .. })) if *members == [1, 2, 3]));
    node
}

fn start(counter: u64, hub: u8) -> StreamStart {
    StreamStart {
        stream: StreamId(u16::from(hub)),
        room: RoomIndex(0),
        term: Term { counter, hub: PeerId([hub; 32]) },
        format: Format {
            codec: Codec::Opus,
            rate: 48_000,
            channels: 2,
            packet_frames: 960,
            lookahead: 312,
            bit_rate: 192_000,
            header: vec![],
        },
        anchors: vec![Anchor {
            sequence: 1,
            at: Timestamp::from_nanos(0),
            play: Some(Play { run: 1, position: FramePosition(0), drift_ppb: 0 }),
        }],
        lead: Nanos::from_millis(400),
        continues: Trailing::default(),
    }
}

#[test]
fn a_node_one_minor_version_ahead_is_let_in_and_may_say_new_things() {
    let mut hub = HubSession::new(ClockTag(1));
    let mut newer = hello(Version { major: VERSION.major, minor: VERSION.minor + 1 });
    newer.body.extend_from_slice(b"a field of tomorrow");
    assert!(matches!(hub.handle_frame(&newer), Ok(Some(HubEvent::Hello(_)))));
    let Message::Welcome(welcome) = hub.welcome("hub", vec![]) else { panic!("not a Welcome") };
    assert_eq!(welcome.version, VERSION);
    assert_eq!(hub.handle_frame(&Frame { kind: 40, body: b"unknown type".to_vec() }), Ok(None));
    // A report whose layout changed in a way that only newer hubs read.
    assert_eq!(hub.handle_frame(&Frame { kind: 3, body: vec![0xff; 3] }), Ok(None));
}

#[test]
fn a_hub_one_minor_version_ahead_is_understood() {
    let mut judges = [Judge::default()];
    let mut node = node();
    let newer = Version { major: VERSION.major, minor: VERSION.minor + 1 };
    let welcome = Welcome { version: newer, name: "hub".into(), members: vec![], clock_tag: ClockTag(1) };
    let mut frame = Message::from(welcome).to_frame();
    frame.body.push(1);
    node.handle_frame(NOW, &frame, &mut judges);
    node.handle_frame(NOW, &Frame { kind: 99, body: vec![1] }, &mut judges);
    node.handle_frame(NOW, &Frame { kind: 68, body: vec![0xff; 2] }, &mut judges);
    while let Some(action) = node.poll_action() {
        assert!(!matches!(action, NodeAction::Close(_)), "{action:?}");
    }
}

#[test]
fn another_major_version_is_refused_with_a_reason_that_a_person_understands() {
    let mut hub = HubSession::new(ClockTag(1));
    // Of another major version only the beginning of a greeting is as it was.
    let strange = Frame { kind: 1, body: vec![2, 0, 0xff, 0xff, 0xff] };
    let Err(refuse) = hub.handle_frame(&strange) else { panic!("let in") };
    assert_eq!(refuse.reason, RefuseReason::Version);
    assert_eq!(refuse.text, format!("the node speaks protocol 2.0, the hub {VERSION}: update the hub"));

    let mut judges = [Judge::default()];
    let mut node = node();
    node.handle_frame(NOW, &Message::from(refuse.clone()).to_frame(), &mut judges);
    controls(&mut node);
    let mut node = self::node();
    node.handle_frame(NOW, &Message::from(refuse).to_frame(), &mut judges);
    node.poll_action();
    assert!(matches!(node.poll_action(), Some(NodeAction::Close(Refuse { reason: RefuseReason::Version, .. }))));
}

#[test]
fn nothing_happens_before_the_welcome() {
    let mut judges = [Judge::default()];
    let mut node = node();
    node.handle_frame(NOW, &Message::from(start(1, 1)).to_frame(), &mut judges);
    node.poll_action();
    assert!(matches!(node.poll_action(), Some(NodeAction::Close(Refuse { reason: RefuseReason::Protocol, .. }))));

    let mut hub = HubSession::new(ClockTag(1));
    let early = Message::from(unisono_core::wire::control::Rooms { rooms: vec![] }).to_frame();
    assert!(matches!(hub.handle_frame(&early), Err(Refuse { reason: RefuseReason::Protocol, .. })));
}

#[test]
fn a_room_obeys_the_higher_term_and_tells_the_hub_that_lost() {
    let mut judges = [Judge::default()];
    let mut old = welcomed(&mut judges);
    let mut new = welcomed(&mut judges);
    old.handle_frame(NOW, &Message::from(start(4, 1)).to_frame(), &mut judges);
    assert!(matches!(old.poll_action(), Some(NodeAction::Start { .. })));
    new.handle_frame(NOW, &Message::from(start(5, 2)).to_frame(), &mut judges);
    assert!(matches!(new.poll_action(), Some(NodeAction::Start { .. })));
    old.handle_frame(NOW, &Message::from(start(4, 1)).to_frame(), &mut judges);
    let told = controls(&mut old);
    let Some(Message::Outranked(told)) = Message::from_frame(&told[0]).unwrap() else { panic!("{told:?}") };
    assert_eq!(told.term, Term { counter: 5, hub: PeerId([2; 32]) });
}

#[test]
fn a_stream_of_an_impossible_format_is_refused() {
    let spoil: [fn(&mut Format); 5] = [
        |format| format.rate = 0,
        |format| format.channels = 0,
        |format| format.packet_frames = 0,
        |format| format.packet_frames = u32::MAX,
        |format| format.lookahead = u32::MAX,
    ];
    for spoil in spoil {
        let mut judges = [Judge::default()];
        let mut node = welcomed(&mut judges);
        let mut start = start(1, 1);
        spoil(&mut start.format);
        node.handle_frame(NOW, &Message::from(start).to_frame(), &mut judges);
        assert!(matches!(node.poll_action(), Some(NodeAction::Close(_))));
    }
}

#[test]
fn stopping_what_does_not_play_changes_nothing() {
    let mut judges = [Judge::default()];
    let mut node = welcomed(&mut judges);
    node.handle_frame(NOW, &Message::from(start(1, 1)).to_frame(), &mut judges);
    node.poll_action();
    for (stream, room) in [(StreamId(9), RoomIndex(0)), (StreamId(1), RoomIndex(7))] {
        node.handle_frame(NOW, &Message::from(StreamStop { stream, room }).to_frame(), &mut judges);
        assert!(node.poll_action().is_none());
    }
    node.handle_frame(
        NOW,
        &Message::from(StreamStop { stream: StreamId(1), room: RoomIndex(0) }).to_frame(),
        &mut judges,
    );
    assert!(matches!(node.poll_action(), Some(NodeAction::Stop { .. })));
}
