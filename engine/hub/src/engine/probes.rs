//! Answers the clock probes of one node. A task of its own: it is woken ten times as often as all else about a node
//! together.

use std::sync::{Arc, Weak};

use tokio::time::{Instant, sleep};
use tracing::debug;
use unisono_core::{
    clock::Leader,
    time::{HubClock, Nanos},
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
    let timer = sleep(std::time::Duration::ZERO);
    tokio::pin!(timer);
    let mut armed = None;
    loop {
        let due = leader.poll_timeout();
        if due != armed {
            armed = due;
            if let Some(at) = due {
                timer.as_mut().reset(Instant::now() + (at - clock::now()).to_duration());
            }
        }
        tokio::select! {
            packet = channel.recv() => match packet {
                Ok(packet) => match Probe::parse(&packet.fields) {
                    Ok(probe) => leader.handle_probe(&probe, packet.at),
                    Err(error) => debug!("a clock packet cannot be read: {error}"),
                },
                // Its link has heard of it too, and says so.
                Err(_) => return,
            },
            () = &mut timer, if armed.is_some() => {
                let others = i64::try_from(crowd.strong_count()).unwrap_or(i64::MAX);
                leader.set_least_interval(Nanos::new(SHARE.as_nanos().saturating_mul(others)));
                if let Some((report, token)) = leader.poll_transmit(clock::now()) {
                    match channel.send(&report.encode()) {
                        Ok(at) => leader.handle_sent(token, at),
                        Err(error) => debug!("{error}"),
                    }
                }
                // A timer that has run out is armed anew, even for the same instant.
                armed = None;
            }
        }
    }
}
