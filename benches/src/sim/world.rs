//! Events in the order of true time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use bytes::Bytes;
use unisono_core::{
    time::{HubClock, NodeClock, Timestamp},
    wire::{
        frame::{Frame, FrameReader},
        media::MediaHeader,
    },
};
use unisono_household::config::Command;
use unisono_hub::house::{ConnectionId, GroupId, House, RoomId, StreamSettings};

use super::{
    Crystal, Link, LinkProfile, NodeSetup, Outage, Report,
    hub::{self, Hub},
    node::{self, Node},
};

/// Without a packet for so long, QUIC gives a connection up.
const IDLE_TIMEOUT: i64 = 6_000_000_000;

/// A lost control message is sent again after so long.
const RETRANSMIT: i64 = 60_000_000;

/// Nodes try to connect again after so long, give or take half.
const RECONNECT: i64 = 500_000_000;

/// How a house is made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Everything random comes from here.
    pub seed: u64,
    /// The nodes, each with one room.
    pub nodes: Vec<NodeSetup>,
    /// Every room's link.
    pub link: LinkProfile,
    /// Rooms whose link is another than that.
    pub links: Vec<(usize, LinkProfile)>,
    /// Times in which a room hears nothing: room, from, to.
    pub outages: Vec<(usize, Outage)>,
    /// How the hub makes streams.
    pub settings: StreamSettings,
    /// What the hub's clock reads at the start, in seconds.
    pub hub_offset_s: f64,
    /// How long the source is, in frames.
    pub source_frames: u64,
    /// How far every crystal swings up and down within an hour, in ppm.
    pub swing_ppm: f64,
    /// Datagrams a second from a hostile machine, to every node and the hub.
    pub hostile: u32,
}

impl Setup {
    /// Rooms with clocks within ±50 ppm and converters within ±100 ppm, all started at other times, on one profile.
    pub fn rooms(count: u8, link: LinkProfile, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let spread =
            |i: u8, span: f64| if count < 2 { 0.0 } else { span * (2.0 * f64::from(i) / f64::from(count - 1) - 1.0) };
        let nodes = (0..count)
            .map(|i| NodeSetup {
                clock_ppm: spread(i, 50.0),
                clock_offset_s: random.f64() * 1e5 - 5e4,
                wander: 3e-3,
                dac_ppm: spread((i * 7 + 3) % count, 100.0),
                quantum: 1,
                ..NodeSetup::default()
            })
            .collect();
        Self {
            seed,
            nodes,
            link,
            links: Vec::new(),
            outages: Vec::new(),
            settings: StreamSettings::default(),
            hub_offset_s: 12_345.678,
            source_frames: 48_000 * 86_400,
            swing_ppm: 0.0,
            hostile: 0,
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A room's audio thread.
    Tick(usize),
    /// A node's or the hub's timer.
    NodeTimer(usize),
    HubTimer,
    /// A node reports.
    Report(usize),
    /// Bytes arrive: at a node, at the hub.
    ToNode(usize, u64, Payload),
    ToHub(usize, u64, Payload),
    /// A node tries to connect.
    Connect(usize),
    /// Looks for connections that have gone idle.
    Watch(usize, u64),
    /// A hostile machine sends something.
    Hostile,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Payload {
    Control(Vec<u8>),
    Datagram(Bytes),
    Clock(Vec<u8>),
}

/// Bytes of one room that were put on its link, without the headers of QUIC and below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sound, sent the first time.
    pub media: u64,
    /// Sound that was asked for.
    pub repairs: u64,
    /// Requests for repair.
    pub requests: u64,
}

impl Traffic {
    fn count(&mut self, payload: &Payload) {
        let Payload::Datagram(bytes) = payload else { return };
        let length = bytes.len() as u64;
        match MediaHeader::parse(bytes) {
            Ok((header, _)) if header.repair => self.repairs += length,
            Ok(_) => self.media += length,
            Err(_) => self.requests += length,
        }
    }
}

impl Payload {
    fn len(&self) -> usize {
        match self {
            Self::Control(bytes) | Self::Clock(bytes) => bytes.len(),
            Self::Datagram(bytes) => bytes.len(),
        }
    }
}

struct Connection {
    id: ConnectionId,
    /// Reassembles the control stream at the node and at the hub.
    readers: (FrameReader, FrameReader),
    /// The control stream is in order: nothing arrives before what was sent earlier.
    control_at: (i64, i64),
    heard: i64,
}

/// What has arrived at a node and was not taken yet, each with the instant of its arrival.
#[derive(Default)]
struct Inbox {
    waiting: Vec<(Timestamp<NodeClock>, u64, Payload)>,
    /// When the node last took what there was.
    turned: i64,
}

/// A house, its links and its time.
pub struct World {
    setup: Setup,
    now: i64,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    sequence: u64,
    hub: Hub,
    hub_up: bool,
    /// Since when the hub sleeps.
    hub_asleep: Option<i64>,
    nodes: Vec<Node>,
    links: Vec<(Link, Link)>,
    connections: BTreeMap<usize, Connection>,
    next_connection: u64,
    timers: (Option<i64>, Vec<Option<i64>>),
    inboxes: Vec<Inbox>,
    random: fastrand::Rng,
    captured: Vec<(usize, Payload)>,
    traffic: Vec<Traffic>,
}

impl World {
    /// A house at rest; its nodes are about to connect.
    pub fn new(setup: Setup) -> Self {
        let seed = setup.seed;
        let hub = Hub::new(
            Crystal::new(setup.hub_offset_s, 0.0, 3e-3, seed ^ 0xab).swinging(setup.swing_ppm),
            setup.settings.clone(),
            setup.source_frames,
            seed ^ 0xcd,
        );
        let mut world = Self {
            now: 0,
            events: BinaryHeap::new(),
            sequence: 0,
            hub,
            hub_up: true,
            hub_asleep: None,
            nodes: Vec::new(),
            links: Vec::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            timers: (None, vec![None; setup.nodes.len()]),
            inboxes: setup.nodes.iter().map(|_| Inbox::default()).collect(),
            random: fastrand::Rng::with_seed(seed ^ 0xef),
            captured: Vec::new(),
            traffic: vec![Traffic::default(); setup.nodes.len()],
            setup,
        };
        for (i, node) in world.setup.nodes.clone().into_iter().enumerate() {
            let number = u8::try_from(i + 1).unwrap_or(u8::MAX);
            let own = seed.wrapping_mul(31).wrapping_add(i as u64 * 0x9e37_79b9);
            world.nodes.push(Node::new(number, node, world.setup.swing_ppm, own));
            let outages: Vec<Outage> =
                world.setup.outages.iter().filter(|(room, _)| *room == i).map(|(_, outage)| *outage).collect();
            let other = world.setup.links.iter().find(|(room, _)| *room == i).map(|(_, link)| *link);
            let profile = other.unwrap_or(world.setup.link);
            let link = |salt: u64| Link::new(profile, own ^ salt, outages.clone());
            let links = (link(0x11), link(0x22));
            world.links.push(links);
            world.at(1_000_000 * i64::try_from(i).unwrap_or(0), Event::Connect(i));
            world.at(0, Event::Tick(i));
            world.at(1_000_000_000, Event::Report(i));
        }
        if world.setup.hostile > 0 {
            world.at(0, Event::Hostile);
        }
        world
    }

    /// The seed, so that a failed test can be run again.
    pub const fn seed(&self) -> u64 {
        self.setup.seed
    }

    /// True time, in seconds.
    pub fn now(&self) -> f64 {
        self.now as f64 * 1e-9
    }

    /// The hub, to be commanded; its outputs go out with the next event.
    pub fn house<T>(&mut self, command: impl FnOnce(&mut House, Timestamp<HubClock>) -> T) -> T {
        let at = self.hub.clock(self.now);
        let result = command(&mut self.hub.house, at);
        self.drive_hub();
        result
    }

    /// Changes the household's configuration.
    ///
    /// # Panics
    /// When the command does not fit it.
    pub fn configure(&mut self, command: &Command) {
        self.hub.configure(self.now, command);
        self.drive_hub();
    }

    /// A room's id at the hub.
    pub fn room(&self, node: usize) -> RoomId {
        RoomId { node: self.nodes[node].peer, index: unisono_core::wire::ids::RoomIndex(0) }
    }

    /// Groups these rooms and starts to play.
    ///
    /// # Panics
    /// When a room has not connected yet.
    pub fn play_in(&mut self, nodes: &[usize]) -> GroupId {
        let rooms: Vec<RoomId> = nodes.iter().map(|node| self.room(*node)).collect();
        let (group, media) = (GroupId(1), self.hub.media());
        self.configure(&Command::CreateGroup { group, name: "group".into(), rooms });
        self.house(|house, now| house.play(now, group, media, 0)).expect("rooms are there");
        self.hub.group = Some(group);
        group
    }

    /// How often what played came to its end.
    pub const fn ended(&self) -> u32 {
        self.hub.ended
    }

    /// The bit rates of what is encoded now, in rising order.
    pub fn encoded(&self) -> Vec<u32> {
        let mut rates: Vec<u32> = self.hub.plans.values().map(|format| format.bit_rate).collect();
        rates.sort_unstable();
        rates
    }

    /// How long before it is heard a packet is sent, in seconds.
    pub fn latency(&self) -> f64 {
        self.hub.latency().as_secs_f64()
    }

    /// The hub's process dies without a word.
    pub fn kill_hub(&mut self) {
        self.hub_up = false;
    }

    /// The hub's process comes back on the same machine, with what it had kept.
    pub fn restart_hub(&mut self) {
        let (settings, seed) = (self.setup.settings.clone(), self.random.u64(..));
        self.hub.restart(self.now, settings, seed);
        self.hub_up = true;
        if let Some(group) = self.hub.group {
            self.house(|house, now| house.resume(now, group)).ok();
        }
        // The first packet of an old connection is answered by a stateless reset.
        for i in 0..self.nodes.len() {
            if self.connections.contains_key(&i) && !self.links[i].0.is_out(self.now) {
                self.drop_connection(i);
            }
        }
    }

    /// The hub's machine is suspended: its clock stands still, and what is sent to it is lost.
    pub const fn suspend_hub(&mut self) {
        self.hub_up = false;
        self.hub_asleep = Some(self.now);
    }

    /// The hub's machine wakes up, and knows of nothing.
    pub fn wake_hub(&mut self) {
        if let Some(since) = self.hub_asleep.take() {
            self.hub.crystal.step(since - self.now);
            self.hub_up = true;
            self.rearm_hub();
        }
    }

    /// Timers that were armed by the clock as it was mean another instant now.
    fn rearm_hub(&mut self) {
        self.timers.0 = None;
        self.drive_hub();
    }

    /// Runs until a true time, in seconds.
    pub fn run_until(&mut self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let end = (seconds * 1e9) as i64;
        while let Some(Reverse((at, _, _))) = self.events.peek()
            && *at <= end
        {
            let Some(Reverse((at, _, event))) = self.events.pop() else { break };
            self.now = at;
            self.handle(event);
        }
        self.now = end;
    }

    /// What every room has played so far.
    pub fn report(&self) -> Report {
        Report::new(&self.nodes, &self.traffic)
    }

    /// How far a node's idea of the hub's clock is off now, and how far it says it may be off, in seconds.
    pub fn clock_error(&mut self, node: usize) -> Option<(f64, f64)> {
        let hub = self.hub.clock(self.now);
        let (error, uncertainty) = self.nodes[node].estimate_error(self.now, hub)?;
        Some((error.as_secs_f64(), uncertainty.as_secs_f64()))
    }

    fn at(&mut self, at: i64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, event)));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Tick(i) => {
                let next = self.nodes[i].tick(self.now);
                self.at(next, Event::Tick(i));
            }
            // A timer that was armed anew since is left alone.
            Event::NodeTimer(i) if self.timers.1[i] == Some(self.now) => {
                self.timers.1[i] = None;
                self.wake_node(i);
            }
            Event::HubTimer if self.timers.0 == Some(self.now) => {
                self.timers.0 = None;
                self.drive_hub();
            }
            Event::NodeTimer(_) | Event::HubTimer => {}
            Event::Report(i) => {
                let outputs = self.nodes[i].report(self.now);
                self.send_from_node(i, outputs);
                self.at(self.now + 1_000_000_000, Event::Report(i));
            }
            Event::Connect(i) => self.connect(i),
            Event::Watch(i, id) => self.watch(i, id),
            Event::ToNode(i, id, payload) => {
                self.overhear(i, &payload);
                self.deliver_to_node(i, id, payload);
            }
            Event::ToHub(i, id, payload) => {
                self.overhear(i, &payload);
                self.deliver_to_hub(i, id, payload);
            }
            Event::Hostile => self.hostile(),
        }
    }

    fn connect(&mut self, i: usize) {
        let out = self.links[i].0.is_out(self.now) || !self.hub_up;
        if out || self.connections.contains_key(&i) {
            let again = self.now + RECONNECT / 2 + self.random.i64(0..RECONNECT);
            if out {
                self.at(again, Event::Connect(i));
            }
            return;
        }
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let readers = (FrameReader::default(), FrameReader::default());
        let connection = Connection { id, readers, control_at: (0, 0), heard: self.now };
        self.connections.insert(i, connection);
        self.hub.house.handle_connected(id, self.nodes[i].peer);
        self.nodes[i].connect();
        self.at(self.now + 1_000_000_000, Event::Watch(i, id.0));
        self.drive_node(i);
    }

    fn watch(&mut self, i: usize, id: u64) {
        let Some(connection) = self.connections.get(&i).filter(|connection| connection.id.0 == id) else { return };
        if self.now - connection.heard > IDLE_TIMEOUT {
            self.drop_connection(i);
        } else {
            self.at(self.now + 1_000_000_000, Event::Watch(i, id));
        }
    }

    fn drop_connection(&mut self, i: usize) {
        if let Some(connection) = self.connections.remove(&i) {
            self.hub.disconnected(connection.id);
        }
        self.nodes[i].disconnect();
        let again = self.now + self.random.i64(0..RECONNECT);
        self.at(again, Event::Connect(i));
    }

    fn deliver_to_node(&mut self, i: usize, id: u64, payload: Payload) {
        let Some(connection) = self.connections.get_mut(&i).filter(|connection| connection.id.0 == id) else { return };
        connection.heard = self.now;
        let at = self.nodes[i].clock(self.now);
        self.inboxes[i].waiting.push((at, id, payload));
        self.wake_node(i);
    }

    /// Has a node take what has arrived, and do what is due, unless both wait for its next turn.
    fn wake_node(&mut self, i: usize) {
        let inbox = &mut self.inboxes[i];
        if let Some(interval) = self.nodes[i].receive_interval(self.now)
            && self.now < inbox.turned + interval
        {
            let turn = inbox.turned + interval;
            return self.arm_node(i, turn);
        }
        inbox.turned = self.now;
        for (at, id, payload) in core::mem::take(&mut inbox.waiting) {
            let Some(connection) = self.connections.get_mut(&i).filter(|connection| connection.id.0 == id) else {
                continue;
            };
            match payload {
                Payload::Control(bytes) => {
                    connection.readers.0.push(&bytes);
                    while let Ok(Some(frame)) = connection.readers.0.next_frame() {
                        self.nodes[i].handle_control(self.now, &frame);
                    }
                }
                Payload::Datagram(bytes) => self.nodes[i].handle_datagram(self.now, &bytes),
                Payload::Clock(bytes) => self.nodes[i].handle_clock(at, &bytes),
            }
        }
        self.drive_node(i);
    }

    fn deliver_to_hub(&mut self, i: usize, id: u64, payload: Payload) {
        if !self.hub_up {
            return;
        }
        let Some(connection) = self.connections.get_mut(&i).filter(|connection| connection.id.0 == id) else { return };
        let id = connection.id;
        match payload {
            Payload::Control(bytes) => {
                connection.readers.1.push(&bytes);
                let mut frames: Vec<Frame> = Vec::new();
                while let Ok(Some(frame)) = connection.readers.1.next_frame() {
                    frames.push(frame);
                }
                for frame in frames {
                    self.hub.handle_control(self.now, id, &frame);
                }
            }
            Payload::Datagram(bytes) => self.hub.handle_datagram(self.now, id, &bytes),
            Payload::Clock(bytes) => self.hub.handle_clock(self.now, id, &bytes),
        }
        self.drive_hub();
    }

    fn drive_node(&mut self, i: usize) {
        let outputs = self.nodes[i].drive(self.now);
        self.send_from_node(i, outputs);
        if let Some(at) = self.nodes[i].timeout(self.now) {
            self.arm_node(i, at);
        }
    }

    fn arm_node(&mut self, i: usize, at: i64) {
        if self.timers.1[i].is_none_or(|armed| at < armed) {
            self.timers.1[i] = Some(at);
            self.at(at, Event::NodeTimer(i));
        }
    }

    fn send_from_node(&mut self, i: usize, outputs: Vec<node::Output>) {
        for output in outputs {
            let payload = match output {
                node::Output::Control(bytes) => Payload::Control(bytes),
                node::Output::Datagram(bytes) => Payload::Datagram(bytes),
                node::Output::Clock(bytes) => Payload::Clock(bytes),
                node::Output::Close(text) => {
                    self.nodes[i].closed = Some(text);
                    continue;
                }
            };
            self.carry(i, &payload, false);
        }
    }

    fn drive_hub(&mut self) {
        if !self.hub_up {
            return;
        }
        for output in self.hub.drive(self.now) {
            let (id, payload) = match output {
                hub::Output::Control(id, bytes) => (id, Payload::Control(bytes)),
                hub::Output::Datagram(id, bytes) => (id, Payload::Datagram(bytes)),
                hub::Output::Clock(id, bytes) => (id, Payload::Clock(bytes)),
                hub::Output::Close => continue,
            };
            let node = self.connections.iter().find(|(_, connection)| connection.id == id).map(|(i, _)| *i);
            if let Some(node) = node {
                self.carry(node, &payload, true);
            }
        }
        let timeout = self.hub.timeout(self.now);
        if let Some(at) = timeout
            && self.timers.0.is_none_or(|armed| at < armed)
        {
            self.timers.0 = Some(at);
            self.at(at, Event::HubTimer);
        }
    }

    /// Puts something on a room's link.
    fn carry(&mut self, i: usize, payload: &Payload, down: bool) {
        let link = if down { &mut self.links[i].0 } else { &mut self.links[i].1 };
        let Some(connection) = self.connections.get_mut(&i) else { return };
        let id = connection.id.0;
        self.traffic[i].count(payload);
        let mut arrivals = link.carry(self.now, payload.len());
        if matches!(payload, Payload::Control(_)) {
            let mut sent = self.now;
            while arrivals[0].is_none() && sent - self.now < IDLE_TIMEOUT {
                sent += RETRANSMIT;
                arrivals = link.carry_later(sent, payload.len());
            }
            let in_order = if down { &mut connection.control_at.0 } else { &mut connection.control_at.1 };
            arrivals[0] = arrivals[0].map(|at| at.max(*in_order + 1));
            arrivals[1] = None;
            *in_order = arrivals[0].unwrap_or(*in_order);
        }
        for at in arrivals.into_iter().flatten() {
            let event = if down { Event::ToNode(i, id, payload.clone()) } else { Event::ToHub(i, id, payload.clone()) };
            self.at(at, event);
        }
    }

    fn overhear(&mut self, i: usize, payload: &Payload) {
        if self.setup.hostile > 0 && self.captured.len() < 4_096 && !matches!(payload, Payload::Control(_)) {
            self.captured.push((i, payload.clone()));
        }
    }

    /// A hostile machine sends noise, cut-off packets and packets that it has overheard. QUIC and the tags of clock
    /// packets would stop the first two; here they reach the state machines all the same.
    fn hostile(&mut self) {
        let next = self.now + 1_000_000_000 / i64::from(self.setup.hostile);
        self.at(next, Event::Hostile);
        let node = self.random.usize(0..self.nodes.len());
        let mut noise = vec![0; self.random.usize(0..64)];
        self.random.fill(&mut noise);
        if self.random.bool() && !noise.is_empty() {
            noise[0] = *self.random.choice([0x10, 0x20, 0x01, 0x02].iter()).unwrap_or(&0x10);
        }
        let replayed = (!self.captured.is_empty()).then(|| {
            let (i, payload) = self.captured[self.random.usize(0..self.captured.len())].clone();
            (i, payload)
        });
        let Some(id) = self.connections.get(&node).map(|connection| connection.id.0) else { return };
        // Noise cannot forge a tag, and QUIC's own check keeps it from the datagrams; what is left is replay.
        self.deliver_to_node(node, id, Payload::Datagram(noise.into()));
        if let Some((i, payload)) = replayed
            && let Some(id) = self.connections.get(&i).map(|connection| connection.id.0)
        {
            match payload {
                Payload::Clock(bytes) => {
                    self.deliver_to_node(i, id, Payload::Clock(bytes.clone()));
                    self.deliver_to_hub(i, id, Payload::Clock(bytes));
                }
                other => self.deliver_to_node(i, id, other),
            }
        }
    }
}
