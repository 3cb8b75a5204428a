//! The hub without a socket: who is connected, what plays where, and which bytes go to whom at which instant.
//!
//! [`House`] is a state machine like those in `unisono-core`: time and bytes come in, [`Action`]s go out. After every
//! call that takes something in, call [`House::poll_action`] until it gives `None`, then arm a timer for
//! [`House::poll_timeout`].

mod adapt;
mod asks;
mod configuration;
mod connections;
mod departures;
mod following;
mod group;
mod ladder;
mod lead;
mod media;
mod order;
mod playback;
mod queue;
mod queueing;
mod reading;
mod repair;
mod room;
mod snapshot;
mod sound;
mod stream;
mod sync_errors;
mod warnings;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use bytes::Bytes;
use unisono_core::{
    clock::ClockServer,
    session::HubSession,
    time::{HubClock, Nanos, Timestamp},
    units::FramePosition,
    wire::{
        control::{Answer, Codec, Hello, Room as RoomOffer},
        ids::{AskId, PeerId, StreamId},
    },
};

use self::{
    asks::Asks, connections::MemberNews, departures::Departure, ladder::Ladder, repair::TokenBucket, stream::Stream,
};
pub use self::{
    group::{Group, GroupId, Playback},
    media::{Media, MediaKind, Track},
    order::Order,
    queue::{At, Entry, EntryId, MAX_ENTRIES, Queue, Repeat, SavedQueue},
    room::{Room, RoomId},
    snapshot::{SavedGroup, SavedPlace, SavedRoom, Snapshot},
    stream::{MARGINS, RenditionPlan, StreamSettings},
    sync_errors::{SyncErrorCounts, SyncErrors},
    warnings::Cause,
    wishes::Wish,
};

/// One connection, as the driver names it; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the hub's driver is to do.
#[derive(Debug)]
pub enum Action {
    /// Send these bytes on a connection's control stream.
    Control(ConnectionId, Vec<u8>),
    /// Send this QUIC datagram.
    Datagram(ConnectionId, Bytes),
    /// The node was let in: answer its probes from now on.
    Clock(ConnectionId, ClockServer),
    /// Decide whether a node may come in, and have its rooms configured: answer with [`House::admit`] or
    /// [`House::refuse`].
    Judge(ConnectionId, PeerId, Hello),
    /// A node says anew what it drives: have that configured, then hand it in with [`House::meet`].
    Meet(PeerId, Vec<RoomOffer>),
    /// A connection carries so many bits a second with so much latency.
    Budget(ConnectionId, u32, Nanos),
    /// Close a connection; what was sent before goes out first.
    Close(ConnectionId, String),
    /// Make a group's source ready: encode from `source_frame` on as the stream's positions from `position`.
    Cue {
        /// The group.
        group: GroupId,
        /// The run of anchors that the packets will belong to.
        run: u32,
        /// The stream position of the first frame.
        position: FramePosition,
        /// The entry of the queue that is heard there.
        entry: EntryId,
        /// The frame of it.
        source_frame: u64,
    },
    /// An entry is to follow what a run reads: open it, then say so with [`House::handle_opened`] or
    /// [`House::handle_unopened`].
    Open {
        /// The group.
        group: GroupId,
        /// The run.
        run: u32,
        /// The entry.
        entry: EntryId,
        /// What it is.
        media: Media,
    },
    /// Read an entry that was opened behind what a run reads now.
    Follow {
        /// The group.
        group: GroupId,
        /// The run.
        run: u32,
        /// The entry.
        entry: EntryId,
        /// What was read from this position on is void; it comes there.
        instead_from: Option<FramePosition>,
    },
    /// What was to follow what a run reads does not.
    Unfollow(GroupId, u32),
    /// Nothing follows what a run reads.
    Finish {
        /// The group.
        group: GroupId,
        /// The run.
        run: u32,
        /// What was read from this position on is void.
        end_at: Option<FramePosition>,
    },
    /// Open an entry and have it [play](House::play_entry) at once.
    Start(GroupId, EntryId),
    /// A group's stream has one more rendition: encode it too, from the next block on.
    AddRendition(GroupId, RenditionPlan),
    /// Nobody plays a rendition any more: it need not be encoded.
    RemoveRendition(GroupId, StreamId),
    /// A packet is due: hand it in with [`House::handle_packet`].
    Packet {
        /// The group.
        group: GroupId,
        /// The rendition.
        stream: StreamId,
        /// The packet's position.
        position: FramePosition,
    },
    /// A group's stream is over; its encoder may go.
    CloseStream(GroupId),
    /// A part of what a node answers to what it was asked.
    Answer(Answer),
    /// The node has gone that was asked.
    Unanswered(AskId),
    /// What plays has come to its end in every room.
    Ended(GroupId),
    /// Something changed that is kept across restarts.
    Changed,
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No such group.
    #[error("there is no group \"{0}\"; `unisono groups` lists them")]
    UnknownGroup(String),
    /// No such room.
    #[error("there is no room \"{0}\"; `unisono rooms` lists them")]
    UnknownRoom(String),
    /// Several rooms have the name.
    #[error("more than one room is called \"{0}\"; use its id, `unisono rooms --json` has it")]
    AmbiguousRoom(String),
    /// The room has a limit: its name, then the limit in percent.
    #[error("room \"{0}\" may be at {1} at most; `unisono room limit` changes that")]
    TooLoud(String, u8),
    /// The room's node is connected, so it would be back at once.
    #[error("room \"{0}\" is there: its node is connected; stop that first, or remove it with `unisono node remove`")]
    StillThere(String),
    /// The room's node is not connected.
    #[error("room \"{0}\" is not there: its node is not connected; start `unisono-node` in it")]
    NotThere(String),
    /// The room's node does not know what it is to be asked: its name, then what it speaks.
    #[error("the node of room \"{0}\" speaks protocol {1} and cannot be asked this; update it")]
    TooOld(String, String),
    /// The room's node has as many requests in hand as it takes.
    #[error("the node of room \"{0}\" has 16 requests in hand; wait for one to end")]
    TooMuchInHand(String),
    /// No node takes so long a request.
    #[error("that is longer than the node of room \"{0}\" takes")]
    TooLong(String),
    /// The room is not in the group: its name, then the group's.
    #[error("room \"{0}\" is not in group \"{1}\"; `unisono groups` shows which are")]
    NotInGroup(String, String),
    /// Nothing plays, so it can be neither paused nor moved.
    #[error("nothing plays in \"{0}\"; start with `unisono play FILE`")]
    NothingPlays(String),
    /// Beyond the end of what plays.
    #[error("{0:.1} s lies beyond the end: it is {1:.1} s long")]
    BeyondEnd(f64, f64),
    /// A group needs at least one room to play.
    #[error("group \"{0}\" has no rooms; add one with `unisono group add`")]
    NoRooms(String),
    /// No such entry in the queue: its name, then the group's.
    #[error("there is no entry \"{0}\" in the queue of \"{1}\"; `unisono queue` lists them")]
    UnknownEntry(String, String),
    /// More than a queue holds.
    #[error("a queue holds {MAX_ENTRIES} entries at most, and that of \"{0}\" has {1}; clear it or remove some first")]
    QueueFull(String, usize),
    /// Nothing comes behind or before what plays.
    #[error("nothing comes {0} what plays in \"{1}\"; `unisono queue` shows what there is")]
    NothingThere(&'static str, String),
    /// While it was opened, somebody wanted something else.
    #[error("something else was wanted in \"{0}\" since; play it again if it is to be heard")]
    Overtaken(String),
    /// Nobody would hear it.
    #[error("no room of \"{0}\" is online; start `unisono-node` in one, or add a room that is online")]
    NobodyThere(String),
}

#[derive(Debug)]
struct Connection {
    peer: PeerId,
    session: HubSession,
    /// What the node can decode, best first.
    codecs: Vec<Codec>,
    repairs: TokenBucket,
    bad_datagrams: u64,
    /// Where the node's own API answers.
    api: Option<SocketAddr>,
    /// Bits a second that it carries, and how long before they are heard.
    budget: (u32, Nanos),
}

/// The hub's state machine.
#[derive(Debug)]
pub struct House {
    name: String,
    peer: PeerId,
    settings: StreamSettings,
    random: fastrand::Rng,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The connection of each node that was let in.
    admitted: BTreeMap<PeerId, ConnectionId>,
    members: BTreeSet<PeerId>,
    news: MemberNews,
    /// Datagrams that meant nothing, on connections that are over.
    bad_datagrams_before: u64,
    rooms: BTreeMap<RoomId, Room>,
    groups: BTreeMap<GroupId, Group>,
    streams: BTreeMap<GroupId, Stream>,
    departures: Vec<Departure>,
    /// How far down the ladder each node's link is; a node that connects again goes on there.
    ladders: BTreeMap<PeerId, Ladder>,
    next_stream: u16,
    asks: Asks,
    actions: VecDeque<Action>,
}

impl House {
    /// A hub that nobody has connected to, of a household that has yet to be [configured](Self::configure). `seed` draws
    /// shuffles and phases.
    ///
    /// # Errors
    /// When streams cannot be made as `settings` want them.
    pub fn new(name: String, peer: PeerId, settings: StreamSettings, seed: u64) -> Result<Self, unisono_codec::Error> {
        settings.format(settings.ladder(&[settings.codec])[0], settings.margin)?;
        Ok(Self {
            name,
            peer,
            settings,
            random: fastrand::Rng::with_seed(seed),
            connections: BTreeMap::new(),
            admitted: BTreeMap::new(),
            members: BTreeSet::new(),
            news: MemberNews::default(),
            bad_datagrams_before: 0,
            rooms: BTreeMap::new(),
            groups: BTreeMap::new(),
            streams: BTreeMap::new(),
            departures: Vec::new(),
            ladders: BTreeMap::new(),
            next_stream: 1,
            asks: Asks::default(),
            actions: VecDeque::new(),
        })
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp<HubClock>) {
        self.tell_members(now);
        self.drive_queues(now);
        self.drive_streams(now);
        self.depart(now);
    }

    /// When [`Self::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp<HubClock>> {
        let streams = self.streams.values().filter_map(Stream::poll_timeout);
        streams.chain(self.news.due()).chain(self.next_departure()).min()
    }

    /// What to do next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The rooms that are or were there, by id.
    pub const fn rooms(&self) -> &BTreeMap<RoomId, Room> {
        &self.rooms
    }

    /// The groups, by id.
    pub const fn groups(&self) -> &BTreeMap<GroupId, Group> {
        &self.groups
    }

    /// How streams are made.
    pub const fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// The hub's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The machines of the household.
    pub const fn members(&self) -> &BTreeSet<PeerId> {
        &self.members
    }

    /// Where a connected node's own API answers, by its own account.
    pub fn api_of(&self, peer: PeerId) -> Option<SocketAddr> {
        self.connections.get(&self.connection_of(peer)?)?.api
    }

    /// Whether a node is connected and admitted.
    pub fn is_online(&self, peer: PeerId) -> bool {
        self.connection_of(peer).is_some()
    }

    fn room_connection(&self, room: RoomId) -> Option<ConnectionId> {
        self.connection_of(room.node)
    }

    fn connection_of(&self, peer: PeerId) -> Option<ConnectionId> {
        let id = self.admitted.get(&peer)?;
        self.connections.get(id)?.session.is_admitted().then_some(*id)
    }
}
