//! A hub, as its node sees it.

mod asks;
mod repair;
mod rooms;
mod step;
mod streams;

use core::ops::Add;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::{
    clock::{ClockClient, Estimate, Estimator, Pace, SendToken},
    leadership::Judge,
    repair::{Receiver, ReceiverCounts, ReorderingWindow},
    sound::RoomSound,
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    units::{FramePosition, Gain},
    wire::{
        VERSION, Version,
        clock::Report as ClockPacket,
        control::{
            Ask, ClockReport, Codec, Figures, Format, Hello, LatencyReport, Message, OutputReport, Refuse,
            RefuseReason, Report, Room, RoomReport, Turned, VolumeReport, Welcome, sentence,
        },
        frame::Frame,
        ids::{AskId, HouseholdId, RoomIndex, StreamId},
    },
};

/// Sound is not played by an estimate worse than this: it would have to jump later.
const LOCK_LIMIT: Nanos = Nanos::from_micros(500);

/// Who the node is and what it drives.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The node's name.
    pub name: String,
    /// The household that it has pinned.
    pub household: Option<HouseholdId>,
    /// The version of the member list that it holds.
    pub members_version: u64,
    /// The secret of a join token.
    pub join: Option<[u8; 16]>,
    /// What it can decode, best first.
    pub codecs: Vec<Codec>,
    /// Its rooms, as the hub was told of them last.
    pub rooms: Vec<Room>,
}

/// What the node's driver is to do.
#[derive(Debug)]
pub enum NodeAction {
    /// Send these bytes on the control stream.
    Control(Vec<u8>),
    /// Send this QUIC datagram.
    Datagram(Bytes),
    /// The hub has let the node in. Check its list (empty: the one held) before handing in anything else; from now on
    /// send probes, with a [`Prober`](crate::clock::Prober) of the tag that it has given.
    Welcomed(Welcome),
    /// The hub has a new member list.
    Members(Vec<u8>),
    /// A room is to play a stream; whatever it played before ends with a fade.
    Start {
        /// The room.
        room: RoomIndex,
        /// The rendition.
        stream: StreamId,
        /// How its packets are coded; validated.
        format: Format,
        /// What its positions mean.
        timeline: Timeline,
        /// It goes on with the sound of what the room plays: the first packet to be heard of it. Nothing ends then.
        continues: Option<FramePosition>,
    },
    /// A room has gone over from a stream to the one that continues it: no more packets of it come.
    Left {
        /// The room.
        room: RoomIndex,
        /// The stream that is over.
        stream: StreamId,
    },
    /// The positions of a stream have a new meaning.
    Timeline {
        /// The rendition.
        stream: StreamId,
        /// What its positions mean.
        timeline: Timeline,
    },
    /// A packet for every room that plays the stream.
    Packet {
        /// The rendition.
        stream: StreamId,
        /// Its position.
        position: FramePosition,
        /// The codec's bytes.
        payload: Bytes,
    },
    /// A room is to stop, with a fade.
    Stop {
        /// The room.
        room: RoomIndex,
    },
    /// A room is to be so loud.
    Gain {
        /// The room.
        room: RoomIndex,
        /// The linear factor.
        gain: Gain,
        /// How long the change takes.
        ramp: Nanos,
    },
    /// A room's sound is to be shaped so.
    Sound {
        /// The room.
        room: RoomIndex,
        /// Its channels and its equaliser.
        sound: RoomSound,
    },
    /// The hub's clock is known better.
    Estimate(Estimate),
    /// Do this, and hand the answer to [`NodeSession::answer`].
    Ask(Ask),
    /// Nobody waits for that answer any more.
    Forget(AskId),
    /// The connection is over.
    Close(Refuse),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Welcomed(Version),
    Closed,
}

#[derive(Debug)]
struct Stream {
    receiver: Receiver,
    reordering: ReorderingWindow,
    timeline: Timeline,
    lead: Nanos,
    format: Format,
    /// Whether the gaps of the time before the clock was known have been forgotten.
    aligned: bool,
    /// The rooms that play it, and what it had counted when each began to.
    rooms: BTreeMap<RoomIndex, ReceiverCounts>,
}

/// The node's side of one connection.
#[derive(Debug)]
pub struct NodeSession {
    config: NodeConfig,
    state: State,
    hub_version: Version,
    clock: Option<ClockClient>,
    /// What the hub's clock was last known to be.
    mapping: Option<Mapping<NodeClock, HubClock>>,
    /// What was learned of this hub's clock before, until the clock starts.
    learned: Option<Estimator>,
    streams: BTreeMap<StreamId, Stream>,
    /// What each room plays; while it goes over to another rendition, that one.
    plays: BTreeMap<RoomIndex, StreamId>,
    /// How long before it is heard a packet is of use, for each room.
    give_up: Nanos,
    /// Since when a room's latency has been another than the hub was told.
    differs_since: Option<Timestamp<NodeClock>>,
    /// When gaps are to be looked at next, and when they were last.
    next_repair: Option<Timestamp<NodeClock>>,
    looked_at: Option<Timestamp<NodeClock>>,
    /// What each room has counted of the streams that it has left.
    ended: BTreeMap<RoomIndex, ReceiverCounts>,
    /// What the hub has asked and was not answered to the end.
    asks: BTreeSet<AskId>,
    actions: VecDeque<NodeAction>,
    bad_datagrams: u64,
}

impl NodeSession {
    /// Begins with a `Hello`. `learned` is what is known of this hub's clock, `give_up` how long before it is heard a
    /// packet must be there.
    pub fn new(config: NodeConfig, learned: Estimator, give_up: Nanos) -> Self {
        let hello = Hello {
            version: VERSION,
            name: config.name.clone(),
            household: config.household,
            members_version: config.members_version,
            join: config.join,
            codecs: config.codecs.clone(),
            rooms: config.rooms.clone(),
        };
        let actions = VecDeque::from([NodeAction::Control(Message::from(hello).encode())]);
        Self {
            config,
            state: State::Greeting,
            hub_version: VERSION,
            clock: None,
            mapping: None,
            learned: Some(learned),
            streams: BTreeMap::new(),
            plays: BTreeMap::new(),
            give_up,
            differs_since: None,
            next_repair: None,
            looked_at: None,
            ended: BTreeMap::new(),
            asks: BTreeSet::new(),
            actions,
            bad_datagrams: 0,
        }
    }

    /// Takes a control message. `judges` are those of the node's rooms, which outlive connections.
    pub fn handle_frame(&mut self, now: Timestamp<NodeClock>, frame: &Frame, judges: &mut [Judge]) {
        if self.state == State::Closed {
            return;
        }
        let message = match Message::from_frame(frame) {
            Ok(Some(message)) => message,
            Ok(None) => return,
            // A newer hub may say what we cannot read, and that is skipped; one of our own version may not.
            Err(_) if self.hub_version > VERSION => return,
            Err(error) => return self.close(RefuseReason::Protocol, error.to_string()),
        };
        match (self.state, message) {
            (_, Message::Refuse(refuse)) => self.end(Refuse { text: sentence(&refuse.text), ..refuse }),
            (State::Greeting, Message::Welcome(welcome)) => self.welcome(now, welcome),
            (State::Welcomed(_), Message::Members(members)) => {
                self.actions.push_back(NodeAction::Members(members.members));
            }
            (State::Welcomed(_), Message::StreamStart(start)) => self.start(now, start, judges),
            (State::Welcomed(_), Message::Anchors(anchors)) => self.anchors(now, &anchors),
            (State::Welcomed(_), Message::StreamStop(stop)) => self.stop(&stop),
            (State::Welcomed(_), Message::SetGain(set)) if self.has_room(set.room) => {
                let ramp = Nanos::from_millis(i64::from(set.ramp_ms));
                self.actions.push_back(NodeAction::Gain { room: set.room, gain: set.gain, ramp });
            }
            (State::Welcomed(_), Message::SetSound(set)) if self.has_room(set.room) => {
                self.actions.push_back(NodeAction::Sound { room: set.room, sound: set.sound });
            }
            (State::Welcomed(_), Message::SetGain(_) | Message::SetSound(_)) => {}
            (State::Welcomed(_), Message::Ask(ask)) => self.ask(ask),
            (State::Welcomed(_), Message::Forget(forget)) => self.forget(forget),
            (State::Greeting, _) | (_, Message::Welcome(_)) => {
                self.close(RefuseReason::Protocol, "the hub sent a message out of turn".into());
            }
            // What only nodes send means nothing from a hub.
            (State::Welcomed(_) | State::Closed, _) => {}
        }
    }

    /// Takes a clock report whose tag was checked, with the instant of its arrival.
    pub fn handle_clock(&mut self, report: &ClockPacket, received: Timestamp<NodeClock>) {
        let Some(clock) = &mut self.clock else { return };
        let changed = clock.handle_report(report, received);
        if clock.heard_at() == Some(received) {
            self.streams.values_mut().for_each(|stream| stream.receiver.hear(received));
        }
        if changed && let Some(estimate) = clock.estimate(received) {
            self.actions.push_back(NodeAction::Estimate(estimate));
            self.follow(received, &estimate);
        }
    }

    /// Tells when a probe was handed to the network.
    pub fn handle_clock_sent(&mut self, token: SendToken, at: Timestamp<NodeClock>) {
        if let Some(clock) = &mut self.clock {
            clock.handle_sent(token, at);
        }
    }

    /// How often clock packets are to go out now; `None` while the hub has not let the node in.
    pub fn pace(&self, now: Timestamp<NodeClock>) -> Option<Pace> {
        self.clock.as_ref().map(|clock| clock.pace(now))
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp<NodeClock>) {
        if self.next_repair.is_some_and(|at| at <= now) {
            self.repair(now);
        }
    }

    /// When [`Self::handle_timeout`] is to be called next.
    pub const fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        self.next_repair
    }

    /// What to do next.
    pub fn poll_action(&mut self) -> Option<NodeAction> {
        self.actions.pop_front()
    }

    /// Tells the hub how the rooms, their outputs and their volumes are doing; what this session counts itself is filled in. Gives what
    /// was told, when it was.
    pub fn report(
        &mut self,
        now: Timestamp<NodeClock>,
        mut rooms: Vec<RoomReport>,
        outputs: Vec<OutputReport>,
        latencies: Vec<LatencyReport>,
        volumes: Vec<VolumeReport>,
    ) -> Option<Report> {
        if !matches!(self.state, State::Welcomed(_)) {
            return None;
        }
        for room in &mut rooms {
            let counts = self.counts_of(room.room);
            (room.received, room.lost, room.repaired) = (counts.received, counts.lost, counts.repaired);
        }
        let estimate = self.estimate(now);
        let clock = estimate.map_or_else(ClockReport::default, |estimate| ClockReport {
            locked: estimate.uncertainty < LOCK_LIMIT,
            uncertainty: estimate.uncertainty,
            rtt: estimate.rtt,
            drift_ppb: -estimate.mapping.drift().parts_per_billion(),
        });
        let (outputs, latencies, volumes) = (outputs.into(), latencies.into(), volumes.into());
        let report = Report { clock, rooms, outputs, latencies, volumes };
        self.actions.push_back(NodeAction::Control(Message::from(report.clone()).encode()));
        Some(report)
    }

    /// Tells the hub what was counted and measured beyond the report, for those who watch.
    pub fn figures(&mut self, figures: Figures) {
        if matches!(self.state, State::Welcomed(_)) {
            self.actions.push_back(NodeAction::Control(Message::from(figures).encode()));
        }
    }

    /// Tells the hub that somebody has turned a room's volume at its speaker: it is as loud as this now. A hub of 1.3 does
    /// not read it.
    pub fn turned(&mut self, room: RoomIndex, gain: Gain) {
        if matches!(self.state, State::Welcomed(_)) {
            self.actions.push_back(NodeAction::Control(Message::from(Turned { room, gain }).encode()));
        }
    }

    /// The hub's clock as it is known now.
    pub fn estimate(&self, now: Timestamp<NodeClock>) -> Option<Estimate> {
        self.clock.as_ref()?.estimate(now)
    }

    /// When the hub's clock was last heard of; a hub that is there answers several times a second.
    pub fn heard_at(&self) -> Option<Timestamp<NodeClock>> {
        self.clock.as_ref()?.heard_at()
    }

    /// Whether the clock is known well enough to play by.
    pub fn is_locked(&self, now: Timestamp<NodeClock>) -> bool {
        self.estimate(now).is_some_and(|estimate| estimate.uncertainty < LOCK_LIMIT)
    }

    /// Whether what a stream's timeline says of now is that nothing is heard: it is paused, or over.
    pub fn is_paused(&self, now: Timestamp<NodeClock>, stream: StreamId) -> bool {
        let Some((stream, estimate)) = self.streams.get(&stream).zip(self.estimate(now)) else { return false };
        let governing = stream.timeline.segment_at(estimate.mapping.forward(now));
        governing.is_some_and(|segment| segment.anchor.play.is_none())
    }

    /// Datagrams that were no packets of sound.
    pub const fn bad_datagrams(&self) -> u64 {
        self.bad_datagrams
    }

    /// Ends the session and gives back what was learned of the hub's clock.
    pub fn into_estimator(self) -> Estimator {
        self.clock.map(ClockClient::into_estimator).or(self.learned).unwrap_or_default()
    }

    fn welcome(&mut self, now: Timestamp<NodeClock>, welcome: Welcome) {
        if VERSION.common(welcome.version).is_none() {
            let text =
                format!("the hub speaks protocol {}, this node {VERSION}: update the older one", welcome.version);
            return self.close(RefuseReason::Version, text);
        }
        self.hub_version = welcome.version;
        self.state = State::Welcomed(welcome.version);
        let learned = self.learned.take().unwrap_or_default();
        let clock = ClockClient::new(welcome.clock_tag, learned);
        self.mapping = clock.estimate(now).map(|estimate| estimate.mapping);
        self.clock = Some(clock);
        self.actions.push_back(NodeAction::Welcomed(welcome));
    }

    fn counts_of(&self, room: RoomIndex) -> ReceiverCounts {
        let playing = self.streams.values().filter_map(|stream| Some((stream, *stream.rooms.get(&room)?)));
        let now = playing.map(|(stream, before)| stream.receiver.counts().since(before));
        now.fold(self.ended.get(&room).copied().unwrap_or_default(), ReceiverCounts::add)
    }

    fn has_room(&self, room: RoomIndex) -> bool {
        self.config.rooms.iter().any(|known| known.index == room)
    }

    fn close(&mut self, reason: RefuseReason, text: String) {
        self.end(Refuse { reason, text });
    }

    /// Nothing is asked, told or handed on any more.
    fn end(&mut self, refuse: Refuse) {
        self.state = State::Closed;
        self.streams.clear();
        self.plays.clear();
        self.asks.clear();
        self.next_repair = None;
        self.learned = self.clock.take().map(ClockClient::into_estimator).or(self.learned.take());
        self.actions.push_back(NodeAction::Close(refuse));
    }
}
