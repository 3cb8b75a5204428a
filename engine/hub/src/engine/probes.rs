//! Answers the clock probes of one node. A task of its own: it is woken more often than all else about a node together.

use std::sync::{Arc, Weak};

use tokio::time::sleep;
use tracing::debug;
use unisono_core::{
    clock::ClockServer,
    time::{HubClock, Nanos, Timestamp},
    wire::clock::Probe,
};
use unisono_transport::{ClockChannel, clock};

/// Who is there to be told the time: a clone for each connection.
pub(super) type ConnectionCount = Arc<()>;

/// What each node adds to the least interval at which any of them is sent reports: five thousand a second are a few
/// hundredths of a core. Up to fifty nodes get what they ask for, five hundred still ten a second each.
const SHARE: Nanos = Nanos::from_micros(200);

/// Answers until the connection is over.
pub(super) async fn answer_probes(mut server: ClockServer, mut channel: ClockChannel<HubClock>, count: Weak<()>) {
    loop {
        let others = i64::try_from(count.strong_count()).unwrap_or(i64::MAX);
        server.set_least_interval(Nanos::new(SHARE.as_nanos().saturating_mul(others)));
        if let Some((report, token)) = server.poll_transmit(clock::now()) {
            match channel.send(&report.encode()) {
                Ok(at) => server.handle_sent(token, at),
                Err(error) => debug!("{error}"),
            }
        }
        let due = server.poll_timeout();
        tokio::select! {
            packet = channel.recv() => match packet {
                Ok(packet) => match Probe::parse(&packet.fields) {
                    Ok(probe) => server.handle_probe(&probe, packet.at),
                    Err(error) => debug!("a clock packet cannot be read: {error}"),
                },
                // Its link has heard of it too, and says so.
                Err(_) => return,
            },
            // A hub with many nodes lets a probe wait, and some reports follow an answer.
            () = until(due), if due.is_some() => {}
        }
    }
}

async fn until(due: Option<Timestamp<HubClock>>) {
    sleep(due.map_or(Nanos::ZERO, |at| at - clock::now()).to_duration()).await;
}
