//! tokio for quinn, with timers that wake nobody for nothing.
//!
//! A timer of tokio's that is put off stays where it was in the wheel until that instant, and the thread wakes up to move
//! it. quinn puts off its timers with each packet: the one that waits 25 ms with an acknowledgement, the one that takes
//! a packet for lost.

use std::{
    future::Future,
    io,
    net::UdpSocket,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use quinn::{AsyncTimer, AsyncUdpSocket, TokioRuntime};
use tokio::time::{Sleep, sleep_until};

/// As [`TokioRuntime`], but for the timers.
#[derive(Debug)]
pub(crate) struct Runtime;

impl quinn::Runtime for Runtime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer(Box::pin(sleep_until(at.into()))))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

/// A timer that leaves the wheel when it is put off.
#[derive(Debug)]
struct Timer(Pin<Box<Sleep>>);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0.set(sleep_until(at.into()));
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Future::poll(self.0.as_mut(), context)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use quinn::Runtime as _;

    use super::*;

    /// How often the thread parks while a timer of 25 ms is put off every 20 ms, 20 times.
    fn parks() -> u32 {
        let parks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&parks);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .on_thread_park(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut timer = Runtime.new_timer(Runtime.now());
            for _ in 0..20 {
                timer.as_mut().reset(Runtime.now() + Duration::from_millis(25));
                let mut tick = Box::pin(tokio::time::sleep(Duration::from_millis(20)));
                poll_fn(|context| {
                    assert!(timer.as_mut().poll(context).is_pending());
                    Future::poll(tick.as_mut(), context)
                })
                .await;
            }
        });
        parks.load(Ordering::Relaxed)
    }

    #[test]
    fn a_timer_that_is_put_off_wakes_nobody() {
        let parks = parks();
        println!("parked {parks} times for 20 ticks");
        // Time that is paused parks twice for each instant; left in the wheel, the timer would add 17.
        assert!(parks < 50);
    }
}
