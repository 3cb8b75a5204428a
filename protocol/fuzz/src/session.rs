//! Whole connections. The input is a list of events: what happens, the length of what is in it, and that.

use bytes::Bytes;
use unisono_core::{
    clock::{Estimator, Prober},
    leadership::Judge,
    session::{HubEvent, HubSession, NodeConfig, NodeSession},
    time::{Nanos, Timestamp},
    wire::{
        clock,
        control::{Codec, Room},
        frame::Frame,
        ids::{ClockTag, HouseholdId, RoomIndex},
    },
};

/// What a hub sends to a node: control messages, sound, clock reports, and time that goes by.
pub fn node_session(data: &[u8]) {
    let room = |index| Room {
        index: RoomIndex(index),
        name: "room".into(),
        output: "model".into(),
        latency: Nanos::from_millis(100),
        term: None,
    };
    let config = NodeConfig {
        name: "node".into(),
        household: Some(HouseholdId([9; 32])),
        members_version: 1,
        join: None,
        codecs: vec![Codec::Opus, Codec::Flac],
        rooms: vec![room(0), room(1)],
    };
    let mut node = NodeSession::new(config, Estimator::new(), Nanos::from_millis(50));
    let mut judges = [Judge::default(); 2];
    let (mut now, mut prober) = (Timestamp::from_nanos(0), Prober::new(ClockTag(1), 1));
    for (kind, body) in events(data) {
        match kind {
            0x10 => node.handle_datagram(now, &Bytes::copy_from_slice(body)),
            clock::REPORT => {
                if let Ok(report) = clock::Report::parse(body) {
                    node.handle_clock(&report, now);
                }
            }
            0xff => {
                let micros = body.iter().take(4).fold(0, |micros, byte| micros << 8 | i64::from(*byte));
                now = now + Nanos::from_micros(micros);
                node.handle_timeout(now);
                if let Some((_, token)) = node.pace(now).and_then(|pace| prober.poll_transmit(now, pace)) {
                    node.handle_clock_sent(token, now);
                }
            }
            kind => node.handle_frame(now, &Frame { kind: kind.into(), body: body.to_vec() }, &mut judges),
        }
        while node.poll_action().is_some() {}
    }
    let _ = node.poll_timeout();
    let _ = node.estimate(now);
    node.report(now, Vec::new(), Vec::new(), Vec::new(), Vec::new());
}

/// What a node sends to a hub: control messages and requests for repair.
pub fn hub_session(data: &[u8]) {
    let mut hub = HubSession::new(ClockTag(1));
    for (kind, body) in events(data) {
        if kind == 0x20 {
            let _ = hub.handle_datagram(body);
        } else if let Ok(Some(HubEvent::Hello(_))) = hub.handle_frame(&Frame { kind: kind.into(), body: body.to_vec() })
        {
            let _ = hub.welcome("hub", Vec::new());
        }
    }
}

/// The kind of each event and what is in it.
fn events(mut data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [kind, length, rest @ ..] = data else { return None };
        let (body, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        Some((*kind, body))
    })
}
