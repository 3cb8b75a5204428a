//! Who wants to hear what: the last of them counts, however long the others take.
//!
//! A station may take half a minute until it answers. If somebody plays something else meanwhile, or wants silence, that
//! is not to be ended by it.

use super::{GroupId, House, Refused};

/// That somebody wants something else to play in a group; a later one is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish(u64);

/// The wishes of one group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    last: Wish,
    granted: Wish,
}

impl Wishes {
    fn wish(&mut self) -> Wish {
        self.last.0 += 1;
        self.last
    }

    /// Silence is granted at once.
    pub(super) fn wish_for_silence(&mut self) {
        self.granted = self.wish();
    }
}

impl House {
    /// Somebody wants something else to play, which is to be opened first.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn wish(&mut self, id: GroupId) -> Result<Wish, Refused> {
        Ok(self.group_mut(id)?.wishes.wish())
    }

    /// What was wished for is about to play.
    ///
    /// # Errors
    /// When there is no such group, or a later wish was granted meanwhile.
    pub fn grant(&mut self, id: GroupId, wish: Wish) -> Result<(), Refused> {
        let group = self.group_mut(id)?;
        if group.wishes.granted > wish {
            return Err(Refused::Overtaken(group.name.clone()));
        }
        group.wishes.granted = wish;
        Ok(())
    }
}
