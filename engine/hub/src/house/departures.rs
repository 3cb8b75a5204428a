//! Spreads a packet's way to many rooms over the time before it is due.
//!
//! Sent to five hundred rooms at once, a packet is a burst of many milliseconds: the last rooms get it late, and nothing
//! else has its turn meanwhile. The encoder is far ahead, so the burst can be drawn out to the front. Which rooms come
//! last changes with every packet.

use bytes::Bytes;
use unisono_core::time::{HubClock, Nanos, Timestamp};

use super::{Action, ConnectionId, House};

/// What each connection adds to the time that a packet is given: twice what one takes on a slow core.
const SHARE: Nanos = Nanos::from_micros(30);

/// Timers do not tell less apart; where a burst is shorter than two of these, it may be one.
const STEP: Nanos = Nanos::from_millis(1);

/// How long before it is due a packet to so many connections begins to leave. Whatever the number, one packet is gone
/// before the next.
pub(super) fn spread(connections: usize, packet: Nanos) -> Nanos {
    let wanted = SHARE * i64::try_from(connections).unwrap_or(i64::MAX);
    if wanted < STEP * 2 { Nanos::ZERO } else { wanted.min(packet * 3 / 4) }
}

/// A packet on its way out.
#[derive(Debug)]
pub(super) struct Departure {
    from: Timestamp<HubClock>,
    span: Nanos,
    datagrams: Vec<Bytes>,
    /// Who is still to be sent it, the last first.
    left: Vec<ConnectionId>,
    of: usize,
}

impl Departure {
    /// Of a packet that is due at an instant, for which it is given so much time. A quarter of that stays in hand for
    /// whatever else the hub has to do meanwhile.
    pub(super) fn new(
        due: Timestamp<HubClock>,
        spread: Nanos,
        datagrams: Vec<Bytes>,
        connections: Vec<ConnectionId>,
    ) -> Self {
        Self { from: due - spread, span: spread * 3 / 4, datagrams, of: connections.len(), left: connections }
    }

    /// How many may still be left at an instant.
    fn left_at(&self, now: Timestamp<HubClock>) -> usize {
        let remaining = (self.from + self.span - now).as_nanos().clamp(0, self.span.as_nanos());
        let share = i128::try_from(self.of).unwrap_or(0) * i128::from(remaining);
        usize::try_from(share / i128::from(self.span.as_nanos().max(1))).unwrap_or(0)
    }

    /// When the next of them are to be sent it.
    fn next(&self) -> Timestamp<HubClock> {
        let sent = i64::try_from(self.of - self.left.len()).unwrap_or(i64::MAX);
        let each = self.span.as_nanos() / i64::try_from(self.of.max(1)).unwrap_or(i64::MAX);
        (self.from + Nanos::new(each.saturating_mul(sent)) + STEP).min(self.from + self.span)
    }
}

impl House {
    /// Sends on what is due of packets that are on their way out.
    pub(super) fn depart(&mut self, now: Timestamp<HubClock>) {
        for departure in &mut self.departures {
            for connection in departure.left.drain(departure.left_at(now).min(departure.left.len())..) {
                for datagram in &departure.datagrams {
                    self.actions.push_back(Action::Datagram(connection, datagram.clone()));
                }
            }
        }
        self.departures.retain(|departure| !departure.left.is_empty());
    }

    pub(super) fn next_departure(&self) -> Option<Timestamp<HubClock>> {
        self.departures.iter().map(Departure::next).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Nanos = Nanos::from_millis(20);

    #[test]
    fn a_few_rooms_are_sent_a_packet_at_once_and_many_before_the_next_one() {
        assert_eq!(spread(1, PACKET), Nanos::ZERO);
        assert_eq!(spread(50, PACKET), Nanos::ZERO);
        assert_eq!(spread(200, PACKET), Nanos::from_millis(6));
        assert_eq!(spread(100_000, PACKET), Nanos::from_millis(15));
    }

    #[test]
    fn connections_are_spread_evenly_and_none_is_left_at_the_end() {
        let from = Timestamp::from_nanos(0);
        let (due, spread) = (from + Nanos::from_millis(12), Nanos::from_millis(12));
        let departure = Departure::new(due, spread, Vec::new(), (0..450).map(ConnectionId).collect());
        let left_after = |millis| departure.left_at(from + Nanos::from_millis(millis));
        assert_eq!([0, 1, 5, 8, 9, 1_000].map(left_after), [450, 400, 200, 50, 0, 0]);
        assert_eq!(departure.next(), from + STEP);
    }
}
