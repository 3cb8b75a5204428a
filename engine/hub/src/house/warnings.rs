//! What is wrong with something that a group plays, or was to play.

use tracing::warn;

use super::{EntryId, Group, GroupId, House};

/// Why a warning was given. Only the same cause takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The entry is damaged.
    Damage,
    /// Nothing comes of the entry at the moment.
    Trouble,
    /// The entry cannot be played at all.
    LeftOut,
}

/// A line about an entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Warning {
    entry: EntryId,
    cause: Cause,
    text: String,
    /// Whether it stays said for the entry that plays next, too: what is left out is never heard itself.
    outlives_a_turn: bool,
}

impl Group {
    /// What is wrong with what it plays or was to play, in one line: what was noticed last.
    pub fn warning(&self) -> Option<&str> {
        self.warnings.last().map(|warning| warning.text.as_str())
    }

    fn warn(&mut self, warning: Warning) -> bool {
        if self.warnings.contains(&warning) {
            return false;
        }
        let replaces = |known: &Warning| {
            known.cause == warning.cause && (known.entry == warning.entry || known.cause == Cause::LeftOut)
        };
        self.warnings.retain(|known| !replaces(known));
        self.warnings.push(warning);
        true
    }

    /// Another entry is heard, and these were read ahead of it.
    pub(super) fn keep_warnings_of(&mut self, heard: EntryId, ahead: &[EntryId]) {
        self.warnings.retain_mut(|warning| match warning.cause {
            Cause::LeftOut => std::mem::take(&mut warning.outlives_a_turn),
            Cause::Damage | Cause::Trouble => warning.entry == heard || ahead.contains(&warning.entry),
        });
    }

    /// What is said of entries that are no longer in the queue is of no use.
    pub(super) fn forget_warnings_of_the_gone(&mut self) {
        let queue = &self.queue;
        self.warnings.retain(|warning| queue.entry(warning.entry).is_some());
    }
}

impl House {
    /// Something is wrong with an entry that a run reads. It stays said until another plays, or [`Self::all_is_well`].
    /// Says whether that is news.
    pub fn warn(&mut self, id: GroupId, run: u32, entry: EntryId, cause: Cause, text: String) -> bool {
        let is_read = self.run_of(id) == Some(run);
        let group = self.groups.get_mut(&id).filter(|_| is_read);
        group.is_some_and(|group| group.warn(Warning { entry, cause, text, outlives_a_turn: false }))
    }

    /// What there was no sound of for a while is there again. What else was said of it holds.
    pub fn all_is_well(&mut self, id: GroupId, run: u32, entry: EntryId) {
        let is_read = self.run_of(id) == Some(run);
        if let Some(group) = self.groups.get_mut(&id).filter(|_| is_read) {
            group.warnings.retain(|known| (known.entry, known.cause) != (entry, Cause::Trouble));
        }
    }

    /// An entry that was to play next cannot be played. It is passed over, and that stays said while what comes in its
    /// place plays.
    pub(super) fn pass_over(&mut self, id: GroupId, entry: EntryId, reason: &str) {
        self.leave_out(id, entry, reason, true);
    }

    /// An entry could not be played, and something else plays in its place already, or nothing: so that is said until
    /// something else plays.
    pub fn passed_over(&mut self, id: GroupId, entry: EntryId, reason: &str) {
        self.leave_out(id, entry, reason, false);
    }

    fn leave_out(&mut self, id: GroupId, entry: EntryId, reason: &str, outlives_a_turn: bool) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.queue.set_broken(entry, true);
        let title = group.queue.entry(entry).map_or_else(String::new, |entry| entry.media.title.clone());
        let text = format!("\"{title}\" is left out: {reason}");
        warn!("group {id}: {text}");
        group.warn(Warning { entry, cause: Cause::LeftOut, text, outlives_a_turn });
    }
}
