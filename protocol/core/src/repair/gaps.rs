//! What is missing, and when it is asked for.
//!
//! A request or its answer may be lost like the packet itself, and on Wi-Fi losses come in bursts. So whoever asks twice
//! in the same instant loses both; copies are spread over time instead: the second request goes out once the answer to
//! the first is overdue, and from then on they follow each other twice as fast, and faster still when little time is
//! left. The hub answers each. Where nothing at all comes through, or much is missing, more requests would only be in
//! the way, and they are few.

use std::collections::BTreeMap;

use crate::time::{Nanos, NodeClock, Timestamp};

/// When less than this is left, a request is not worth sending: the answer must still travel and be decoded.
const LAST_CHANCE: Nanos = Nanos::from_millis(5);

/// No request follows another sooner: what ends a burst of losses on Wi-Fi takes milliseconds.
const SHORTEST_REPEAT: Nanos = Nanos::from_millis(5);

/// With nothing heard for so long, nothing comes through: two packets and what is lost in a usual burst.
const SILENCE: Nanos = Nanos::from_millis(80);

/// The longer nothing comes through, the rarer requests are: one for each eighth of the silence so far, ...
const SILENT_SHARE: i64 = 8;

/// ... and never fewer than this.
const SILENT_REPEAT: Nanos = Nanos::from_millis(100);

/// When something comes through again, what waited on the way gets so long to come too before it is asked for.
const AFTER_SILENCE: Nanos = Nanos::from_millis(3);

/// More gaps than this are not bad luck: the link is out or full, and requests follow each other slowly.
const FEW: usize = 16;

/// As many packets as are remembered; what is missing beyond that was lost long ago.
const MAX_GAPS: usize = 1_024;

#[derive(Debug)]
struct Gap {
    ask_at: Timestamp<NodeClock>,
    asks: u32,
}

/// The gaps of one rendition, by number of the packet.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    gaps: BTreeMap<u64, Gap>,
    heard_at: Option<Timestamp<NodeClock>>,
}

/// What [`Gaps::take_due`] found.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// The packets to ask for now.
    pub(super) packets: Vec<u64>,
    /// Gaps that are asked for the first time, or that it was too late to ask for.
    pub(super) lost: u64,
}

impl Gaps {
    /// A packet is missing; it is asked for at an instant unless it was missing before.
    pub(super) fn miss(&mut self, packet: u64, ask_at: Timestamp<NodeClock>) {
        if self.gaps.len() >= MAX_GAPS {
            self.gaps.pop_first();
        }
        self.gaps.entry(packet).or_insert(Gap { ask_at, asks: 0 });
    }

    /// A packet has come. Whether it had been asked for.
    pub(super) fn fill(&mut self, packet: u64) -> bool {
        self.gaps.remove(&packet).is_some_and(|gap| gap.asks > 0)
    }

    /// Forgets what lies before a packet.
    pub(super) fn forget_before(&mut self, packet: u64) {
        self.gaps = self.gaps.split_off(&packet);
    }

    /// Something has come from the hub, whatever it was.
    pub(super) fn hear(&mut self, now: Timestamp<NodeClock>) {
        if self.is_silent(now) {
            for gap in self.gaps.values_mut().filter(|gap| gap.asks > 0) {
                gap.ask_at = gap.ask_at.min(now + AFTER_SILENCE);
            }
        }
        self.heard_at = self.heard_at.max(Some(now));
    }

    /// Takes what is to be asked for now, at most `limit` packets. `answer` is how long an answer usually takes;
    /// `left` says for how much longer a packet is of use, `None` for one that is part of nothing that plays: it is
    /// forgotten, and not lost.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp<NodeClock>,
        answer: Nanos,
        limit: usize,
        left: impl Fn(u64) -> Option<Nanos>,
    ) -> Due {
        let mut due = Due::default();
        self.gaps.retain(|packet, gap| {
            let Some(left) = left(*packet) else { return false };
            let useful = left > LAST_CHANCE;
            due.lost += u64::from(!useful && gap.asks == 0);
            useful
        });
        let silent = self.heard_at.map_or(Nanos::ZERO, |at| now - at);
        let few = self.gaps.len() <= FEW;
        for (packet, gap) in self.gaps.iter_mut().filter(|(_, gap)| gap.ask_at <= now).take(limit) {
            due.lost += u64::from(gap.asks == 0);
            gap.asks += 1;
            let repeat = match gap.asks {
                _ if silent > SILENCE => answer.max((silent / SILENT_SHARE).min(SILENT_REPEAT)),
                _ if !few => answer,
                _ if left(*packet).is_some_and(|left| left < answer * 2) => answer / 4,
                1 => answer,
                _ => answer / 2,
            };
            gap.ask_at = now + repeat.max(SHORTEST_REPEAT);
            due.packets.push(*packet);
        }
        due
    }

    /// The oldest packet that is missing.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.gaps.keys().next().copied()
    }

    /// When [`Self::take_due`] is to be called next.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp<NodeClock>> {
        self.gaps.values().map(|gap| gap.ask_at).min()
    }

    fn is_silent(&self, now: Timestamp<NodeClock>) -> bool {
        self.heard_at.is_none_or(|at| now - at > SILENCE)
    }
}
