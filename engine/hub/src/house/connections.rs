//! Nodes that come, talk and go.

use unisono_core::{
    clock::ClockServer,
    session::{HubEvent, HubSession},
    time::{HubClock, Nanos, Timestamp},
    wire::{
        control::{
            Figures, Hello, Members, Message, Outranked, Refuse, RefuseReason, Report, Room as RoomOffer, RoomState,
        },
        frame::Frame,
        ids::{ClockTag, PeerId},
    },
};

use super::{Action, Connection, ConnectionId, House, RoomId, repair::TokenBucket};

/// The least time between two member lists. They are long where there are many to read them: five hundred nodes that
/// join at once would otherwise be sent gigabytes.
const MEMBERS_INTERVAL: Nanos = Nanos::from_secs(1);

/// The member list as the nodes are told of it.
#[derive(Debug, Default)]
pub(super) struct MemberNews {
    /// What they have not been told.
    changed: Option<Vec<u8>>,
    told_at: Option<Timestamp<HubClock>>,
}

impl MemberNews {
    /// When they are to be told.
    pub(super) fn due(&self) -> Option<Timestamp<HubClock>> {
        self.changed.as_ref()?;
        Some(self.told_at.map_or(Timestamp::from_nanos(i64::MIN), |at| at + MEMBERS_INTERVAL))
    }
}

impl House {
    /// A machine has connected and proved its key. Whether it may come in is decided once it has greeted.
    pub fn handle_connected(&mut self, id: ConnectionId, peer: PeerId) {
        let used = |tag: ClockTag, house: &Self| house.connections.values().any(|known| known.session.tag() == tag);
        let mut tag = ClockTag(self.random.u32(1..));
        while used(tag, self) {
            tag = ClockTag(self.random.u32(1..));
        }
        let session = HubSession::new(tag);
        let connection = Connection {
            peer,
            session,
            codecs: Vec::new(),
            repairs: TokenBucket::new(),
            bad_datagrams: 0,
            api: None,
            budget: (0, Nanos::ZERO),
        };
        self.connections.insert(id, connection);
    }

    /// Takes a control message.
    pub fn handle_frame(&mut self, now: Timestamp<HubClock>, id: ConnectionId, frame: &Frame) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let peer = connection.peer;
        match connection.session.handle_frame(frame) {
            Ok(None) => {}
            Ok(Some(HubEvent::Hello(hello))) => self.actions.push_back(Action::Judge(id, peer, hello)),
            Ok(Some(HubEvent::Rooms(rooms))) => self.actions.push_back(Action::Meet(peer, rooms)),
            Ok(Some(HubEvent::Report(report))) => {
                self.judge_link(now, id, peer, &report);
                self.handle_report(now, peer, report);
            }
            Ok(Some(HubEvent::Figures(figures))) => self.handle_figures(id, peer, figures),
            Ok(Some(HubEvent::Outranked(outranked))) => self.handle_outranked(peer, &outranked),
            Ok(Some(HubEvent::Turned(turned))) => self.handle_turned(peer, turned),
            Ok(Some(HubEvent::Answer(answer))) => self.handle_answer(id, answer),
            Err(refuse) => self.turn_away(id, refuse),
        }
    }

    /// Lets a node in that [`Action::Judge`] asked about, unless it is no member any more. `members` is the signed list,
    /// or nothing when the node holds it already.
    pub fn admit(&mut self, now: Timestamp<HubClock>, id: ConnectionId, hello: Hello, members: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let peer = connection.peer;
        if !self.members.contains(&peer) {
            return self.refuse(id, RefuseReason::NotAMember, "the node was removed from the household".into());
        }
        connection.codecs = hello.codecs;
        let welcome = connection.session.welcome(&self.name, members);
        let server = ClockServer::new(connection.session.tag());
        self.admitted.insert(peer, id);
        self.actions.push_back(Action::Clock(id, server));
        self.actions.push_back(Action::Control(id, welcome.encode()));
        let old = self.connections.iter().find(|(other, known)| **other != id && known.peer == peer);
        if let Some(old) = old.map(|(old, _)| *old) {
            let text = "the same node has connected again".to_owned();
            self.turn_away(old, Refuse { reason: RefuseReason::Replaced, text });
            self.handle_disconnected(old);
        }
        // Before anything is heard.
        for room in self.rooms.keys().copied().filter(|room| room.node == peer).collect::<Vec<_>>() {
            self.send_sound(room);
        }
        self.meet(now, peer, hello.rooms);
    }

    /// Turns a node away that [`Action::Judge`] asked about.
    pub fn refuse(&mut self, id: ConnectionId, reason: RefuseReason, text: String) {
        self.turn_away(id, Refuse { reason, text });
    }

    /// Gives every node the new member list: at once, and while one follows on another, the newest once a second.
    pub fn members_changed(&mut self, now: Timestamp<HubClock>, members: Vec<u8>) {
        self.news.changed = Some(members);
        self.tell_members(now);
    }

    pub(super) fn tell_members(&mut self, now: Timestamp<HubClock>) {
        if self.news.due().is_none_or(|at| at > now) {
            return;
        }
        let Some(members) = self.news.changed.take() else { return };
        self.news.told_at = Some(now);
        let message = Message::from(Members { members }).encode();
        for (id, _) in self.connections.iter().filter(|(_, known)| known.session.is_admitted()) {
            self.actions.push_back(Action::Control(*id, message.clone()));
        }
    }

    /// A connection is gone.
    pub fn handle_disconnected(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.bad_datagrams_before += connection.bad_datagrams;
        if self.admitted.get(&connection.peer) == Some(&id) {
            self.admitted.remove(&connection.peer);
        }
        self.unsubscribe_connection(id);
        self.drop_asks(id);
        for (_, room) in self.rooms.iter_mut().filter(|(room, _)| room.node == connection.peer) {
            (room.report, room.output_report, room.figures, room.volume_report) = (None, None, None, None);
            room.latency_parts.clear();
        }
    }

    /// Datagrams from admitted or unknown machines that meant nothing, since the hub started.
    pub fn bad_datagrams(&self) -> u64 {
        let now: u64 = self.connections.values().map(|connection| connection.bad_datagrams).sum();
        self.bad_datagrams_before + now
    }

    /// Takes over how a node drives its rooms, and has them play what their groups play. A room that is not configured
    /// is nobody's.
    pub fn meet(&mut self, now: Timestamp<HubClock>, peer: PeerId, offers: Vec<RoomOffer>) {
        for offer in offers {
            let id = RoomId { node: peer, index: offer.index };
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            room.output = offer.output;
            room.latency = offer.latency;
            room.term = room.term.max(offer.term);
            let group = room.group;
            self.send_gain(id);
            let Some(group) = group else { continue };
            if !self.is_subscribed(group, id) {
                self.subscribe(now, group, id);
            }
            self.stretch(now, group);
        }
        self.actions.push_back(Action::Changed);
    }

    fn handle_report(&mut self, now: Timestamp<HubClock>, peer: PeerId, report: Report) {
        for told in report.rooms {
            let id = RoomId { node: peer, index: told.room };
            if let Some(room) = self.rooms.get_mut(&id) {
                room.clock = report.clock;
                if !matches!(told.state, RoomState::NoOutput) {
                    room.output.clone_from(&told.output);
                }
                room.sync_errors.add(told.sync_error, told.evidence);
                (room.report, room.reported_at) = (Some(told), now);
            }
        }
        for told in report.outputs.0 {
            if let Some(room) = self.rooms.get_mut(&RoomId { node: peer, index: told.room }) {
                room.output_report = Some(told);
            }
        }
        for told in report.latencies.0 {
            if let Some(room) = self.rooms.get_mut(&RoomId { node: peer, index: told.room }) {
                room.latency_parts = told.parts;
            }
        }
        for told in report.volumes.0 {
            if let Some(room) = self.rooms.get_mut(&RoomId { node: peer, index: told.room }) {
                room.volume_report = Some(told);
            }
        }
    }

    fn handle_figures(&mut self, id: ConnectionId, peer: PeerId, figures: Figures) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.api = figures.api;
        }
        for told in figures.rooms {
            if let Some(room) = self.rooms.get_mut(&RoomId { node: peer, index: told.room }) {
                room.figures = Some(told);
            }
        }
    }

    fn handle_outranked(&mut self, peer: PeerId, told: &Outranked) {
        let id = RoomId { node: peer, index: told.room };
        let Some(room) = self.rooms.get_mut(&id) else { return };
        room.term = room.term.max(Some(told.term));
        room.outranked = true;
        if let Some(group) = room.group {
            self.unsubscribe(group, id);
        }
    }

    pub(super) fn turn_away(&mut self, id: ConnectionId, refuse: Refuse) {
        let text = refuse.text.clone();
        self.actions.push_back(Action::Control(id, Message::from(refuse).encode()));
        self.actions.push_back(Action::Close(id, text));
    }

    fn is_subscribed(&self, group: super::GroupId, room: RoomId) -> bool {
        let Some(connection) = self.room_connection(room) else { return false };
        self.streams.get(&group).is_some_and(|stream| {
            stream.renditions().iter().any(|rendition| rendition.subscribers().contains(&(connection, room)))
        })
    }
}
