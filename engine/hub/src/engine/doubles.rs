//! Two machines with one key: a state folder was copied. Each would throw the other out for ever, since whoever connects
//! takes the place of the connection before. A machine that has only lost its connection, or was started anew, never
//! comes back from an address whose place another has taken and still holds.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use unisono_core::wire::ids::PeerId;

/// A machine that was replaced and does not come back within this has gone. It waits 15 s at most after a refusal.
const MEMORY: Duration = Duration::from_secs(60);

/// Who says nothing for so long has lost its connection: a node reports every second.
const SILENCE: Duration = Duration::from_millis(2_500);

/// A connection of a machine that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) address: SocketAddr,
    pub(super) heard: Instant,
}

/// What is remembered of machines that were replaced.
#[derive(Debug, Default)]
pub(super) struct Doubles {
    replaced: HashMap<PeerId, (SocketAddr, Instant)>,
}

impl Doubles {
    /// Whether a machine that connects is the double of one that is there. When it is not, it takes that one's place.
    pub(super) fn is_double(
        &mut self,
        now: Instant,
        peer: PeerId,
        comes_from: SocketAddr,
        present: Option<Present>,
    ) -> bool {
        self.replaced.retain(|_, (_, at)| now.duration_since(*at) < MEMORY);
        let Some(present) = present.filter(|present| present.address != comes_from) else { return false };
        let was_replaced = self.replaced.get(&peer).is_some_and(|(address, _)| *address == comes_from);
        let is_double = was_replaced && now.duration_since(present.heard) < SILENCE;
        let replaced = if is_double { comes_from } else { present.address };
        self.replaced.insert(peer, (replaced, now));
        is_double
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: PeerId = PeerId([1; 32]);

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn present(port: u16, heard: Instant) -> Option<Present> {
        Some(Present { address: from(port), heard })
    }

    #[test]
    fn of_two_that_take_turns_the_one_that_comes_back_is_refused_for_as_long_as_the_other_is_there() {
        let (mut doubles, begun) = (Doubles::default(), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert!(!doubles.is_double(begun, NODE, from(1), None));
        assert!(!doubles.is_double(after(1), NODE, from(2), present(1, after(1))), "it may have been started anew");
        for seconds in [10, 25, 40, 90] {
            assert!(doubles.is_double(after(seconds), NODE, from(1), present(2, after(seconds))), "{seconds}");
            assert!(!doubles.is_double(after(seconds), PeerId([2; 32]), from(1), None));
        }
        assert!(!doubles.is_double(after(100), NODE, from(1), None), "the other has gone");
    }

    #[test]
    fn a_node_that_is_started_again_and_again_always_comes_in() {
        let (mut doubles, now) = (Doubles::default(), Instant::now());
        for port in 1..50 {
            assert!(!doubles.is_double(now, NODE, from(port + 1), present(port, now)));
        }
    }

    #[test]
    fn a_node_between_two_networks_comes_in_when_its_other_connection_is_silent() {
        let (mut doubles, begun) = (Doubles::default(), Instant::now());
        assert!(!doubles.is_double(begun, NODE, from(2), present(1, begun)));
        let later = begun + SILENCE;
        assert!(!doubles.is_double(later, NODE, from(1), present(2, begun)));
    }
}
