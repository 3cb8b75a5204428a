//! When the session wakes up.
//!
//! At once for everything while the hub's clock is not known or nothing plays. A room that plays from a buffer wakes up in
//! turns instead, and takes what has arrived since the last one together: fewer wake-ups, and no timers between them,
//! of which each that is put off costs a wake-up all the same, since tokio's wheel turns to where it was first set.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};
use unisono_core::session::NodeSession;
use unisono_transport::{Endpoint, Held, clock};

/// Tells when to wake up, and holds the port in between.
pub(super) struct Pace {
    timer: Pin<Box<Sleep>>,
    armed: Instant,
    held: Option<Held>,
    /// When the last turn began.
    turned: Instant,
    /// How often others still go first at the turn that is under way.
    rounds: u8,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { timer: Box::pin(sleep_until(now)), armed: now, held: None, turned: now, rounds: 0 }
    }

    /// Settles when to wake up next: for the next turn, or for what the session wants and at `look` at the latest.
    pub(super) fn rest(&mut self, endpoint: &Endpoint, session: &NodeSession, look: Instant) {
        if self.is_receiving() {
            return;
        }
        let now = clock::now();
        let interval = session.receive_interval(now);
        self.held = interval.and_then(|_| self.held.take().or_else(|| endpoint.hold()));
        let at = match interval.filter(|_| self.held.is_some()) {
            Some(interval) => self.turned + interval.to_duration(),
            None => {
                let left = session.poll_timeout().map(|at| (at - now).to_duration());
                left.map_or(look, |left| look.min(Instant::now() + left))
            }
        };
        if at != self.armed || self.timer.is_elapsed() {
            self.armed = at;
            self.timer.as_mut().reset(at);
        }
    }

    /// Waits until something is to be done; at a turn, until the port was read and nobody has anything of it left to
    /// hand on. To be polled after all that might. Loses nothing when it is cancelled.
    pub(super) async fn due(&mut self) {
        if !self.is_receiving() {
            self.timer.as_mut().await;
            let Some(held) = &self.held else { return };
            self.turned = Instant::now();
            self.rounds = ROUNDS;
            held.receive();
        }
        poll_fn(|context: &mut Context<'_>| {
            if self.rounds == 0 {
                return Poll::Ready(());
            }
            self.rounds -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Whether more may have arrived along with what was taken just now.
    pub(super) const fn is_receiving(&self) -> bool {
        self.rounds > 0
    }
}

/// How often others go first at a turn: the task that reads the port, the one that takes packets apart, and what that
/// wakes in turn. (The runtime's own way to yield asks the system for events as well, each time.)
const ROUNDS: u8 = 3;
