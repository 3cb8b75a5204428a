//! A hub and its nodes as processes, commanded as a person would: by `unisono`.

use std::{
    env, fs,
    fs::File,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::{crystal::Crystal, instruments::Instrument, recording::Recording};

/// A program that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(20);

/// By then a node knows the clock of a converter that it has opened, and a room begins with the first frame: one that is
/// known later begins in the middle of the first sound.
const KNOWN: Duration = Duration::from_millis(1_500);

/// What each room said of itself last, as the API gives it.
pub const ROOMS_SAID: &str = "rooms.json";

/// Where a room's sound goes.
#[derive(Clone, Copy, Debug)]
pub enum Converter {
    /// An ALSA device that runs so fast, in parts per million, and moves its position in steps of so many frames.
    Alsa(f64, u32),
    /// The node's own model, so fast.
    Model(f64),
}

/// A room.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// What it is called: one word.
    pub name: &'static str,
    /// The clock of its node.
    pub crystal: Crystal,
    /// What it plays into.
    pub converter: Converter,
    /// Whether it has a second device to fall back on, `NAME-2`, of another crystal, that records as such.
    pub falls_back: bool,
}

impl Room {
    /// Where its second device records.
    pub fn fallback(&self) -> String {
        format!("{}-2", self.name)
    }
}

/// A hub, its nodes, and a folder of their own. Dropping it ends them; the folder stays, for there are the logs.
#[derive(Debug)]
pub struct House {
    folder: PathBuf,
    labclock: PathBuf,
    programs: PathBuf,
    listen: u16,
    api: u16,
    codec: &'static str,
    crystal: Crystal,
    hub: Option<Child>,
    nodes: Vec<(Room, Child)>,
}

impl House {
    /// Founds a house in an empty folder: starts its hub.
    ///
    /// # Errors
    /// When the programs are not beside this one, or the hub does not answer.
    pub fn found(folder: &Path, codec: &'static str, crystal: Crystal, rooms: &[Room]) -> anyhow::Result<Self> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        fs::write(folder.join("empty.toml"), "")?;
        let tools = folder.parent().unwrap_or(folder);
        let labdac = Instrument::Labdac.build(tools)?;
        let mut devices = format!("pcm_type.labdac {{ lib \"{}\" }}\n", labdac.display());
        for room in rooms {
            let Converter::Alsa(ppm, quantum) = room.converter else { continue };
            let second = room.falls_back.then(|| (room.fallback(), ppm / -3.0));
            for (name, ppm) in [(room.name.to_owned(), ppm)].into_iter().chain(second) {
                let out = folder.join(&name);
                let out = out.display();
                devices += &format!(
                    "pcm.{name} {{ type labdac  out \"{out}\"  ppm {ppm:.3}  quantum {quantum}  control \"{out}.control\" }}\n"
                );
            }
        }
        fs::write(folder.join("asound.conf"), devices)?;
        let mut house = Self {
            folder: folder.into(),
            labclock: Instrument::Labclock.build(tools)?,
            programs: env::current_exe()?.parent().context("this program is in no folder")?.into(),
            listen: UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port(),
            api: TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
            codec,
            crystal,
            hub: None,
            nodes: Vec::new(),
        };
        house.start_hub()?;
        for room in rooms {
            house.add(*room)?;
        }
        house.wait("every room to be online and on time", |house| {
            let rooms = house.unisono(&["rooms"])?;
            let ready = |room: &&Value| room["online"] == true && !room["sync"].is_null() && room["state"] == "idle";
            Ok(rooms.as_array().map_or(0, |list| list.iter().filter(ready).count()) == house.nodes.len())
        })?;
        thread::sleep(KNOWN);
        Ok(house)
    }

    /// Starts the hub, at first or again.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_hub(&mut self) -> anyhow::Result<()> {
        let mut command = self.program("unisono-hub", "hub", self.crystal)?;
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.listen));
        command.arg("--api").arg(self.api().to_string()).args(["--codec", self.codec]);
        self.hub = Some(command.spawn().context("unisono-hub cannot be started")?);
        self.wait("the hub to answer", |house| Ok(house.unisono(&["rooms"]).is_ok()))
    }

    /// Ends the hub as a power cut would.
    ///
    /// # Errors
    /// When there is none.
    pub fn kill_hub(&mut self) -> anyhow::Result<()> {
        let mut hub = self.hub.take().context("there is no hub to kill")?;
        hub.kill()?;
        hub.wait()?;
        Ok(())
    }

    /// Where the hub's API is.
    pub fn api(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.api))
    }

    /// Runs `unisono` with arguments, and gives the JSON that it prints.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn unisono(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let api = self.api().to_string();
        let output =
            Command::new(self.programs.join("unisono")).args(["--json", "--api", &api]).args(arguments).output();
        let output = output.context("unisono cannot be started; build the workspace first")?;
        if !output.status.success() {
            bail!("unisono {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// When it does not within 20 s, or cannot be known.
    pub fn wait(&self, what: &str, holds: impl Fn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !holds(self)? {
            if begun.elapsed() > PATIENCE {
                bail!("waited in vain for {what}; the logs are in {}", self.folder.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Takes the device of a room away.
    ///
    /// # Errors
    /// When the file that says so cannot be written.
    pub fn unplug(&self, room: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.control(room), "")?)
    }

    /// Lets another program have the device of a room.
    ///
    /// # Errors
    /// When the file that says so cannot be written.
    pub fn occupy(&self, room: &str) -> anyhow::Result<()> {
        let unnamed = self.folder.join("busy");
        fs::write(&unnamed, "busy")?;
        Ok(fs::rename(unnamed, self.control(room))?)
    }

    /// Gives the device of a room back.
    ///
    /// # Errors
    /// When it is there.
    pub fn plug_in(&self, room: &str) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.control(room))?)
    }

    /// Ends every process, and gives what each room emitted. What each room said of itself last is kept in [`ROOMS_SAID`].
    ///
    /// # Errors
    /// When a node has ended before, does not end, or has left no recording.
    pub fn recordings(mut self) -> anyhow::Result<Vec<Recording>> {
        // A node that has ended, or no hub, is found below.
        let _ = self.unisono(&["rooms"]).map(|rooms| fs::write(self.folder.join(ROOMS_SAID), rooms.to_string()));
        let mut recordings = Vec::new();
        for (room, mut child) in std::mem::take(&mut self.nodes) {
            if let Some(status) = child.try_wait()? {
                bail!("the node of {} has ended by itself: {status}", room.name);
            }
            // Its standard input is its lifeline: it ends in order when that does.
            drop(child.stdin.take());
            let status = child.wait()?;
            if !status.success() {
                bail!("the node of {} ended with {status}", room.name);
            }
            recordings.push(Recording::read(&self.folder.join(room.name))?);
        }
        Ok(recordings)
    }

    fn add(&mut self, room: Room) -> anyhow::Result<()> {
        let token = self.unisono(&["token"])?;
        let token = token["token"].as_str().context("unisono token prints no token")?;
        let mut command = self.program("unisono-node", room.name, room.crystal)?;
        command.args(["--name", room.name, "--join", token]);
        command.arg("--output").arg(match room.converter {
            Converter::Alsa(..) => format!("alsa:{}", room.name),
            Converter::Model(ppm) => format!("model:ppm={ppm},record={}", self.folder.join(room.name).display()),
        });
        if room.falls_back {
            command.arg("--output").arg(format!("alsa:{}", room.fallback()));
        }
        self.nodes.push((room, command.spawn().context("unisono-node cannot be started")?));
        Ok(())
    }

    fn program(&self, program: &str, name: &str, crystal: Crystal) -> anyhow::Result<Command> {
        let log = File::options().append(true).create(true).open(self.folder.join(format!("{name}.stderr")))?;
        let mut command = Command::new(self.programs.join(program));
        command.arg("--config").arg(self.folder.join("empty.toml"));
        command.arg("--state").arg(self.folder.join(format!("{name}.state")));
        command.arg("--runtime").arg(self.folder.join(format!("{name}.run"))).arg("--with-parent");
        crystal.give(&self.labclock, &mut command);
        command.env("ALSA_CONFIG_PATH", self.folder.join("asound.conf"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        Ok(command)
    }

    fn control(&self, room: &str) -> PathBuf {
        self.folder.join(format!("{room}.control"))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().map(|(_, child)| child).chain(&mut self.hub) {
            // One that has ended already is as it should be.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
