//! What the control plane bears: `make control`.
//!
//! The hub is the program itself, alone on the first core and with no more files than usual; rooms, people and those who
//! mean ill share the second, with everything that measures.

use std::{
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use clap::{Parser, ValueEnum};
use unisono_benches::{
    control::{
        browser::{Browser, Visit},
        flood::{Flood, Kind},
        household::{Household, Played},
        offer::{Answers, Offer},
        verdicts::Verdicts,
        volume,
        watchers::{Changes, Watchers},
    },
    lab::setup::workplace,
    scale::{figures::quantiles, machine},
};
use unisono_settings::{complain, print};

/// An answer, 99 of 100, in milliseconds.
const ANSWER_MS: f64 = 10.0;

/// A packet may leave so much later than planned, 99 of 100, in milliseconds; as `scale` has it.
const LATE_MS: f64 = 5.0;

/// Packets that may not be sent, in percent: those at the edges of the measurement.
const UNSENT: f64 = 0.5;

/// A change shows within this, in milliseconds.
const SHOWN_MS: f64 = 100.0;

/// A change of volume is heard within this: 100 ms, and a packet.
const HEARD_MS: f64 = 120.0;

/// The page is painted within this, in milliseconds, and all of its rooms are there.
const PAINTED_MS: f64 = 500.0;

/// A page has no more bytes than this, unpacked, in kB.
const PAGE_KB: f64 = 150.0;

/// Of ten seconds that Prometheus has, in milliseconds.
const SCRAPED_MS: f64 = 100.0;

/// Connections that do nothing.
const IDLE: usize = 10_000;

/// Those that never come to an end.
const SLOW: usize = 1_000;

/// People who watch while somebody means ill.
const BYSTANDERS: usize = 20;

/// Measures what the control plane bears.
#[derive(Debug, Parser)]
#[command(name = "control")]
struct Arguments {
    /// What is measured [default: everything]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How many rooms play
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=500))]
    rooms: u16,
    /// How many `WebSocket`s watch
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=290))]
    watchers: u16,
    /// Requests in a second, one in five of which sets a volume
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    rate: u16,
    /// How long each is measured, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    seconds: u64,
    /// How many changes of volume are listened for
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(5..=1_000))]
    changes: u16,
    /// How often the page is opened
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    visits: u16,
    /// When is asked for what, and which packets get lost [default: another one every time]
    #[arg(long)]
    seed: Option<u64>,
    /// Where the programs' logs and state go
    #[arg(long, default_value = "target/control")]
    folder: PathBuf,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Answers while many watch
    Load,
    /// Answers and sound beside connections that do nothing
    Idle,
    /// Answers and sound beside requests that never come to their end
    Slow,
    /// When a change of volume is heard
    Volume,
    /// What Prometheus reads
    Metrics,
    /// The page in Chromium
    Page,
}

fn main() -> ExitCode {
    match control(&unisono_settings::arguments::<Arguments>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(format_args!("control: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was within its limits.
fn control(arguments: &Arguments) -> anyhow::Result<bool> {
    let folder = workplace(&arguments.folder)?;
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let run = Run { arguments, folder, seed };
    print(format_args!("seed {seed}; the machine's load before: {}", machine::load()))?;
    let mut verdicts = Verdicts::default();
    for part in Part::value_variants() {
        if arguments.parts.is_empty() || arguments.parts.contains(part) {
            // Each has all cores at first, and a household of its own.
            run.measure(*part, &mut verdicts).with_context(|| format!("{part:?}"))?;
        }
    }
    match verdicts.missed() {
        [] => print("everything is within its limits")?,
        missed => print(format_args!("missed: {}", missed.join("; ")))?,
    }
    Ok(verdicts.missed().is_empty())
}

struct Run<'a> {
    arguments: &'a Arguments,
    folder: PathBuf,
    seed: u64,
}

impl Run<'_> {
    fn measure(&self, part: Part, verdicts: &mut Verdicts) -> anyhow::Result<()> {
        let cores = machine::cores()?;
        match part {
            Part::Load => self.load(verdicts)?,
            Part::Idle => self.flood(Kind::Idle, IDLE, verdicts)?,
            Part::Slow => self.flood(Kind::Slow, SLOW, verdicts)?,
            Part::Volume => self.volume(verdicts)?,
            Part::Metrics => self.metrics(verdicts)?,
            Part::Page => self.page(&cores, verdicts)?,
        }
        machine::keep_to(&cores)
    }

    fn household(&self, part: &str, more_s: u64) -> anyhow::Result<Household> {
        let seconds = self.arguments.seconds + more_s;
        Household::start(&self.folder.join(part), self.arguments.rooms.into(), seconds, self.seed)
    }

    fn offer(&self, household: &Household, changes: &Changes) -> anyhow::Result<Offer> {
        Ok(Offer {
            to: household.address(),
            rate: self.arguments.rate.into(),
            seconds: self.arguments.seconds,
            seed: self.seed,
            keeps: true,
            rooms: household.room_ids(self.arguments.rooms.into())?,
            changes: changes.clone(),
        })
    }

    fn load(&self, verdicts: &mut Verdicts) -> anyhow::Result<()> {
        let Arguments { rooms, watchers, rate, seconds, .. } = self.arguments;
        print(format_args!(
            "{rooms} rooms play and {watchers} `WebSocket`s watch; {rate} requests a second for {seconds} s:"
        ))?;
        let household = self.household("load", 30)?;
        let changes = Changes::default();
        let ((answers, watched), played) = household.while_playing(|household| {
            let watching = Watchers::start((*watchers).into(), household.address(), changes.clone())?;
            let answers = self.offer(household, &changes)?.run()?;
            // What was asked last is to be seen.
            thread::sleep(Duration::from_millis(500));
            Ok((answers, watching.end()?))
        })?;
        tell_answers(&answers)?;
        let took = *seconds as f64;
        print(format_args!(
            "    each WebSocket reads {:.1} messages and {:.1} kB a second",
            watched.messages as f64 / f64::from(*watchers) / took,
            watched.bytes as f64 / f64::from(*watchers) / took / 1e3,
        ))?;
        answered(&answers, "answers", verdicts)?;
        let [shown] = quantiles(&mut changes.took(), [0.99]);
        let unseen = answers.took.get("volume").map_or(0, Vec::len).saturating_sub(changes.took().len());
        print(format_args!("    {} changes were seen, {unseen} overtaken by the next", changes.took().len()))?;
        verdicts.at_most("a change on a WebSocket, p99", shown * 1e3, SHOWN_MS, "ms")?;
        verdicts.at_most(
            "`WebSocket`s that ended or read too slowly",
            (watched.broken + watched.resyncs) as f64,
            0.0,
            "",
        )?;
        heard_by_rooms(&played, verdicts)
    }

    fn flood(&self, kind: Kind, count: usize, verdicts: &mut Verdicts) -> anyhow::Result<()> {
        let part = if kind == Kind::Idle { "idle" } else { "slow" };
        print(format_args!("{count} connections that are {part}, half of them from addresses of their own:"))?;
        let household = self.household(part, 60)?;
        let changes = Changes::default();
        let ((kept, new, watched, flooded), played) = household.while_playing(|household| {
            let watching = Watchers::start(BYSTANDERS, household.address(), changes.clone())?;
            let flood = Flood::start(kind, count, household.address())?;
            let offer = self.offer(household, &changes)?;
            let half = Offer { rate: offer.rate / 2.0, ..offer };
            let newcomers = Offer { keeps: false, seed: self.seed ^ 1, ..half.clone() };
            let newcomers = thread::spawn(move || newcomers.run());
            let kept = half.run()?;
            let new = newcomers.join().map_err(|_| anyhow!("the newcomers have panicked"))??;
            Ok((kept, new, watching.end()?, flood.end()?))
        })?;
        print(format_args!(
            "    {} were opened in all, {} at most could not be; the hub holds {}",
            flooded.opened, flooded.failed, flooded.held
        ))?;
        tell_answers(&kept)?;
        answered(&kept, "answers to people who were there before", verdicts)?;
        answered(&new, "answers to people who have just come", verdicts)?;
        verdicts.at_most(
            "`WebSocket`s that ended or read too slowly",
            (watched.broken + watched.resyncs) as f64,
            0.0,
            "",
        )?;
        heard_by_rooms(&played, verdicts)
    }

    fn volume(&self, verdicts: &mut Verdicts) -> anyhow::Result<()> {
        let count = self.arguments.changes.into();
        print(format_args!("{count} changes of volume in two rooms, from the request to the converter:"))?;
        for mut heard in volume::changes(&self.folder.join("volume"), count, self.seed)? {
            let [begun50, begun99, begun] = quantiles(&mut heard.begun_ms, [0.5, 0.99, 1.0]);
            let [least, whole50, whole99, whole] = quantiles(&mut heard.whole_ms, [0.0, 0.5, 0.99, 1.0]);
            print(format_args!(
                "    {}: begins after {begun50:.1} ms (p50), {begun99:.1} (p99), {begun:.1} at most; is whole after \
                 {least:.1} at least, {whole50:.1} (p50), {whole99:.1} (p99)",
                heard.room
            ))?;
            let missing = count - heard.whole_ms.len();
            verdicts.at_most(&format!("{}: changes that were not found", heard.room), missing as f64, 0.0, "")?;
            verdicts.at_most(&format!("{}: a change is whole after", heard.room), whole, HEARD_MS, "ms")?;
        }
        Ok(())
    }

    fn metrics(&self, verdicts: &mut Verdicts) -> anyhow::Result<()> {
        print(format_args!("/metrics while {} rooms play:", self.arguments.rooms))?;
        let household = self.household("metrics", 30)?;
        let ((mut took, bytes), played) = household.while_playing(|household| {
            let agent = ureq::Agent::new_with_defaults();
            let (mut took, mut bytes) = (Vec::new(), 0);
            for _ in 0..self.arguments.seconds * 2 {
                let begun = Instant::now();
                let page =
                    agent.get(format!("http://{}/metrics", household.address())).call()?.body_mut().read_to_vec()?;
                took.push(begun.elapsed().as_secs_f64() * 1e3);
                bytes = page.len();
                thread::sleep(Duration::from_millis(500));
            }
            Ok((took, bytes))
        })?;
        let [p50, most] = quantiles(&mut took, [0.5, 1.0]);
        print(format_args!("    {:.0} kB, {p50:.2} ms (p50)", bytes as f64 / 1e3))?;
        verdicts.at_most("a scrape", most, SCRAPED_MS, "ms")?;
        heard_by_rooms(&played, verdicts)
    }

    fn page(&self, cores: &[usize], verdicts: &mut Verdicts) -> anyhow::Result<()> {
        let Arguments { rooms, visits, .. } = self.arguments;
        print(format_args!(
            "the page in Chromium, {visits} times as somebody who was never there, {rooms} rooms play:"
        ))?;
        let household = self.household("page", 120)?;
        // A browser is many programs.
        machine::keep_to(cores)?;
        let (seen, played) = household.while_playing(|household| {
            let browser = Browser::open(&self.folder.join("chromium"))?;
            // The first visit has Chromium itself start.
            browser.visit(household.address(), (*rooms).into())?;
            let visit = |_| browser.visit(household.address(), (*rooms).into());
            (0..*visits).map(visit).collect::<anyhow::Result<Vec<Visit>>>()
        })?;
        let of = |figure: fn(&Visit) -> f64| seen.iter().map(figure).collect::<Vec<_>>();
        let last = seen.last().context("nobody was there")?;
        let [paint50, paint] = quantiles(&mut of(|visit| visit.paint_ms), [0.5, 1.0]);
        let [rooms50, rooms] = quantiles(&mut of(|visit| visit.rooms_ms), [0.5, 1.0]);
        print(format_args!(
            "    {:.0} files, {:.1} kB on the wire; painted after {paint50:.0} ms (p50), all rooms after {rooms50:.0} (p50)",
            last.files,
            last.on_the_wire / 1e3
        ))?;
        verdicts.at_most("painted", paint, PAINTED_MS, "ms")?;
        verdicts.at_most("all rooms are there", rooms, PAINTED_MS, "ms")?;
        verdicts.at_most("the page unpacked", last.unpacked / 1e3, PAGE_KB, "kB")?;
        heard_by_rooms(&played, verdicts)
    }
}

fn tell_answers(answers: &Answers) -> anyhow::Result<()> {
    for (kind, took) in &answers.took {
        let mut took: Vec<f64> = took.iter().map(|took| took * 1e3).collect();
        let [p50, p99, most] = quantiles(&mut took, [0.5, 0.99, 1.0]);
        print(format_args!(
            "    {kind:<7} {:>5} times: {p50:.2} ms (p50), {p99:.2} (p99), {most:.1} at most",
            took.len()
        ))?;
    }
    Ok(())
}

fn answered(answers: &Answers, whose: &str, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let [p50, p99] = quantiles(&mut answers.all(), [0.5, 0.99]);
    let [lag] = quantiles(&mut answers.lag.clone(), [0.99]);
    if let Some(failure) = answers.failures.first() {
        print(format_args!("    {} were not answered, such as {failure}", answers.failures.len()))?;
    }
    print(format_args!(
        "    {whose}: {:.2} ms (p50), of which this side adds {:.2} (p99 of its own lateness)",
        p50 * 1e3,
        lag * 1e3
    ))?;
    verdicts.at_most(&format!("{whose}, p99"), p99 * 1e3, ANSWER_MS, "ms")?;
    verdicts.at_most(&format!("{whose}: none"), answers.failures.len() as f64, 0.0, "")
}

fn heard_by_rooms(played: &Played, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    print(format_args!("    the generator's own wake-ups are {:.2} ms late (p99)", played.lag_ms))?;
    verdicts.at_most("packets are late, p99", played.late_ms, LATE_MS, "ms")?;
    verdicts.at_most("packets that were not sent", (1.0 - played.sent).max(0.0) * 100.0, UNSENT, "%")?;
    verdicts.at_most("rooms whose connection broke", played.broken as f64, 0.0, "")?;
    verdicts.at_most("packets too late for the node's room", played.too_late, 0.0, "")?;
    verdicts.at_most("sound made up there", played.concealed_ms, 0.0, "ms")?;
    verdicts.at_most("times its converter ran dry", played.underruns, 0.0, "")
}
