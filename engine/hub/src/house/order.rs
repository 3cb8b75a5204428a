//! A shuffled order: cycles, in each of which every entry has one turn.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::queue::{Entry, EntryId};

/// In which order entries play. The cycle before the present one is remembered, so that one can go back; those behind
/// it are drawn once somebody asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    cycles: VecDeque<Vec<EntryId>>,
    /// Which of them plays.
    now: usize,
    seed: u64,
}

impl Order {
    /// Of nothing.
    pub(super) fn new(seed: u64) -> Self {
        Self { cycles: VecDeque::from([Vec::new()]), now: 0, seed }
    }

    /// Forgets what there was. An entry that plays is the first.
    pub(super) fn draw_anew(&mut self, entries: &[Arc<Entry>], first: Option<EntryId>) {
        let ids = entries.iter().map(|entry| entry.id).filter(|id| Some(*id) != first);
        let mut drawn: Vec<EntryId> = ids.collect();
        self.random().shuffle(&mut drawn);
        if let Some(first) = first.filter(|first| entries.iter().any(|entry| entry.id == *first)) {
            drawn.insert(0, first);
        }
        (self.cycles, self.now) = (VecDeque::from([drawn]), 0);
    }

    /// Whether it is one of just these entries.
    pub(super) fn is_of(&self, entries: &[Arc<Entry>]) -> bool {
        let wanted: BTreeSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
        let is_whole = |cycle: &Vec<EntryId>| {
            cycle.len() == wanted.len() && cycle.iter().copied().collect::<BTreeSet<_>>() == wanted
        };
        self.now < self.cycles.len() && self.cycles.iter().all(is_whole)
    }

    /// The present cycle.
    pub(super) const fn cycle(&self) -> usize {
        self.now
    }

    pub(super) fn at(&self, cycle: usize, at: usize) -> Option<EntryId> {
        self.cycles.get(cycle)?.get(at).copied()
    }

    pub(super) fn place_of(&self, id: EntryId) -> Option<(usize, usize)> {
        let at = self.cycles.get(self.now)?.iter().position(|other| *other == id)?;
        Some((self.now, at))
    }

    /// Draws cycles until there is this one. None begins with what the one before has ended with.
    pub(super) fn draw_up_to(&mut self, cycle: usize) {
        while self.cycles.len() <= cycle {
            let last = self.cycles.back().cloned().unwrap_or_default();
            let mut drawn = last.clone();
            let mut random = self.random();
            random.shuffle(&mut drawn);
            if drawn.len() > 1 && drawn.first() == last.last() {
                let other = random.usize(1..drawn.len());
                drawn.swap(0, other);
            }
            self.cycles.push_back(drawn);
        }
    }

    /// Another cycle plays.
    pub(super) fn go_to(&mut self, cycle: usize) {
        self.now = cycle.min(self.cycles.len().saturating_sub(1));
        while self.now > 1 {
            self.cycles.pop_front();
            self.now -= 1;
        }
    }

    /// Has an entry come right behind a place of the present cycle, or first.
    pub(super) fn pull_behind(&mut self, place: Option<usize>, id: EntryId) {
        let Some(cycle) = self.cycles.get_mut(self.now) else { return };
        let Some(from) = cycle.iter().position(|other| *other == id) else { return };
        cycle.remove(from);
        let to = place.map_or(0, |at| if from < at { at } else { at + 1 });
        cycle.insert(to.min(cycle.len()), id);
        self.mend();
    }

    /// Takes new entries in: right behind a place of the present cycle, or anywhere behind it.
    pub(super) fn add(&mut self, behind: Option<usize>, ids: &[EntryId], next: bool) {
        let mut random = self.random();
        for (number, cycle) in self.cycles.iter_mut().enumerate().skip(self.now) {
            let from = if number == self.now { behind.map_or(0, |at| at + 1) } else { 0 };
            if next && number == self.now {
                cycle.splice(from..from, ids.iter().copied());
                continue;
            }
            let mut rest = cycle.split_off(from.min(cycle.len()));
            if rest.is_empty() || ids.len() > rest.len() {
                rest.extend_from_slice(ids);
                random.shuffle(&mut rest);
            } else {
                for id in ids {
                    rest.insert(random.usize(0..=rest.len()), *id);
                }
            }
            cycle.append(&mut rest);
        }
        for cycle in self.cycles.iter_mut().take(self.now) {
            cycle.splice(0..0, ids.iter().copied());
        }
        self.mend();
    }

    pub(super) fn remove(&mut self, id: EntryId) {
        self.cycles.iter_mut().for_each(|cycle| cycle.retain(|other| *other != id));
        self.mend();
    }

    /// No cycle begins with what the one before has ended with, whatever was put in or taken out: an entry that follows
    /// itself is never left. The present cycle stays as it is.
    fn mend(&mut self) {
        for at in 1..self.cycles.len() {
            let (before, rest) = self.cycles.make_contiguous().split_at_mut(at);
            let (Some(before), Some(after)) = (before.last_mut(), rest.first_mut()) else { continue };
            if after.len() < 2 || before.last() != after.first() {
                continue;
            }
            if at > self.now {
                after.swap(0, 1);
            } else {
                let last = before.len() - 1;
                before.swap(last, last - 1);
            }
        }
    }

    fn random(&mut self) -> fastrand::Rng {
        let mut random = fastrand::Rng::with_seed(self.seed);
        self.seed = random.u64(..);
        random
    }
}
