//! When the machine stood still: a virtual one is taken off its processors now and then, and no buffer is made for all of
//! that.

use std::{
    fmt,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::{Pid, gettid},
};

use serde::Serialize;

use super::setup::now;

/// A watcher wakes up so often.
const TICK: Duration = Duration::from_millis(5);

/// A device of a room holds 80 ms, and its thread comes every 24 at the latest: what is longer than this, or a little
/// shorter, may be heard.
pub const HEARD: Duration = Duration::from_millis(50);

/// A time in which a processor did nothing for us.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stall {
    /// When it began, in seconds of the true clock.
    pub at: f64,
    /// For how long.
    pub seconds: f64,
}

/// All that could be heard of in a time, and the longest of what could not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stillness {
    /// Those longer than [`HEARD`].
    pub heard: Vec<Stall>,
    /// How long the longest of all was, in seconds.
    pub longest: f64,
    /// Who watched may have waited for others on this machine: it was given no real-time priority.
    pub is_unsure: bool,
}

/// Watches every processor from one of its own threads, ahead of whatever else runs there.
#[derive(Debug)]
pub struct Watch {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Stillness>>,
}

impl Watch {
    /// Begins to watch.
    pub fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ours = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let ours = (0..CpuSet::count()).filter(|processor| ours.is_set(*processor).unwrap_or(false));
        let threads = ours.map(|processor| {
            let over = Arc::clone(&over);
            thread::spawn(move || watch(processor, &over))
        });
        Self { threads: threads.collect(), over }
    }

    /// Ends, and says what was seen.
    pub fn end(self) -> Stillness {
        self.over.store(true, Ordering::Relaxed);
        let seen = self.threads.into_iter().filter_map(|thread| thread.join().ok());
        seen.fold(Stillness::default(), |mut all, one| {
            all.heard.extend(one.heard);
            all.heard.sort_by(|a, b| a.at.total_cmp(&b.at));
            all.longest = all.longest.max(one.longest);
            all.is_unsure |= one.is_unsure;
            all
        })
    }
}

fn watch(processor: usize, over: &AtomicBool) -> Stillness {
    let mut only = CpuSet::new();
    // Where that is not allowed, somewhere is nearly as good.
    let _ = only.set(processor).and_then(|()| sched_setaffinity(Pid::from_raw(0), &only));
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "-p", "50", &gettid().to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let is_unsure = !chrt.status().is_ok_and(|status| status.success());
    let mut seen = Stillness { is_unsure, ..Stillness::default() };
    let mut last = now();
    while !over.load(Ordering::Relaxed) {
        thread::sleep(TICK);
        let woken = now();
        seen.add(Stall { at: last, seconds: woken - last - TICK.as_secs_f64() });
        last = woken;
    }
    seen
}

impl Stillness {
    /// Whether what was not heard in this time may be laid to the machine.
    pub const fn is_an_excuse(&self) -> bool {
        !self.heard.is_empty() && !self.is_unsure
    }

    fn add(&mut self, stall: Stall) {
        self.longest = self.longest.max(stall.seconds);
        if stall.seconds > HEARD.as_secs_f64() {
            self.heard.push(stall);
        }
    }
}

impl fmt::Display for Stillness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.longest * 1e3;
        write!(f, "the machine stood still {} times for more than {} ms", self.heard.len(), HEARD.as_millis())?;
        write!(f, ", at most for {longest:.0} ms")?;
        f.write_str(if self.is_unsure { " (or was busy)" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_heard_is_kept() {
        let mut seen = Stillness::default();
        for (at, seconds) in [(1.0, 0.003), (2.0, 0.06), (3.0, 0.049)] {
            seen.add(Stall { at, seconds });
        }
        assert_eq!(seen.heard, [Stall { at: 2.0, seconds: 0.06 }]);
        assert_eq!(seen.to_string(), "the machine stood still 1 times for more than 50 ms, at most for 60 ms");
        assert!(seen.is_an_excuse() && !Stillness { is_unsure: true, ..seen }.is_an_excuse());
    }
}
