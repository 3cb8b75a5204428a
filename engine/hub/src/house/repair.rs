//! Answering requests for repair.

use unisono_core::{
    time::{HubClock, Nanos, Timestamp},
    wire::nack::Nack,
};

use super::{Action, ConnectionId, House};

/// When less than this is left, an answer is sent twice: there is no time for another question.
const LITTLE_TIME: Nanos = Nanos::from_millis(60);

/// Bytes that one node may be sent again at once. An outage of two seconds at 2.3 Mbit/s fits.
const ALLOWANCE: f64 = 600_000.0;

/// How fast the allowance comes back, in bytes a second: what a lossless stream takes, so that a link that loses half
/// of all packets can still be repaired, and a node that asks for everything for ever cannot take more.
const REFILL: f64 = 300_000.0;

/// Limits what one node can make the hub send again.
#[derive(Debug)]
pub(super) struct Allowance {
    bytes: f64,
    at: Option<Timestamp<HubClock>>,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { bytes: ALLOWANCE, at: None }
    }

    fn take(&mut self, now: Timestamp<HubClock>, bytes: usize) -> bool {
        let since = self.at.map_or(0.0, |at| (now - at).as_secs_f64().max(0.0));
        self.at = Some(now);
        self.bytes = (self.bytes + since * REFILL).min(ALLOWANCE);
        let allowed = self.bytes >= bytes as f64;
        if allowed {
            self.bytes -= bytes as f64;
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
            let left = heard - now;
            if left <= Nanos::ZERO {
                continue;
            }
            let copies = if left < LITTLE_TIME { 2 } else { 1 };
            for _ in 0..copies {
                for datagram in packet.repairs(missing.fragments) {
                    if !connection.repairs.take(now, datagram.len()) {
                        return;
                    }
                    self.actions.push_back(Action::Datagram(id, datagram));
                }
            }
        }
    }
}
