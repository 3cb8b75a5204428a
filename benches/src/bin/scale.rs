//! How many rooms one hub on one core serves: `make scale`.
//!
//! The hub is the program itself, alone on the first core. On the second, one thread plays as many nodes: each a QUIC
//! connection with a key of its own that has joined with a token, with reports, requests for repair and clock packets,
//! and without decoder or converter. All are one group. How late a packet is shows at the receiver: the anchors say
//! when it is heard, the stream's start how long before that it is to be sent, and both are on this machine's clock.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use serde_json::{Value, json};
use unisono_benches::scale::{
    figures::{line, quantiles},
    hub::{Api, Hub},
    machine::{self, Process},
    noise::write_noise,
    room::Shared,
    rooms::Rooms,
};
use unisono_settings::{complain, print};

/// A packet may leave so much later than planned, in milliseconds; 99 of 100 must not be later.
const LIMIT_MS: f64 = 5.0;

/// Of the planned packets so large a share must have been sent.
const SENT: f64 = 0.999;

/// Rooms that are not in by then will not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures how many rooms one hub on one core serves.
#[derive(Debug, Parser)]
#[command(name = "scale")]
struct Arguments {
    /// How many rooms, 1 to 1000, one measurement each
    #[arg(value_delimiter = ',', default_values_t = [50, 100, 200, 300, 500, 700, 1000],
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rooms: Vec<u16>,
    /// How long each is measured, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How long the rooms play before that, in seconds: clocks are found in the first
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(..=3_600))]
    settle: u64,
    /// The share of packets that the rooms throw away and ask for again, 0 to 1
    #[arg(long, default_value = "0.005", value_parser = share)]
    loss: f64,
    /// Bits per second of Opus
    #[arg(long, default_value_t = 192_000, value_parser = clap::value_parser!(u32).range(32_000..=510_000))]
    bit_rate: u32,
    /// Which packets are thrown away, and phases [default: another one every time]
    #[arg(long)]
    seed: Option<u64>,
    /// Where the hubs' logs and state go
    #[arg(long, default_value = "target/scale")]
    folder: PathBuf,
}

/// One measurement.
struct Row {
    rooms: usize,
    /// The share of a core that the hub took.
    cpu: f64,
    /// Whether packets came in time, all of them, and nothing gave out.
    holds: bool,
    /// Whether the generator could not keep up.
    gave_out: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("it is not between 0 and 1".into()) }
}

fn main() -> ExitCode {
    match scale(&unisono_settings::arguments::<Arguments>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("scale: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn scale(arguments: &Arguments) -> anyhow::Result<()> {
    let cores = machine::cores()?;
    let [hub_core, rooms_core, ..] = cores[..] else { bail!("two cores are needed, one for each side") };
    machine::allow_sockets(8_192)?;
    let folder = std::path::absolute(&arguments.folder)?;
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let file = folder.join("noise.wav");
    write_noise(&file, 30 + arguments.settle + arguments.seconds)?;
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    print(format_args!(
        "Opus at {} kb/s, {} % lost, {} s each, seed {seed}; the machine's load before: {}",
        arguments.bit_rate / 1000,
        arguments.loss * 100.0,
        arguments.seconds,
        machine::load()
    ))?;
    print(format_args!(
        "{:>5} {:>6}  {:>22}  {:>15}  {:>5} {:>6} {:>8}  {:>13}  {:>5} {:>6}  {:>6} {:>7}",
        "rooms",
        "join",
        "late p50 p99 max (ms)",
        "sent, repaired",
        "CPU",
        "µs/pkt",
        "KiB/room",
        "API p50 p99ms",
        "gen.",
        "lag99",
        "others",
        "clock/s"
    ))?;
    let rising: BTreeSet<u16> = arguments.rooms.iter().copied().collect();
    let mut rows = Vec::new();
    for rooms in rising {
        rows.push(measure(arguments, rooms.into(), &folder, &file, seed, [hub_core, rooms_core])?);
    }
    summarise(&rows)
}

fn measure(
    arguments: &Arguments,
    rooms: usize,
    folder: &Path,
    file: &Path,
    seed: u64,
    [hub_core, rooms_core]: [usize; 2],
) -> anyhow::Result<Row> {
    let hub = Hub::start(
        &folder.join(rooms.to_string()),
        hub_core,
        rooms_core,
        &["--opus-bit-rate".into(), arguments.bit_rate.to_string()],
    )?;
    let empty_kib = hub.process.memory_kib()?;
    let shared =
        Shared { token: hub.token(rooms)?, loss: arguments.loss, seed, admitted: 0.into(), measuring: false.into() };
    let playing = Rooms::start(rooms, shared)?;
    let join_s = playing.wait_for_all(PATIENCE)?;
    let ids: Vec<Value> = hub
        .api
        .get("/rooms")?
        .as_array()
        .context("the hub lists no rooms")?
        .iter()
        .map(|room| room["id"].clone())
        .collect();
    hub.api.post("/groups", &json!({ "name": "all", "rooms": ids }))?;
    hub.api.post("/groups/all/play", &json!({ "file": file, "position_s": 0 }))?;
    thread::sleep(Duration::from_secs(arguments.settle));

    let generator = Process::new(std::process::id());
    let asked = Arc::new(AtomicBool::new(true));
    let answers = ask(hub.api.clone(), Arc::clone(&asked))?;
    let before = [hub.process.cpu_s()?, generator.cpu_s()?, machine::busy_s(hub_core)?];
    let begun = Instant::now();
    playing.measure(true);
    thread::sleep(Duration::from_secs(arguments.seconds));
    playing.measure(false);
    let took = begun.elapsed().as_secs_f64();
    let after = [hub.process.cpu_s()?, generator.cpu_s()?, machine::busy_s(hub_core)?];
    let kib = hub.process.memory_kib()? - empty_kib;
    asked.store(false, Relaxed);
    let mut answers = answers.join().map_err(|_| anyhow::anyhow!("the thread that asks the API has panicked"))?;
    let mut seen = playing.end()?;

    let shares: Vec<f64> = before.iter().zip(after).map(|(before, after)| (after - before) / took).collect();
    let (cpu, generator, others) = (shares[0], shares[1], (shares[2] - shares[0]).max(0.0));
    let mut lateness: Vec<f64> = seen.rooms.iter().flat_map(|room| &room.lateness).map(|late| late * 1e3).collect();
    let repaired: u64 = seen.rooms.iter().map(|room| room.repaired).sum();
    let clock: u64 = seen.rooms.iter().map(|room| room.clock_packets).sum();
    let broken: u64 = seen.rooms.iter().map(|room| room.broken).sum();
    let packets = lateness.len();
    let [p50, p99_ms, most] = quantiles(&mut lateness, [0.5, 0.99, 1.0]);
    let [lag] = quantiles(&mut seen.lag, [0.99]);
    let [api50, api99] = quantiles(&mut answers, [0.5, 0.99]);
    let planned = 50.0 * took * rooms as f64;
    print(format_args!(
        "{rooms:>5} {join_s:>5.1}s  {p50:>6.2} {p99_ms:>7.2} {most:>7.1}  {:>6.2}% {repaired:>7}  {:>4.0}% {:>6.1} {:>8.0}  \
         {:>6.1} {:>6.1}  {:>4.0}% {:>6.2}  {:>5.0}% {:>7.1}{}",
        100.0 * packets as f64 / planned,
        100.0 * cpu,
        1e6 * cpu * took / packets.max(1) as f64,
        kib / rooms as f64,
        api50 * 1e3,
        api99 * 1e3,
        100.0 * generator,
        lag * 1e3,
        100.0 * others,
        clock as f64 / took / rooms as f64,
        if broken > 0 { format!("  {broken} connections broke") } else { String::new() },
    ))?;
    let gave_out = generator > 0.9 || lag * 1e3 > LIMIT_MS;
    // A packet at the edge of the measurement may fall on either side, in every room.
    let all_sent = (packets + rooms) as f64 >= SENT * planned;
    Ok(Row { rooms, cpu, holds: p99_ms < LIMIT_MS && all_sent && broken == 0 && !gave_out, gave_out })
}

fn summarise(rows: &[Row]) -> anyhow::Result<()> {
    let good = format!("packets are all sent, 99 of 100 less than {LIMIT_MS} ms late, and no connection breaks");
    match rows.iter().take_while(|row| row.holds).last() {
        Some(row) => print(format_args!("{good}, up to {} rooms", row.rooms))?,
        None => print(format_args!("with no number of rooms does it hold that {good}"))?,
    }
    let given_out = rows.iter().find(|row| row.gave_out);
    match given_out {
        Some(row) => print(format_args!("the generator had no time left from {} rooms on", row.rooms))?,
        None => print("the generator had time left throughout")?,
    }
    // A core that is full says nothing of what a room costs.
    let points: Vec<(f64, f64)> =
        rows.iter().filter(|row| row.cpu < 0.9).map(|row| (row.rooms as f64, row.cpu)).collect();
    if points.len() > 2 {
        let (_, slope, explained) = line(&points);
        print(format_args!(
            "a room takes {:.3} % of a core, {:.1} µs for each of its packets; a straight line explains {:.2} % of it",
            slope * 100.0,
            slope * 1e6 / 50.0,
            explained * 100.0
        ))?;
    }
    Ok(())
}

/// Asks the hub for its rooms ten times a second, until it is told not to; seconds that the answers took.
fn ask(api: Api, asked: Arc<AtomicBool>) -> std::io::Result<thread::JoinHandle<Vec<f64>>> {
    thread::Builder::new().name("ask".into()).spawn(move || {
        let mut answers = Vec::new();
        while asked.load(Relaxed) {
            // One that does not come counts as one that takes for ever.
            answers.push(api.time("/rooms").unwrap_or(f64::INFINITY));
            thread::sleep(Duration::from_millis(100));
        }
        answers
    })
}
