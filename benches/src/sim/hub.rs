//! A hub: the real house, with sources that are always there and packets that hold nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use unisono_core::{
    clock::ClockServer,
    time::{HubClock, Nanos, Timestamp},
    wire::{
        clock::Probe,
        control::{Format, Hello},
        frame::Frame,
        ids::{HouseholdId, PeerId, StreamId},
    },
};
use unisono_household::{
    config::{Command, Config},
    members::Role,
};
use unisono_hub::house::{Action, ConnectionId, GroupId, House, Media, Snapshot, StreamSettings};

use super::{Crystal, reader::Reader};

/// Bytes of a packet.
fn bytes_of(format: &Format) -> usize {
    let bits = u64::from(format.bit_rate) * u64::from(format.packet_frames) / u64::from(format.rate);
    usize::try_from(bits / 8).unwrap_or(1).max(1)
}

/// What the hub wants done.
pub(super) enum Output {
    Control(ConnectionId, Vec<u8>),
    Datagram(ConnectionId, Bytes),
    Clock(ConnectionId, Vec<u8>),
    Close,
}

pub(super) struct Hub {
    pub(super) house: House,
    config: Config,
    pub(super) crystal: Crystal,
    pub(super) group: Option<GroupId>,
    pub(super) ended: u32,
    source_frames: u64,
    reader: Option<Reader>,
    clocks: BTreeMap<ConnectionId, ClockServer>,
    /// The renditions that are encoded.
    pub(super) plans: BTreeMap<StreamId, Format>,
}

impl Hub {
    pub(super) fn new(crystal: Crystal, settings: StreamSettings, source_frames: u64, seed: u64) -> Self {
        let house = House::new("hub".into(), PeerId([0xff; 32]), settings, seed).expect("settings of a test");
        let config = Config::founded(HouseholdId([0; 32]), PeerId([0xff; 32]), "hub", 1);
        Self {
            house,
            config,
            crystal,
            group: None,
            ended: 0,
            source_frames,
            reader: None,
            clocks: BTreeMap::new(),
            plans: BTreeMap::new(),
        }
    }

    pub(super) fn clock(&mut self, now: i64) -> Timestamp<HubClock> {
        self.crystal.read(now)
    }

    pub(super) fn media(&self) -> Media {
        Media { title: "a test".into(), location: String::new(), frames: Some(self.source_frames), ..Media::default() }
    }

    pub(super) fn restart(&mut self, now: i64, settings: StreamSettings, seed: u64) {
        let at = self.clock(now);
        let snapshot: Snapshot = self.house.snapshot(at);
        self.house = House::new("hub".into(), PeerId([0xff; 32]), settings, seed).expect("settings of a test");
        self.house.configure(at, &self.config);
        self.house.restore(snapshot);
        self.clocks.clear();
        self.plans.clear();
    }

    /// Changes the household's configuration.
    pub(super) fn configure(&mut self, now: i64, command: &Command) {
        self.config.apply(command).expect("the command of a test fits");
        let at = self.clock(now);
        self.house.configure(at, &self.config);
    }

    fn let_in(&mut self, now: i64, id: ConnectionId, peer: PeerId, hello: Hello) {
        self.configure(now, &Command::AddMember { peer, role: Role::Node, name: hello.name.clone() });
        let rooms = hello.rooms.iter().map(|room| (room.index, room.name.clone())).collect();
        self.configure(now, &Command::MeetRooms { node: peer, rooms });
        let at = self.clock(now);
        self.house.admit(at, id, hello, Vec::new());
    }

    pub(super) fn disconnected(&mut self, id: ConnectionId) {
        self.clocks.remove(&id);
        self.house.handle_disconnected(id);
    }

    pub(super) fn handle_control(&mut self, now: i64, id: ConnectionId, frame: &Frame) {
        let at = self.clock(now);
        self.house.handle_frame(at, id, frame);
    }

    pub(super) fn handle_datagram(&mut self, now: i64, id: ConnectionId, datagram: &[u8]) {
        let at = self.clock(now);
        self.house.handle_datagram(at, id, datagram);
    }

    pub(super) fn handle_clock(&mut self, now: i64, id: ConnectionId, packet: &[u8]) {
        let at = self.clock(now);
        if let (Some(clock), Ok(probe)) = (self.clocks.get_mut(&id), Probe::parse(packet)) {
            clock.handle_probe(&probe, at);
        }
    }

    /// Does what is due and gives what is to be sent.
    pub(super) fn drive(&mut self, now: i64) -> Vec<Output> {
        let at = self.clock(now);
        self.house.handle_timeout(at);
        let mut outputs = Vec::new();
        for (id, clock) in &mut self.clocks {
            if let Some((report, token)) = clock.poll_transmit(at) {
                outputs.push(Output::Clock(*id, report.encode()));
                clock.handle_sent(token, at);
            }
        }
        while let Some(action) = self.house.poll_action() {
            match action {
                Action::Control(id, bytes) => outputs.push(Output::Control(id, bytes)),
                Action::Datagram(id, bytes) => outputs.push(Output::Datagram(id, bytes)),
                Action::Clock(id, server) => {
                    self.clocks.insert(id, server);
                }
                Action::Judge(id, peer, hello) => self.let_in(now, id, peer, hello),
                Action::Meet(peer, rooms) => self.house.meet(at, peer, rooms),
                Action::Cue { group, run, position, entry, source_frame } => {
                    self.reader = Some(Reader::new(&self.house, group, run, position, (entry, source_frame)));
                }
                Action::Packet { group, stream, position } => {
                    let payload = self.plans.get(&stream).map_or(1, bytes_of);
                    self.house.handle_packet(group, stream, position, vec![0; payload].into());
                    if let Some(reader) = &mut self.reader {
                        reader.read_on(&mut self.house, at, group, position);
                    }
                }
                Action::Open { group, run, entry, media } => {
                    self.house.handle_opened(at, group, run, entry, media);
                }
                Action::Follow { group, entry, instead_from, .. } => {
                    if let Some(reader) = &mut self.reader {
                        reader.follow(&mut self.house, at, group, entry, instead_from);
                    }
                }
                Action::Unfollow(..) => self.reader.iter_mut().for_each(Reader::unfollow),
                Action::Finish { end_at, .. } => self.reader.iter_mut().for_each(|reader| reader.finish(end_at)),
                Action::Close(..) => outputs.push(Output::Close),
                Action::Ended(_) => self.ended += 1,
                Action::AddRendition(_, plan) => {
                    self.plans.insert(plan.stream, plan.format);
                }
                Action::RemoveRendition(_, stream) => {
                    self.plans.remove(&stream);
                }
                Action::Budget(..)
                | Action::CloseStream(_)
                | Action::Answer(_)
                | Action::Unanswered(_)
                | Action::Start(..)
                | Action::Changed => {}
            }
        }
        outputs
    }

    pub(super) fn timeout(&mut self, now: i64) -> Option<i64> {
        let at = self.clocks.values().filter_map(ClockServer::poll_timeout).chain(self.house.poll_timeout()).min()?;
        Some(self.crystal.when(at, now))
    }

    /// The true phase of the group's stream: what every room should emit now.
    pub(super) fn latency(&self) -> Nanos {
        self.group.map_or(Nanos::ZERO, |group| self.house.lead_of(group))
    }
}
