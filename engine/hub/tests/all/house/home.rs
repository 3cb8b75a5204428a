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
use unisono_hub::house::{Action, ConnectionId, EntryId, GroupId, House, Media, Refused, RoomId, StreamSettings};

/// Frames in a second of every stream.
pub(crate) const SECOND: u64 = 48_000;

/// What the house wanted done, other than messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    /// A source was to be ready at this frame, as this run.
    Cue(GroupId, u32, u64),
    /// An entry was to be opened and played.
    Start(GroupId, EntryId),
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
    /// Who reads what the groups play.
    readers: BTreeMap<GroupId, Reader>,
    /// Which entries were gone over to, and where in the stream.
    pub(crate) turns: Vec<(EntryId, u64)>,
    /// Whether entries are opened as soon as that is asked for.
    pub(crate) opens: bool,
    /// What was asked for and is not open yet.
    pub(crate) asked: Vec<(GroupId, u32, EntryId, Media)>,
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
            readers: BTreeMap::new(),
            turns: Vec::new(),
            opens: true,
            asked: Vec::new(),
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
        Media {
            title: "a song".into(),
            location: "/a song.flac".into(),
            frames: Some(self.source_frames),
            ..Media::default()
        }
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

    /// What a connection was told and nobody has asked for yet.
    pub(crate) fn told_so_far(&self, id: ConnectionId) -> Vec<Message> {
        self.told.iter().filter(|(to, _)| *to == id).map(|(_, message)| message.clone()).collect()
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
                Action::Cue { group, run, position, entry, source_frame } => {
                    let end = position.0 + self.frames_of(group, entry).saturating_sub(source_frame);
                    self.readers.insert(group, Reader { run, end, next: None, state: Reads::On });
                    self.done.push(Done::Cue(group, run, source_frame));
                }
                Action::Open { group, run, entry, media } => {
                    self.asked.push((group, run, entry, media));
                    if self.opens {
                        self.open();
                    }
                }
                Action::Follow { group, run, entry, instead_from } => self.follow(group, run, entry, instead_from),
                Action::Unfollow(group, _) => self.reader(group).next = None,
                Action::Finish { group, end_at, .. } => {
                    let reader = self.reader(group);
                    reader.end = end_at.map_or(reader.end, |at| at.0);
                    reader.state = Reads::NoMore;
                }
                Action::Start(group, entry) => self.done.push(Done::Start(group, entry)),
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

    /// Half a second is read ahead.
    fn packet(&mut self, group: GroupId, stream: StreamId, position: FramePosition) {
        self.house.handle_packet(group, stream, position, Bytes::from_static(&[0; 100]));
        loop {
            let Some(reader) = self.readers.get_mut(&group) else { return };
            if reader.state != Reads::On || position.0 + SECOND / 2 < reader.end {
                return;
            }
            let (run, end) = (reader.run, FramePosition(reader.end));
            match reader.next.take() {
                Some(entry) => self.turn(group, run, entry, end),
                None => {
                    reader.state = Reads::Dry;
                    self.house.handle_dry(self.now, group, run, end);
                }
            }
        }
    }

    /// Opens what was asked for.
    pub(crate) fn open(&mut self) {
        for (group, run, entry, media) in std::mem::take(&mut self.asked) {
            if media.location == BROKEN {
                self.house.handle_unopened(self.now, group, entry, "it is no sound");
            } else {
                self.house.handle_opened(self.now, group, run, entry, media);
            }
        }
    }

    fn follow(&mut self, group: GroupId, run: u32, entry: EntryId, instead_from: Option<FramePosition>) {
        let reader = self.reader(group);
        assert_eq!(reader.run, run);
        if let Some(from) = instead_from {
            (reader.end, reader.state) = (from.0, Reads::Dry);
        }
        let end = FramePosition(reader.end);
        if reader.state == Reads::Dry {
            self.turn(group, run, entry, end);
        } else {
            reader.next = Some(entry);
        }
    }

    fn turn(&mut self, group: GroupId, run: u32, entry: EntryId, at: FramePosition) {
        let frames = self.frames_of(group, entry);
        let reader = self.reader(group);
        (reader.end, reader.state) = (at.0 + frames, Reads::On);
        self.turns.push((entry, at.0));
        self.house.handle_turn(self.now, group, run, entry, at);
    }

    fn reader(&mut self, group: GroupId) -> &mut Reader {
        self.readers.get_mut(&group).unwrap()
    }

    fn frames_of(&self, group: GroupId, entry: EntryId) -> u64 {
        let entry = self.house.groups().get(&group).and_then(|group| group.queue.entry(entry));
        entry.and_then(|entry| entry.media.frames).unwrap_or(self.source_frames)
    }
}

/// Where something is that cannot be opened.
pub(crate) const BROKEN: &str = "/broken.flac";

/// Reads what one group plays.
struct Reader {
    run: u32,
    /// Where in the stream what it reads ends.
    end: u64,
    next: Option<EntryId>,
    state: Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    On,
    /// Not before it is said what follows.
    Dry,
    NoMore,
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
