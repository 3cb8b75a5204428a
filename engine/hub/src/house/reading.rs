//! What of a queue a stream has read, and what is to follow that.

use std::collections::VecDeque;

use unisono_core::{
    time::{HubClock, Timestamp},
    units::FramePosition,
};

use super::EntryId;

/// From where in a stream an entry is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) entry: EntryId,
    pub(super) position: FramePosition,
    /// The frame of the entry that is heard there.
    source_frame: u64,
}

/// The reading of one run.
#[derive(Debug)]
pub(super) struct Reading {
    /// The entry that is heard, and those that were read ahead.
    marks: VecDeque<Mark>,
    follower: Option<Follower>,
    /// Where what was read ends, when whoever reads waits for what follows.
    dry: Option<FramePosition>,
    /// From where on what was read is not what the queue says. It has no turn; something else is about to come there.
    wrong_from: Option<FramePosition>,
    /// When what follows is to be asked for; `None` once that was the case.
    ask_at: Option<Timestamp<HubClock>>,
}

/// The entry that is to follow the last that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follower {
    pub(super) entry: EntryId,
    /// Whether it was opened, and is with whoever reads.
    pub(super) is_ready: bool,
}

impl Reading {
    pub(super) fn new(position: FramePosition, entry: EntryId, source_frame: u64) -> Self {
        let marks = VecDeque::from([Mark { entry, position, source_frame }]);
        Self { marks, follower: None, dry: None, wrong_from: None, ask_at: None }
    }

    /// The entry that a position holds, and its frame; `None` for what was before the run.
    pub(super) fn source_frame_of(&self, position: FramePosition) -> Option<(EntryId, u64)> {
        let mark = self.marks.iter().rev().find(|mark| mark.position <= position)?;
        Some((mark.entry, mark.source_frame + (position.0 - mark.position.0)))
    }

    /// The entry that is heard, and the frame from which on.
    pub(super) fn first(&self) -> (EntryId, u64) {
        self.marks.front().map_or((EntryId::default(), 0), |mark| (mark.entry, mark.source_frame))
    }

    /// The entry that is to be heard next, where one was read that far.
    pub(super) fn next(&self) -> Option<Mark> {
        let next = self.marks.get(1).copied()?;
        self.wrong_from.is_none_or(|from| next.position < from).then_some(next)
    }

    /// The entries that were read ahead of the one that is heard.
    pub(super) fn ahead(&self) -> impl Iterator<Item = Mark> {
        self.marks.iter().skip(1).copied()
    }

    /// Where the last entry that was read would have its frame 0.
    pub(super) fn last_begins_at(&self) -> i128 {
        self.marks.back().map_or(0, |mark| i128::from(mark.position.0) - i128::from(mark.source_frame))
    }

    pub(super) const fn follower(&self) -> Option<Follower> {
        self.follower
    }

    pub(super) const fn dry(&self) -> Option<FramePosition> {
        self.dry
    }

    pub(super) const fn wrong_from(&self) -> Option<FramePosition> {
        self.wrong_from
    }

    pub(super) const fn set_wrong_from(&mut self, from: Option<FramePosition>) {
        self.wrong_from = from;
    }

    pub(super) const fn ask_at(&self) -> Option<Timestamp<HubClock>> {
        self.ask_at
    }

    pub(super) const fn set_follower(&mut self, follower: Option<Follower>) {
        self.follower = follower;
    }

    pub(super) const fn set_ask_at(&mut self, at: Option<Timestamp<HubClock>>) {
        self.ask_at = at;
    }

    /// Whoever reads has come to the end of what there is.
    pub(super) const fn run_dry(&mut self, at: FramePosition) {
        self.dry = Some(at);
        self.ask_at = None;
    }

    /// Whoever reads has gone over to an entry, which begins at a position.
    pub(super) fn go_over(&mut self, entry: EntryId, position: FramePosition) {
        self.marks.push_back(Mark { entry, position, source_frame: 0 });
        (self.follower, self.dry, self.ask_at) = (None, None, None);
    }

    /// The next entry has its turn to be heard.
    pub(super) fn turn(&mut self) {
        if self.marks.len() > 1 {
            self.marks.pop_front();
        }
    }

    /// What was read ahead is not heard, and nothing follows.
    pub(super) fn stop(&mut self) {
        self.marks.truncate(1);
        (self.follower, self.dry, self.wrong_from, self.ask_at) = (None, None, None, None);
    }

    /// What was read from a position on is void.
    pub(super) fn take_back(&mut self, from: FramePosition) {
        while self.marks.len() > 1 && self.marks.back().is_some_and(|mark| mark.position >= from) {
            self.marks.pop_back();
        }
        (self.dry, self.wrong_from) = (Some(from), None);
    }

    /// Another run goes on with an entry, which begins at a position of that, behind what is right.
    pub(super) fn go_on_with(&mut self, entry: EntryId, position: FramePosition) {
        if let Some(from) = self.wrong_from {
            self.take_back(from);
        }
        self.go_over(entry, position);
    }
}
