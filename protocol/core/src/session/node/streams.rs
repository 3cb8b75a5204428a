//! What the node's rooms play.

use std::collections::BTreeMap;

use super::{NodeAction, NodeSession, Stream, repair::REPAIR_INTERVAL};
use crate::{
    leadership::{Judge, Verdict},
    repair::{Receiver, ReceiverCounts, ReorderingWindow},
    time::{Nanos, NodeClock, Timestamp},
    timeline::{Phase, Timeline},
    units::{FrameCount, FramePosition},
    wire::{
        control::{Anchors, Format, Message, Outranked, RefuseReason, StreamStart, StreamStop},
        ids::{RoomIndex, StreamId},
    },
};

/// Streams that one hub may have open at one node.
const MAX_STREAMS: usize = 32;

/// More than the longest margin and the slowest output together.
const MAX_LEAD: Nanos = Nanos::from_secs(10);

impl NodeSession {
    pub(super) fn start(&mut self, now: Timestamp<NodeClock>, start: StreamStart, judges: &mut [Judge]) {
        let Some(judge) = judges.get_mut(usize::from(start.room.0)).filter(|_| self.has_room(start.room)) else {
            return;
        };
        if let Verdict::Outranked(term) = judge.consider(start.term) {
            let told = Message::from(Outranked { room: start.room, term });
            self.actions.push_back(NodeAction::Control(told.encode()));
            return;
        }
        let Ok(rate) = start.format.validate() else {
            return self.close(RefuseReason::Protocol, "the hub started a stream of an impossible format".into());
        };
        if start.anchors.iter().any(|anchor| anchor.validate().is_err()) {
            return self.close(RefuseReason::Protocol, "the hub started a stream with an impossible anchor".into());
        }
        let continues = start.continues.0.filter(|_| self.may_continue(&start));
        if continues.is_none() {
            self.leave(start.room);
        }
        let mut timeline = Timeline::new(rate);
        start.anchors.iter().for_each(|anchor| timeline.insert(*anchor));
        let lead = within_reason(start.lead);
        self.open(now, start.room, start.stream, start.format, timeline, lead, continues);
    }

    /// Has a room play a stream whose format was validated.
    #[expect(clippy::too_many_arguments, reason = "what a stream is made of")]
    pub(super) fn open(
        &mut self,
        now: Timestamp<NodeClock>,
        room: RoomIndex,
        stream: StreamId,
        format: Format,
        mut timeline: Timeline,
        lead: Nanos,
        continues: Option<FramePosition>,
    ) {
        // What comes before the first packet to be heard is of use, and not worth asking for.
        let from = continues.unwrap_or_else(|| self.wanted_from(now, &timeline, &format));
        if let Some(known) = self.streams.get_mut(&stream) {
            known.rooms.insert(room, known.receiver.counts());
            known.lead = lead;
            // What is new in it is new for every room that plays the stream.
            let before = known.timeline;
            timeline.segments().for_each(|segment| known.timeline.insert(segment.anchor));
            timeline = known.timeline;
            if timeline != before {
                self.actions.push_back(NodeAction::Timeline { stream, timeline });
            }
        } else if self.streams.len() < MAX_STREAMS {
            let receiver = Receiver::new(stream, format.packet_frames, from);
            let reordering = ReorderingWindow::new();
            let rooms = BTreeMap::from([(room, ReceiverCounts::default())]);
            let (format, aligned) = (format.clone(), continues.is_some());
            self.streams.insert(stream, Stream { receiver, reordering, timeline, lead, format, aligned, rooms });
        } else {
            return;
        }
        let repair = now + REPAIR_INTERVAL;
        self.next_repair = Some(self.next_repair.map_or(repair, |at| at.min(repair)));
        self.plays.insert(room, stream);
        self.actions.push_back(NodeAction::Start { room, stream, format, timeline, continues });
    }

    /// Whether a stream can go on with what its room plays: it plays one, at the same rate, and is not going over to
    /// another already.
    fn may_continue(&self, start: &StreamStart) -> bool {
        let mut playing = self.streams.iter().filter(|(_, stream)| stream.rooms.contains_key(&start.room));
        match (playing.next(), playing.next()) {
            (Some((id, old)), None) => *id != start.stream && old.timeline.rate().hertz() == start.format.rate,
            _ => false,
        }
    }

    pub(super) fn anchors(&mut self, now: Timestamp<NodeClock>, anchors: &Anchors) {
        if anchors.anchors.iter().any(|anchor| anchor.validate().is_err()) {
            return self.close(RefuseReason::Protocol, "the hub sent an impossible anchor".into());
        }
        let estimate = self.estimate(now);
        let Some(stream) = self.streams.get_mut(&anchors.stream) else { return };
        stream.lead = anchors.lead.0.map_or(stream.lead, within_reason);
        if anchors.anchors.is_empty() {
            return;
        }
        anchors.anchors.iter().for_each(|anchor| stream.timeline.insert(*anchor));
        // What a jump passes over is not missed.
        if let Some(estimate) = estimate {
            let hub_now = estimate.mapping.forward(now);
            let governing = stream.timeline.segment_at(hub_now);
            if governing.is_none_or(|segment| segment.anchor.play.is_none())
                && let Some(next) = stream.timeline.next_after(hub_now).and_then(|anchor| anchor.play)
            {
                stream.receiver.forget_before(next.position);
            }
        }
        self.actions.push_back(NodeAction::Timeline { stream: anchors.stream, timeline: stream.timeline });
        self.next_repair = Some(now);
    }

    pub(super) fn stop(&mut self, stop: &StreamStop) {
        let (room, stream) = (stop.room, stop.stream);
        let plays = self.streams.get(&stream).is_some_and(|stream| stream.rooms.contains_key(&room));
        if plays && self.plays.get(&room).is_some_and(|current| *current != stream) {
            self.leave_stream(room, stream);
            self.actions.push_back(NodeAction::Left { room, stream });
        } else if plays {
            self.leave(room);
            self.actions.push_back(NodeAction::Stop { room });
        }
    }

    /// Takes a room off whatever it plays.
    pub(super) fn leave(&mut self, room: RoomIndex) {
        self.plays.remove(&room);
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.leave_stream(room, stream));
    }

    /// Takes a room off a stream; one that no room plays is closed.
    fn leave_stream(&mut self, room: RoomIndex, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(before) = stream.rooms.remove(&room) {
            let ended = self.ended.entry(room).or_default();
            *ended = *ended + stream.receiver.counts().since(before);
        }
        if stream.rooms.is_empty() {
            self.streams.remove(&id);
        }
    }

    /// The first position whose sound can still be in time.
    fn wanted_from(&self, now: Timestamp<NodeClock>, timeline: &Timeline, format: &Format) -> FramePosition {
        let soon = self.estimate(now).map(|estimate| estimate.mapping.forward(now + self.give_up));
        let phase = soon.and_then(|soon| timeline.phase_at(soon)).map(Phase::frame);
        let first = timeline.iter().find_map(|anchor| anchor.play).map(|play| play.position);
        let from = phase.or(first).unwrap_or_default();
        from + FrameCount(u64::from(format.lookahead))
    }
}

/// How long before it is heard a packet may be sent.
fn within_reason(lead: Nanos) -> Nanos {
    lead.clamp(Nanos::ZERO, MAX_LEAD)
}
