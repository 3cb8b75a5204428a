//! A house, nodes that only listen, and a source that is always ready.

use std::collections::BTreeMap;

use bytes::Bytes;
use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    timeline::Timeline,
    units::{FramePosition, SampleRate},
    wire::{
        VERSION, Version,
        control::{Answer, Codec, Hello, Message, Room as Offer},
        frame::{Frame, FrameReader},
        ids::{AskId, HouseholdId, PeerId, RoomIndex, StreamId},
    },
};
use unisono_household::{
    config::{Command, Config},
    members::Role,
};
use unisono_hub::house::{Action, ConnectionId, GroupId, House, Media, Refused, RoomId, StreamSettings};

/// Frames in a second of every stream.
pub(crate) const SECOND: u64 = 48_000;

/// What the house wanted done, other than messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    /// A source was to be ready at this frame, as this run.
    Cue(GroupId, u32, u64),
    CloseStream(GroupId),
    Ended(GroupId),
    Changed,
    Answer(Answer),
    Unanswered(AskId),
}

pub(crate) struct Home {
    pub(crate) house: House,
    pub(crate) config: Config,
    pub(crate) now: Timestamp<HubClock>,
    pub(crate) done: Vec<Done>,
    /// Packets sent so far, by connection.
    pub(crate) packets: BTreeMap<ConnectionId, u32>,
    /// What each connection is to carry, and how long before it is heard.
    pub(crate) budgets: BTreeMap<ConnectionId, (u32, Nanos)>,
    told: Vec<(ConnectionId, Message)>,
    /// How many frames the source has.
    source_frames: u64,
    run: (u32, FramePosition, u64),
    next_connection: u64,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with_source(3_600 * SECOND)
    }

    pub(crate) fn with_source(source_frames: u64) -> Self {
        Self {
            house: empty_house(),
            config: Config::founded(HouseholdId([9; 32]), HUB, "hub", 1),
            now: Timestamp::from_nanos(1_000_000_000),
            done: Vec::new(),
            packets: BTreeMap::new(),
            budgets: BTreeMap::new(),
            told: Vec::new(),
            source_frames,
            run: (0, FramePosition(0), 0),
            next_connection: 1,
        }
    }

    /// A node that drives these rooms connects and is let in.
    pub(crate) fn arrive(&mut self, node: u8, rooms: &[&str]) -> ConnectionId {
        self.arrive_with_latency(node, rooms, Nanos::ZERO)
    }

    pub(crate) fn arrive_with_latency(&mut self, node: u8, rooms: &[&str], latency: Nanos) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.house.handle_connected(id, PeerId([node; 32]));
        self.frame(id, &Message::from(hello(node, offers(rooms, latency))).to_frame());
        id
    }

    /// A node that speaks an older or newer version.
    pub(crate) fn arrive_speaking(&mut self, version: Version, node: u8, rooms: &[&str]) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.house.handle_connected(id, PeerId([node; 32]));
        let hello = Hello { version, ..hello(node, offers(rooms, Nanos::ZERO)) };
        self.frame(id, &Message::from(hello).to_frame());
        id
    }

    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.house.handle_disconnected(id);
        self.settle();
    }

    /// A message from a node.
    pub(crate) fn frame(&mut self, id: ConnectionId, frame: &Frame) {
        self.house.handle_frame(self.now, id, frame);
        self.settle();
    }

    /// Commands the house.
    pub(crate) fn tell<T>(&mut self, command: impl FnOnce(&mut House, Timestamp<HubClock>) -> T) -> T {
        let answer = command(&mut self.house, self.now);
        self.settle();
        answer
    }

    /// A command that is to be refused, and to change nothing and tell nobody.
    pub(crate) fn refused<T: std::fmt::Debug>(
        &mut self,
        command: impl FnOnce(&mut House, Timestamp<HubClock>) -> Result<T, Refused>,
    ) -> Refused {
        let before = self.house.snapshot(self.now);
        let refused = command(&mut self.house, self.now).unwrap_err();
        assert_eq!(self.house.snapshot(self.now), before, "{refused}");
        assert!(self.house.poll_action().is_none(), "{refused}");
        assert!(!refused.to_string().contains('\n'));
        refused
    }

    /// Changes the household's configuration.
    pub(crate) fn configure(&mut self, command: &Command) {
        self.config.apply(command).unwrap();
        self.house.configure(self.now, &self.config);
        self.settle();
    }

    pub(crate) fn group(&mut self, name: &str, rooms: &[RoomId]) -> GroupId {
        let group = GroupId(self.config.groups.len() as u64 + 1);
        self.configure(&Command::CreateGroup { group, name: name.into(), rooms: rooms.into() });
        group
    }

    pub(crate) fn move_to(&mut self, room: RoomId, group: Option<GroupId>) {
        self.configure(&Command::SetRoomGroup { room, group });
    }

    /// A group that plays from the start of the source, and is heard.
    pub(crate) fn playing(&mut self, name: &str, rooms: &[RoomId]) -> GroupId {
        let group = self.group(name, rooms);
        let media = self.media();
        self.tell(|house, now| house.play(now, group, media, 0)).unwrap();
        self.run_for(2_000);
        group
    }

    pub(crate) fn media(&self) -> Media {
        Media { title: "a song".into(), location: "/a song.flac".into(), frames: Some(self.source_frames) }
    }

    pub(crate) fn position(&self, group: GroupId) -> Option<u64> {
        self.house.position(self.now, group)
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, millis: i64) {
        let end = self.now + Nanos::from_millis(millis);
        while let Some(due) = self.house.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.house.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// What a connection was told since it was asked last.
    pub(crate) fn told(&mut self, id: ConnectionId) -> Vec<Message> {
        let (its, others) = self.told.drain(..).partition(|(to, _)| *to == id);
        self.told = others;
        its.into_iter().map(|(_, message)| message).collect()
    }

    pub(crate) fn sent_to(&self, id: ConnectionId) -> u32 {
        self.packets.get(&id).copied().unwrap_or(0)
    }

    /// How often the house wanted this.
    pub(crate) fn count(&self, wanted: &Done) -> usize {
        self.done.iter().filter(|done| *done == wanted).count()
    }

    /// Does what the house wants done.
    pub(crate) fn settle(&mut self) {
        while let Some(action) = self.house.poll_action() {
            match action {
                Action::Control(id, bytes) => self.told.push((id, decoded(&bytes))),
                Action::Datagram(id, _) => *self.packets.entry(id).or_default() += 1,
                Action::Judge(id, peer, hello) => {
                    self.configure(&Command::AddMember { peer, role: Role::Node, name: hello.name.clone() });
                    self.know(peer, &hello.rooms);
                    self.house.admit(self.now, id, hello, Vec::new());
                }
                Action::Meet(peer, rooms) => {
                    self.know(peer, &rooms);
                    self.house.meet(self.now, peer, rooms);
                }
                Action::Cue { group, run, position, source_frame } => {
                    self.run = (run, position, source_frame);
                    self.done.push(Done::Cue(group, run, source_frame));
                }
                Action::Packet { group, stream, position } => self.packet(group, stream, position),
                Action::CloseStream(group) => self.done.push(Done::CloseStream(group)),
                Action::Ended(group) => self.done.push(Done::Ended(group)),
                Action::Changed => self.done.push(Done::Changed),
                Action::Budget(id, bits, latency) => {
                    self.budgets.insert(id, (bits, latency));
                }
                Action::Answer(answer) => self.done.push(Done::Answer(answer)),
                Action::Unanswered(id) => self.done.push(Done::Unanswered(id)),
                Action::Clock(..) | Action::Close(..) | Action::AddRendition(..) | Action::RemoveRendition(..) => {}
            }
        }
    }

    fn know(&mut self, node: PeerId, rooms: &[Offer]) {
        let rooms = rooms.iter().map(|room| (room.index, room.name.clone())).collect();
        self.configure(&Command::MeetRooms { node, rooms });
    }

    /// The source knows its end half a second ahead.
    fn packet(&mut self, group: GroupId, stream: StreamId, position: FramePosition) {
        self.house.handle_packet(group, stream, position, Bytes::from_static(&[0; 100]));
        let (run, begin, source_frame) = self.run;
        let end = begin.0 + self.source_frames.saturating_sub(source_frame);
        if position.0 + SECOND / 2 >= end {
            self.house.handle_end(group, run, FramePosition(end));
        }
    }
}

const HUB: PeerId = PeerId([0xff; 32]);

pub(crate) fn empty_house() -> House {
    House::new("hub".into(), HUB, StreamSettings::default(), 1).unwrap()
}

/// The first room of a node.
pub(crate) fn room(node: u8) -> RoomId {
    RoomId { node: PeerId([node; 32]), index: RoomIndex(0) }
}

/// What a node says first.
pub(crate) fn hello(node: u8, rooms: Vec<Offer>) -> Hello {
    Hello {
        version: VERSION,
        name: format!("node {node}"),
        household: None,
        members_version: 0,
        join: None,
        codecs: vec![Codec::Opus],
        rooms,
    }
}

pub(crate) fn offers(rooms: &[&str], latency: Nanos) -> Vec<Offer> {
    let offer = |(index, name): (u8, &&str)| Offer {
        index: RoomIndex(index),
        name: (*name).into(),
        output: "a speaker".into(),
        latency,
        term: None,
    };
    (0..).zip(rooms).map(offer).collect()
}

/// The timeline that a node makes of what it was told.
pub(crate) fn timeline_of(told: &[Message]) -> Timeline {
    let mut timeline = Timeline::new(SampleRate::HZ_48000);
    for message in told {
        let anchors = match message {
            Message::StreamStart(start) => &start.anchors,
            Message::Anchors(anchors) => &anchors.anchors,
            _ => continue,
        };
        anchors.iter().for_each(|anchor| timeline.insert(*anchor));
    }
    timeline
}

fn decoded(bytes: &[u8]) -> Message {
    let mut reader = FrameReader::default();
    reader.push(bytes);
    Message::from_frame(&reader.next_frame().unwrap().unwrap()).unwrap().unwrap()
}
