//! Which connections there are, and which makes room for the next.

use std::{collections::HashMap, net::IpAddr};

/// The connections, each with what it takes to close it.
#[derive(Debug)]
pub(super) struct Book<H> {
    limit: usize,
    per_address: usize,
    open: HashMap<u64, Open<H>>,
    next: u64,
    /// Counts what happens: who has waited longest is known without a clock.
    moment: u64,
}

#[derive(Debug)]
struct Open<H> {
    from: IpAddr,
    handle: Option<H>,
    /// Since when it has asked nothing; `None` while it is being answered.
    idle_since: Option<u64>,
}

/// What becomes of a connection that comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<H> {
    /// It is let in.
    Come,
    /// It is let in; the one with this handle is to be closed.
    InPlaceOf(Option<H>),
    /// It is not let in: all that are there are being answered.
    Full,
}

impl<H> Book<H> {
    pub(super) fn new(limit: usize, per_address: usize) -> Self {
        Self { limit, per_address, open: HashMap::new(), next: 0, moment: 0 }
    }

    /// A connection comes.
    pub(super) fn arrive(&mut self, from: IpAddr, is_trusted: bool) -> (u64, Verdict<H>) {
        let id = self.next;
        self.next += 1;
        self.moment += 1;
        let of_address = || self.open.values().filter(|open| open.from == from).count();
        let too_many_of_one = !is_trusted && of_address() >= self.per_address;
        let verdict = if too_many_of_one {
            self.make_room(Some(from))
        } else if self.open.len() >= self.limit {
            self.make_room(None)
        } else {
            Verdict::Come
        };
        if !matches!(verdict, Verdict::Full) {
            self.open.insert(id, Open { from, handle: None, idle_since: Some(self.moment) });
        }
        (id, verdict)
    }

    /// Takes out whichever has waited longest, of one address or of all.
    fn make_room(&mut self, of: Option<IpAddr>) -> Verdict<H> {
        let waiting = self.open.iter().filter(|(_, open)| of.is_none_or(|of| open.from == of));
        let waiting = waiting.filter_map(|(id, open)| Some((open.idle_since?, *id)));
        match waiting.min() {
            Some((_, id)) => Verdict::InPlaceOf(self.open.remove(&id).and_then(|open| open.handle)),
            None => Verdict::Full,
        }
    }

    /// What it takes to close a connection, if that is still there.
    pub(super) fn started(&mut self, id: u64, handle: H) {
        if let Some(open) = self.open.get_mut(&id) {
            open.handle = Some(handle);
        }
    }

    /// A connection has asked something.
    pub(super) fn busy(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.idle_since = None;
        }
    }

    /// It was answered.
    pub(super) fn idle(&mut self, id: u64) {
        self.moment += 1;
        if let Some(open) = self.open.get_mut(&id) {
            open.idle_since = Some(self.moment);
        }
    }

    /// A connection has gone.
    pub(super) fn leave(&mut self, id: u64) {
        self.open.remove(&id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What it takes to close those that are left.
    pub(super) fn drain_handles(&mut self) -> Vec<H> {
        self.open.drain().filter_map(|(_, open)| open.handle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 168, 1, number])
    }

    fn arrive(book: &mut Book<u64>, from: u8) -> (u64, Verdict<u64>) {
        let (id, verdict) = book.arrive(address(from), false);
        book.started(id, id);
        (id, verdict)
    }

    #[test]
    fn whoever_has_waited_longest_makes_room() {
        let mut book = Book::new(3, 3);
        let ids = [1, 2, 3].map(|from| arrive(&mut book, from).0);
        // The first asks something and was answered since.
        book.busy(ids[0]);
        book.idle(ids[0]);
        assert_eq!(arrive(&mut book, 4).1, Verdict::InPlaceOf(Some(ids[1])));
        assert_eq!(arrive(&mut book, 5).1, Verdict::InPlaceOf(Some(ids[2])));
        assert_eq!(arrive(&mut book, 6).1, Verdict::InPlaceOf(Some(ids[0])));
    }

    #[test]
    fn whoever_is_being_answered_stays() {
        let mut book = Book::new(2, 2);
        let (one, _) = arrive(&mut book, 1);
        let (other, _) = arrive(&mut book, 2);
        book.busy(one);
        book.busy(other);
        assert_eq!(arrive(&mut book, 3).1, Verdict::Full);
        book.leave(other);
        assert_eq!(arrive(&mut book, 3).1, Verdict::Come);
    }

    #[test]
    fn one_address_takes_the_place_of_nobody_else() {
        let mut book = Book::new(10, 2);
        let (first, _) = arrive(&mut book, 1);
        arrive(&mut book, 2);
        arrive(&mut book, 1);
        assert_eq!(arrive(&mut book, 1).1, Verdict::InPlaceOf(Some(first)));
        // This machine may have more.
        for _ in 0..7 {
            assert_eq!(book.arrive(address(9), true).1, Verdict::Come);
        }
    }
}
