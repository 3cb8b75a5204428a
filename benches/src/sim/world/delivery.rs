//! Connections, and what travels on them.

use bytes::Bytes;
use unisono_core::{
    time::{NodeClock, Timestamp},
    wire::{
        frame::{Frame, FrameReader},
        media::MediaHeader,
    },
};
use unisono_hub::house::ConnectionId;

use super::{
    super::{hub, node},
    Event, World,
};

/// Without a packet for so long, QUIC gives a connection up.
const IDLE_TIMEOUT: i64 = 6_000_000_000;

/// A lost control message is sent again after so long.
const RETRANSMIT: i64 = 60_000_000;

/// Nodes try to connect again after so long, give or take half.
const RECONNECT: i64 = 500_000_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Payload {
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
    /// Clock packets, both ways.
    pub clock: u64,
}

impl Traffic {
    fn count(&mut self, payload: &Payload) {
        let length = payload.len() as u64;
        let bytes = match payload {
            Payload::Datagram(bytes) => bytes,
            Payload::Clock(_) => return self.clock += length,
            Payload::Control(_) => return,
        };
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

pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// Reassembles the control stream at the node and at the hub.
    readers: (FrameReader, FrameReader),
    /// The control stream is in order: nothing arrives before what was sent earlier.
    control_at: (i64, i64),
    heard: i64,
}

/// What has arrived at a node and was not taken yet, each with the instant of its arrival.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Vec<(Timestamp<NodeClock>, u64, Payload)>,
    /// When the node last took what there was.
    turned: i64,
}

impl World {
    pub(super) fn connect(&mut self, i: usize) {
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

    pub(super) fn watch(&mut self, i: usize, id: u64) {
        let Some(connection) = self.connections.get(&i).filter(|connection| connection.id.0 == id) else { return };
        if self.now - connection.heard > IDLE_TIMEOUT {
            self.drop_connection(i);
        } else {
            self.at(self.now + 1_000_000_000, Event::Watch(i, id));
        }
    }

    pub(super) fn drop_connection(&mut self, i: usize) {
        if let Some(connection) = self.connections.remove(&i) {
            self.hub.disconnected(connection.id);
        }
        self.nodes[i].disconnect();
        let again = self.now + self.random.i64(0..RECONNECT);
        self.at(again, Event::Connect(i));
    }

    /// Puts something among what has arrived at a node, which takes it when it is awake.
    pub(super) fn slip_in(&mut self, i: usize, id: u64, payload: Payload) {
        let at = self.nodes[i].clock(self.now);
        self.inboxes[i].waiting.push((at, id, payload));
    }

    pub(super) fn deliver_to_node(&mut self, i: usize, id: u64, payload: Payload) {
        let Some(connection) = self.connections.get_mut(&i).filter(|connection| connection.id.0 == id) else { return };
        connection.heard = self.now;
        self.slip_in(i, id, payload);
        self.wake_node(i);
    }

    /// Has a node take what has arrived, and do what is due, unless both wait for its next turn.
    pub(super) fn wake_node(&mut self, i: usize) {
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

    pub(super) fn deliver_to_hub(&mut self, i: usize, id: u64, payload: Payload) {
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

    pub(super) fn drive_node(&mut self, i: usize) {
        let was_probing = self.nodes[i].is_probing();
        let outputs = self.nodes[i].drive(self.now);
        if let Some(connection) = self.connections.get(&i).filter(|_| !was_probing && self.nodes[i].is_probing()) {
            self.at(self.now, Event::Probe(i, connection.id.0));
        }
        self.send_from_node(i, outputs);
        if let Some(at) = self.nodes[i].timeout(self.now) {
            self.arm_node(i, at);
        }
    }

    /// A turn of the thread that sends a node's probes, which ends with the connection.
    pub(super) fn probe(&mut self, i: usize, id: u64) {
        if self.connections.get(&i).is_some_and(|connection| connection.id.0 == id)
            && let Some((sent, next)) = self.nodes[i].probe(self.now)
        {
            self.send_from_node(i, sent.into_iter().collect());
            self.at(next.max(self.now + 1), Event::Probe(i, id));
        }
    }

    fn arm_node(&mut self, i: usize, at: i64) {
        if self.timers.1[i].is_none_or(|armed| at < armed) {
            self.timers.1[i] = Some(at);
            self.at(at, Event::NodeTimer(i));
        }
    }

    pub(super) fn send_from_node(&mut self, i: usize, outputs: Vec<node::Output>) {
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

    pub(super) fn drive_hub(&mut self) {
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
}
