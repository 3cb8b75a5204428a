//! The way of a packet of sound, cut where benchmarks can hold it: through the hub's house, and through a node's
//! session. Neither has a socket, a clock or a thread, so that what they cost repeats to the instruction.

use bytes::Bytes;
use unisono_core::{
    clock::{ClockServer, Estimator, Prober},
    leadership::{Judge, Term},
    session::{NodeAction, NodeConfig, NodeSession},
    time::{HubClock, Nanos, NodeClock, Timestamp},
    timeline::{Anchor, Play},
    units::FramePosition,
    wire::{
        VERSION,
        control::{Codec, Format, Hello, Message, Room, StreamStart, Welcome},
        frame::Frame,
        ids::{ClockTag, HouseholdId, PeerId, RoomIndex, StreamId},
        media::{HEADER_LEN, MediaHeader},
    },
};
use unisono_household::{
    config::{Command, Config},
    members::Role,
};
use unisono_hub::house::{Action, ConnectionId, GroupId, House, Media, RoomId, StreamSettings};

/// Frames in a packet of 20 ms.
const PACKET: u64 = 960;

/// Bytes of such a packet at 192 kb/s.
const PACKET_BYTES: usize = 480;

const PACKET_TIME: Nanos = Nanos::from_millis(20);

/// A hub whose rooms all play one stream.
#[derive(Debug)]
pub struct HubPath {
    house: House,
    config: Config,
    now: Timestamp<HubClock>,
    payload: Bytes,
}

impl HubPath {
    /// A hub with so many rooms, each of a node of its own.
    ///
    /// # Panics
    /// When the house refuses what it is meant for.
    pub fn new(rooms: u16) -> Self {
        let house = House::new("hub".into(), PeerId([0xff; 32]), StreamSettings::default(), 1);
        let payload = Bytes::from(vec![7; PACKET_BYTES]);
        let mut path = Self {
            house: house.expect("the usual settings"),
            config: Config::founded(HouseholdId([0; 32]), PeerId([0xff; 32]), "hub", 1),
            now: Timestamp::from_nanos(1_000_000_000),
            payload,
        };
        let ids: Vec<RoomId> = (0..rooms).map(|number| path.arrive(number)).collect();
        let group = GroupId(1);
        path.configure(&Command::CreateGroup { group, name: "all".into(), rooms: ids });
        let media = Media { title: "sound".into(), ..Media::default() };
        path.house.play(path.now, group, media, 0).expect("the group has rooms");
        // Past the first packet, which starts the stream.
        path.packet();
        path
    }

    /// Lets the next packet become due and go out; gives the datagrams that are to be sent.
    pub fn packet(&mut self) -> usize {
        let (mut sent, mut taken) = (0, false);
        loop {
            while let Some(action) = self.house.poll_action() {
                match action {
                    Action::Datagram(..) => sent += 1,
                    Action::Packet { group, stream, position } => {
                        taken = true;
                        self.house.handle_packet(group, stream, position, self.payload.clone());
                    }
                    _ => {}
                }
            }
            if taken {
                return sent;
            }
            self.now = self.house.poll_timeout().map_or(self.now + PACKET_TIME, |due| due.max(self.now));
            self.house.handle_timeout(self.now);
        }
    }

    fn arrive(&mut self, number: u16) -> RoomId {
        let (id, [high, low]) = (ConnectionId(u64::from(number)), number.to_be_bytes());
        let mut key = [0; 32];
        (key[0], key[1]) = (high, low);
        let hello = Hello {
            version: VERSION,
            name: format!("node {number}"),
            household: None,
            members_version: 0,
            join: None,
            codecs: vec![Codec::Opus],
            rooms: vec![room(number)],
        };
        self.house.handle_connected(id, PeerId(key));
        self.house.handle_frame(self.now, id, &Message::from(hello).to_frame());
        while let Some(action) = self.house.poll_action() {
            if let Action::Judge(id, peer, hello) = action {
                self.configure(&Command::AddMember { peer, role: Role::Node, name: hello.name.clone() });
                let rooms = hello.rooms.iter().map(|room| (room.index, room.name.clone())).collect();
                self.configure(&Command::MeetRooms { node: peer, rooms });
                self.house.admit(self.now, id, hello, Vec::new());
            }
        }
        RoomId { node: PeerId(key), index: RoomIndex(0) }
    }

    fn configure(&mut self, command: &Command) {
        self.config.apply(command).expect("the command fits");
        self.house.configure(self.now, &self.config);
    }
}

/// A node that plays one stream, its clock known.
#[derive(Debug)]
pub struct NodePath {
    session: NodeSession,
    now: Timestamp<NodeClock>,
    position: FramePosition,
}

impl NodePath {
    /// A node that has been welcomed, knows the hub's clock and plays.
    pub fn new() -> Self {
        let config = NodeConfig {
            name: "node".into(),
            household: None,
            members_version: 0,
            join: None,
            codecs: vec![Codec::Opus],
            rooms: vec![room(0)],
        };
        let session = NodeSession::new(config, Estimator::new(), Nanos::from_millis(50));
        let mut path = Self { session, now: Timestamp::from_nanos(1_000_000_000), position: FramePosition(0) };
        let welcome = Welcome { version: VERSION, name: "hub".into(), members: Vec::new(), clock_tag: ClockTag(9) };
        path.told(&Message::from(welcome).to_frame());
        path.find_clock();
        let play = Play { run: 1, position: FramePosition(0), drift_ppb: 0 };
        // Both clocks read the same; the first packet is to be sent now.
        let lead = Nanos::from_millis(350);
        let at = Timestamp::from_nanos(path.now.as_nanos()) + lead;
        let start = StreamStart {
            stream: StreamId(1),
            room: RoomIndex(0),
            term: Term { counter: 1, hub: PeerId([1; 32]) },
            format: Format {
                codec: Codec::Opus,
                rate: 48_000,
                channels: 2,
                packet_frames: 960,
                lookahead: 312,
                bit_rate: 192_000,
                header: Vec::new(),
            },
            anchors: vec![Anchor { sequence: 1, at, play: Some(play) }],
            lead,
            continues: None.into(),
        };
        path.told(&Message::from(start).to_frame());
        path
    }

    /// The next datagram, as it comes from the network.
    pub fn datagram(&self) -> Bytes {
        let header = MediaHeader {
            repair: false,
            stream: StreamId(1),
            fragment: 0,
            fragments: 1,
            previous_len: 0,
            position: self.position,
        };
        let mut bytes = Vec::with_capacity(HEADER_LEN + PACKET_BYTES);
        bytes.extend_from_slice(&header.encode());
        bytes.resize(HEADER_LEN + PACKET_BYTES, 7);
        bytes.into()
    }

    /// Takes a datagram, and does all that falls due until the next; gives the packets that came out.
    pub fn packet(&mut self, datagram: &Bytes) -> usize {
        self.session.handle_datagram(self.now, datagram);
        let until = self.now + PACKET_TIME;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due < until) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
        }
        (self.now, self.position.0) = (until, self.position.0 + PACKET);
        let mut packets = 0;
        while let Some(action) = self.session.poll_action() {
            packets += usize::from(matches!(action, NodeAction::Packet { .. }));
        }
        packets
    }

    fn told(&mut self, frame: &Frame) {
        self.session.handle_frame(self.now, frame, &mut [Judge::default()]);
    }

    /// Exchanges clock packets over a link that takes 300 µs, for two seconds.
    fn find_clock(&mut self) {
        const WAY: Nanos = Nanos::from_micros(300);
        let hub = |at: Timestamp<NodeClock>| Timestamp::from_nanos(at.as_nanos());
        let (mut server, mut prober) = (ClockServer::new(ClockTag(9)), Prober::new(ClockTag(9), 1));
        let until = self.now + Nanos::from_secs(2);
        while self.now < until {
            self.session.handle_timeout(self.now);
            while self.session.poll_action().is_some() {}
            if let Some((probe, token)) =
                self.session.pace(self.now).and_then(|pace| prober.poll_transmit(self.now, pace))
            {
                self.session.handle_clock_sent(token, self.now);
                server.handle_probe(&probe, hub(self.now + WAY));
            }
            if let Some((report, token)) = server.poll_transmit(hub(self.now)) {
                server.handle_sent(token, hub(self.now));
                self.session.handle_clock(&report, self.now + WAY);
            }
            self.now = self.now + Nanos::from_millis(1);
        }
    }
}

impl Default for NodePath {
    fn default() -> Self {
        Self::new()
    }
}

fn room(number: u16) -> Room {
    Room {
        index: RoomIndex(0),
        name: format!("room {number}"),
        output: "nothing".into(),
        latency: Nanos::from_millis(50),
        term: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_goes_to_every_room_and_through_the_node() {
        let mut hub = HubPath::new(500);
        assert_eq!((0..100).map(|_| hub.packet()).sum::<usize>(), 50_000);
        let mut node = NodePath::new();
        let taken = (0..100).map(|_| {
            let datagram = node.datagram();
            node.packet(&datagram)
        });
        assert_eq!(taken.sum::<usize>(), 100);
        assert!(node.session.is_locked(node.now));
    }
}
