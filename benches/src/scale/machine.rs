//! What the kernel says of cores and processes.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};

/// Clock ticks in a second, in which `/proc` counts; the same on every architecture that Linux runs on today.
const TICKS: f64 = 100.0;

/// The cores that this process may use.
///
/// # Errors
/// When the kernel does not say.
pub fn cores() -> anyhow::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).context("the cores of this process are not known")?;
    Ok((0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect())
}

/// Keeps this thread, and what it starts from now on, to one core.
///
/// # Errors
/// When there is no such core.
pub fn pin_to(core: usize) -> anyhow::Result<()> {
    keep_to(&[core])
}

/// The same with several.
///
/// # Errors
/// When there is no such core.
pub fn keep_to(cores: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cores {cores:?} cannot be used"))
}

/// Raises how many sockets this process and what it starts may open.
///
/// # Errors
/// When fewer than `wanted` are allowed.
pub fn allow_sockets(wanted: u64) -> anyhow::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted))
        .with_context(|| format!("{wanted} open files are needed and {hard} allowed; run this as root"))
}

/// A process, as `/proc` shows it.
#[derive(Clone, Debug)]
pub struct Process(PathBuf);

impl Process {
    /// The process of this number.
    pub fn new(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// The CPU time that it has used, in seconds; to 10 ms.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_s(&self) -> anyhow::Result<f64> {
        let stat = self.read("stat")?;
        // The name, in parentheses, may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) / TICKS),
            _ => bail!("{}/stat cannot be read", self.0.display()),
        }
    }

    /// The memory that it holds, in KiB.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory_kib(&self) -> anyhow::Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        size.with_context(|| format!("{}/status cannot be read", self.0.display()))
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        let path = self.0.join(file);
        fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
    }
}

/// Has this process and what it starts do with so many open files, as long as they ask for no more.
///
/// # Errors
/// When that is not allowed.
pub fn limit_files(to: u64) -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, to.min(hard), hard)?)
}

/// How long a core has been busy, whoever kept it so, in seconds; time that its host took away included.
///
/// # Errors
/// When there is no such core.
pub fn busy_s(core: usize) -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} ")));
    let fields = line.with_context(|| format!("there is no core {core}"))?;
    let ticks: Vec<f64> = fields.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; the guests behind them are in user already.
    let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| ticks.get(*field)).sum::<f64>();
    Ok(busy / TICKS)
}

/// How many tasks were ready to run, on average of the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").into()
}
