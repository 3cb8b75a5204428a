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
    replaced: HashMap<PeerId, Replaced>,
}

#[derive(Clone, Copy, Debug)]
struct Replaced {
    address: SocketAddr,
    at: Instant,
    refusals: u32,
}

impl Doubles {
    /// How often a machine that connects has been found to be the double of one that is there, this time included. 0
    /// when it is none: it takes that one's place.
    pub(super) fn refusals(
        &mut self,
        now: Instant,
        peer: PeerId,
        comes_from: SocketAddr,
        present: Option<Present>,
    ) -> u32 {
        self.replaced.retain(|_, replaced| now.duration_since(replaced.at) < MEMORY);
        let Some(present) = present.filter(|present| present.address != comes_from) else { return 0 };
        let before = self.replaced.get(&peer).filter(|replaced| replaced.address == comes_from);
        let refusals = match before {
            Some(replaced) if now.duration_since(present.heard) < SILENCE => replaced.refusals.saturating_add(1),
            _ => 0,
        };
        let address = if refusals > 0 { comes_from } else { present.address };
        self.replaced.insert(peer, Replaced { address, at: now, refusals });
        refusals
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
        assert_eq!(doubles.refusals(begun, NODE, from(1), None), 0);
        assert_eq!(doubles.refusals(after(1), NODE, from(2), present(1, after(1))), 0, "it may have been started anew");
        for (seconds, refusals) in [(10, 1), (25, 2), (40, 3), (90, 4)] {
            assert_eq!(doubles.refusals(after(seconds), NODE, from(1), present(2, after(seconds))), refusals);
            assert_eq!(doubles.refusals(after(seconds), PeerId([2; 32]), from(1), None), 0);
        }
        assert_eq!(doubles.refusals(after(100), NODE, from(1), None), 0, "the other has gone");
    }

    #[test]
    fn a_node_that_is_started_again_and_again_always_comes_in() {
        let (mut doubles, now) = (Doubles::default(), Instant::now());
        for port in 1..50 {
            assert_eq!(doubles.refusals(now, NODE, from(port + 1), present(port, now)), 0);
        }
    }

    #[test]
    fn a_node_between_two_networks_comes_in_when_its_other_connection_is_silent() {
        let (mut doubles, begun) = (Doubles::default(), Instant::now());
        assert_eq!(doubles.refusals(begun, NODE, from(2), present(1, begun)), 0);
        let later = begun + SILENCE;
        assert_eq!(doubles.refusals(later, NODE, from(1), present(2, begun)), 0);
    }
}
