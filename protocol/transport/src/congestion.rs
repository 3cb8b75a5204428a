//! Congestion control for sound: a window that stays what it was set to.
//!
//! Sound cannot be sent more slowly: its rate is bounded by its codec, and what reacts to congestion is the session
//! above, by choosing another step. On Wi-Fi most losses are radio, not queues; Cubic takes 30 % off its window for
//! each and, as a stream of sound never fills the window, never puts it back. After five losses such a stream stops
//! whenever the round trip takes longer than 80 ms, which Wi-Fi does many times an hour.
//!
//! The window is therefore as large as everything that can be in flight while a connection lives: the budgeted rate
//! over the latency (a joining node gets its lead in one go) and over the idle time-out (during an outage nothing is
//! acknowledged, so every packet sent stays in flight), and a quarter more for headers and repair. An outage that is
//! shorter than the idle time-out thus never stops the sender, and the first packet after it gets through at once.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use quinn::congestion::{Controller, ControllerFactory};
use unisono_core::time::Nanos;

use crate::parameters::IDLE_TIMEOUT;

/// One connection's window in bytes. Clones share it, so that it can be set while the connection runs, and outlives a
/// change of path: a node that roams to another address keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Window(Arc<AtomicU64>);

impl Default for Window {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(FLOOR)))
    }
}

impl Window {
    /// Makes room for `bit_rate` bits per second at a group latency of `latency`.
    pub(crate) fn set_budget(&self, bit_rate: u32, latency: Nanos) {
        let span = latency.to_duration().as_nanos() + IDLE_TIMEOUT.as_nanos();
        let bytes = u128::from(bit_rate) * span * 5 / (8 * 4 * 1_000_000_000);
        self.0.store(u64::try_from(bytes).unwrap_or(u64::MAX).max(FLOOR), Ordering::Relaxed);
    }
}

impl ControllerFactory for Window {
    fn build(self: Arc<Self>, _now: Instant, _mtu: u16) -> Box<dyn Controller> {
        Box::new(Self::clone(&self))
    }
}

impl Controller for Window {
    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost_bytes: u64) {}

    fn on_mtu_update(&mut self, _mtu: u16) {}

    fn window(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn initial_window(&self) -> u64 {
        self.window()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// The smallest window, in bytes: room for control messages and for a burst of repairs besides a slow stream.
const FLOOR: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(window: &Window) -> Box<dyn Controller> {
        Arc::new(window.clone()).build(Instant::now(), 1_200)
    }

    #[test]
    fn the_window_does_not_shrink_whatever_is_lost() {
        let window = Window::default();
        window.set_budget(1_500_000, Nanos::from_millis(300));
        let mut controller = controller(&window);
        let before = controller.window();
        for lost in 0..1_000 {
            controller.on_congestion_event(Instant::now(), Instant::now(), lost % 2 == 0, lost);
            controller.on_mtu_update(1_200);
        }
        assert_eq!(controller.window(), before);
    }

    #[test]
    fn the_window_holds_the_idle_time_out_and_the_latency_and_a_quarter() {
        let window = Window::default();
        window.set_budget(8_000_000, Nanos::from_secs(2));
        assert_eq!(controller(&window).window(), 1_000_000 * 8 * 5 / 4);
        window.set_budget(64_000, Nanos::from_millis(300));
        assert_eq!(controller(&window).window(), FLOOR);
    }

    #[test]
    fn a_budget_reaches_the_controller_of_every_path() {
        let window = Window::default();
        let (first, second) = (controller(&window), controller(&window).clone_box());
        window.set_budget(4_000_000, Nanos::ZERO);
        assert!(first.window() > FLOOR);
        assert_eq!(first.window(), second.window());
    }

    #[test]
    fn no_budget_overflows() {
        let window = Window::default();
        for latency in [Nanos::new(i64::MIN), Nanos::ZERO, Nanos::MAX] {
            for bit_rate in [0, 1, u32::MAX] {
                window.set_budget(bit_rate, latency);
                assert!(controller(&window).window() >= FLOOR);
            }
        }
    }
}
