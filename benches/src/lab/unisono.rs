//! Unisono in the lab: the programs as they are, commanded by `unisono`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::{
    crystal::Crystal,
    interrupt::pause,
    network::{HUB, Network},
    process::Process,
    setup::{Outcome, Packets, Setup, now},
};

/// A program that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the hub is to send.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the programs are.
    pub programs: PathBuf,
    /// Its codec.
    pub codec: String,
    /// Its network margin, in milliseconds.
    pub margin_ms: u32,
}

/// A hub and its nodes.
#[derive(Debug)]
pub struct Unisono<'a> {
    setup: &'a Setup,
    network: &'a Network,
    programs: PathBuf,
    hub: Process,
    nodes: Vec<Process>,
    file: PathBuf,
    started: f64,
    told: f64,
}

impl<'a> Unisono<'a> {
    /// Starts a hub, then the nodes, all with nothing remembered.
    ///
    /// # Errors
    /// When the programs are not there, or do not answer.
    pub fn start(setup: &'a Setup, network: &'a Network, hub: Crystal, options: &Options) -> anyhow::Result<Self> {
        let programs = options.programs.clone();
        let file = setup.folder.join("material.wav");
        setup.material.write_wav(&file)?;
        fs::write(setup.folder.join("empty.toml"), "")?;
        let mut command = setup.command(network, "hub", hub, &programs.join("unisono-hub"))?;
        kept_in(&mut command, &setup.folder, "hub");
        command.args(["--listen", &format!("{HUB}:8470"), "--codec", &options.codec]);
        command.args(["--margin-ms", &options.margin_ms.to_string()]);
        let hub = Process::start("unisono-hub", &mut command)?;
        let mut house = Self { setup, network, programs, hub, nodes: Vec::new(), file, started: 0.0, told: 0.0 };
        house.wait("the hub to answer", |house| Ok(house.unisono(&["rooms"]).is_ok()))?;
        let mut tokens = Vec::new();
        for _ in &setup.rooms {
            let token = house.unisono(&["token"])?;
            tokens.push(token["token"].as_str().context("unisono token prints no token")?.to_owned());
        }
        house.started = now();
        for (room, token) in setup.rooms.iter().zip(tokens) {
            let node = house.programs.join("unisono-node");
            let mut command = setup.command(network, &room.name, room.crystal, &node)?;
            kept_in(&mut command, &setup.folder, &room.name);
            command.args(["--name", &room.name, "--join", &token, "--output", &format!("alsa:{}", room.name)]);
            house.nodes.push(Process::start(&format!("unisono-node {}", room.name), &mut command)?);
        }
        house.wait("every room to be online", |house| {
            let rooms = house.unisono(&["rooms"])?;
            let ready = |room: &&Value| room["online"] == true && room["state"] == "idle";
            Ok(rooms.as_array().map_or(0, |list| list.iter().filter(ready).count()) == setup.rooms.len())
        })?;
        let mut group = vec!["group", "create", "lab"];
        group.extend(setup.rooms.iter().map(|room| room.name.as_str()));
        house.unisono(&group)?;
        for room in &setup.rooms {
            house.unisono(&["volume", &room.name, "100"])?;
        }
        Ok(house)
    }

    /// When the first node was started, in seconds of the true clock.
    pub const fn started(&self) -> f64 {
        self.started
    }

    /// Says that it is to play.
    ///
    /// # Errors
    /// When the hub refuses.
    pub fn play(&mut self) -> anyhow::Result<()> {
        self.told = now();
        self.unisono(&["play", &self.file.to_string_lossy()]).map(drop)
    }

    /// Ends all of it.
    ///
    /// # Errors
    /// When a program has ended by itself before, or the hub does not answer.
    pub fn finish(self) -> anyhow::Result<Outcome> {
        let packets = self.packets()?;
        let (wire, lateness, ended) = (self.network.wire()?, self.network.lateness()?, now());
        let version = Command::new(self.programs.join("unisono-hub")).arg("--version").output()?;
        let mut costs = Vec::new();
        let mut nodes = Vec::new();
        for node in self.nodes {
            nodes.push(node.end()?);
        }
        costs.push(self.hub.end()?);
        costs.extend(nodes);
        // It is as large as all recordings.
        fs::remove_file(&self.file)?;
        Ok(Outcome {
            player: String::from_utf8_lossy(&version.stdout).trim().replace("unisono-hub", "Unisono"),
            started: self.started,
            told: self.told,
            ended,
            recordings: self.setup.recordings(),
            costs,
            wire,
            lateness,
            packets,
        })
    }

    fn packets(&self) -> anyhow::Result<Vec<Packets>> {
        let rooms = self.unisono(&["rooms"])?;
        let of = |name: &str| {
            let room = rooms.as_array().into_iter().flatten().find(|room| room["name"] == name);
            let sync = &room.context("a room is gone")?["sync"];
            let count = |key: &str| sync[key].as_u64().unwrap_or(0);
            Ok(Packets {
                received: count("received"),
                lost: count("lost"),
                repaired: count("repaired"),
                late: count("late"),
                concealed_s: sync["concealed_s"].as_f64().context("the node of a room says nothing")?,
                underruns: count("underruns"),
                resyncs: count("resyncs"),
            })
        };
        self.setup.rooms.iter().map(|room| of(&room.name)).collect()
    }

    fn unisono(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = self.network.command("hub", Path::new("chrt"));
        command.args(["--rr", "1"]).arg(self.programs.join("unisono")).arg("--json").args(arguments);
        let output = command.output()?;
        if !output.status.success() {
            bail!("unisono {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn wait(&self, what: &str, holds: impl Fn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !holds(self)? {
            if begun.elapsed() > PATIENCE {
                bail!("waited in vain for {what}; the logs are in {}", self.setup.folder.display());
            }
            pause(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

fn kept_in(command: &mut Command, folder: &Path, name: &str) {
    command.arg("--config").arg(folder.join("empty.toml"));
    command.arg("--state").arg(folder.join(format!("{name}.state")));
    command.arg("--runtime").arg(folder.join(format!("{name}.run")));
}
