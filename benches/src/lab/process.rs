//! A process of a player under test, and what it costs.

use std::{
    fs,
    process::{Child, Command},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Serialize;

use super::interrupt::pause;

/// A program that has not ended by then will not.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

/// What a process has used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Of which process.
    pub name: String,
    /// Time on a processor, in seconds.
    pub cpu_s: f64,
    /// The most memory that it has held at once, in KiB.
    pub peak_kib: u64,
}

impl Process {
    /// Starts a program that is to be called `name`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name: name.into(), child })
    }

    /// Ends it, and gives what it has used.
    ///
    /// # Errors
    /// When it has ended by itself before.
    pub fn end(mut self) -> anyhow::Result<Cost> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended by itself: {status}", self.name);
        }
        let cost = self.cost()?;
        kill(self.pid()?, Signal::SIGTERM)?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                // Dropping it kills it.
                break;
            }
            pause(Duration::from_millis(10))?;
        }
        Ok(cost)
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(self.child.id().try_into()?))
    }

    fn cost(&self) -> anyhow::Result<Cost> {
        let id = self.child.id();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.trim().strip_suffix(" kB")).context("no VmHWM")?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name in brackets may hold anything; user and system time are the 14th and 15th field.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
        Ok(Cost { name: self.name.clone(), cpu_s: ticks as f64 / TICKS_PER_SECOND, peak_kib: peak.parse()? })
    }
}

/// What /proc counts in; the same on every Linux that programs see.
const TICKS_PER_SECOND: f64 = 100.0;

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
