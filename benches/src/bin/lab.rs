//! Measures from the sound how well rooms play together on bad networks and crystals, beside Snapcast: `make lab`.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use nix::unistd::geteuid;
use serde_json::json;
use unisono_benches::lab::{
    contest::{Contest, EARLY, Entry, rooms},
    figures::Figures,
    interrupt,
    material::{Material, Sound},
    network,
    profile::Profile,
    report::{
        limits::{Reach, Verdict, broken, too_short},
        plot, table,
    },
    setup::workplace,
    stillness::{Stillness, Watch},
    unisono::Options,
};
use unisono_settings::{complain, print};

/// Runs Unisono, and Snapcast beside it, in network namespaces behind emulated Wi-Fi, every process on a crystal of its
/// own, and measures what the modelled converters played. Needs root.
#[derive(Clone, Debug, Parser)]
#[command(name = "lab", version)]
struct Arguments {
    /// clean, good, bad, or what benches/lab/wifilink.c takes, with commas between: loss=5,burst=3
    #[arg(long, default_value = "good")]
    profile: Profile,
    /// How long the nodes run, in seconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(15..=86_400))]
    duration: u32,
    /// Rooms
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=20))]
    rooms: u8,
    /// How fast the rooms' converters run, in parts per million, up to 1000 either way
    #[arg(long, default_value = "0,40", value_delimiter = ',', allow_hyphen_values = true, value_parser = ppm)]
    dac_ppm: Vec<f64>,
    /// How fast the rooms' clocks run
    #[arg(long, default_value = "-30,45", value_delimiter = ',', allow_hyphen_values = true, value_parser = ppm)]
    clock_ppm: Vec<f64>,
    /// In steps of how many frames converters say where they are: 48 is 1 ms
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=4_800))]
    quantum: u32,
    /// Unisono's codec
    #[arg(long, default_value = "opus", value_parser = ["opus", "flac", "pcm16", "pcm24"])]
    codec: String,
    /// Unisono's network margin, 60 to 5000 milliseconds [default: 1000 on the bad link, else 400]
    #[arg(long, value_parser = clap::value_parser!(u32).range(60..=5_000))]
    margin_ms: Option<u32>,
    /// Of links and noise [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// Who plays beside Unisono
    #[arg(long, default_value = "snapcast")]
    peer: Peer,
    /// Snapcast's codec [default: the one that Unisono has]
    #[arg(long, value_parser = ["flac", "opus", "ogg", "pcm"])]
    peer_codec: Option<String>,
    /// Play tones of 997 Hz and 10 kHz, too, as PCM of 24 bits
    #[arg(long)]
    tone: bool,
    /// How long each of them runs, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(20..=86_400))]
    tone_duration: u32,
    /// How long nodes have been connected when a tone begins, in seconds: while clocks are learned, the pitch follows what
    /// is learned
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(4..=86_400))]
    tone_after: u32,
    /// Where unisono, unisono-hub and unisono-node are [default: beside this program]
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Where everything is put [default: target/lab-SEED]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Keep the recordings: 23 MB a minute and room
    #[arg(long)]
    keep: bool,
    /// Ask only for what must hold anywhere; up to three times on a machine that stands still meanwhile
    #[arg(long)]
    check: bool,
    /// A fault put in on purpose: nodes take their own clocks for as fast as the hub's
    #[arg(long)]
    zero_estimator: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    Snapcast,
    None,
}

/// How often a check is made on a machine that stands still meanwhile.
const CHECKS: u32 = 3;

/// What Unisono was found to do.
struct Judgement {
    verdicts: Vec<Verdict>,
    /// What nothing is said about, a line each.
    unjudged: Vec<String>,
}

fn ppm(text: &str) -> Result<f64, String> {
    let ppm = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (-1_000.0..=1_000.0).contains(&ppm) { Ok(ppm) } else { Err("it is not between -1000 and 1000".into()) }
}

fn main() -> ExitCode {
    match run(&unisono_settings::arguments::<Arguments>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(format_args!("lab: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that is asked for holds.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    if !geteuid().is_root() {
        bail!("network namespaces and real-time priority need root: sudo make lab");
    }
    let programs = programs(arguments)?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let out = workplace(&arguments.out.clone().unwrap_or_else(|| format!("target/lab-{seed}").into()))?;
    let _lock = lock(&out)?;
    install(arguments.peer)?;
    interrupt::catch()?;
    network::sweep();
    let margin_ms = arguments.margin_ms.unwrap_or(if arguments.profile.name() == Some("bad") { 1_000 } else { 400 });
    let like_ours = if arguments.codec.starts_with("pcm") { "pcm" } else { &arguments.codec }.to_owned();
    let contest = Contest {
        rooms: rooms(arguments.rooms.into(), &arguments.clock_ppm, &arguments.dac_ppm, arguments.zero_estimator),
        quantum: arguments.quantum,
        profile: arguments.profile.clone(),
        seed,
        material: Material { sound: Sound::Pink(seed), bits: 16, seconds: arguments.duration },
        play_at: EARLY,
        seconds: arguments.duration.into(),
        options: Options { programs, codec: arguments.codec.clone(), margin_ms },
        peer_codec: (arguments.peer == Peer::Snapcast).then(|| arguments.peer_codec.clone().unwrap_or(like_ours)),
    };
    let peers = contest.peer_codec.as_ref().map_or(String::new(), |codec| format!(" (Snapcast: {codec})"));
    let title = format!(
        "{} link, seed {seed}, {} rooms, {} s, clocks {:?} ppm, converters {:?} ppm in steps of {} frames, {}{peers}, margin {margin_ms} ms",
        arguments.profile,
        arguments.rooms,
        arguments.duration,
        arguments.clock_ppm,
        arguments.dac_ppm,
        arguments.quantum,
        arguments.codec
    );
    let floor = arguments.profile.stalled_longer(margin_ms.into()) * 100.0;
    let title = format!("{title} (stalls alone outlast it for {floor:.4} % of the time)");
    let title = if arguments.tone { format!("{title}, tones after {} s", arguments.tone_after) } else { title };
    print(&title)?;
    let mut attempts = if arguments.check { CHECKS } else { 1 };
    loop {
        let watch = Watch::begin();
        let mut players =
            play(&contest, &out.join("noise"), arguments.keep, |entry| Figures::take(&entry.setup, &entry.outcome))?;
        if arguments.tone {
            tones(arguments, &contest, &out, &mut players)?;
        }
        let stillness = watch.end();
        let judgement = judge(arguments, margin_ms, &players)?;
        let holds = report(&out, &title, &players, &judgement, &stillness)?;
        attempts -= 1;
        if holds || attempts == 0 || !stillness.is_an_excuse() {
            return Ok(holds);
        }
        print("Once more, for the machine has stood still for longer than a room can bridge.\n")?;
    }
}

/// Where the three programs are.
fn programs(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let here = env::current_exe()?;
    let beside = here.parent().context("this program is in no folder")?;
    let programs = std::path::absolute(arguments.programs.as_deref().unwrap_or(beside))?;
    for name in ["unisono", "unisono-hub", "unisono-node"] {
        if !programs.join(name).is_file() {
            bail!("there is no {name} in {}", programs.display());
        }
    }
    Ok(programs)
}

/// Keeps other labs out of a folder for as long as the file is open.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lab.lock");
    let lock = File::create(&path).with_context(|| format!("{}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another lab works in {}", folder.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{}", path.display())),
    }
}

fn judge(arguments: &Arguments, margin_ms: u32, players: &[Figures]) -> anyhow::Result<Judgement> {
    let ours = players.first().context("nobody played")?;
    if arguments.check {
        return Ok(Judgement { verdicts: broken(ours), unjudged: Vec::new() });
    }
    let reach = arguments.profile.name().and_then(|name| Reach::on(name, arguments.quantum, margin_ms));
    Ok(match reach {
        Some(reach) => {
            let mut unjudged = too_short(ours);
            if ours.tones.is_empty() {
                unjudged.push("not judged: SINAD and wow, no tone was played (--tone)".into());
            }
            Judgement { verdicts: reach.judge(ours, players.get(1)), unjudged }
        }
        None => Judgement {
            verdicts: Vec::new(),
            unjudged: vec!["not judged: there are no limits for this profile".into()],
        },
    })
}

/// Plays something, and gives what `figures` makes of each player's entry, Unisono's first. Whatever comes of it, no
/// recording is left unless it is to be kept.
fn play<T>(
    contest: &Contest,
    folder: &Path,
    keep: bool,
    figures: impl FnMut(Entry) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    fs::create_dir_all(folder)?;
    let figures = contest.run(folder).and_then(|entries| entries.into_iter().map(figures).collect());
    if !keep {
        remove_recordings(contest, folder);
    }
    figures
}

/// Removes what was recorded, and what was to be played where a player has not done so.
fn remove_recordings(contest: &Contest, folder: &Path) {
    let mut files: Vec<String> = contest.rooms.iter().map(|room| format!("{}.raw", room.name)).collect();
    files.extend(["material.wav".into(), "material.raw".into()]);
    let players = ["unisono", "snapcast"].iter().take(if contest.peer_codec.is_some() { 2 } else { 1 });
    for player in players {
        for file in &files {
            // There is none where it has not come so far.
            let _ = fs::remove_file(folder.join(player).join(file));
        }
    }
}

fn tones(arguments: &Arguments, contest: &Contest, out: &Path, players: &mut [Figures]) -> anyhow::Result<()> {
    for hertz in [997.0, 10_000.0] {
        let mut contest = contest.clone();
        contest.material = Material { sound: Sound::Sine(hertz), bits: 24, seconds: arguments.tone_duration };
        contest.play_at = arguments.tone_after.into();
        contest.seconds = contest.play_at + f64::from(arguments.tone_duration);
        contest.options.codec = "pcm24".into();
        contest.peer_codec = contest.peer_codec.map(|_| "pcm".into());
        let folder = out.join(format!("{hertz}-hz"));
        let entries =
            play(&contest, &folder, arguments.keep, |entry| Figures::tones(hertz, &entry.setup, &entry.outcome))?;
        for (player, tones) in players.iter_mut().zip(entries) {
            player.tones.extend(tones);
        }
    }
    Ok(())
}

fn report(
    out: &Path,
    title: &str,
    players: &[Figures],
    judgement: &Judgement,
    stillness: &Stillness,
) -> anyhow::Result<bool> {
    let Judgement { verdicts, unjudged } = judgement;
    let columns: Vec<&Figures> = players.iter().collect();
    let unjudged_lines: String = unjudged.iter().map(|line| format!("{line}\n")).collect();
    let (figures, verdict_lines) = (table::figures(&columns), table::verdicts(verdicts));
    let text = format!("{figures}\nmeanwhile {stillness}\n\n{verdict_lines}{unjudged_lines}");
    // On disk first: whoever reads along may have gone.
    fs::write(out.join("table.txt"), format!("{title}\n\n{text}"))?;
    fs::write(out.join("plot.svg"), plot::plot(title, &columns))?;
    let json = json!({ "run": title, "players": players, "verdicts": verdicts, "not_judged": unjudged, "stillness": stillness });
    fs::write(out.join("figures.json"), serde_json::to_string_pretty(&json)?)?;
    print(format_args!("\n{text}"))?;
    print(format_args!("table.txt, plot.svg, figures.json and logs are in {}", out.display()))?;
    Ok(verdicts.iter().all(|verdict| verdict.holds))
}

/// Installs what is missing.
fn install(peer: Peer) -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/packages");
    let mut command = Command::new(&script);
    command.args(["gcc", "libasound2-dev", "iproute2", "ethtool", "util-linux"]);
    if peer == Peer::Snapcast {
        command.args(["snapserver", "snapclient"]);
    }
    let status = command.status().with_context(|| format!("{} cannot be started", script.display()))?;
    if !status.success() {
        bail!("packages are missing");
    }
    Ok(())
}
