//! Runs a house in virtual time and prints what its rooms did.

use std::{io, process::ExitCode, time::Instant};

use clap::Parser;
use unisono_benches::sim::{LinkProfile, Report, Setup, World};
use unisono_core::time::Nanos;
use unisono_settings::{complain, print};

/// Runs a house in virtual time and prints what its rooms did.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many rooms, 1 to 100
    #[arg(default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rooms: u8,
    /// What lies between the hub and each room: clean, good, lossy (good, with 5 % lost) or bad
    #[arg(default_value = "good", value_parser = link)]
    link: LinkProfile,
    /// For how long, of which the first three seconds are silent
    #[arg(default_value = "60", value_parser = seconds)]
    seconds: f64,
    /// Everything random comes from it [default: another one every time]
    seed: Option<u64>,
    /// So many runs, with this seed and those after it, in one line each and a summary
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// How long a packet may be on its way or be asked for again, 60 to 5000 milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(60..=5_000))]
    margin_ms: i64,
    /// Steps in which the converters' counters move, in frames
    #[arg(long, value_name = "FRAMES", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=4_800))]
    quantum: u64,
    /// For how many hours, instead of SECONDS, up to 48
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    hours: Option<f64>,
    /// The shortest way jumps by up to 150 µs every 4 to 20 s, as where Wi-Fi changes its rate
    #[arg(long)]
    jumping_floors: bool,
    /// Every crystal swings so far up and down within an hour
    #[arg(long, value_name = "PPM", default_value = "0", value_parser = swing)]
    swing_ppm: f64,
    /// After three minutes, 99 of 100 errors between rooms are to be no larger, in microseconds; it fails if they are
    #[arg(long, value_name = "N", value_parser = limit)]
    limit_us: Option<f64>,
}

/// From when on errors are held against the limit, in seconds.
const LEARNED: f64 = 180.0;

/// The first seconds, in which clocks are found, in seconds.
const SILENT: f64 = 3.0;

impl Arguments {
    fn seconds(&self) -> f64 {
        self.hours.map_or(self.seconds, |hours| hours * 3_600.0)
    }

    /// Where to begin.
    fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(..1 << 32))
    }
}

fn link(text: &str) -> Result<LinkProfile, String> {
    match text {
        "clean" => Ok(LinkProfile::CLEAN),
        "good" => Ok(LinkProfile::GOOD),
        "bad" => Ok(LinkProfile::BAD),
        "lossy" => Ok(LinkProfile { loss: 0.05, ..LinkProfile::GOOD }),
        _ => Err("it is none of clean, good, lossy and bad".into()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (5.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("it is not between 5 and 86400".into()) }
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.01..=48.0).contains(&hours) { Ok(hours) } else { Err("it is not between 0.01 and 48".into()) }
}

fn swing(text: &str) -> Result<f64, String> {
    let ppm = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.0..=20.0).contains(&ppm) { Ok(ppm) } else { Err("it is not between 0 and 20".into()) }
}

fn limit(text: &str) -> Result<f64, String> {
    let us = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.0..=1e6).contains(&us) { Ok(us) } else { Err("it is not between 0 and 1000000".into()) }
}

fn main() -> ExitCode {
    let arguments: Arguments = unisono_settings::arguments();
    let done = if arguments.seeds > 1 { simulate_many(&arguments) } else { simulate(&arguments) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(format_args!("simulate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What was made up, and what repair cost.
#[derive(Default)]
struct Costs {
    concealed: f64,
    repairs: f64,
    requests: f64,
    clock: f64,
}

impl Costs {
    fn new(report: &Report, seconds: f64) -> Self {
        let rooms = report.rooms.iter();
        let (mut concealed, mut media, mut repairs, mut requests, mut clock) = (0, 0, 0, 0, 0);
        for room in rooms {
            concealed += room.concealed_frames;
            media += room.traffic.media;
            repairs += room.traffic.repairs;
            requests += room.traffic.requests;
            clock += room.traffic.clock;
        }
        let percent = |part: u64, of: f64| part as f64 / of * 100.0;
        let frames = report.rooms.len() as f64 * (seconds - SILENT) * 48_000.0;
        Self {
            concealed: percent(concealed, frames),
            repairs: percent(repairs, media as f64),
            requests: percent(requests, media as f64),
            clock: percent(clock, media as f64),
        }
    }

    fn print(&self, of: &str) -> io::Result<()> {
        let Self { concealed, repairs, requests, clock } = self;
        print(format_args!(
            "{of}: concealed {concealed:.5} %; bytes of repairs {repairs:.2} %, of requests {requests:.2} %, of clock \
             packets {clock:.2} %, all of the sound's"
        ))
    }
}

/// The errors between all rooms from one instant to another, if that is later, in microseconds, smallest first.
fn errors(report: &Report, from: f64, to: f64) -> Vec<f64> {
    let (mut errors, to): (Vec<f64>, _) = (Vec::new(), to.max(from));
    for a in 0..report.rooms.len() {
        for b in a + 1..report.rooms.len() {
            errors.extend(report.errors_between(a, b, from, to).iter().map(|e| e.abs() * 1e6));
        }
    }
    errors.sort_by(f64::total_cmp);
    errors
}

/// What a share of the errors stays within; infinite where there are none.
fn percentile(errors: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = (errors.len().saturating_sub(1) as f64 * share) as usize;
    errors.get(index).copied().unwrap_or(f64::INFINITY)
}

/// Whether rooms were as close as is asked for, if anything is.
fn judge(arguments: &Arguments, report: &Report) -> io::Result<bool> {
    let Some(limit) = arguments.limit_us else { return Ok(true) };
    let p99 = percentile(&errors(report, LEARNED, arguments.seconds()), 0.99);
    let holds = p99 <= limit;
    let verdict = if holds { "ok" } else { "FAILED" };
    print(format_args!("after {LEARNED} s: p99 {p99:.1} µs, at most {limit} µs: {verdict}"))?;
    Ok(holds)
}

/// Every seed's costs, their mean and the worst; whether all of them hold.
fn simulate_many(arguments: &Arguments) -> io::Result<bool> {
    let first = arguments.seed();
    let seeds = first..=first.saturating_add(arguments.seeds - 1);
    let runs = seeds.clone().count() as f64;
    let (mut sum, mut worst, mut all_hold) = (Costs::default(), 0.0_f64, true);
    for seed in seeds {
        let report = play(arguments, seed).report();
        let costs = Costs::new(&report, arguments.seconds());
        costs.print(&format!("seed {seed}"))?;
        all_hold &= judge(arguments, &report)?;
        sum.concealed += costs.concealed / runs;
        sum.repairs += costs.repairs / runs;
        sum.requests += costs.requests / runs;
        sum.clock += costs.clock / runs;
        worst = worst.max(costs.concealed);
    }
    sum.print("mean")?;
    print(format_args!("worst: concealed {worst:.5} %"))?;
    Ok(all_hold)
}

fn play(arguments: &Arguments, seed: u64) -> World {
    let mut link = arguments.link;
    if arguments.jumping_floors {
        link.floors = LinkProfile::RATE_FLOORS;
    }
    let mut setup = Setup::rooms(arguments.rooms, link, seed);
    setup.swing_ppm = arguments.swing_ppm;
    setup.settings.margin = Nanos::from_millis(arguments.margin_ms);
    setup.nodes.iter_mut().for_each(|node| node.quantum = arguments.quantum);
    let mut world = World::new(setup);
    world.run_until(SILENT);
    let all: Vec<usize> = (0..usize::from(arguments.rooms)).collect();
    world.play_in(&all);
    world.run_until(arguments.seconds());
    world
}

/// What every room did; whether that holds.
fn simulate(arguments: &Arguments) -> io::Result<bool> {
    let (rooms, seconds, seed) = (arguments.rooms, arguments.seconds(), arguments.seed());
    print(format_args!("{rooms} rooms, {seconds} s, seed {seed}"))?;
    let started = Instant::now();
    let mut world = play(arguments, seed);
    let report = world.report();
    for (i, room) in report.rooms.iter().enumerate() {
        let plays =
            report.playing_span(i).map_or("never plays".into(), |(from, to)| format!("plays {from:.1} to {to:.1} s"));
        let clock = world.clock_error(i).map_or("clock unknown".into(), |(error, uncertainty)| {
            format!("clock off by {:+.1} µs (said: {:.1} at most)", error * 1e6, uncertainty * 1e6)
        });
        print(format_args!(
            "room {i}: {plays}; silent {:.2} % after 4 s; jumped {} times, starved {} times, {} frames concealed; {clock}{}",
            report.silent_share(i, 4.0, seconds) * 100.0,
            room.resyncs,
            room.starved,
            room.concealed_frames,
            room.closed.as_ref().map_or_else(String::new, |reason| format!("; turned away: {reason}")),
        ))?;
    }
    Costs::new(&report, seconds).print("repair")?;
    for (from, to) in [(4.0, 10.0), (10.0, 60.0), (60.0, LEARNED), (LEARNED, seconds)] {
        let errors = errors(&report, from, to.min(seconds));
        if !errors.is_empty() {
            let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(&errors, share));
            print(format_args!("{from}-{to} s: p50 {p50:.1} p95 {p95:.1} p99 {p99:.1} max {max:.1} µs"))?;
        }
    }
    let holds = judge(arguments, &report)?;
    print(format_args!("took {:.1} s", started.elapsed().as_secs_f64()))?;
    Ok(holds)
}
