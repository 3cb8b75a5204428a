//! Answers the clock probes of one node. A task of its own: it is woken more often than all else about a node together.

use std::sync::{Arc, Weak};

use tokio::time::sleep;
use tracing::debug;
use unisono_core::{
    clock::Leader,
    time::{HubClock, Nanos, Timestamp},
    wire::clock::Probe,
};
use unisono_transport::{ClockChannel, clock};

/// Who is there to be told the time: a clone for each connection.
pub(super) type Crowd = Arc<()>;

/// What each node adds to the least interval at which any of them is sent reports: five thousand a second are a few
/// hundredths of a core. Up to fifty nodes get what they ask for, five hundred still ten a second each.
const SHARE: Nanos = Nanos::from_micros(200);

/// Answers until the connection is over.
pub(super) async fn answer_probes(mut leader: Leader, mut channel: ClockChannel<HubClock>, crowd: Weak<()>) {
    loop {
        let others = i64::try_from(crowd.strong_count()).unwrap_or(i64::MAX);
        leader.set_least_interval(Nanos::new(SHARE.as_nanos().saturating_mul(others)));
        if let Some((report, token)) = leader.poll_transmit(clock::now()) {
            match channel.send(&report.encode()) {
                Ok(at) => leader.handle_sent(token, at),
                Err(error) => debug!("{error}"),
            }
        }
        let due = leader.poll_timeout();
        tokio::select! {
            packet = channel.recv() => match packet {
                Ok(packet) => match Probe::parse(&packet.fields) {
                    Ok(probe) => leader.handle_probe(&probe, packet.at),
                    Err(error) => debug!("a clock packet cannot be read: {error}"),
                },
                // Its link has heard of it too, and says so.
                Err(_) => return,
            },
            // Only a hub with many nodes lets a probe wait.
            () = until(due), if due.is_some() => {}
        }
    }
}

async fn until(due: Option<Timestamp<HubClock>>) {
    sleep(due.map_or(Nanos::ZERO, |at| at - clock::now()).to_duration()).await;
}
