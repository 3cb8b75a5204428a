//! From one entry of the queue to the next, without a gap.
//!
//! Whoever reads is up to a second ahead of what is heard: half a second of packets that wait, and those that are on
//! their way. It is told in time what follows, goes over by itself, and says where. What a person changes meanwhile
//! counts: an entry that is read already and not to be heard any more is taken back, as long as none of it has left.
//! When some has, what is wanted begins as another run where that would have begun, or as soon after as rooms can have
//! it. Until then what they were sent is heard: nothing between two entries is silent.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    units::FramePosition,
};

use super::{Action, EntryId, GroupId, House, Media, Playback, reading::Follower};

/// What follows is opened so long before it is read: long enough for a disk that has to wake up and a station that has
/// to be called, short enough that most of what people do to a queue has been done.
const OPEN_TIME: Nanos = Nanos::from_secs(20);

/// Reading is no further ahead than this, beyond what is on its way.
const READ_AHEAD: Nanos = Nanos::from_millis(600);

/// What is taken back has to be read and encoded anew within this.
const TAKE_BACK_TIME: Nanos = Nanos::from_millis(40);

impl House {
    /// An entry that [`Action::Open`] named is open, and is this; says whether it is wanted still. When it is, an action
    /// says for what.
    pub fn handle_opened(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        run: u32,
        entry: EntryId,
        media: Media,
    ) -> bool {
        let is_wanted = self.is_reading(id, run)
            && self.streams.get(&id).and_then(|stream| stream.reading().follower())
                == Some(Follower { entry, is_ready: false });
        if !is_wanted {
            return false;
        }
        if let Some(group) = self.groups.get_mut(&id) {
            group.queue.describe(entry, media);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let border = stream.reading().wrong_from().or_else(|| stream.end_position());
        let is_late = match border {
            Some(from) => !stream.is_unsent(now, from, TAKE_BACK_TIME),
            None => stream.is_ending(),
        };
        if is_late {
            let at = border.map_or_else(|| stream.over_at(), |from| stream.begins(from));
            self.begin_behind(now, id, entry, at.unwrap_or(now));
            return true;
        }
        let goes_on = if stream.is_ending() { stream.go_on() } else { None };
        if let Some(from) = border {
            stream.reading_mut().take_back(from);
        }
        stream.reading_mut().set_follower(Some(Follower { entry, is_ready: true }));
        self.actions.push_back(Action::Follow { group: id, run, entry, instead_from: border });
        if let Some(anchor) = goes_on {
            self.announce(id, &[anchor]);
        }
        true
    }

    /// An entry cannot be played. It is passed over, and that is said.
    pub fn handle_unopened(&mut self, now: Timestamp<HubClock>, id: GroupId, entry: EntryId, reason: &str) {
        self.pass_over(id, entry, reason);
        if let Some(stream) = self.streams.get_mut(&id) {
            let reading = stream.reading_mut();
            if reading.follower() == Some(Follower { entry, is_ready: false }) {
                reading.set_follower(None);
            }
        }
        self.reconsider(now, id);
    }

    /// Whoever reads a run has gone over to the entry that was to follow; its first frame is at this position.
    pub fn handle_turn(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        run: u32,
        entry: EntryId,
        position: FramePosition,
    ) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.run() == run) else { return };
        stream.reading_mut().go_over(entry, position);
        self.plan_to_ask(now, id);
        self.reconsider(now, id);
    }

    /// Whoever reads a run has nothing more to read from a position on, and waits for what follows or for
    /// [`Action::Finish`].
    pub fn handle_dry(&mut self, now: Timestamp<HubClock>, id: GroupId, run: u32, position: FramePosition) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.run() == run) else { return };
        stream.reading_mut().run_dry(position);
        self.reconsider(now, id);
    }

    /// An entry of a run cannot be read any more from a position on. What follows plays instead.
    pub fn handle_broken(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        run: u32,
        (entry, position): (EntryId, FramePosition),
        reason: &str,
    ) {
        if self.run_of(id) == Some(run) {
            self.pass_over(id, entry, reason);
            self.handle_dry(now, id, run, position);
        }
    }

    /// Looks whether what is read ahead is what the queue says, and has it put right when it is not.
    pub(super) fn reconsider(&mut self, now: Timestamp<HubClock>, id: GroupId) {
        let Some(run) = self.run_of(id).filter(|run| self.is_reading(id, *run)) else { return };
        let (Some(stream), Some(group)) = (self.streams.get_mut(&id), self.groups.get_mut(&id)) else { return };
        // Another entry is about to be begun; what comes behind it is none of this run's business.
        if group.queue.current().map(|entry| entry.id) != Some(stream.reading().first().0) {
            return;
        }
        let right =
            stream.reading().ahead().zip(1..).take_while(|(mark, steps)| group.queue.ahead(*steps) == Some(mark.entry));
        let right = right.count();
        let wrong = stream.reading().ahead().nth(right);
        stream.reading_mut().set_wrong_from(wrong.map(|mark| mark.position));
        let wish = group.queue.ahead(right + 1);
        let follower = stream.reading().follower();
        let (dry, must_wait) = (stream.reading().dry(), stream.reading().ask_at().is_some());
        let is_ready = follower.is_some_and(|follower| follower.is_ready);
        if follower.map(|follower| follower.entry) != wish || (wrong.is_some() && is_ready) {
            stream.reading_mut().set_follower(None);
            if is_ready {
                self.actions.push_back(Action::Unfollow(id, run));
            }
        }
        let is_asked = stream.reading().follower().is_some();
        match (wish, wrong) {
            (Some(entry), wrong) if !is_asked && (wrong.is_some() || !must_wait) => {
                let Some(media) = group.queue.entry(entry).map(|entry| entry.media.clone()) else { return };
                stream.reading_mut().set_follower(Some(Follower { entry, is_ready: false }));
                self.actions.push_back(Action::Open { group: id, run, entry, media });
            }
            (Some(_), _) => {}
            (None, Some(wrong)) if stream.is_unsent(now, wrong.position, TAKE_BACK_TIME) => {
                // The end comes sooner than it was settled, if it was.
                if stream.is_ending() {
                    stream.go_on();
                }
                stream.reading_mut().take_back(wrong.position);
                self.actions.push_back(Action::Finish { group: id, run, end_at: Some(wrong.position) });
                self.handle_end(id, run, wrong.position);
            }
            (None, Some(wrong)) => {
                let at = stream.timeline().instant_of(wrong.position).unwrap_or(now);
                self.end_after(now, id, at);
            }
            (None, None) => {
                if let Some(position) = dry.filter(|_| !stream.is_ending()) {
                    self.actions.push_back(Action::Finish { group: id, run, end_at: None });
                    self.handle_end(id, run, position);
                }
            }
        }
    }

    /// Has the entries have their turn that are heard by now, and asks for those that are to be opened.
    pub(super) fn drive_queues(&mut self, now: Timestamp<HubClock>) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            while let Some(stream) = self.streams.get_mut(&id)
                && stream.next_turn().is_some_and(|at| at <= now)
            {
                stream.reading_mut().turn();
                let (entry, _) = stream.reading().first();
                self.turn_to(id, entry);
            }
            if let Some(stream) = self.streams.get_mut(&id)
                && stream.reading().ask_at().is_some_and(|at| at <= now)
            {
                stream.reading_mut().set_ask_at(None);
                self.reconsider(now, id);
            }
        }
    }

    /// An entry is heard now.
    pub(super) fn turn_to(&mut self, id: GroupId, entry: EntryId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.queue.turn_to(entry);
        if let Some(entry) = group.queue.entry(entry) {
            let title = group.next_title.take_if(|(of, _)| *of == entry.id).map(|(_, title)| title);
            let title = title.unwrap_or_else(|| entry.media.title.clone());
            group.media = Some(Media { title, ..entry.media.clone() });
        }
        let ahead = self.streams.get(&id).into_iter().flat_map(|stream| stream.reading().ahead());
        group.keep_warnings_of(entry, &ahead.map(|mark| mark.entry).collect::<Vec<_>>());
        self.actions.push_back(Action::Changed);
    }

    /// Says when what follows the entry that was read last is to be opened: at once, when its length is not known.
    pub(super) fn plan_to_ask(&mut self, now: Timestamp<HubClock>, id: GroupId) {
        let (Some(stream), Some(group)) = (self.streams.get_mut(&id), self.groups.get(&id)) else { return };
        let reading = stream.reading();
        let last = reading.ahead().last().map_or_else(|| reading.first().0, |mark| mark.entry);
        let frames = group.queue.entry(last).and_then(|entry| entry.media.frames);
        let end = frames.and_then(|frames| u64::try_from(reading.last_begins_at() + i128::from(frames)).ok());
        let end = end.and_then(|end| stream.timeline().instant_of(FramePosition(end)));
        let at = end.map(|end| end - stream.lead() - READ_AHEAD - OPEN_TIME);
        stream.reading_mut().set_ask_at(Some(at.unwrap_or(now).max(now)));
    }

    /// Whether a run plays.
    fn is_reading(&self, id: GroupId, run: u32) -> bool {
        let plays = self.groups.get(&id).is_some_and(|group| group.playback == Playback::Playing);
        plays && self.run_of(id) == Some(run)
    }
}
