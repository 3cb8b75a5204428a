//! Which connections there are, and which makes room for the next.

use std::{cmp::Reverse, collections::HashMap, net::IpAddr};

use unisono_transport::network_of;

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
    /// Whether it has asked something that whoever asked may ask.
    is_known: bool,
    /// Whether a whole request of it is being answered.
    is_answered: bool,
    /// Since when that is so, or not.
    since: u64,
}

/// What becomes of a connection that comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<H> {
    /// It is let in.
    Come,
    /// It is let in; the one with this handle is to be closed.
    InPlaceOf(Option<H>),
    /// It is not let in: all that are there are people's who may ask, and being answered.
    Full,
}

impl<H> Book<H> {
    pub(super) fn new(limit: usize, per_address: usize) -> Self {
        Self { limit, per_address, open: HashMap::new(), next: 0, moment: 0 }
    }

    /// A connection comes.
    pub(super) fn arrive(&mut self, from: IpAddr, is_trusted: bool) -> (u64, Verdict<H>) {
        let from = network_of(from);
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
            let open = Open { from, handle: None, is_known: false, is_answered: false, since: self.moment };
            self.open.insert(id, open);
        }
        (id, verdict)
    }

    /// Takes out the one that is missed least, of one address or of all. First those of whom nobody knows what they
    /// want, then answers to people who are not known, for one can have many begun and take none of them, then those that
    /// have been let in and are idle. Among like ones those of the address that has most, and whichever has waited longest.
    fn make_room(&mut self, of: Option<IpAddr>) -> Verdict<H> {
        let mut count: HashMap<IpAddr, usize> = HashMap::new();
        for open in self.open.values() {
            *count.entry(open.from).or_default() += 1;
        }
        let may_go = self.open.iter().filter(|(_, open)| of.is_none_or(|of| open.from == of));
        let may_go = may_go.filter(|(_, open)| !(open.is_known && open.is_answered));
        let missed = |open: &Open<H>| {
            (open.is_known, open.is_answered, Reverse(count.get(&open.from).copied().unwrap_or_default()), open.since)
        };
        match may_go.min_by_key(|(_, open)| missed(open)).map(|(id, _)| *id) {
            Some(id) => Verdict::InPlaceOf(self.open.remove(&id).and_then(|open| open.handle)),
            None => Verdict::Full,
        }
    }

    /// What it takes to close a connection, if that is still there.
    pub(super) fn started(&mut self, id: u64, handle: H) {
        if let Some(open) = self.open.get_mut(&id) {
            open.handle = Some(handle);
        }
    }

    /// Whoever is at the other end may ask what it has asked.
    pub(super) fn known(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.is_known = true;
        }
    }

    /// A whole request is here.
    pub(super) fn busy(&mut self, id: u64) {
        self.turn(id, true);
    }

    /// It was answered.
    pub(super) fn idle(&mut self, id: u64) {
        self.turn(id, false);
    }

    fn turn(&mut self, id: u64, is_answered: bool) {
        self.moment += 1;
        if let Some(open) = self.open.get_mut(&id) {
            (open.is_answered, open.since) = (is_answered, self.moment);
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
    fn whoever_may_ask_and_is_being_answered_stays() {
        let mut book = Book::new(2, 2);
        let (one, _) = arrive(&mut book, 1);
        let (other, _) = arrive(&mut book, 2);
        for id in [one, other] {
            book.known(id);
            book.busy(id);
        }
        assert_eq!(arrive(&mut book, 3).1, Verdict::Full);
        book.leave(other);
        assert_eq!(arrive(&mut book, 3).1, Verdict::Come);
    }

    #[test]
    fn people_who_are_known_keep_their_place_before_any_number_who_are_not() {
        let mut book = Book::new(20, 64);
        let (phone, _) = arrive(&mut book, 1);
        book.known(phone);
        book.busy(phone);
        book.idle(phone);
        let mut gone = Vec::new();
        for number in 0..10_000_u32 {
            let (id, verdict) = book.arrive(IpAddr::from((0x0a00_0000 + number).to_be_bytes()), false);
            book.started(id, id);
            // Every other has something begun that it does not take.
            if number % 2 == 0 {
                book.busy(id);
            }
            if let Verdict::InPlaceOf(handle) = verdict {
                gone.extend(handle);
            }
            assert!(book.open.contains_key(&phone), "gone after {number}");
        }
        assert!(gone.len() > 9_900, "{}", gone.len());
    }

    #[test]
    fn whoever_is_new_has_more_time_than_those_that_are_many() {
        let mut book = Book::new(100, 64);
        for _ in 0..64 {
            arrive(&mut book, 1);
        }
        for _ in 0..35 {
            arrive(&mut book, 2);
        }
        let (new, _) = arrive(&mut book, 3);
        for _ in 0..1_000 {
            arrive(&mut book, 1);
            arrive(&mut book, 2);
        }
        assert!(book.open.contains_key(&new));
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

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let mut book: Book<u64> = Book::new(10, 2);
        let verdicts = [1, 2, 3].map(|number| book.arrive(IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, number]), false).1);
        assert_eq!(verdicts, [Verdict::Come, Verdict::Come, Verdict::InPlaceOf(None)]);
    }
}
