//! Events in the order of true time.

mod delivery;
mod hostile;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use unisono_core::time::{HubClock, Timestamp};
use unisono_household::config::Command;
use unisono_hub::house::{GroupId, House, RoomId};

pub use self::delivery::Traffic;
use self::delivery::{Connection, Inbox, Payload};
use super::{Crystal, Link, Outage, Report, Setup, hub::Hub, node::Node};

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A room's audio thread.
    Tick(usize),
    /// A node's or the hub's timer.
    NodeTimer(usize),
    HubTimer,
    /// The thread of a node that sends probes, on a connection.
    Probe(usize, u64),
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

    /// What lies behind a node's converter is another from now on, in seconds; its output says so.
    pub fn set_speaker(&mut self, node: usize, seconds: f64) {
        self.nodes[node].set_speaker(unisono_core::time::Nanos::from_secs_f64(seconds));
        self.drive_node(node);
    }

    /// How far a room says it is ahead of (positive) or behind its group, in seconds.
    pub fn sync_error(&self, node: usize) -> f64 {
        self.nodes[node].status().sync_error.as_secs_f64()
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
            Event::Probe(i, id) => self.probe(i, id),
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
}
