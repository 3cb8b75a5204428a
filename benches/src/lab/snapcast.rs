//! Snapcast in the lab: Debian's `snapserver` and `snapclient` as they are, with their own defaults for the buffer.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail};

use super::{
    crystal::{Crystal, Reach},
    interrupt::pause,
    network::{HUB, Network},
    process::Process,
    setup::{Outcome, Setup, now},
};

/// A server takes less than that to be there.
const UNTIL_LISTENING: Duration = Duration::from_secs(1);

/// A server and its clients.
#[derive(Debug)]
pub struct Snapcast<'a> {
    setup: &'a Setup,
    network: &'a Network,
    server: Process,
    clients: Vec<Process>,
    /// The writing end of its pipe, open from the start: it looks but now and then for a writer that comes.
    pipe: File,
    source: Option<Process>,
    file: PathBuf,
    started: f64,
    told: f64,
}

impl<'a> Snapcast<'a> {
    /// Starts a server, then a client in each room. `codec` is one of Snapcast's own.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn start(setup: &'a Setup, network: &'a Network, hub: Crystal, codec: &str) -> anyhow::Result<Self> {
        let folder = &setup.folder;
        let made = Command::new("mkfifo").arg(folder.join("fifo")).status().context("mkfifo cannot be started")?;
        if !made.success() {
            bail!("mkfifo ended with {made}");
        }
        let file = folder.join("material.raw");
        setup.material.write_raw(&mut BufWriter::new(File::create(&file)?))?;
        let pipe = File::options().read(true).write(true).open(folder.join("fifo"))?;
        let (fifo, bits) = (folder.join("fifo"), setup.material.bits);
        let source = format!("pipe://{}?name=lab&mode=read&sampleformat=48000:{bits}:2&codec={codec}", fifo.display());
        let text = format!("[server]\ndatadir = {}\n[stream]\nsource = {source}\n", folder.display());
        fs::write(folder.join("snapserver.conf"), text)?;
        let mut command = setup.command(network, "hub", steered(hub), Path::new("snapserver"))?;
        command.arg("--config").arg(folder.join("snapserver.conf"));
        let server = Process::start("snapserver", unheard(&mut command))?;
        pause(UNTIL_LISTENING)?;
        let mut clients = Vec::new();
        let started = now();
        for (room, instance) in setup.rooms.iter().zip(1..) {
            let mut command = setup.command(network, &room.name, steered(room.crystal), Path::new("snapclient"))?;
            command.args(["--host", HUB, "--soundcard", &room.name, "--player", "alsa", "--mixer", "software"]);
            command.args(["--hostID", &room.name, "--instance", &instance.to_string(), "--logsink", "stderr"]);
            clients.push(Process::start(&format!("snapclient {}", room.name), unheard(&mut command))?);
        }
        Ok(Self { setup, network, server, clients, pipe, source: None, file, started, told: 0.0 })
    }

    /// When the first client was started, in seconds of the true clock.
    pub const fn started(&self) -> f64 {
        self.started
    }

    /// Gives the server something to play.
    ///
    /// # Errors
    /// When its pipe cannot be had.
    pub fn play(&mut self) -> anyhow::Result<()> {
        let mut command = self.network.command("hub", Path::new("chrt"));
        command.args(["--rr", "1", "cat"]).arg(&self.file).stdout(self.pipe.try_clone()?);
        self.told = now();
        self.source = Some(Process::start("cat", &mut command)?);
        Ok(())
    }

    /// Ends all of it.
    ///
    /// # Errors
    /// When a program has ended by itself before.
    pub fn finish(self) -> anyhow::Result<Outcome> {
        let (wire, lateness, ended) = (self.network.wire()?, self.network.lateness()?, now());
        // It is as large as all recordings.
        fs::remove_file(&self.file)?;
        let mut clients = Vec::new();
        for client in self.clients {
            clients.push(client.end()?);
        }
        let mut costs = vec![self.server.end()?];
        costs.extend(clients);
        Ok(Outcome {
            player: version()?,
            started: self.started,
            told: self.told,
            ended,
            recordings: self.setup.recordings(),
            costs,
            wire,
            lateness,
            packets: Vec::new(),
        })
    }
}

/// Which Snapcast is installed.
///
/// # Errors
/// When none is.
pub fn version() -> anyhow::Result<String> {
    let output = Command::new("snapserver").arg("--version").output();
    let output = output.context("snapserver cannot be started; install it (apt-get install snapserver snapclient)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().replace("snapserver", "Snapcast"))
}

/// Snapcast steers by `CLOCK_MONOTONIC`.
const fn steered(crystal: Crystal) -> Crystal {
    Crystal { reach: Reach::Monotonic, ..crystal }
}

/// Keeps it from announcing itself through this machine's avahi, which is outside of its namespace.
fn unheard(command: &mut Command) -> &mut Command {
    command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
}
