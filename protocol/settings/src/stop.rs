//! When a program is to end.

use std::{
    fs,
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

/// Whether the end of its terminal ends a program: not where it was started to survive that, as by `nohup`.
pub fn hangup_ends() -> bool {
    let ignored = fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    ignored.is_some_and(|mask| mask & 1 == 0)
}
