//! Who leads. A term is a counter and a hub; a room obeys the highest that it has seen, and says so.
//!
//! Nodes are the judges: a hub takes a room over by starting a stream with a higher term, and no election is needed
//! for sound to go on. Two hubs that raise the counter to the same value are told apart by their keys, the same way
//! in every room.

use serde::{Deserialize, Serialize};

use crate::wire::ids::PeerId;

/// A leadership epoch. Ordered by counter, then by hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Term {
    /// Raised by whoever takes over.
    pub counter: u64,
    /// Who leads.
    pub hub: PeerId,
}

impl Term {
    /// The term with which `hub` outranks `seen`.
    #[must_use]
    pub fn above(seen: Option<Self>, hub: PeerId) -> Self {
        match seen {
            Some(seen) if seen.hub == hub => seen,
            Some(seen) => Self { counter: seen.counter.saturating_add(1), hub },
            None => Self { counter: 1, hub },
        }
    }
}

/// What a judge says of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the highest seen, and the one that is obeyed already.
    Same,
    /// It is higher than what was obeyed: whatever the room played before ends.
    Raised,
    /// Another hub leads; the term to tell the sender.
    Outranked(Term),
}

/// Remembers the highest term that one room has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judge {
    highest: Option<Term>,
}

impl Judge {
    /// Judges a term that a hub claims, and obeys it when it is not outranked.
    pub fn consider(&mut self, claimed: Term) -> Verdict {
        match self.highest {
            Some(highest) if claimed < highest => Verdict::Outranked(highest),
            Some(highest) if claimed == highest => Verdict::Same,
            _ => {
                self.highest = Some(claimed);
                Verdict::Raised
            }
        }
    }

    /// The highest term seen.
    pub const fn highest(&self) -> Option<Term> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: PeerId = PeerId([1; 32]);
    const NEW: PeerId = PeerId([2; 32]);

    #[test]
    fn the_higher_term_wins_and_the_old_leader_is_told() {
        let mut judge = Judge::default();
        let first = Term::above(None, OLD);
        assert_eq!(judge.consider(first), Verdict::Raised);
        assert_eq!(judge.consider(first), Verdict::Same);
        let second = Term::above(judge.highest(), NEW);
        assert_eq!(judge.consider(second), Verdict::Raised);
        assert_eq!(judge.consider(first), Verdict::Outranked(second));
        assert_eq!(judge.highest(), Some(second));
    }

    #[test]
    fn two_hubs_that_raise_at_once_are_told_apart_alike_in_every_room() {
        let seen = Some(Term { counter: 4, hub: PeerId([0; 32]) });
        let (one, two) = (Term::above(seen, OLD), Term::above(seen, NEW));
        for order in [[one, two], [two, one]] {
            let mut judge = Judge::default();
            for term in order {
                judge.consider(term);
            }
            assert_eq!(judge.highest(), Some(two));
        }
    }

    #[test]
    fn a_hub_that_leads_already_need_not_raise() {
        let term = Term::above(None, OLD);
        assert_eq!(Term::above(Some(term), OLD), term);
    }
}
