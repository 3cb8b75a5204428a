//! How often one machine may begin a handshake: each costs signatures, for which packets that are due have to wait.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// So many at once: several nodes on one machine that come back together, and try again.
const BURST: u32 = 32;

/// Then one in so long. At this rate they take a thousandth of a core.
const INTERVAL: Duration = Duration::from_millis(250);

/// Addresses that are remembered; of more, whoever was quiet longest is forgotten.
const MAX_ADDRESSES: usize = 1_024;

/// Who has begun how many lately.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Until when each address is taken up by what it has begun, as if one took [`INTERVAL`].
    taken_until: HashMap<IpAddr, Instant>,
}

impl Pace {
    /// Whether a machine may begin another one now, which then counts. This machine itself may always.
    pub(crate) fn allows(&mut self, from: IpAddr, now: Instant) -> bool {
        let from = network_of(from);
        if from.is_loopback() {
            return true;
        }
        let taken_until = self.taken_until.get(&from).copied().unwrap_or(now).max(now) + INTERVAL;
        if taken_until - now > INTERVAL * BURST {
            return false;
        }
        if self.taken_until.len() >= MAX_ADDRESSES {
            self.taken_until.retain(|_, until| *until > now);
        }
        if self.taken_until.len() >= MAX_ADDRESSES
            && let Some(quietest) = self.taken_until.iter().min_by_key(|(_, until)| **until).map(|(from, _)| *from)
        {
            self.taken_until.remove(&quietest);
        }
        self.taken_until.insert(from, taken_until);
        true
    }
}

/// Whose an address is: of IPv6 one machine has as many as it likes, but one network.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_begins_without_end_is_held_to_four_a_second_and_nobody_else_is() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        let [one, other] = [[192, 168, 1, 2], [192, 168, 1, 3]].map(IpAddr::from);
        let at = |ms| begun + Duration::from_millis(ms);
        let taken = (0..60_000).filter(|ms| pace.allows(one, at(*ms))).count();
        assert!((270..=273).contains(&taken), "{taken} in a minute");
        assert!(pace.allows(other, at(60_000)));
        // After a while of quiet it is as at first.
        assert_eq!((0..100).filter(|_| pace.allows(one, at(120_000))).count(), 32);
        assert_eq!((0..1_000).filter(|_| pace.allows(IpAddr::from([127, 0, 0, 1]), begun)).count(), 1_000);
    }

    #[test]
    fn addresses_without_end_take_no_memory_without_end() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        for number in 0..10_000_u32 {
            assert!(pace.allows(IpAddr::from((0x0a00_0000 + number).to_be_bytes()), begun));
        }
        assert!(pace.taken_until.len() <= MAX_ADDRESSES, "{}", pace.taken_until.len());
    }

    #[test]
    fn one_network_of_ipv6_is_one_machine() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        let address = |number| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, number]);
        assert_eq!((0..100).filter(|number| pace.allows(address(*number), begun)).count(), 32);
    }
}
