//! Runs a hub and three rooms behind emulated Wi-Fi, has Prometheus read them, and draws every panel of every dashboard with
//! what it was answered. As root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};
use unisono_benches::{
    dashboards::{
        self,
        draw::{Answers, draw, named},
        panels::{self, Dashboard, Panel, Variables},
        prometheus::Prometheus,
    },
    lab::{
        network::{HUB, Network},
        process::Process,
        profile::Profile,
    },
};
use unisono_settings::{complain, print};
use ureq::{Agent, http::Request};

/// Runs a hub and three rooms behind emulated Wi-Fi, and draws the dashboards from what Prometheus reads of them.
#[derive(Debug, Parser)]
#[command(name = "dashboards")]
struct Arguments {
    /// For how long
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u16).range(60..=7_200))]
    seconds: u16,
    /// What lies between the hub and each room: clean, good or bad
    #[arg(long, default_value = "good")]
    profile: String,
    /// Everything random on the links comes from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where the pictures go
    #[arg(long, value_name = "FOLDER", default_value = "engine/dashboards/pictures")]
    pictures: PathBuf,
}

/// Rooms, and how fast their converters run.
const ROOMS: [(&str, &str); 3] = [("kitchen", "model:ppm=40"), ("living room", "model:ppm=-35"), ("study", "model")];

/// So often Prometheus reads.
const INTERVAL: &str = "2s";

/// Over which rates are taken: five readings.
const RATES_OVER: &str = "10s";

/// Points of a line.
const POINTS: f64 = 100.0;

const API: &str = "127.0.0.1:8480";

/// A program that has not answered by then will not.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("dashboards: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let boards = panels::read(&dashboards::folder().join("grafana"))?;
    let folder = std::env::temp_dir().join(format!("unisono-dashboards-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let profile: Profile = arguments.profile.parse().map_err(|error| anyhow::anyhow!("--profile: {error}"))?;
    let network = Network::lay("dash", ROOMS.len(), &profile, arguments.seed, &folder)?;
    // From here on this program and what it starts are on the hub's machine.
    network.enter("hub")?;
    let mut house = House::start(&network, &folder)?;
    let prometheus = Prometheus::start(&folder.join("prometheus"), API, INTERVAL)?;
    house.play(u32::from(arguments.seconds) + 60)?;
    let from = unix_now();
    print(format_args!("playing for {} s on {} links; pictures then", arguments.seconds, arguments.profile))?;
    house.live(Duration::from_secs(arguments.seconds.into()))?;
    let to = unix_now();
    fs::create_dir_all(&arguments.pictures)?;
    let with = Variables { hub: ".+".into(), room: ROOMS[0].0.into(), interval: RATES_OVER.into() };
    for board in &boards {
        let answers = asked(&prometheus, board, &with, (from, to))?;
        let path = arguments.pictures.join(format!("{}.svg", board.file));
        fs::write(&path, draw(board, &answers, from, to)).with_context(|| format!("{}", path.display()))?;
        let empty =
            board.panels.iter().zip(&answers).filter(|(panel, answers)| panel.kind != "row" && answers.is_empty());
        let empty: Vec<&str> = empty.map(|(panel, _)| panel.title.as_str()).collect();
        print(format_args!("{}; without data: {empty:?}", path.display()))?;
    }
    drop((prometheus, house));
    drop(network);
    Ok(fs::remove_dir_all(&folder)?)
}

fn asked(
    prometheus: &Prometheus,
    board: &Dashboard,
    with: &Variables,
    (from, to): (f64, f64),
) -> anyhow::Result<Vec<Answers>> {
    let answer = |panel: &Panel| {
        let mut answers = Answers::new();
        for question in &panel.questions {
            let found = prometheus.query_range(&question.asked(with), from, to, ((to - from) / POINTS).max(1.0))?;
            let found = found.into_iter().filter(|series| !series.values.is_empty());
            answers.extend(found.map(|series| (named(&question.legend, &series), series)));
        }
        Ok(answers)
    };
    board.panels.iter().map(answer).collect()
}

/// A hub and its rooms.
struct House<'a> {
    network: &'a Network,
    folder: &'a Path,
    programs: PathBuf,
    _hub: Process,
    nodes: Vec<Process>,
    agent: Agent,
}

impl<'a> House<'a> {
    fn start(network: &'a Network, folder: &'a Path) -> anyhow::Result<Self> {
        let programs = std::env::current_exe()?.parent().context("no folder of programs")?.to_owned();
        fs::write(folder.join("empty.toml"), "")?;
        let mut command = Command::new(programs.join("unisono-hub"));
        command.args(["--name", "attic", "--listen", &format!("{HUB}:8470"), "--api", API]);
        kept_in(&mut command, folder, "hub")?;
        let hub = Process::start("unisono-hub", &mut command)?;
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let mut house = Self { network, folder, programs, _hub: hub, nodes: Vec::new(), agent: config.into() };
        house.wait("the hub to answer", |house| house.ask("GET", "/rooms", &Value::Null).is_ok())?;
        for number in 0..ROOMS.len() {
            let node = house.node(number)?;
            house.nodes.push(node);
        }
        house.wait("every room to be there", |house| house.rooms_online() == ROOMS.len())?;
        for (room, _) in ROOMS {
            house.ask("PATCH", &format!("/rooms/{}", room.replace(' ', "%20")), &json!({"volume": 60}))?;
        }
        let rooms = ROOMS.map(|(room, _)| room);
        house.ask("POST", "/groups", &json!({"name": "everywhere", "rooms": rooms}))?;
        Ok(house)
    }

    fn node(&self, number: usize) -> anyhow::Result<Process> {
        let (room, output) = ROOMS[number];
        let place = format!("room{}", number + 1);
        let token = self.ask("POST", "/tokens", &json!({}))?;
        let token = token["token"].as_str().context("no token")?;
        let mut command = self.network.command(&place, &self.programs.join("unisono-node"));
        command.args(["--name", room, "--output", output, "--join", token]);
        kept_in(&mut command, self.folder, &place)?;
        Process::start(room, &mut command)
    }

    fn play(&self, seconds: u32) -> anyhow::Result<()> {
        let file = self.folder.join("music.wav");
        compose(&file, seconds)?;
        self.ask("POST", "/groups/everywhere/play", &json!({"file": file}))?;
        self.wait("the rooms to play", |house| {
            let rooms = house.ask("GET", "/rooms", &Value::Null).unwrap_or_default();
            rooms.as_array().is_some_and(|rooms| rooms.iter().all(|room| room["state"] == "playing"))
        })
    }

    /// What happens in a house: after half of the time a machine is switched off, and on again.
    fn live(&mut self, seconds: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut away = None;
        while begun.elapsed() < seconds {
            thread::sleep(Duration::from_millis(500));
            // Somebody looks at the page.
            self.ask("GET", "/rooms", &Value::Null)?;
            self.ask("GET", "/groups", &Value::Null)?;
            if away.is_none() && begun.elapsed() > seconds / 2 {
                self.nodes.pop();
                away = Some(Instant::now());
            }
            if self.nodes.len() < ROOMS.len() && away.is_some_and(|since| since.elapsed() > seconds / 10) {
                self.nodes.push(self.node(ROOMS.len() - 1)?);
            }
        }
        Ok(())
    }

    fn rooms_online(&self) -> usize {
        let rooms = self.ask("GET", "/rooms", &Value::Null).unwrap_or_default();
        rooms.as_array().map_or(0, |rooms| rooms.iter().filter(|room| room["online"] == true).count())
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::builder().method(method).uri(format!("http://{API}/api/v1{path}"));
        let mut answer = match body {
            Value::Null => self.agent.run(request.body(())?)?,
            body => self.agent.run(request.header("content-type", "application/json").body(body.to_string())?)?,
        };
        let text = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "{method} {path}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is_so(self) {
            if begun.elapsed() > PATIENCE {
                bail!("waited in vain for {what}; the logs are in {}", self.folder.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

fn kept_in(command: &mut Command, folder: &Path, name: &str) -> anyhow::Result<()> {
    command.arg("--config").arg(folder.join("empty.toml"));
    command.arg("--state").arg(folder.join(name)).arg("--runtime").arg(folder.join(format!("{name}-run")));
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log")))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Ok(())
}

/// A chord that swells and fades.
fn compose(path: &Path, seconds: u32) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for frame in 0..seconds * 48_000 {
        let second = f64::from(frame) / 48_000.0;
        let wave = |hertz: f64| (second * hertz * std::f64::consts::TAU).sin();
        let chord = wave(220.0) + wave(277.2) + wave(329.6);
        let swell = 0.6 + 0.4 * (second * 0.7).sin();
        #[expect(clippy::cast_possible_truncation, reason = "it fits")]
        let sample = (chord * swell * 6_000.0) as i16;
        writer.write_sample(sample)?;
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
