//! A hub and a wired room outside, and a node with a Bluetooth speaker in the guest, which reaches the hub over a link
//! that behaves as home Wi-Fi does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::machine::Machine;
use crate::lab::{
    crystal::{Crystal, Reach},
    instruments::Instrument,
    interrupt::pause,
    material::{Material, Sound},
    network::{HUB, Network},
    process::Process,
    profile::Profile,
    setup::{Room, Setup},
};

/// What has not come by then will not.
const PATIENCE: Duration = Duration::from_secs(60);

/// The room in the guest, and the wired one.
pub const BATH: &str = "bath";
/// The wired one; named as its place in the network is.
pub const WIRED: &str = "room2";

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Places {
    /// What `vm build` has made.
    pub machine: PathBuf,
    /// The programs; /programs in the guest.
    pub programs: PathBuf,
    /// Empty at first; recordings and logs go here. `work` in it is /work in the guest.
    pub folder: PathBuf,
}

/// All of it. Dropping it ends it.
#[derive(Debug)]
pub struct House {
    /// The guest.
    pub guest: Machine,
    /// The speaker's address.
    pub speaker: String,
    places: Places,
    setup: Setup,
    network: Network,
    wired: Option<Process>,
    hub: Option<Process>,
    /// Whether the guest's node has joined.
    joined: bool,
}

impl House {
    /// Starts guest, speaker, hub and wired room; not the guest's node, for which see [`Self::start_node`].
    ///
    /// # Errors
    /// When one of them does not come up.
    pub fn start(places: &Places, profile: &Profile, seed: u64) -> anyhow::Result<Self> {
        let tools = places.folder.join("tools");
        fs::create_dir_all(&tools)?;
        let crystals = [steady(0.0, 0.0), steady(77.7, -40.0)];
        let rooms = ["room1", WIRED].iter().zip(crystals).map(|(name, crystal)| Room {
            name: (*name).into(),
            crystal,
            dac_ppm: 35.0,
        });
        let material = Material { sound: Sound::Pink(seed), bits: 16, seconds: 600 };
        let rooms: Vec<Room> = rooms.collect();
        let setup = Setup::prepare(&rooms, 48, material, places.folder.join("outside"), &tools)?;
        let network = Network::lay("bt", rooms.len(), profile, seed, &tools)?;
        let work = places.folder.join("work");
        fs::create_dir_all(&work)?;
        prepare_guest(&work, &tools)?;
        let vm = network.command("room1", &script());
        let mut guest = Machine::start(vm, &places.machine, &places.programs, &work)?;
        guest.spawn("speaker", &SPEAKER)?;
        let speaker = guest.tell("speaker", "status")?["radio"]["address"].as_str().context("no address")?.to_owned();
        let mut house =
            Self { guest, speaker, places: places.clone(), setup, network, wired: None, hub: None, joined: false };
        house.start_hub()?;
        let token = house.token()?;
        let program = house.program("unisono-node");
        let mut command = house.setup.command(&house.network, WIRED, steady(77.7, -40.0), &program)?;
        house.kept_in(&mut command, WIRED);
        command.args(["--name", WIRED, "--join", &token, "--output", &format!("alsa:{WIRED}")]);
        house.wired = Some(Process::start("unisono-node (wired)", &mut command)?);
        house.wait("the wired room", |house| house.is_idle(WIRED))?;
        Ok(house)
    }

    /// Starts the hub, at first or again.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_hub(&mut self) -> anyhow::Result<()> {
        let program = self.program("unisono-hub");
        let mut command = self.setup.command(&self.network, "hub", steady(9e4, 12.0), &program)?;
        self.kept_in(&mut command, "hub");
        command.args(["--listen", &format!("{HUB}:8470"), "--codec", "opus", "--margin-ms", "400"]);
        self.hub = Some(Process::start("unisono-hub", &mut command)?);
        self.wait("the hub", |house| Ok(house.unisono(&["rooms"]).is_ok()))
    }

    /// Ends the hub as a power cut would.
    pub fn kill_hub(&mut self) {
        self.hub = None;
    }

    /// Starts the guest's node with these settings; the first time it joins.
    ///
    /// # Errors
    /// When it does not come online.
    pub fn start_node(&mut self, settings: &str) -> anyhow::Result<()> {
        fs::write(self.guest.work().join("node.toml"), settings)?;
        let token = if self.joined { None } else { Some(self.token()?) };
        let mut words = vec!["env", "LD_PRELOAD=/work/labclock.so", "LABCLOCK=offset_s=1234.5 raw_ppm=50 wander_ppm=0"];
        words.extend([
            "ALSA_CONFIG_PATH=/work/asound.conf",
            "RUST_LOG=info,unisono_bluetooth=debug",
            "/programs/unisono-node",
        ]);
        words.extend(["--config", "/work/node.toml", "--state", "/tmp/node.state", "--runtime", "/tmp/node.run"]);
        words.extend(["--with-parent", "--name", BATH]);
        words.extend(token.iter().flat_map(|token| ["--join", token]));
        self.guest.spawn("node", &words)?;
        self.joined = true;
        self.wait("the guest's node", |house| Ok(house.room(BATH)?["online"] == true))
    }

    /// Ends the guest's node.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub fn end_node(&mut self) -> anyhow::Result<()> {
        self.guest.end("node")
    }

    /// Runs `unisono` at the hub, and gives the JSON that it prints.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn unisono(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = self.network.command("hub", Path::new("chrt"));
        command.args(["--rr", "1"]).arg(self.program("unisono")).arg("--json").args(arguments);
        let output = command.output()?;
        if !output.status.success() {
            bail!("unisono {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Runs `unisono --node` in the guest, and gives what it prints: JSON, a line each.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn node(&mut self, arguments: &[&str], limit: Duration) -> anyhow::Result<Vec<Value>> {
        let words = [&["/programs/unisono", "--json", "--node", "127.0.0.1:8481"], arguments].concat();
        let said = self.guest.run_within(&words, limit)?;
        let values = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
        values.collect::<Result<_, _>>().with_context(|| format!("{said:?}"))
    }

    /// Tells the speaker something.
    ///
    /// # Errors
    /// When it does not do it.
    pub fn speaker(&mut self, line: &str) -> anyhow::Result<Value> {
        self.guest.tell("speaker", line)
    }

    /// What the hub says of a room.
    ///
    /// # Errors
    /// When it says nothing.
    pub fn room(&self, name: &str) -> anyhow::Result<Value> {
        let rooms = self.unisono(&["rooms"])?;
        let room = rooms.as_array().into_iter().flatten().find(|room| room["name"] == name);
        room.cloned().with_context(|| format!("the hub has no room {name}"))
    }

    /// Whether a room could play.
    ///
    /// # Errors
    /// When the hub says nothing of it.
    pub fn is_idle(&self, name: &str) -> anyhow::Result<bool> {
        let room = self.room(name)?;
        Ok(room["online"] == true && room["state"] == "idle" && !room["sync"].is_null())
    }

    /// Plays a sound in both rooms, at full level.
    ///
    /// # Errors
    /// When the hub refuses.
    pub fn play(&self, material: Material) -> anyhow::Result<()> {
        let file = self.places.folder.join("material.wav");
        material.write_wav(&file)?;
        for room in [BATH, WIRED] {
            self.unisono(&["volume", room, "100"])?;
        }
        if self.unisono(&["groups"])?.as_array().is_none_or(Vec::is_empty) {
            self.unisono(&["group", "create", "both", BATH, WIRED])?;
        }
        self.unisono(&["play", &file.to_string_lossy()]).map(drop)
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub fn wait(&mut self, what: &str, holds: impl Fn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let said = holds(self);
            if matches!(said, Ok(true)) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let logs = self.places.folder.display();
                return Err(match said {
                    Err(error) => error.context(format!("waited in vain for {what}; the logs are in {logs}")),
                    Ok(_) => anyhow::anyhow!("waited in vain for {what}; the logs are in {logs}"),
                });
            }
            pause(Duration::from_millis(100))?;
        }
    }

    /// PREFIX of the wired room's recording.
    pub fn wired_recording(&self) -> PathBuf {
        self.setup.folder.join(WIRED)
    }

    /// PREFIX of a recording that was made in the guest.
    pub fn guest_recording(&self, name: &str) -> PathBuf {
        self.guest.work().join(name)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.places.programs.join(name)
    }

    fn token(&self) -> anyhow::Result<String> {
        let token = self.unisono(&["token"])?;
        Ok(token["token"].as_str().context("unisono token prints no token")?.to_owned())
    }

    fn kept_in(&self, command: &mut Command, name: &str) {
        let folder = &self.setup.folder;
        command.arg("--config").arg(self.guest.work().join("empty.toml"));
        command.arg("--state").arg(folder.join(format!("{name}.state")));
        command.arg("--runtime").arg(folder.join(format!("{name}.run")));
    }
}

/// How the speaker is started; its true delay it is told while it runs.
pub const SPEAKER: [&str; 10] =
    ["chrt", "--fifo", "10", "/programs/speaker", "--delay-ms", "150", "--ppm", "25", "--record", "/work/speaker"];

/// The script that starts the guest.
pub fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bluetooth/vm")
}

/// What the guest finds in its work folder: a crystal, and a wired output that can be taken away.
fn prepare_guest(work: &Path, tools: &Path) -> anyhow::Result<()> {
    fs::write(work.join("empty.toml"), "")?;
    fs::copy(Instrument::Labclock.build(tools)?, work.join("labclock.so"))?;
    fs::copy(Instrument::Labdac.build(tools)?, work.join("labdac.so"))?;
    let devices = format!(
        "pcm_type.labdac {{ lib \"/work/labdac.so\" }}\n\
         pcm.{BATH} {{ type labdac  out \"/work/{BATH}\"  ppm -20.0  quantum 48  control \"/work/{BATH}.control\" }}\n"
    );
    Ok(fs::write(work.join("asound.conf"), devices)?)
}

/// A steady crystal: seconds ahead, and parts per million fast.
const fn steady(offset_s: f64, ppm: f64) -> Crystal {
    Crystal { offset_s, ppm, wander_ppm: 0.0, reach: Reach::Raw }
}
