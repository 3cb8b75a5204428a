//! A connection from greeting to end, in virtual time: what each side may say when, and what comes of it.

#![expect(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use unisono_core::{
    clock::{ClockServer, Estimator, Prober},
    leadership::{Judge, Term},
    repair::Packet,
    session::{HubEvent, HubSession, NodeAction, NodeConfig, NodeSession},
    sound::{ChannelMap, RoomSound},
    time::{HubClock, Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Play, Timeline},
    units::{FramePosition, Gain},
    wire::{
        VERSION,
        control::{
            Anchors, Codec, Evidence, Format, Hello, Members, Message, Refuse, RefuseReason, Report, Room, RoomReport,
            RoomState, Rooms, SetGain, SetSound, StreamStart, StreamStop, Trailing, Turned, Welcome,
        },
        frame::{Frame, FrameReader},
        ids::{ClockTag, PeerId, RoomIndex, StreamId},
        nack::Nack,
    },
};

const GIVE_UP: Nanos = Nanos::from_millis(50);
const TAG: ClockTag = ClockTag(9);

fn room(index: u8) -> Room {
    let latency = Nanos::from_millis(100);
    Room { index: RoomIndex(index), name: "room".into(), output: "model".into(), latency, term: None }
}

fn format() -> Format {
    let (codec, bit_rate, header) = (Codec::Opus, 192_000, vec![]);
    Format { codec, rate: 48_000, channels: 2, packet_frames: 960, lookahead: 312, bit_rate, header }
}

fn anchor(sequence: u32, millis: i64, play: Option<(u32, u64)>) -> Anchor {
    let play = play.map(|(run, packet)| Play { run, position: FramePosition(packet * 960), drift_ppb: 0 });
    Anchor { sequence, at: Timestamp::from_nanos(millis * 1_000_000), play }
}

fn start(stream: u16, room: u8, counter: u64) -> StreamStart {
    StreamStart {
        stream: StreamId(stream),
        room: RoomIndex(room),
        term: Term { counter, hub: PeerId([1; 32]) },
        format: format(),
        anchors: vec![anchor(1, 3_000, Some((1, 0)))],
        lead: Nanos::from_millis(400),
        continues: Trailing::default(),
    }
}

fn report(room: u8) -> RoomReport {
    RoomReport {
        room: RoomIndex(room),
        state: RoomState::Playing,
        stream: Some(StreamId(1)),
        output: "model".into(),
        sync_error: Nanos::ZERO,
        evidence: Evidence::Model,
        uncertainty: Nanos::ZERO,
        buffered: Nanos::ZERO,
        dac_drift_ppb: 0,
        received: 0,
        lost: 0,
        repaired: 0,
        late: 0,
        concealed_frames: 0,
        underruns: 0,
        resyncs: 0,
    }
}

fn frame_of(bytes: &[u8]) -> Frame {
    let mut reader = FrameReader::default();
    reader.push(bytes);
    reader.next_frame().unwrap().unwrap()
}

/// A node with two rooms, its hub's clock exchange, and a link that takes 300 µs each way. The hub's clock reads as
/// the node's does.
struct Node {
    session: NodeSession,
    judges: Vec<Judge>,
    server: ClockServer,
    prober: Prober,
    millis: i64,
    /// Whether anything comes back from the hub's clock.
    answered: bool,
    /// Everything but clock packets and estimates, with the millisecond.
    done: Vec<(i64, NodeAction)>,
    probes: Vec<i64>,
}

impl Node {
    fn new() -> Self {
        let config = NodeConfig {
            name: "node".into(),
            household: None,
            members_version: 0,
            join: None,
            codecs: vec![Codec::Opus],
            rooms: vec![room(0), room(1)],
        };
        let session = NodeSession::new(config, Estimator::new(), GIVE_UP);
        let judges = vec![Judge::default(); 2];
        let (server, prober) = (ClockServer::new(TAG), Prober::new(TAG, 1));
        Self { session, judges, server, prober, millis: 0, answered: true, done: Vec::new(), probes: Vec::new() }
    }

    fn welcomed() -> Self {
        let mut node = Self::new();
        let members = vec![1, 2, 3];
        node.say(Welcome { version: VERSION, name: "hub".into(), members, clock_tag: TAG });
        node.collect();
        node.done.clear();
        node
    }

    /// Welcomed, with two seconds of clock exchange behind it.
    fn settled() -> Self {
        let mut node = Self::welcomed();
        node.until(2_000);
        assert!(node.session.is_locked(node.now()));
        node
    }

    fn now(&self) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(self.millis * 1_000_000)
    }

    fn say(&mut self, message: impl Into<Message>) {
        self.session.handle_frame(self.now(), &message.into().to_frame(), &mut self.judges);
        self.collect();
    }

    fn packet(&mut self, stream: u16, packet: u64) {
        let position = FramePosition(packet * 960);
        let packet = Packet::new(StreamId(stream), position, Bytes::from_static(b"sound"), None).unwrap();
        self.session.handle_datagram(self.now(), &packet.datagrams()[0]);
        self.collect();
    }

    /// Packets of stream 1 arrive 20 ms apart, numbered as if the first of all came at `from`.
    fn packets(&mut self, from: i64, packets: impl IntoIterator<Item = i64>) {
        for packet in packets {
            self.until(from + packet * 20);
            self.packet(1, packet.unsigned_abs());
        }
    }

    fn until(&mut self, millis: i64) {
        let hub = |at: Timestamp<NodeClock>| Timestamp::<HubClock>::from_nanos(at.as_nanos());
        while self.millis < millis {
            self.millis += 1;
            let now = self.now();
            if self.session.poll_timeout().is_some_and(|due| due <= now) {
                self.session.handle_timeout(now);
            }
            if let Some(pace) = self.session.pace(now)
                && let Some((probe, token)) = self.prober.poll_transmit(now, pace)
            {
                self.probes.push(self.millis);
                self.session.handle_clock_sent(token, now);
                self.server.handle_probe(&probe, hub(now + Nanos::from_micros(300)));
            }
            if let Some((report, token)) = self.server.poll_transmit(hub(now)) {
                self.server.handle_sent(token, hub(now));
                if self.answered {
                    self.session.handle_clock(&report, now + Nanos::from_micros(300));
                }
            }
            self.collect();
        }
    }

    fn collect(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                NodeAction::Estimate(_) => {}
                other => self.done.push((self.millis, other)),
            }
        }
    }

    /// What was sent to the hub on the control stream since it was last asked.
    fn told(&mut self) -> Vec<Message> {
        let told = self.done.drain(..).filter_map(|(_, action)| match action {
            NodeAction::Control(bytes) => Message::from_frame(&frame_of(&bytes)).unwrap(),
            _ => None,
        });
        told.collect()
    }

    fn counts(&mut self, room: u8) -> (u64, u64, u64) {
        self.session.report(self.now(), vec![report(room)], vec![], vec![], vec![]);
        self.collect();
        let Some(Message::Report(told)) = self.told().pop() else { panic!("no report") };
        (told.rooms[0].received, told.rooms[0].lost, told.rooms[0].repaired)
    }

    /// The packets asked for, with the millisecond.
    fn asked(&self) -> Vec<(i64, u64)> {
        let nacks = self.done.iter().filter_map(|(millis, action)| match action {
            NodeAction::Datagram(bytes) => Some((*millis, Nack::parse(bytes).unwrap())),
            _ => None,
        });
        nacks.flat_map(|(at, nack)| nack.missing.into_iter().map(move |entry| (at, entry.position.0 / 960))).collect()
    }

    fn closed(&self) -> Option<RefuseReason> {
        self.done.iter().find_map(|(_, action)| match action {
            NodeAction::Close(refuse) => Some(refuse.reason),
            _ => None,
        })
    }
}

fn hello() -> Frame {
    let mut node = Node::new();
    node.collect();
    let told = node.told().remove(0);
    assert!(matches!(told, Message::Hello(_)));
    told.to_frame()
}

fn admitted() -> HubSession {
    let mut hub = HubSession::new(TAG);
    hub.handle_frame(&hello()).unwrap();
    hub.welcome("hub", vec![]);
    hub
}

#[test]
fn anchors_and_gains_before_the_welcome_end_the_connection() {
    let early: [Message; 4] = [
        Anchors { stream: StreamId(1), anchors: vec![], lead: Trailing::default() }.into(),
        SetGain { room: RoomIndex(0), gain: Gain::UNITY, ramp_ms: 0 }.into(),
        StreamStop { stream: StreamId(1), room: RoomIndex(0) }.into(),
        Members { members: vec![] }.into(),
    ];
    for early in early {
        let mut node = Node::new();
        node.say(early);
        assert_eq!(node.closed(), Some(RefuseReason::Protocol));
    }
}

#[test]
fn a_second_welcome_ends_the_connection() {
    let mut node = Node::welcomed();
    node.say(Welcome { version: VERSION, name: "hub".into(), members: vec![], clock_tag: ClockTag(10) });
    assert_eq!(node.closed(), Some(RefuseReason::Protocol));
}

#[test]
fn a_node_that_was_replaced_neither_plays_nor_asks_nor_reports_any_more() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    node.packet(1, 0);
    node.say(Refuse { reason: RefuseReason::Replaced, text: "the same node has connected again".into() });
    assert_eq!(node.closed(), Some(RefuseReason::Replaced));
    node.done.clear();
    node.probes.clear();
    node.say(start(2, 1, 7));
    node.session.handle_frame(node.now(), &Frame { kind: 68, body: vec![0xff; 2] }, &mut []);
    node.packet(1, 5);
    node.until(3_000);
    node.session.report(node.now(), vec![report(0)], vec![], vec![], vec![]);
    node.collect();
    assert!(node.done.is_empty() && node.probes.is_empty(), "{:?}", node.done);
    assert_eq!(node.session.poll_timeout(), None);
    assert_eq!(node.judges[1].highest(), None, "a hub that is gone has led a room");
}

#[test]
fn what_was_turned_at_a_speaker_is_told_once_the_hub_has_let_the_node_in() {
    let mut greeting = Node::new();
    greeting.session.turned(RoomIndex(1), Gain::new(0.25));
    greeting.collect();
    assert!(!greeting.told().iter().any(|told| matches!(told, Message::Turned(_))));
    let mut node = Node::welcomed();
    node.session.turned(RoomIndex(1), Gain::new(0.25));
    node.collect();
    assert!(node.told().contains(&Turned { room: RoomIndex(1), gain: Gain::new(0.25) }.into()));
}

#[test]
fn a_hub_that_was_outranked_starts_nothing_and_ends_nothing_that_another_hub_plays() {
    let mut node = Node::welcomed();
    node.judges[0].consider(Term { counter: 5, hub: PeerId([2; 32]) });
    node.say(start(1, 0, 4));
    let told = node.told();
    assert!(matches!(&told[..], [Message::Outranked(told)] if told.term.counter == 5), "{told:?}");
    node.say(StreamStop { stream: StreamId(1), room: RoomIndex(0) });
    node.packet(1, 0);
    assert!(node.done.is_empty(), "{:?}", node.done);
    // It may lead the other room.
    node.say(start(1, 1, 4));
    assert!(matches!(node.done[..], [(_, NodeAction::Start { room: RoomIndex(1), .. })]), "{:?}", node.done);
}

#[test]
fn a_higher_term_of_the_same_hub_replaces_what_the_room_played() {
    let mut node = Node::welcomed();
    node.say(start(1, 0, 1));
    node.say(start(2, 0, 2));
    node.done.clear();
    node.packet(1, 0);
    node.say(StreamStop { stream: StreamId(1), room: RoomIndex(0) });
    assert!(node.done.is_empty(), "the old stream still does something: {:?}", node.done);
    node.packet(2, 0);
    assert!(matches!(node.done[..], [(_, NodeAction::Packet { stream: StreamId(2), .. })]), "{:?}", node.done);
}

#[test]
fn a_room_that_the_node_does_not_have_is_never_driven() {
    let mut node = Node::welcomed();
    node.judges.resize(8, Judge::default());
    node.say(start(1, 7, 1));
    node.say(SetGain { room: RoomIndex(7), gain: Gain::UNITY, ramp_ms: 0 });
    node.say(SetSound { room: RoomIndex(7), sound: RoomSound::default() });
    node.say(SetGain { room: RoomIndex(1), gain: Gain::new(0.5), ramp_ms: 30 });
    let ramp = Nanos::from_millis(30);
    let [(_, NodeAction::Gain { room: RoomIndex(1), gain, ramp: told })] = node.done[..] else {
        panic!("{:?}", node.done)
    };
    assert_eq!((gain, told), (Gain::new(0.5), ramp));
}

#[test]
fn a_sound_that_cannot_be_ends_the_connection_with_a_hub_of_this_version() {
    let mut node = Node::welcomed();
    let sound = RoomSound { channels: ChannelMap::Mono, ..RoomSound::default() };
    node.say(SetSound { room: RoomIndex(0), sound });
    assert!(matches!(node.done[..], [(_, NodeAction::Sound { room: RoomIndex(0), sound: told })] if told == sound));
    // A preamp of 127 dB; the room, its channels, and that the equaliser is on go before it.
    let body = [&[0, 0, 1][..], &postcard::to_allocvec(&12_700_i16).unwrap(), &[0]].concat();
    node.session.handle_frame(node.now(), &Frame { kind: 73, body }, &mut []);
    node.collect();
    assert_eq!(node.closed(), Some(RefuseReason::Protocol));
}

#[test]
fn two_rooms_on_one_stream_take_each_packet_once_and_one_may_leave() {
    let mut node = Node::welcomed();
    node.say(start(1, 0, 1));
    node.say(start(1, 1, 1));
    node.done.clear();
    node.packet(1, 0);
    node.packet(1, 0);
    assert_eq!(node.done.len(), 1, "{:?}", node.done);
    node.say(StreamStop { stream: StreamId(1), room: RoomIndex(0) });
    node.done.clear();
    node.packet(1, 1);
    assert_eq!(node.done.len(), 1, "the other room lost its sound");
}

#[test]
fn nothing_is_reported_before_the_welcome() {
    let mut node = Node::new();
    node.collect();
    node.done.clear();
    node.session.report(node.now(), vec![report(0)], vec![], vec![], vec![]);
    node.collect();
    assert!(node.done.is_empty(), "{:?}", node.done);
}

#[test]
fn the_clock_is_asked_a_hundred_times_a_second_at_first_and_rarely_once_it_is_known() {
    let mut node = Node::welcomed();
    node.answered = false;
    node.until(1_000);
    node.answered = true;
    node.until(60_000);
    let count = |from: i64, to: i64| node.probes.iter().filter(|millis| (from..to).contains(millis)).count();
    assert!((60..=135).contains(&count(0, 1_000)), "{} in the first second", count(0, 1_000));
    assert!((50..=200).contains(&count(50_000, 60_000)), "{} in ten seconds at rest", count(50_000, 60_000));
}

#[test]
fn a_report_says_whether_the_clock_is_good_enough_to_play_by() {
    let mut node = Node::welcomed();
    for (millis, locked) in [(1, false), (3_000, true)] {
        node.until(millis);
        node.session.report(node.now(), vec![], vec![], vec![], vec![]);
        node.collect();
        let Some(Message::Report(Report { clock, .. })) = node.told().pop() else { panic!("no report") };
        assert_eq!(clock.locked, locked, "{clock:?}");
        assert!(!locked || (clock.rtt - Nanos::from_micros(600)).abs() < Nanos::from_micros(50), "{clock:?}");
    }
}

#[test]
fn a_lost_packet_is_asked_for_while_there_is_time_and_no_longer() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    // Frame 0 is heard at 3 s and the lead is 400 ms.
    node.packets(2_600, (0..40).filter(|packet| *packet != 5));
    let asked = node.asked();
    assert!(asked.iter().all(|(_, packet)| *packet == 5), "{asked:?}");
    // Missed at the latest with packet 6 at 2 720; of use until 50 ms before it is heard, and 6.5 ms less for the look-ahead.
    assert!((2_720..=2_727).contains(&asked[0].0), "{asked:?}");
    assert!(asked.len() > 5 && asked.iter().all(|(millis, _)| *millis < 3_100 - 6 - 50), "{asked:?}");
}

#[test]
fn a_packet_that_is_overdue_is_asked_for_however_often_something_else_comes() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    node.packets(2_600, 0..20);
    // Turns of 19 ms, each of which brings an old packet once more, and none from packet 20 on, which left at 3 000.
    for _ in 0..10 {
        node.millis += 19;
        node.packet(1, 5);
        node.session.handle_timeout(node.now());
        node.collect();
    }
    let asked = node.asked();
    assert!(asked.first().is_some_and(|(millis, packet)| *packet == 20 && *millis < 3_060), "{asked:?}");
}

#[test]
fn packets_may_wait_for_each_other_only_while_the_clock_is_known_and_none_that_is_missing_is_urgent() {
    let mut node = Node::welcomed();
    let anchors = vec![anchor(1, 61_000, Some((1, 0)))];
    node.say(StreamStart { anchors: anchors.clone(), ..start(1, 0, 1) });
    assert_eq!(node.session.receive_interval(node.now()), None, "the clock is unknown");
    node.until(60_600);
    // An eighth of the 350 ms that a packet has.
    let together = Some(43);
    let wait = |node: &Node| node.session.receive_interval(node.now()).map(|wait| wait.as_nanos() / 1_000_000);
    for packet in 0..18 {
        node.until(60_600 + 20 * i64::try_from(packet).unwrap());
        if packet == 2 {
            continue;
        }
        node.packet(1, packet);
        let wanted = match packet {
            0 | 1 => together,
            // Packet 2 is heard at 61.04 s, less 6.5 ms of lookahead, and to be there 50 ms before.
            3..=15 => Some((3_835 - 200 * i64::try_from(packet).unwrap()) / 80),
            _ => None,
        };
        assert_eq!(wait(&node), wanted, "packet {packet}");
    }
    node.packet(1, 2);
    assert_eq!(wait(&node), together, "nothing is missing");
    let lead = Nanos::from_millis(100);
    node.say(StreamStart { anchors, lead, ..start(2, 0, 2) });
    assert_eq!(node.session.receive_interval(node.now()), None, "there is no time");
    node.say(StreamStop { room: RoomIndex(0), stream: StreamId(2) });
    assert_eq!(node.session.receive_interval(node.now()), None, "nothing plays");
}

#[test]
fn the_first_packet_after_a_seek_is_asked_for_like_any_other() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    node.packets(2_600, 0..30);
    let anchors = vec![anchor(2, 3_500, None), anchor(3, 3_700, Some((2, 40)))];
    node.say(Anchors { stream: StreamId(1), anchors, lead: Trailing::default() });
    node.done.clear();
    node.packets(2_500, 41..50);
    let asked: Vec<u64> = node.asked().into_iter().map(|(_, packet)| packet).collect();
    assert!(asked.len() > 3 && asked.iter().all(|packet| *packet == 40), "{asked:?}");
}

#[test]
fn what_a_room_that_joins_is_told_of_the_stream_counts_for_all_that_play_it() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    node.done.clear();
    let anchors = vec![anchor(1, 3_000, Some((1, 0))), anchor(2, 3_500, None)];
    node.say(StreamStart { anchors, ..start(1, 1, 1) });
    let told: Vec<Timeline> = node
        .done
        .iter()
        .filter_map(|(_, action)| match action {
            NodeAction::Timeline { timeline, .. } | NodeAction::Start { timeline, .. } => Some(*timeline),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 2, "{:?}", node.done);
    for timeline in told {
        assert!(timeline.phase_at(Timestamp::from_nanos(3_600_000_000)).is_none(), "it plays beyond its pause");
    }
}

#[test]
fn what_a_room_has_counted_never_falls_and_is_its_own() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    node.say(start(1, 1, 1));
    (0..3).for_each(|packet| node.packet(1, packet));
    assert_eq!((node.counts(0), node.counts(1)), ((3, 0, 0), (3, 0, 0)));
    // One leaves, the other goes on.
    node.say(StreamStop { stream: StreamId(1), room: RoomIndex(0) });
    (3..7).for_each(|packet| node.packet(1, packet));
    assert_eq!((node.counts(0), node.counts(1)), ((3, 0, 0), (7, 0, 0)));
    // And comes back to it.
    node.say(start(1, 0, 1));
    node.packet(1, 7);
    assert_eq!((node.counts(0), node.counts(1)), ((4, 0, 0), (8, 0, 0)));
    node.say(StreamStop { stream: StreamId(1), room: RoomIndex(0) });
    assert_eq!(node.counts(0), (4, 0, 0));
}

#[test]
fn a_hub_lets_nobody_in_who_speaks_before_greeting_or_greets_twice() {
    let early = Message::from(Rooms { rooms: vec![] }).to_frame();
    for (first, second) in [(early.clone(), hello()), (hello(), hello()), (hello(), early)] {
        let mut hub = HubSession::new(TAG);
        let refused = [first, second].iter().any(|frame| hub.handle_frame(frame).is_err());
        assert!(refused);
        hub.welcome("hub", vec![]);
        assert!(!hub.is_admitted(), "a decision that came late has let it in");
    }
}

#[test]
fn a_refused_node_is_not_listened_to() {
    let mut hub = HubSession::new(TAG);
    hub.handle_frame(&hello()).unwrap();
    let Message::Refuse(refuse) = hub.refuse(RefuseReason::TokenUsed, "make a new token") else { panic!() };
    assert_eq!((refuse.reason, &refuse.text[..]), (RefuseReason::TokenUsed, "make a new token"));
    assert_eq!(hub.handle_frame(&Message::from(Rooms { rooms: vec![room(0)] }).to_frame()), Ok(None));
    assert_eq!(hub.handle_frame(&Frame { kind: 3, body: vec![0xff] }), Ok(None));
    let nack = Nack { stream: StreamId(1), missing: vec![] }.encode();
    assert_eq!(hub.handle_datagram(&nack), Ok(None));
}

#[test]
fn nobody_gets_sound_again_before_the_hub_has_decided() {
    let nack = Nack { stream: StreamId(1), missing: vec![] };
    let mut hub = HubSession::new(TAG);
    assert_eq!(hub.handle_datagram(&nack.encode()), Ok(None));
    hub.handle_frame(&hello()).unwrap();
    assert_eq!(hub.handle_datagram(&nack.encode()), Ok(None));
    hub.welcome("hub", vec![]);
    assert_eq!(hub.handle_datagram(&nack.encode()), Ok(Some(nack)));
}

#[test]
fn one_error_of_protocol_is_the_end() {
    for bad in
        [Frame { kind: 3, body: vec![0xff] }, Message::from(Rooms { rooms: (0..17).map(room).collect() }).to_frame()]
    {
        let mut hub = admitted();
        assert!(matches!(hub.handle_frame(&bad), Err(Refuse { reason: RefuseReason::Protocol, .. })));
        assert!(!hub.is_admitted());
    }
}

#[test]
fn what_a_node_says_of_its_rooms_is_made_fit_to_be_shown() {
    let mut hub = admitted();
    let wild = Room { name: "\u{1b}[31mKitchen\n".into(), latency: Nanos::from_secs(-9), ..room(3) };
    let told = Message::from(Rooms { rooms: vec![wild, room(1), room(3)] }).to_frame();
    let Ok(Some(HubEvent::Rooms(rooms))) = hub.handle_frame(&told) else { panic!() };
    assert_eq!(rooms.iter().map(|room| room.index.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((&rooms[1].name[..], rooms[1].latency), ("[31mKitchen", Nanos::ZERO));
    let Ok(Some(Message::Hello(greeting))) = Message::from_frame(&hello()) else { panic!() };
    let greeting = Message::from(Hello { name: "\u{7}".into(), ..greeting }).to_frame();
    let Ok(Some(HubEvent::Hello(greeting))) = HubSession::new(TAG).handle_frame(&greeting) else { panic!() };
    assert_eq!(greeting.name, "unnamed");
}

/// What of the node's doings concerns the streams of room 0.
fn moves(node: &mut Node) -> Vec<String> {
    let moves = node.done.drain(..).filter_map(|(_, action)| match action {
        NodeAction::Start { stream, continues, .. } => Some(format!("start {} {continues:?}", stream.0)),
        NodeAction::Left { stream, .. } => Some(format!("left {}", stream.0)),
        NodeAction::Packet { stream, position, .. } => Some(format!("packet {} {}", stream.0, position.0 / 960)),
        NodeAction::Stop { .. } => Some("stop".into()),
        _ => None,
    });
    moves.collect()
}

#[test]
fn a_stream_that_continues_another_ends_nothing_until_the_hub_says_so() {
    let mut node = Node::settled();
    node.say(start(1, 0, 1));
    node.done.clear();
    let position = FramePosition(10 * 960);
    node.say(StreamStart { continues: Some(position).into(), ..start(2, 0, 1) });
    node.packet(1, 0);
    node.packet(2, 6);
    assert_eq!(moves(&mut node), [format!("start 2 {:?}", Some(position)), "packet 1 0".into(), "packet 2 6".into()]);
    node.say(StreamStop { stream: StreamId(1), room: RoomIndex(0) });
    node.packet(1, 1);
    node.packet(2, 7);
    assert_eq!(moves(&mut node), ["left 1", "packet 2 7"]);
    assert_eq!(node.counts(0).0, 3, "what was counted of the old stream is lost");
    node.done.clear();
    node.say(StreamStop { stream: StreamId(2), room: RoomIndex(0) });
    assert_eq!(moves(&mut node), ["stop"]);
    // Nothing plays that could go on.
    node.say(StreamStart { continues: Some(position).into(), ..start(3, 0, 1) });
    assert_eq!(moves(&mut node), ["start 3 None"]);
}

#[test]
fn a_latency_that_stays_another_is_told_after_a_second_and_another_output_at_once() {
    let mut node = Node::settled();
    node.done.clear();
    let rooms_told = |node: &mut Node| {
        let told = node.told().into_iter().filter_map(|message| match message {
            Message::Rooms(rooms) => Some(rooms.rooms),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let slower = |millis: i64| Room { latency: Nanos::from_millis(100 + millis), ..room(1) };
    // It scatters, and is off for a moment.
    for turn in 0..100 {
        let off = if turn == 50 { 300 } else { turn % 3 };
        node.session.rooms(node.now(), &[room(0), slower(off)]);
        node.until(node.millis + 100);
    }
    assert_eq!(rooms_told(&mut node), Vec::<Vec<Room>>::new());
    let began = node.millis;
    while rooms_told(&mut node).is_empty() {
        assert!(node.millis < began + 2_000, "nobody is told");
        node.session.rooms(node.now(), &[room(0), slower(14)]);
        node.collect();
        node.until(node.millis + 100);
    }
    assert!(node.millis - began > 1_000, "after {} ms", node.millis - began);
    node.done.clear();
    for _ in 0..30 {
        node.session.rooms(node.now(), &[room(0), slower(14)]);
        node.until(node.millis + 100);
    }
    assert_eq!(rooms_told(&mut node), Vec::<Vec<Room>>::new(), "it is said again");
    let other = [room(0), Room { output: "another".into(), ..slower(14) }];
    node.session.rooms(node.now(), &other);
    node.collect();
    assert_eq!(rooms_told(&mut node), [other.to_vec()]);
}

#[test]
fn a_slow_room_is_given_up_for_earlier_and_a_hub_that_sends_earlier_gives_it_the_time() {
    let mut node = Node::settled();
    let anchors = vec![anchor(1, node.millis - 1_000, Some((1, 0)))];
    node.say(StreamStart { anchors, lead: Nanos::from_millis(400), ..start(1, 0, 1) });
    assert!(node.session.receive_interval(node.now()).is_some());
    node.session.rooms(node.now(), &[Room { latency: Nanos::from_millis(390), ..room(0) }, room(1)]);
    assert_eq!(node.session.receive_interval(node.now()), None, "there is no time to wait");
    node.done.clear();
    node.say(Anchors { stream: StreamId(1), anchors: vec![], lead: Some(Nanos::from_millis(800)).into() });
    assert!(node.session.receive_interval(node.now()).is_some());
    assert!(!node.done.iter().any(|(_, action)| matches!(action, NodeAction::Timeline { .. })), "nothing has moved");
}
