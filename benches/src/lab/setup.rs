//! What every player of a run is given alike: rooms, converters, crystals, instruments.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use nix::time::{ClockId, clock_gettime};

use super::{
    crystal::Crystal,
    instruments::Instrument,
    material::Material,
    network::{Lateness, Network, Wire},
    process::Cost,
};

/// A room: a place in the network, named `room1` and so on.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// The clock of its machine.
    pub crystal: Crystal,
    /// How fast its converter runs, in parts per million.
    pub dac_ppm: f64,
}

/// What a player finds.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The rooms.
    pub rooms: Vec<Room>,
    /// In steps of how many frames the converters' positions move.
    pub quantum: u32,
    /// What is played.
    pub material: Material,
    /// Where everything goes; empty at first.
    pub folder: PathBuf,
    labclock: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which player, and its version.
    pub player: String,
    /// When the first node was started, in seconds of the true clock.
    pub started: f64,
    /// When it was told to play.
    pub told: f64,
    /// When it was ended.
    pub ended: f64,
    /// Of each room, where the recording of its converter is; see [`super::recording`].
    pub recordings: Vec<PathBuf>,
    /// What each process has used, the hub first.
    pub costs: Vec<Cost>,
    /// What has gone over the hub's interface.
    pub wire: Wire,
    /// By how much the links were later than they were to be.
    pub lateness: Lateness,
    /// What each room says of its packets, where it says something.
    pub packets: Vec<Packets>,
}

/// What a room says of its packets.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Packets {
    /// Arrived.
    pub received: u64,
    /// Did not arrive the first time.
    pub lost: u64,
    /// Of those, arrived after all.
    pub repaired: u64,
    /// Came too late.
    pub late: u64,
    /// Sound made up or left out, in seconds.
    pub concealed_s: f64,
    /// Times the converter ran dry.
    pub underruns: u64,
    /// Times the sound jumped to be in time.
    pub resyncs: u64,
}

impl Setup {
    /// Makes the folder, and the devices in it; `tools` is where instruments are built.
    ///
    /// # Errors
    /// When files cannot be written, or an instrument not built.
    pub fn prepare(
        rooms: &[Room],
        quantum: u32,
        material: Material,
        folder: PathBuf,
        tools: &Path,
    ) -> anyhow::Result<Self> {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
        let labdac = Instrument::Labdac.build(tools)?;
        let mut devices = format!("pcm_type.labdac {{ lib \"{}\" }}\n", labdac.display());
        for room in rooms {
            let (name, ppm) = (&room.name, room.dac_ppm);
            let out = folder.join(name);
            devices +=
                &format!("pcm.{name} {{ type labdac  out \"{}\"  ppm {ppm:.3}  quantum {quantum} }}\n", out.display());
        }
        fs::write(folder.join("asound.conf"), devices)?;
        let labclock = Instrument::Labclock.build(tools)?;
        Ok(Self { rooms: rooms.to_vec(), quantum, material, folder, labclock })
    }

    /// A program in a place of the network, on a crystal, with the devices, ahead of all that has no real-time priority;
    /// what it says goes to a log that is named after the place.
    ///
    /// # Errors
    /// When there can be no log.
    pub fn command(&self, network: &Network, place: &str, crystal: Crystal, program: &Path) -> anyhow::Result<Command> {
        let log = File::create(self.folder.join(format!("{place}.stderr")))?;
        let mut command = network.command(place, Path::new("chrt"));
        // What else this machine does is not to be measured: a real one of this kind does little else. The crystal is for
        // the program alone, not for those that bring it to its place.
        command
            .args(["--rr", "1", "env"])
            .arg(format!("LD_PRELOAD={}", self.labclock.display()))
            .arg(format!("LABCLOCK={crystal}"));
        command.arg(program).env("ALSA_CONFIG_PATH", self.folder.join("asound.conf"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Where the recordings will be.
    pub fn recordings(&self) -> Vec<PathBuf> {
        self.rooms.iter().map(|room| self.folder.join(&room.name)).collect()
    }
}

/// Makes a folder in which everything can be put, and gives its whole path.
///
/// # Errors
/// When it cannot be made, or its path cannot be given to programs.
pub fn workplace(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    if folder.to_string_lossy().contains(|c: char| c.is_whitespace() || ":\"'".contains(c)) {
        bail!("{}: LD_PRELOAD and ALSA cannot take such paths, with a blank, a colon or a quote", folder.display());
    }
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    Ok(folder)
}

/// The true clock, in seconds: the one on which recordings are.
pub fn now() -> f64 {
    nanos() as f64 * 1e-9
}

/// The true clock, in nanoseconds.
pub fn nanos() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}
