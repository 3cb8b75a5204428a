//! A hub whose clock stood still or jumped: its machine slept, or was moved to another.

use super::{NodeSession, Stream};
use crate::{
    clock::{CLOCK_STEP, Estimate},
    time::{NodeClock, Timestamp},
    wire::ids::{RoomIndex, StreamId},
};

impl NodeSession {
    /// Takes note of an estimate. When the hub's time is another than it was, nothing holds that was decided by it:
    /// which packets are late, given up or asked for. Whatever plays starts over then.
    pub(super) fn follow(&mut self, now: Timestamp<NodeClock>, estimate: &Estimate) {
        let before = self.mapping.replace(estimate.mapping);
        if before.is_some_and(|before| estimate.mapping.ahead_of(&before, now).abs() > CLOCK_STEP) {
            self.start_over(now);
        }
    }

    fn start_over(&mut self, now: Timestamp<NodeClock>) {
        let playing = |(room, id): (&RoomIndex, &StreamId)| {
            let Stream { format, timeline, lead, .. } = self.streams.get(id)?;
            Some((*room, *id, format.clone(), *timeline, *lead))
        };
        let playing: Vec<_> = self.plays.iter().filter_map(playing).collect();
        for (room, ..) in &playing {
            self.leave(*room);
        }
        for (room, id, format, timeline, lead) in playing {
            self.open(now, room, id, format, timeline, lead, None);
        }
    }
}
