//! A hostile machine on the network.

use unisono_hub::house::ConnectionId;

use super::{Event, World, delivery::Payload};

impl World {
    pub(super) fn overhear(&mut self, i: usize, payload: &Payload) {
        if self.setup.hostile > 0 && self.captured.len() < 4_096 && !matches!(payload, Payload::Control(_)) {
            self.captured.push((i, payload.clone()));
        }
    }

    /// A hostile machine sends noise, cut-off packets and packets that it has overheard. QUIC and the tags of clock
    /// packets would stop them; here they reach the state machines all the same, though they wake nobody.
    pub(super) fn hostile(&mut self) {
        let next = self.now + 1_000_000_000 / i64::from(self.setup.hostile);
        self.at(next, Event::Hostile);
        let node = self.random.usize(0..self.nodes.len());
        let mut noise = vec![0; self.random.usize(0..64)];
        self.random.fill(&mut noise);
        if self.random.bool() && !noise.is_empty() {
            noise[0] = *self.random.choice([0x10, 0x20, 0x01, 0x02].iter()).unwrap_or(&0x10);
        }
        let replayed = (!self.captured.is_empty()).then(|| {
            let (i, payload) = self.captured[self.random.usize(0..self.captured.len())].clone();
            (i, payload)
        });
        let Some(id) = self.connections.get(&node).map(|connection| connection.id.0) else { return };
        // Noise cannot forge a tag, and QUIC's own check keeps it from the datagrams; what is left is replay.
        self.slip_in(node, id, Payload::Datagram(noise.into()));
        if let Some((i, payload)) = replayed
            && let Some(id) = self.connections.get(&i).map(|connection| connection.id.0)
        {
            match payload {
                Payload::Clock(bytes) => {
                    self.hub.handle_clock(self.now, ConnectionId(id), &bytes);
                    self.slip_in(i, id, Payload::Clock(bytes));
                }
                other => self.slip_in(i, id, other),
            }
        }
    }
}
