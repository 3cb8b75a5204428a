//! What a group plays, one after the other.
//!
//! The queue knows which entry plays and which come behind it. It knows nothing of time: what has been read ahead is a
//! matter of the stream, which asks for the entry so and so many [steps ahead](Queue::ahead).

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Media, order::Order};

/// The most that a queue holds: so much fits into what is kept, and nobody looks through more.
pub const MAX_ENTRIES: usize = 10_000;

/// More entries than anybody ever adds, and a number that JavaScript still counts exactly: what is kept with a higher one
/// is damaged.
const LAST_ID: u64 = 1 << 52;

/// An entry of a queue. Never used twice in one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId(pub u64);

impl fmt::Display for EntryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

impl FromStr for EntryId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Something in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in the queue.
    pub id: EntryId,
    /// What it is.
    pub media: Media,
}

/// What comes behind the last entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repeat {
    /// Nothing.
    #[default]
    Off,
    /// The first.
    All,
    /// Nothing comes behind any entry but itself.
    One,
}

/// Where entries are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Behind the one that plays.
    Next,
    /// Behind all others.
    End,
}

/// A queue.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    entries: Vec<Arc<Entry>>,
    current: Option<EntryId>,
    repeat: Repeat,
    /// The order in which they play, when that is not the order in which they stand.
    shuffled: Option<Order>,
    /// Entries that could not be played; they are passed over.
    broken: BTreeSet<EntryId>,
    version: u64,
    next_id: u64,
}

/// A queue as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedQueue {
    /// In the order in which they stand.
    pub entries: Vec<Arc<Entry>>,
    /// What comes behind the last.
    pub repeat: Repeat,
    /// The order in which they play, when it is shuffled.
    pub order: Option<Order>,
    /// The number of the next entry.
    pub next_id: u64,
    /// Another number after every change.
    pub version: u64,
}

impl Queue {
    /// The entries, in the order in which they stand.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The entry that plays or is to play; `None` when none has had its turn yet, or all have.
    pub fn current(&self) -> Option<&Arc<Entry>> {
        self.entry(self.current?)
    }

    /// Where the entry that plays stands.
    pub fn index(&self) -> Option<usize> {
        self.index_of(self.current?)
    }

    /// What comes behind the last entry.
    pub const fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// Whether the entries play in another order than they stand in.
    pub const fn is_shuffled(&self) -> bool {
        self.shuffled.is_some()
    }

    /// Another number after every change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// An entry.
    pub fn entry(&self, id: EntryId) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The entry that will play so many steps from the current one; with 0 that one itself. `None` when all is over by
    /// then. It stays the same until the queue is changed.
    pub fn ahead(&mut self, steps: usize) -> Option<EntryId> {
        let stays = self.repeat == Repeat::One && self.current.is_some_and(|current| !self.broken.contains(&current));
        if steps == 0 || stays {
            return self.current;
        }
        // The first that plays is the one that is repeated.
        let steps = if self.repeat == Repeat::One { 1 } else { steps };
        let mut place = self.place();
        for _ in 0..steps {
            place = Some(self.behind(place, self.repeat != Repeat::Off)?);
        }
        self.id_at(place?)
    }

    /// The entry that a person goes to who wants the next one: another one even where one is repeated.
    pub fn following(&mut self) -> Option<EntryId> {
        let place = self.behind(self.place(), self.repeat != Repeat::Off)?;
        self.id_at(place)
    }

    /// The entry that played before the current one.
    pub fn preceding(&self) -> Option<EntryId> {
        self.id_at(self.before(self.place()?)?)
    }

    /// An entry has its turn now, as [`Self::ahead`] and [`Self::preceding`] said, or because a person wants it. One
    /// that comes before and behind what plays is taken for the one behind. One that was taken out meanwhile changes
    /// nothing.
    pub fn turn_to(&mut self, id: EntryId) {
        if self.current == Some(id) || self.entry(id).is_none() {
            return;
        }
        let place = self.place();
        let is_it = |queue: &Self, place: &(usize, usize)| queue.id_at(*place) == Some(id);
        let follows = self.behind(place, self.repeat != Repeat::Off).filter(|place| is_it(self, place));
        let beside = follows.or_else(|| self.before(place?).filter(|place| is_it(self, place)));
        if let Some(order) = &mut self.shuffled {
            match beside {
                Some((cycle, _)) => order.go_to(cycle),
                // Of the others none is to be left out.
                None => order.pull_behind(place.map(|(_, at)| at), id),
            }
        }
        self.current = Some(id);
        self.version += 1;
    }

    /// All have had their turn, or none is to have it: the first is the next one.
    pub fn rewind(&mut self) {
        if self.current.take().is_some() {
            self.version += 1;
        }
        if let Some(order) = &mut self.shuffled {
            order.draw_anew(&self.entries, None);
        }
    }

    /// Adds entries; gives their names. What is more than [`MAX_ENTRIES`] is for the caller to refuse.
    pub fn add(&mut self, media: impl IntoIterator<Item = Media>, at: At) -> Vec<EntryId> {
        let place = match at {
            At::Next => self.index().map_or(0, |index| index + 1),
            At::End => self.entries.len(),
        };
        let added: Vec<Arc<Entry>> = media
            .into_iter()
            .map(|media| {
                self.next_id += 1;
                Arc::new(Entry { id: EntryId(self.next_id), media })
            })
            .collect();
        let ids: Vec<EntryId> = added.iter().map(|entry| entry.id).collect();
        let behind = self.place().map(|(_, at)| at);
        if let Some(order) = &mut self.shuffled {
            order.add(behind, &ids, at == At::Next);
        }
        self.entries.splice(place..place, added);
        self.version += 1;
        ids
    }

    /// Takes an entry out; says whether it was there. When it is the current one, the one behind it is that now.
    pub fn remove(&mut self, id: EntryId) -> bool {
        let Some(index) = self.index_of(id) else { return false };
        if self.current == Some(id) {
            match self.following().filter(|next| *next != id) {
                Some(next) => self.turn_to(next),
                None => self.current = None,
            }
        }
        self.entries.remove(index);
        self.broken.remove(&id);
        if let Some(order) = &mut self.shuffled {
            order.remove(id);
        }
        self.version += 1;
        true
    }

    /// Puts an entry at another index, or at the end when that lies behind it; says whether it was there.
    pub fn move_to(&mut self, id: EntryId, index: usize) -> bool {
        let Some(from) = self.index_of(id) else { return false };
        let entry = self.entries.remove(from);
        self.entries.insert(index.min(self.entries.len()), entry);
        self.version += 1;
        true
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.broken.clear();
        self.current = None;
        if let Some(order) = &mut self.shuffled {
            order.draw_anew(&[], None);
        }
        self.version += 1;
    }

    /// Says what comes behind the last entry.
    pub fn set_repeat(&mut self, repeat: Repeat) {
        if self.repeat != repeat {
            self.repeat = repeat;
            self.version += 1;
        }
    }

    /// Has the entries play in any order, each once, or as they stand. `seed` draws the order.
    pub fn set_shuffled(&mut self, shuffled: bool, seed: u64) {
        if shuffled == self.is_shuffled() {
            return;
        }
        self.shuffled = shuffled.then(|| {
            let mut order = Order::new(seed);
            order.draw_anew(&self.entries, self.current);
            order
        });
        self.version += 1;
    }

    /// Notes that an entry cannot be played, or that it is worth another try.
    pub fn set_broken(&mut self, id: EntryId, broken: bool) {
        if broken && self.entry(id).is_some() {
            self.broken.insert(id);
        } else {
            self.broken.remove(&id);
        }
    }

    /// Says more of an entry than was known when it was added.
    pub fn describe(&mut self, id: EntryId, media: Media) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id && entry.media != media) {
            *entry = Arc::new(Entry { id, media });
            self.version += 1;
        }
    }

    /// What is to be kept of it.
    pub fn saved(&self) -> SavedQueue {
        SavedQueue {
            entries: self.entries.clone(),
            repeat: self.repeat,
            order: self.shuffled.clone(),
            next_id: self.next_id,
            version: self.version,
        }
    }

    /// The queue that was kept, with the entry that has its turn. What does not fit together is drawn anew.
    pub fn restored(saved: SavedQueue, current: Option<EntryId>) -> Self {
        let SavedQueue { mut entries, repeat, order, next_id, version } = saved;
        let mut known = BTreeSet::new();
        entries.retain(|entry| entry.id.0 <= LAST_ID && known.insert(entry.id));
        entries.truncate(MAX_ENTRIES);
        let highest = entries.iter().map(|entry| entry.id.0).max().unwrap_or(0);
        let current = current.filter(|current| entries.iter().any(|entry| entry.id == *current));
        let shuffled = order.map(|mut order| {
            if !order.is_of(&entries) {
                order.draw_anew(&entries, current);
            }
            order
        });
        let (next_id, version) = (next_id.clamp(highest, LAST_ID), version.min(LAST_ID));
        Self { entries, current, repeat, shuffled, broken: BTreeSet::new(), version, next_id }
    }

    fn index_of(&self, id: EntryId) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id == id)
    }

    /// Where in the order of playing the current entry is: the cycle, and the place in that.
    fn place(&self) -> Option<(usize, usize)> {
        let current = self.current?;
        match &self.shuffled {
            Some(order) => order.place_of(current),
            None => Some((0, self.index_of(current)?)),
        }
    }

    fn id_at(&self, (cycle, at): (usize, usize)) -> Option<EntryId> {
        match &self.shuffled {
            Some(order) => order.at(cycle, at),
            None => self.entries.get(at).map(|entry| entry.id),
        }
    }

    /// The place before in the order of playing with something that can be played.
    fn before(&self, mut place: (usize, usize)) -> Option<(usize, usize)> {
        for _ in 0..self.entries.len() {
            place = match &self.shuffled {
                _ if place.1 > 0 => (place.0, place.1 - 1),
                // Without a repeat the round before is over for good: from there nothing would lead back.
                Some(_) if place.0 > 0 && self.repeat != Repeat::Off => (place.0 - 1, self.entries.len() - 1),
                None if self.repeat != Repeat::Off => (0, self.entries.len() - 1),
                _ => return None,
            };
            if !self.broken.contains(&self.id_at(place)?) {
                return Some(place);
            }
        }
        None
    }

    /// The next place in the order of playing with something that can be played.
    fn behind(&mut self, place: Option<(usize, usize)>, wraps: bool) -> Option<(usize, usize)> {
        let length = self.entries.len();
        let mut place = place;
        for _ in 0..=length {
            let next = match (place, &mut self.shuffled) {
                (None, None) => (0, 0),
                (None, Some(order)) => (order.cycle(), 0),
                (Some((cycle, at)), _) if at + 1 < length => (cycle, at + 1),
                (Some(_), _) if !wraps => return None,
                (Some(_), None) => (0, 0),
                (Some((cycle, _)), Some(order)) => {
                    order.draw_up_to(cycle + 1);
                    (cycle + 1, 0)
                }
            };
            let id = self.id_at(next)?;
            if !self.broken.contains(&id) {
                return Some(next);
            }
            place = Some(next);
        }
        None
    }
}

#[cfg(test)]
mod tests;
