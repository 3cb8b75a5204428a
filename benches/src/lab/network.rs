//! A hub and its rooms in network namespaces, each room behind a `wifilink` of its own.
//!
//! Everything is in namespaces whose names begin with this process's id, so that several labs can run side by side:
//! `…-air` holds a bridge and the links, `…-hub` and `…-room1` to `…-roomN` the machines. To take a namespace away is to
//! take all that is in it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};
use nix::sched::{CloneFlags, setns};

use super::{instruments::Instrument, profile::Profile};

/// Namespaces of labs begin with this; a process id and a name follow.
const PREFIX: &str = "ulab-";

/// Where the hub is.
pub const HUB: &str = "10.77.0.1";

/// The namespaces; they are gone when this is dropped.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    places: Vec<String>,
    links: Vec<Child>,
    logs: Vec<PathBuf>,
}

/// What has gone over the hub's interface, in bytes with all headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Wire {
    /// From the hub.
    pub sent: u64,
    /// To the hub.
    pub received: u64,
}

/// What this machine has added to the links.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Lateness {
    /// Share of packets that were delivered over 0.5 ms late.
    pub share: f64,
    /// The latest, in seconds.
    pub worst_s: f64,
}

impl Network {
    /// Lays out a network for so many rooms. The links draw from `seed`; what they say goes to `folder`, where the
    /// instruments are built.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn lay(name: &str, rooms: usize, profile: &Profile, seed: u64, folder: &Path) -> anyhow::Result<Self> {
        let prefix = format!("{PREFIX}{}-{name}", std::process::id());
        let mut network = Self { prefix, places: Vec::new(), links: Vec::new(), logs: Vec::new() };
        network.add("air")?;
        network.ip(&["-n", "{air}", "link", "add", "bridge", "type", "bridge"])?;
        network.ip(&["-n", "{air}", "link", "set", "bridge", "up"])?;
        network.add("hub")?;
        network.connect("hub", "hub", HUB)?;
        network.ip(&["-n", "{air}", "link", "set", "hub", "master", "bridge"])?;
        let wifilink = Instrument::Wifilink.build(folder)?;
        let mut seeds = fastrand::Rng::with_seed(seed);
        for number in 1..=rooms {
            let room = format!("room{number}");
            let (near, far) = (format!("near{number}"), format!("far{number}"));
            network.add(&room)?;
            network.connect(&room, &far, &format!("10.77.0.{}", 10 + number))?;
            network.ip(&["-n", "{air}", "link", "add", &near, "type", "veth", "peer", "name", "bridged"])?;
            let port = format!("port{number}");
            network.ip(&["-n", "{air}", "link", "set", "bridged", "name", &port])?;
            network.ip(&["-n", "{air}", "link", "set", &port, "master", "bridge", "up"])?;
            network.ip(&["-n", "{air}", "link", "set", &near, "up"])?;
            for interface in [&near, &port, &far] {
                network.plain("air", interface);
            }
            let path = folder.join(format!("{name}-link{number}.log"));
            let log = File::create(&path)?;
            network.logs.push(path);
            // Real-time priority: what a link is late would count as delay.
            let mut link = network.command("air", Path::new("chrt"));
            link.args(["-f", "50"]).arg(&wifilink).args([&near, &far]);
            link.arg(format!("seed_ab={}", seeds.u64(..))).arg(format!("seed_ba={}", seeds.u64(..)));
            link.args(profile.parameters()).stdin(Stdio::null()).stderr(log);
            network.links.push(link.spawn().context("wifilink cannot be started")?);
        }
        Ok(network)
    }

    /// A program in one of the namespaces: `hub`, `room1` and so on. It is killed when this program ends.
    pub fn command(&self, place: &str, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.named(place), "setpriv", "--pdeathsig", "KILL"]).arg(program);
        command
    }

    /// Brings the thread that calls this, and what it starts from then on, to one of the namespaces.
    ///
    /// # Errors
    /// Without root.
    pub fn enter(&self, place: &str) -> anyhow::Result<()> {
        let path = Path::new("/run/netns").join(self.named(place));
        let namespace = File::open(&path).with_context(|| format!("{}", path.display()))?;
        setns(namespace, CloneFlags::CLONE_NEWNET).with_context(|| format!("{}", path.display()))
    }

    /// What has gone over the hub's interface up to now.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub fn wire(&self) -> anyhow::Result<Wire> {
        let read = |counter: &str| {
            let path = format!("/sys/class/net/eth0/statistics/{counter}");
            let said = run(self.command("hub", Path::new("cat")).arg(path))?;
            said.trim().parse().with_context(|| format!("{counter}: {said}"))
        };
        Ok(Wire { sent: read("tx_bytes")?, received: read("rx_bytes")? })
    }

    /// By how much links were later than they were to be, up to now.
    ///
    /// # Errors
    /// When they have said nothing yet, which takes 5 s.
    pub fn lateness(&self) -> anyhow::Result<Lateness> {
        let (mut carried, mut delayed, mut latest) = (0.0, 0.0, 0.0_f64);
        for path in &self.logs {
            let text = fs::read_to_string(path)?;
            if text.is_empty() {
                bail!("{}: the link has said nothing yet", path.display());
            }
            // The last of each direction.
            for line in text.lines().rev().take(2) {
                let words: Vec<&str> = line.split(' ').collect();
                let figure = |name: &str| {
                    let at = words.iter().position(|word| *word == name)? + 1;
                    words.get(at)?.parse::<f64>().ok()
                };
                let figures = (figure("carried"), figure("delayed"), figure("late_ns"));
                let (Some(more), Some(late), Some(latest_ns)) = figures else {
                    bail!("{}: {line:?} is not to be understood", path.display())
                };
                (carried, delayed, latest) = (carried + more, delayed + late, latest.max(latest_ns));
            }
        }
        Ok(Lateness { share: delayed / f64::max(carried, 1.0), worst_s: latest * 1e-9 })
    }

    fn named(&self, place: &str) -> String {
        format!("{}-{place}", self.prefix)
    }

    fn add(&mut self, place: &str) -> anyhow::Result<()> {
        run(Command::new("ip").args(["netns", "add", &self.named(place)]))?;
        self.places.push(place.into());
        run(Command::new("ip").args(["-n", &self.named(place), "link", "set", "lo", "up"])).map(drop)
    }

    /// Gives a place its `eth0` with an address; its other end is in the air.
    fn connect(&self, place: &str, end: &str, address: &str) -> anyhow::Result<()> {
        let there = self.named(place);
        self.ip(&["-n", "{air}", "link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", &there])?;
        self.ip(&["-n", "{air}", "link", "set", end, "up"])?;
        self.ip(&["-n", &there, "addr", "add", &format!("{address}/24"), "dev", "eth0"])?;
        self.ip(&["-n", &there, "link", "set", "eth0", "up"])?;
        self.plain("air", end);
        self.plain(place, "eth0");
        Ok(())
    }

    /// Makes an interface carry packets as they are on the air: not joined into large ones, checksums complete.
    fn plain(&self, place: &str, interface: &str) {
        let mut command = self.command(place, Path::new("ethtool"));
        command.args(["-K", interface]);
        for offload in ["tx", "rx", "tso", "gso", "gro"] {
            command.args([offload, "off"]);
        }
        // A kernel that has not all of them refuses those, and has set the others.
        let _ = command.output();
    }

    fn ip(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let air = self.named("air");
        run(Command::new("ip").args(arguments.iter().map(|word| if *word == "{air}" { &air } else { *word }))).map(drop)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for link in &mut self.links {
            // One that has ended already is as it should be.
            let _ = link.kill();
            let _ = link.wait();
        }
        for place in &self.places {
            remove(&self.named(place));
        }
    }
}

/// Takes away what labs have left behind that were killed.
pub fn sweep() {
    let Ok(names) = fs::read_dir("/run/netns") else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
        if owner.is_some_and(|(id, _)| !Path::new("/proc").join(id).exists()) {
            remove(&name);
        }
    }
}

fn remove(namespace: &str) {
    if let Err(error) = run(Command::new("ip").args(["netns", "delete", namespace])) {
        eprintln!("lab: {error:#}");
    }
}

/// Runs a command to its end, and gives what it printed.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    if !output.status.success() {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}: {}", command.get_program().display(), words.join(" "), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into())
}
