//! Ctrl-C ends a run in order: what waits is told so, and everything is cleaned up on the way out.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Catches the signals that ask a program to end.
///
/// # Errors
/// When the system does not allow it.
pub fn catch() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(raise)?)
}

/// Ends the run as a signal would.
pub fn raise() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// A wait was cut short.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Whether an error only says that a wait was cut short.
pub fn is_it(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>()
}

/// Waits.
///
/// # Errors
/// When the program was asked to end meanwhile.
pub fn pause(duration: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        let left = duration.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}
