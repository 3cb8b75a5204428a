//! Packets of sound, and those that are missing.

use core::ops::Range;

use bytes::Bytes;

use super::{NodeAction, NodeSession, Stream};
use crate::{
    clock::Estimate,
    time::{HubClock, Nanos, NodeClock, Timestamp},
    timeline::Timeline,
    units::FramePosition,
    wire::media::MediaHeader,
};

/// While nothing says when the next packet is to come, gaps are looked for so often.
pub(super) const REPAIR_INTERVAL: Nanos = Nanos::from_millis(20);

/// No frame is longer: a hundredth of the shortest packet.
const ONE_FRAME: Nanos = Nanos::from_micros(100);

/// Gaps are not looked for again sooner.
const SHORTEST_WAIT: Nanos = Nanos::from_millis(1);

/// What arrives is taken together after so long: a person who turns the volume does not notice it, and less is not worth
/// it.
const RECEIVE_INTERVALS: Range<Nanos> = Nanos::from_millis(10)..Nanos::from_millis(60);

impl Stream {
    /// When a packet was or is to leave the hub, and half a round trip later; in the node's time.
    fn leaves_at(&self, position: FramePosition, estimate: &Estimate) -> Option<Timestamp<NodeClock>> {
        let heard = self.timeline.instant_of(position)?;
        Some(estimate.mapping.backward(heard - self.lead) + estimate.usual_rtt / 2)
    }
}

impl NodeSession {
    /// Takes a QUIC datagram: a packet of sound or a part of one. Anything else is counted and changes nothing.
    pub fn handle_datagram(&mut self, now: Timestamp<NodeClock>, datagram: &Bytes) {
        let parsed = MediaHeader::parse(datagram).map(|(header, payload)| (header, datagram.slice_ref(payload)));
        let Ok((header, payload)) = parsed else {
            self.bad_datagrams += 1;
            return;
        };
        let estimate = self.estimate(now);
        let Some(stream) = self.streams.get_mut(&header.stream) else { return };
        let arrived = stream.receiver.handle(now, &header, &payload);
        // What was there already says nothing of what comes next.
        if arrived.is_empty() {
            return;
        }
        for arrived in arrived {
            let (position, payload) = (arrived.position, arrived.payload);
            if !header.repair
                && position == header.position
                && let Some(left) = estimate.as_ref().and_then(|estimate| stream.leaves_at(position, estimate))
            {
                stream.reordering.observe(now - left);
            }
            self.actions.push_back(NodeAction::Packet { stream: header.stream, position, payload });
        }
        self.next_repair = self.repair_due(now, estimate.as_ref());
    }

    /// For how long what arrives may wait to be taken together, as long as clock packets keep the instants of their
    /// arrival: an eighth of the time that a packet has to come, or that is left for the oldest that is missing. `None`
    /// when everything is to be taken at once, as it is while nothing plays, the clock is unknown, or a packet is
    /// missing that is needed soon.
    pub fn receive_interval(&self, now: Timestamp<NodeClock>) -> Option<Nanos> {
        let estimate = self.estimate(now)?;
        let left = |stream: &Stream| match stream.receiver.oldest_missing() {
            Some(position) => heard_at(&stream.timeline, stream.format.lookahead, position)
                .map_or(Nanos::ZERO, |heard| estimate.mapping.backward(heard) - now),
            None => stream.lead,
        };
        let left = self.streams.values().map(left).min()?;
        let interval = RECEIVE_INTERVALS.end.min((left - self.give_up) / 8);
        (interval >= RECEIVE_INTERVALS.start).then_some(interval)
    }

    pub(super) fn repair(&mut self, now: Timestamp<NodeClock>) {
        self.looked_at = Some(now);
        // Without a clock nothing can be asked for, however overdue it is.
        self.next_repair = self.repair_due(now, None).map(|at| at.max(now + SHORTEST_WAIT));
        let Some(estimate) = self.estimate(now) else { return };
        let (clock, rtt, give_up) = (estimate.mapping, estimate.usual_rtt, self.give_up);
        for stream in self.streams.values_mut() {
            let timeline = stream.timeline;
            if !stream.aligned {
                stream.aligned = true;
                if let Some(phase) = timeline.phase_at(clock.forward(now + give_up)) {
                    stream.receiver.forget_before(phase.frame().offset_by(i64::from(stream.format.lookahead)));
                }
            }
            // Heard one lead from now is what the hub sends now.
            let sent = clock.forward(now - rtt / 2 - stream.reordering.allowed()) + stream.lead;
            if let Some(phase) = timeline.phase_at(sent) {
                stream.receiver.expect(now, phase.frame());
            }
            let lookahead = stream.format.lookahead;
            let deadline = |position: FramePosition| {
                heard_at(&timeline, lookahead, position).map(|heard| clock.backward(heard) - give_up)
            };
            if let Some(nack) = stream.receiver.poll_nack(now, rtt, deadline) {
                self.actions.push_back(NodeAction::Datagram(nack.encode().into()));
            }
        }
        self.next_repair = self.repair_due(now, Some(&estimate)).map(|at| at.max(now + SHORTEST_WAIT));
    }

    /// When gaps are to be looked at next: one is to be asked for, or the next packet is overdue and was not when they
    /// were looked at last. While packets come in time, each puts it off.
    fn repair_due(&self, now: Timestamp<NodeClock>, estimate: Option<&Estimate>) -> Option<Timestamp<NodeClock>> {
        let due = |stream: &Stream| {
            let next = stream.receiver.next().zip(estimate);
            let leaves = next.and_then(|(position, estimate)| stream.leaves_at(position, estimate));
            // A little later than that: positions are whole frames.
            let overdue = leaves.map(|at| at + stream.reordering.allowed() + ONE_FRAME);
            let overdue = overdue.filter(|at| self.looked_at.is_none_or(|looked| *at > looked));
            let look = overdue.unwrap_or(now + REPAIR_INTERVAL);
            stream.receiver.poll_timeout().map_or(look, |ask| ask.min(look))
        };
        self.streams.values().map(due).min()
    }
}

/// When the first frame that a packet's decoder puts out is heard.
fn heard_at(timeline: &Timeline, lookahead: u32, position: FramePosition) -> Option<Timestamp<HubClock>> {
    // What the first packet of a run puts out before its position belongs to no run.
    let first = position.offset_by(-i64::from(lookahead));
    timeline.instant_of(first).or_else(|| timeline.instant_of(position))
}
