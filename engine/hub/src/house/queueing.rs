//! What people do to a group's queue.

use unisono_core::time::{HubClock, Nanos, Timestamp};

use super::{Action, At, EntryId, GroupId, House, MAX_ENTRIES, Media, Playback, Refused, Repeat};

/// Who goes back later than this means the start of what plays, not what was before it.
const BACK_TIME: Nanos = Nanos::from_secs(3);

impl House {
    /// Adds to a group's queue; gives the names of the new entries.
    ///
    /// # Errors
    /// When there is no such group, or they are more than fit.
    pub fn enqueue(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        media: Vec<Media>,
        at: At,
    ) -> Result<Vec<EntryId>, Refused> {
        let group = self.group_mut(id)?;
        let length = group.queue.entries().len();
        if length + media.len() > MAX_ENTRIES {
            return Err(Refused::QueueFull(group.name.clone(), length));
        }
        let added = group.queue.add(media, at);
        self.changed(now, id);
        Ok(added)
    }

    /// Puts other entries in the place of all that there are. What plays stops, unless one of them is
    /// [played](Self::play_entry) at once.
    ///
    /// # Errors
    /// When there is no such group, or they are more than fit.
    pub fn replace_queue(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        media: Vec<Media>,
        goes_on: bool,
    ) -> Result<Vec<EntryId>, Refused> {
        let group = self.group_mut(id)?;
        if media.len() > MAX_ENTRIES {
            return Err(Refused::QueueFull(group.name.clone(), 0));
        }
        group.queue.clear();
        let added = group.queue.add(media, At::End);
        group.forget_warnings_of_the_gone();
        if !goes_on {
            self.stop(now, id)?;
        }
        self.actions.push_back(Action::Changed);
        Ok(added)
    }

    /// Takes an entry out. When it plays, the one behind it begins.
    ///
    /// # Errors
    /// When there is no such group or entry.
    pub fn remove_entry(&mut self, now: Timestamp<HubClock>, id: GroupId, entry: EntryId) -> Result<(), Refused> {
        self.check_entry(id, entry)?;
        let group = self.group_mut(id)?;
        let was_current = group.queue.current().is_some_and(|current| current.id == entry);
        group.queue.remove(entry);
        group.forget_warnings_of_the_gone();
        let next = group.queue.current().cloned();
        match (group.playback, next) {
            (Playback::Playing, Some(next)) if was_current => self.actions.push_back(Action::Start(id, next.id)),
            (Playback::Paused(_), Some(next)) if was_current => {
                group.media = Some(next.media.clone());
                self.set_playback(id, Playback::Paused(0));
            }
            (Playback::Playing | Playback::Paused(_), None) if was_current => self.stop(now, id)?,
            _ => {}
        }
        self.changed(now, id);
        Ok(())
    }

    /// Puts an entry at another index; behind the last means at the end.
    ///
    /// # Errors
    /// When there is no such group or entry.
    pub fn move_entry(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        entry: EntryId,
        index: usize,
    ) -> Result<(), Refused> {
        self.check_entry(id, entry)?;
        self.group_mut(id)?.queue.move_to(entry, index);
        self.changed(now, id);
        Ok(())
    }

    /// Takes all entries out; what plays stops.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn clear_queue(&mut self, now: Timestamp<HubClock>, id: GroupId) -> Result<(), Refused> {
        self.replace_queue(now, id, Vec::new(), false).map(|_| ())
    }

    /// Says what comes behind the last entry, and whether entries play in any order.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn set_order(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        repeat: Option<Repeat>,
        shuffle: Option<bool>,
    ) -> Result<(), Refused> {
        let seed = self.random.u64(..);
        let group = self.group_mut(id)?;
        let version = group.queue.version();
        if let Some(repeat) = repeat {
            group.queue.set_repeat(repeat);
        }
        if let Some(shuffle) = shuffle {
            group.queue.set_shuffled(shuffle, seed);
        }
        if group.queue.version() != version {
            self.changed(now, id);
        }
        Ok(())
    }

    /// The entry that comes next when a person wants that.
    ///
    /// # Errors
    /// When there is no such group, or none comes.
    pub fn next_entry(&mut self, id: GroupId) -> Result<EntryId, Refused> {
        let group = self.group_mut(id)?;
        group.queue.following().ok_or_else(|| Refused::NothingThere("behind", group.name.clone()))
    }

    /// The entry that a person goes back to: soon after the start of what plays the one before, else that itself.
    ///
    /// # Errors
    /// When there is no such group, or its queue is empty.
    pub fn previous_entry(&mut self, now: Timestamp<HubClock>, id: GroupId) -> Result<EntryId, Refused> {
        let back = self.settings.rate.frames_in(BACK_TIME).0;
        let begun = self.position(now, id).is_some_and(|frame| frame >= back);
        let group = self.group_mut(id)?;
        let current = group.queue.current().map(|entry| entry.id);
        let before = if begun { None } else { group.queue.preceding() };
        before.or(current).ok_or_else(|| Refused::NothingThere("before", group.name.clone()))
    }

    /// The entry that a group begins with when nothing plays: the one that has its turn, or the first.
    ///
    /// # Errors
    /// When there is no such group, or its queue is empty.
    pub fn first_entry(&mut self, id: GroupId) -> Result<EntryId, Refused> {
        let group = self.group_mut(id)?;
        let current = group.queue.current().map(|entry| entry.id);
        current.or_else(|| group.queue.following()).ok_or_else(|| Refused::NothingPlays(group.name.clone()))
    }

    /// Whether an entry is in a group's queue.
    ///
    /// # Errors
    /// When there is no such group or entry.
    pub fn check_entry(&self, id: GroupId, entry: EntryId) -> Result<(), Refused> {
        let group = self.groups.get(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        let unknown = || Refused::UnknownEntry(entry.to_string(), group.name.clone());
        group.queue.entry(entry).map(|_| ()).ok_or_else(unknown)
    }

    /// The entry that plays behind another one, as the order is now, when these cannot be played.
    pub fn entry_behind(&self, id: GroupId, entry: EntryId, broken: &[EntryId]) -> Option<EntryId> {
        let mut queue = self.groups.get(&id)?.queue.clone();
        broken.iter().for_each(|entry| queue.set_broken(*entry, true));
        queue.turn_to(entry);
        queue.following().filter(|next| *next != entry)
    }

    /// Says more of an entry than was known when it was added.
    pub fn describe_entry(&mut self, id: GroupId, entry: EntryId, media: Media) {
        if let Some(group) = self.groups.get_mut(&id) {
            group.queue.describe(entry, media);
        }
    }

    fn changed(&mut self, now: Timestamp<HubClock>, id: GroupId) {
        self.reconsider(now, id);
        self.actions.push_back(Action::Changed);
    }
}
