//! Who reads what plays: half a second ahead of the packets that leave, from one entry of the queue into the next.

use unisono_core::{
    time::{HubClock, Timestamp},
    units::FramePosition,
};
use unisono_hub::house::{EntryId, GroupId, House};

/// Frames that are read ahead.
const AHEAD: u64 = 24_000;

/// What one run reads.
#[derive(Debug)]
pub(super) struct Reader {
    run: u32,
    /// Where in the stream what it reads ends.
    end: u64,
    next: Option<EntryId>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// What there is has come to its end.
    Dry,
    Ended,
}

impl Reader {
    /// Reads an entry from a frame of it on, as the stream's `position`.
    pub(super) fn new(
        house: &House,
        group: GroupId,
        run: u32,
        position: FramePosition,
        (entry, source_frame): (EntryId, u64),
    ) -> Self {
        let frames = frames_of(house, group, entry).saturating_sub(source_frame);
        Self { run, end: position.0 + frames, next: None, state: State::Reading }
    }

    /// A packet has left.
    pub(super) fn read_on(
        &mut self,
        house: &mut House,
        now: Timestamp<HubClock>,
        group: GroupId,
        position: FramePosition,
    ) {
        while self.state == State::Reading && position.0 + AHEAD >= self.end {
            match self.next.take() {
                Some(entry) => self.turn(house, now, group, entry),
                None => {
                    self.state = State::Dry;
                    house.handle_dry(now, group, self.run, FramePosition(self.end));
                }
            }
        }
    }

    /// What follows, and from where instead of what was read.
    pub(super) fn follow(
        &mut self,
        house: &mut House,
        now: Timestamp<HubClock>,
        group: GroupId,
        entry: EntryId,
        instead_from: Option<FramePosition>,
    ) {
        if let Some(from) = instead_from {
            (self.end, self.state) = (from.0, State::Dry);
        }
        if self.state == State::Dry {
            self.turn(house, now, group, entry);
        } else {
            self.next = Some(entry);
        }
    }

    pub(super) const fn unfollow(&mut self) {
        self.next = None;
    }

    pub(super) const fn finish(&mut self, end_at: Option<FramePosition>) {
        if let Some(end) = end_at {
            self.end = end.0;
        }
        self.state = State::Ended;
    }

    fn turn(&mut self, house: &mut House, now: Timestamp<HubClock>, group: GroupId, entry: EntryId) {
        let begin = FramePosition(self.end);
        self.end += frames_of(house, group, entry);
        self.state = State::Reading;
        house.handle_turn(now, group, self.run, entry, begin);
    }
}

fn frames_of(house: &House, group: GroupId, entry: EntryId) -> u64 {
    let group = house.groups().get(&group);
    group.and_then(|group| group.queue.entry(entry)).and_then(|entry| entry.media.frames).unwrap_or(u64::MAX / 2)
}
