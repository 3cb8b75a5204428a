//! Answering requests for repair.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    wire::nack::Nack,
};

use super::{Action, ConnectionId, House};

/// The share of its stream's bytes that one node may be sent again in the long run. A third of all packets may be lost
/// and is still repaired. More would be in the way: a link that is full loses packets because it is full, and answering
/// for each would keep it so.
const SHARE: f64 = 0.5;

/// What it may be sent again at once, as a time of its stream: an outage of two seconds fits.
const BURST: Nanos = Nanos::from_secs(2);

/// Limits what one node can make the hub send again.
#[derive(Debug)]
pub(super) struct TokenBucket {
    /// What was used lately, in bytes.
    used: f64,
    at: Option<Timestamp<HubClock>>,
}

impl TokenBucket {
    pub(super) const fn new() -> Self {
        Self { used: 0.0, at: None }
    }

    /// Whether so many bytes may be sent to a node that plays `bit_rate` bits a second.
    fn take(&mut self, now: Timestamp<HubClock>, bytes: usize, bit_rate: u32) -> bool {
        let rate = f64::from(bit_rate) / 8.0;
        let since = self.at.map_or(0.0, |at| (now - at).as_secs_f64().max(0.0));
        self.at = Some(now);
        self.used = (self.used - since * rate * SHARE).max(0.0);
        let allowed = self.used + bytes as f64 <= rate * BURST.as_secs_f64();
        if allowed {
            self.used += bytes as f64;
        }
        allowed
    }
}

impl House {
    /// Takes a QUIC datagram from a node. What is no request for repair is counted and changes nothing.
    pub fn handle_datagram(&mut self, now: Timestamp<HubClock>, id: ConnectionId, datagram: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.session.handle_datagram(datagram) {
            Ok(Some(nack)) => self.answer(now, id, &nack),
            Ok(None) => {}
            Err(_) => connection.bad_datagrams += 1,
        }
    }

    fn answer(&mut self, now: Timestamp<HubClock>, id: ConnectionId, nack: &Nack) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let found = self.streams.values().find_map(|stream| Some((stream, stream.rendition(nack.stream)?)));
        let Some((stream, rendition)) = found.filter(|(_, rendition)| rendition.is_sent_to(id)) else { return };
        for missing in &nack.missing {
            let Some(packet) = rendition.ring().at(missing.position) else { continue };
            let Some(heard) = stream.timeline().instant_of(missing.position) else { continue };
            if heard <= now {
                continue;
            }
            for datagram in packet.repairs(missing.fragments) {
                if !connection.repairs.take(now, datagram.len(), connection.budget.0) {
                    return;
                }
                self.actions.push_back(Action::Datagram(id, datagram));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_bounded_by_the_stream_and_an_outage_fits() {
        let mut bucket = TokenBucket::new();
        let at = |millis: i64| Timestamp::from_nanos(millis * 1_000_000);
        // Two seconds of 192 kbit/s, in packets of 480 bytes.
        assert!((0..100).all(|_| bucket.take(at(0), 480, 192_000)));
        assert!(!bucket.take(at(0), 480, 192_000));
        let taken = (0..100_000).filter(|millis| bucket.take(at(*millis), 480, 192_000)).count();
        // 25 packets a second are half of them.
        assert!((2_400..=2_600).contains(&taken), "{taken} packets in 100 s");
    }
}
