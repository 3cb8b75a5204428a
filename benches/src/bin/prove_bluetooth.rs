//! Proves on real `BlueZ` what a node does with a Bluetooth speaker: `make test-bluetooth`.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use nix::unistd::geteuid;
use unisono_benches::{
    bluetooth::{
        checks,
        house::{House, Places, script},
        machine::Machine,
        speed::Speed,
        verdicts::Verdicts,
    },
    lab::{interrupt, network, profile::Profile, setup::workplace},
};
use unisono_settings::{complain, print};

/// Proves on real `BlueZ`, in a virtual machine, what a node does with a Bluetooth speaker. Needs root.
#[derive(Clone, Debug, Parser)]
#[command(name = "prove_bluetooth")]
struct Arguments {
    /// Where recordings and logs go
    #[arg(default_value = "target/bluetooth")]
    folder: PathBuf,
    /// What benches/bluetooth/vm has built
    #[arg(long, default_value = "target/bluetooth-vm")]
    machine: PathBuf,
    /// Where the programs are [default: beside this program]
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Less of each: for a run before each submission
    #[arg(long)]
    short: bool,
    /// Ask only for what must hold anywhere: an emulated machine has a world of its own, and little time
    #[arg(long)]
    check: bool,
    /// Only these
    #[arg(long, value_delimiter = ',')]
    only: Vec<Check>,
    /// How the guest's link to the hub behaves: clean, good, bad, or what wifilink takes
    #[arg(long, default_value = "good")]
    profile: Profile,
    /// Of the link [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Check {
    /// The crate of Bluetooth without a node
    Source,
    /// Pairings from nothing
    Pairing,
    /// Beside a wired room, with steps and lies of the report
    Playing,
    /// 80 to 120 Hz at full level
    Bass,
    /// The room's volume and the speaker's own
    Volume,
    /// The speaker off and on
    Power,
    /// The wired output taken away and given back
    Fallback,
    /// The hub killed and back
    Alone,
}

/// Each in the order in which it is done; those behind pairing rest on it.
const ALL: [Check; 8] = [
    Check::Source,
    Check::Pairing,
    Check::Playing,
    Check::Bass,
    Check::Volume,
    Check::Power,
    Check::Fallback,
    Check::Alone,
];

/// What `--check` allows, in times of each limit.
const CHECKED: f64 = 4.0;

fn main() -> ExitCode {
    match prove(&unisono_settings::arguments::<Arguments>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(format_args!("prove_bluetooth: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether every limit was kept.
fn prove(arguments: &Arguments) -> anyhow::Result<bool> {
    if !geteuid().is_root() {
        bail!("it makes network namespaces and starts a machine, for which it has to be root");
    }
    interrupt::catch()?;
    network::sweep();
    let begun = Instant::now();
    let folder = workplace(&arguments.folder)?;
    let _ = fs::remove_dir_all(&folder);
    let here = env::current_exe()?;
    let programs = arguments.programs.clone().or_else(|| here.parent().map(Into::into));
    let places = Places {
        machine: fs::canonicalize(&arguments.machine)
            .with_context(|| format!("{}: build it with benches/bluetooth/vm build", arguments.machine.display()))?,
        programs: programs.context("this program is in no folder")?,
        folder,
    };
    let wanted: Vec<Check> = ALL.into_iter().filter(|check| wants(arguments, *check)).collect();
    let mut verdicts = Verdicts::new(if arguments.check { CHECKED } else { 1.0 });
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    print(format_args!("seed {seed}, link {}", arguments.profile))?;
    if wanted == [Check::Source] {
        alone_in_guest(arguments, &places, &mut verdicts)?;
    } else {
        let mut house = House::start(&places, &arguments.profile, seed)?;
        tell_machine(&mut house.guest, &verdicts)?;
        for check in wanted {
            if let Err(error) = perform(check, arguments.short, &mut house, &mut verdicts) {
                if interrupt::is_it(&error) {
                    return Err(error);
                }
                verdicts.failed(format_args!("{check:?}"), &error)?;
                // The next one starts with what is there, not with what this one left running.
                let _ = house.unisono(&["stop"]);
                let _ = house.guest.kill("node");
                if house.unisono(&["rooms"]).is_err() {
                    house.kill_hub();
                    house.start_hub()?;
                }
            }
        }
    }
    let (kept, missed) = verdicts.all();
    print(format_args!(
        "{:.0} s; recordings and logs are in {}",
        begun.elapsed().as_secs_f64(),
        places.folder.display()
    ))?;
    for line in missed {
        print(format_args!("missed: {line}"))?;
    }
    print(format_args!("{kept} passed, {} failed", missed.len()))?;
    Ok(missed.is_empty())
}

fn wants(arguments: &Arguments, check: Check) -> bool {
    if arguments.only.is_empty() { true } else { arguments.only.contains(&check) }
}

/// Without hub and network.
fn alone_in_guest(arguments: &Arguments, places: &Places, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let work = places.folder.join("work");
    fs::create_dir_all(&work)?;
    let mut guest = Machine::start(Command::new(script()), &places.machine, &places.programs, &work)?;
    guest.spawn("speaker", &unisono_benches::bluetooth::house::SPEAKER)?;
    tell_machine(&mut guest, verdicts)?;
    checks::source(&mut guest, verdicts, if arguments.short { 20 } else { 60 })
}

fn perform(check: Check, short: bool, house: &mut House, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let amount = |short_one, full| if short { short_one } else { full };
    match check {
        Check::Source => checks::source(&mut house.guest, verdicts, amount(20, 60)),
        Check::Pairing => checks::pairing(house, verdicts, amount(10, 100)),
        Check::Playing => checks::playing(house, verdicts, amount(45, 300)),
        Check::Bass => checks::bass(house, verdicts, amount(30, 300)),
        Check::Volume => checks::volume(house, verdicts),
        Check::Power => checks::power(house, verdicts),
        Check::Fallback => checks::fallback(house, verdicts, amount(1, 3)),
        Check::Alone => checks::alone(house, verdicts, amount(1, 10)),
    }
}

/// What the guest is and can do.
fn tell_machine(guest: &mut Machine, verdicts: &Verdicts) -> anyhow::Result<()> {
    verdicts.about("The machine")?;
    let kernel = guest.run(&["uname", "-r"])?;
    let bluez = guest.run(&["/usr/libexec/bluetooth/bluetoothd", "--version"])?;
    verdicts.note(format_args!("Linux {}, BlueZ {}, by software emulation", kernel.trim(), bluez.trim()))?;
    let said = guest.run_within(&["/programs/guest", "speed"], Duration::from_secs(120))?;
    let speed: Speed = serde_json::from_str(&said)?;
    verdicts.note(format_args!(
        "a thread wakes {:.2} ms late (1 of 100: {:.2}), BlueZ answers in {:.1} ms (1 of 100: {:.1})",
        speed.timer[0] * 1e3,
        speed.timer[1] * 1e3,
        speed.bus[0] * 1e3,
        speed.bus[1] * 1e3
    ))?;
    verdicts.note(format_args!(
        "of a processor take: Opus {:.0} %, the resampler {:.0} %, SBC {:.0} % to encode and {:.0} % to decode",
        speed.opus * 1e2,
        speed.resampler * 1e2,
        speed.sbc_encoder * 1e2,
        speed.sbc_decoder * 1e2
    ))
}
