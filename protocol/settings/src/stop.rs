//! When a program is to end.

use std::{
    io::{self, Read},
    thread,
};

/// Calls `stop` when standard input ends: whoever holds its other end has ended too, however that came about.
///
/// # Errors
/// When the system gives no thread.
pub fn when_parent_ends(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let wait = move || {
        let mut ignored = [0; 256];
        while matches!(io::stdin().read(&mut ignored), Ok(1..)) {}
        stop();
    };
    thread::Builder::new().name("parent".into()).spawn(wait).map(|_| ())
}
