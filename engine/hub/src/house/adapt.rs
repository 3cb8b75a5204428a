//! Rooms that go over to another step of the ladder while they play.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    wire::{
        control::{Format, Message, Report, StreamStart, StreamStop},
        ids::PeerId,
    },
};

use super::{
    Action, ConnectionId, GroupId, House, RoomId,
    ladder::{Counted, Ladder, Move},
    stream::{Rendition, Stream},
};

/// An encoder that is made while the stream plays needs so long until its first packet is there.
const ENCODER_TIME: Nanos = Nanos::from_millis(250);

impl House {
    /// How what a room plays is coded; `None` when it plays nothing.
    pub fn format_of(&self, room: RoomId) -> Option<&Format> {
        let renditions = self.streams.values().flat_map(Stream::renditions);
        // While a room goes over to another it has two; the newer one comes later.
        let mut playing =
            renditions.filter(|rendition| rendition.subscribers().iter().any(|(_, known)| *known == room));
        playing.next_back().map(|rendition| &rendition.plan.format)
    }

    /// Judges a node's link by what its rooms have made up.
    pub(super) fn judge_link(&mut self, now: Timestamp<HubClock>, id: ConnectionId, peer: PeerId, report: &Report) {
        let Some(connection) = self.connections.get(&id) else { return };
        let steps = self.settings.ladder(&connection.codecs);
        let is_switching = self.streams.values().any(|stream| stream.is_switching(id));
        let ladder = self.ladders.entry(peer).or_insert_with(Ladder::new);
        let moves = ladder.handle_report(now, Counted::new(&report.rooms), self.settings.rate.hertz());
        let step = ladder.step().min(steps.len() - 1);
        let to = match moves.filter(|_| !is_switching) {
            Some(Move::Up) => step.saturating_sub(1),
            Some(Move::Down(share)) => {
                let rate = |step: usize| self.settings.format(steps[step], Nanos::from_secs(1)).map(|f| f.bit_rate);
                let carried = f64::from(rate(step).unwrap_or(u32::MAX)) * share;
                let fits = |step: &usize| rate(*step).is_ok_and(|rate| f64::from(rate) <= carried);
                (step + 1..steps.len()).find(fits).unwrap_or(steps.len() - 1)
            }
            None => return,
        };
        if to != step {
            self.go_over(now, id, peer, to);
        }
    }

    /// Has everything that a node plays go on at another step.
    fn go_over(&mut self, now: Timestamp<HubClock>, id: ConnectionId, peer: PeerId, step: usize) {
        let groups = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.renditions().iter().any(|rendition| rendition.is_sent_to(id)));
        let groups: Vec<(GroupId, Nanos)> = groups.map(|(group, stream)| (*group, stream.lead())).collect();
        let latency = groups.iter().map(|(_, lead)| *lead).max().unwrap_or(Nanos::ZERO);
        if let Some(ladder) = self.ladders.get_mut(&peer) {
            ladder.moved(now, step, latency);
        }
        for (group, _) in groups {
            self.switch_rooms(now, group, id);
        }
        self.budget(id);
    }

    fn switch_rooms(&mut self, now: Timestamp<HubClock>, group: GroupId, id: ConnectionId) {
        let from = now + ENCODER_TIME;
        let Some(to) = self.rendition_for(from, group, id) else { return };
        let Some(stream) = self.streams.get_mut(&group) else { return };
        let subscribers = stream.renditions().iter().flat_map(Rendition::subscribers);
        let rooms: Vec<RoomId> = subscribers.filter(|(known, _)| *known == id).map(|(_, room)| *room).collect();
        for room in rooms {
            // What stands still goes on at the new step when the room next subscribes.
            let Some(position) = stream.switch(to, id, room, from) else { continue };
            let term = self.rooms.get(&room).and_then(|known| known.term);
            let (Some(term), Some(found)) = (term, stream.rendition(to)) else { continue };
            let start = StreamStart {
                stream: to,
                room: room.index,
                term,
                format: found.plan.format.clone(),
                anchors: stream.timeline().iter().copied().collect(),
                lead: stream.settled_lead(),
                continues: Some(position).into(),
            };
            self.actions.push_back(Action::Control(id, Message::from(start).encode()));
        }
    }

    /// Ends the switches of a group that are over.
    pub(super) fn settle_switches(&mut self, now: Timestamp<HubClock>, group: GroupId) {
        let Some(stream) = self.streams.get_mut(&group) else { return };
        let over = stream.settle(now);
        if over.is_empty() {
            return;
        }
        for (connection, room, stream) in &over {
            let stop = Message::from(StreamStop { stream: *stream, room: room.index });
            self.actions.push_back(Action::Control(*connection, stop.encode()));
        }
        self.prune(group);
        for (connection, ..) in over {
            self.budget(connection);
        }
    }

    /// What nobody plays is not encoded, as long as somebody plays something.
    pub(super) fn prune(&mut self, group: GroupId) {
        let unused = self.streams.get_mut(&group).map(Stream::prune).unwrap_or_default();
        self.actions.extend(unused.into_iter().map(|stream| Action::RemoveRendition(group, stream)));
    }
}
