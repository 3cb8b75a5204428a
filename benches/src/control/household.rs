//! A hub on a core of its own, and on another so many rooms that play: full sessions that decode nothing (see
//! [`crate::scale`]), and one node as it is, which says what its room has missed.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::json;

use crate::scale::{figures::quantiles, hub::Hub, machine, noise::write_noise, room::Shared, rooms::Rooms};

/// Rooms that are not in by then will not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// Clocks are found in the first seconds.
const SETTLE: Duration = Duration::from_secs(8);

/// The share of packets that generated rooms throw away and ask for again.
const LOSS: f64 = 0.005;

/// Files that a program may have open which nobody has allowed more, as on Debian.
const USUAL_FILES: u64 = 1_024;

/// What the rest of this program needs: ten thousand connections, and a socket for each room.
const FILES: u64 = 16_384;

/// What the node as it is calls its room.
const LISTENER: &str = "listener";

/// A hub, and rooms that play.
#[derive(Debug)]
pub struct Household {
    /// The hub.
    pub hub: Hub,
    rooms: Rooms,
    node: Child,
    /// What its room had missed when it began to count.
    missed: Missed,
    count: usize,
}

/// What a room has missed.
#[derive(Clone, Copy, Debug, Default)]
struct Missed {
    late: f64,
    concealed_s: f64,
    underruns: f64,
}

/// How playing went while it counted.
#[derive(Clone, Copy, Debug)]
pub struct Played {
    /// How much later than planned 99 of 100 packets came, in milliseconds; what the generator adds included.
    pub late_ms: f64,
    /// How late 99 of 100 of the generator's own wake-ups were, in milliseconds.
    pub lag_ms: f64,
    /// The share of planned packets that came.
    pub sent: f64,
    /// Connections that broke.
    pub broken: u64,
    /// Packets that came too late in the room of the node as it is.
    pub too_late: f64,
    /// Sound that was made up there, in milliseconds.
    pub concealed_ms: f64,
    /// Times its converter ran dry.
    pub underruns: f64,
}

impl Household {
    /// Founds a household of so many rooms and has all of them play for longer than `seconds`. This thread, and what it
    /// starts from then on, keeps to the second core.
    ///
    /// # Errors
    /// When there are no two cores, or something does not start.
    pub fn start(folder: &Path, rooms: usize, seconds: u64, seed: u64) -> anyhow::Result<Self> {
        let [hub_core, rest, ..] = machine::cores()?[..] else { bail!("two cores are needed, one for each side") };
        // The hub has to do with what it finds on any machine.
        machine::limit_files(USUAL_FILES)?;
        let hub = Hub::start(folder, hub_core, rest, &[])?;
        machine::allow_sockets(FILES)?;
        let node = start_node(&hub, folder)?;
        let file = folder.join("noise.wav");
        write_noise(&file, 30 + SETTLE.as_secs() + seconds)?;
        let shared = Shared { token: hub.token(rooms)?, loss: LOSS, seed, admitted: 0.into(), measuring: false.into() };
        let playing = Rooms::start(rooms.saturating_sub(1), shared)?;
        playing.wait_for_all(PATIENCE)?;
        let mut household = Self { hub, rooms: playing, node, missed: Missed::default(), count: rooms };
        let ids = household.room_ids(rooms)?;
        household.hub.api.post("/groups", &json!({ "name": "all", "rooms": ids }))?;
        household.hub.api.post("/groups/all/play", &json!({ "file": file, "position_s": 0 }))?;
        thread::sleep(SETTLE);
        household.missed = household.missed_so_far()?;
        Ok(household)
    }

    /// Where its API is.
    pub fn address(&self) -> SocketAddr {
        self.hub.api.address()
    }

    /// The rooms by their ids.
    ///
    /// # Errors
    /// When they have not come.
    pub fn room_ids(&self, wanted: usize) -> anyhow::Result<Vec<String>> {
        let begun = Instant::now();
        loop {
            let rooms = self.hub.api.get("/rooms")?;
            let ids = rooms.as_array().into_iter().flatten().filter(|room| room["online"] == true);
            let ids: Vec<String> = ids.filter_map(|room| Some(room["id"].as_str()?.to_owned())).collect();
            if ids.len() >= wanted {
                return Ok(ids);
            }
            if begun.elapsed() > PATIENCE {
                bail!("only {} of {wanted} rooms have come", ids.len());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has packets count while something is done; says how they came.
    ///
    /// # Errors
    /// What went wrong in it, or with the rooms.
    pub fn while_playing<T>(mut self, work: impl FnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<(T, Played)> {
        self.rooms.measure(true);
        let begun = Instant::now();
        let done = work(&self)?;
        self.rooms.measure(false);
        let took = begun.elapsed().as_secs_f64();
        let (before, after) = (self.missed, self.missed_so_far()?);
        if let Some(status) = self.node.try_wait()? {
            bail!("the node has ended by itself: {status}");
        }
        let mut seen = self.rooms.end()?;
        // Its standard input is its lifeline: it ends in order when that does.
        drop(self.node.stdin.take());
        self.node.wait()?;
        let mut lateness: Vec<f64> = seen.rooms.iter().flat_map(|room| &room.lateness).copied().collect();
        let planned = 50.0 * took * (self.count - 1) as f64;
        let sent = lateness.len() as f64 / planned;
        let [late] = quantiles(&mut lateness, [0.99]);
        let [lag] = quantiles(&mut seen.lag, [0.99]);
        let played = Played {
            late_ms: late * 1e3,
            lag_ms: lag * 1e3,
            sent,
            broken: seen.rooms.iter().map(|room| room.broken).sum(),
            too_late: after.late - before.late,
            concealed_ms: (after.concealed_s - before.concealed_s) * 1e3,
            underruns: after.underruns - before.underruns,
        };
        Ok((done, played))
    }

    fn missed_so_far(&self) -> anyhow::Result<Missed> {
        let rooms = self.hub.api.get("/rooms")?;
        let room = rooms.as_array().into_iter().flatten().find(|room| room["name"] == LISTENER);
        let room = room.context("the node's room is gone")?;
        if room["state"] != "playing" {
            bail!("the node's room does not play: {room}");
        }
        let figure = |name: &str| room["sync"][name].as_f64().with_context(|| format!("the node does not say {name}"));
        Ok(Missed { late: figure("late")?, concealed_s: figure("concealed_s")?, underruns: figure("underruns")? })
    }
}

fn start_node(hub: &Hub, folder: &Path) -> anyhow::Result<Child> {
    let programs = std::env::current_exe()?;
    let program = programs.parent().context("this program is in no folder")?.join("unisono-node");
    let token = hub.token(1)?.to_string();
    let mut command = Command::new(&program);
    command.arg("--config").arg(folder.join("empty.toml"));
    command.arg("--state").arg(folder.join("node")).arg("--runtime").arg(folder.join("node-run"));
    command.args(["--name", LISTENER, "--join", &token, "--api", "127.0.0.1:0", "--output", "model", "--with-parent"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(folder.join("node.log"))?);
    command.spawn().with_context(|| format!("{} cannot be started; build the workspace", program.display()))
}
