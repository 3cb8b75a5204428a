//! The hub is killed under a speaker's room, which then plays what its node has itself, and comes back.

use std::time::Duration;

use anyhow::Context;

use super::{TOGETHER_MS, record, speaker_only, until_heard};
use crate::{
    bluetooth::{
        hearing::{apart_in, in_guest},
        house::House,
        verdicts::Verdicts,
    },
    lab::{
        analysis::{sync::compare, track::Track},
        interrupt::pause,
        listen::listen,
        material::{Material, Sound},
        recording::Recording,
        setup::now,
    },
};

/// A node waits so long for its hub; see the settings.
const AFTER_S: f64 = 10.0;

/// It plays within this of that limit, and is back in its group within this of the hub's return.
const SOON_S: f64 = 3.0;

/// How long it plays by itself, and with its hub.
const EACH: Duration = Duration::from_secs(8);

/// SBC is less like the original than what is lossless.
const LIKE: f64 = 0.9;

/// What a process may grow by from its second cycle on: pages that are touched for the first time.
const GROWTH_KIB: f64 = 2_048.0;

/// So many cycles.
///
/// # Errors
/// When it does not play at all.
pub fn alone(house: &mut House, verdicts: &mut Verdicts, cycles: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("The hub is killed and comes back, {cycles} times"))?;
    house.speaker("delay 150")?;
    house.speaker("report 150")?;
    let own = Material { sound: Sound::Pink(99), bits: 16, seconds: 30 };
    own.write_wav(&house.guest.work().join("own.wav"))?;
    let original: Vec<f32> = own.samples().collect();
    speaker_only(house)?;
    house.play(Material { sound: Sound::Pink(14), bits: 16, seconds: 60 + 60 * cycles })?;
    until_heard(house)?;
    let mut after_second = None;
    for number in 1..=cycles {
        let recording = record(house, "alone")?;
        pause(EACH)?;
        house.kill_hub();
        let killed = now();
        pause(Duration::from_secs_f64(AFTER_S + SOON_S) + EACH)?;
        house.start_hub()?;
        let back = now();
        pause(EACH)?;
        let ended = now();
        record(house, "between")?;
        let clock = house.guest.clock()?;
        let heard = listen(&original, &Recording::read(&recording)?, LIKE)?;
        let first = heard.found.iter().map(|found| clock.ours(found.time)).fold(f64::INFINITY, f64::min);
        verdicts.at_most(
            format_args!("{number}: its own music is heard after"),
            first - killed,
            AFTER_S + SOON_S,
            "s",
        )?;
        let windows = compare(&[Track::read(&house.wired_recording())?, in_guest(&recording, &clock)?], ended);
        let together = windows
            .iter()
            .filter(|window| window.instant > killed + AFTER_S)
            .find(|window| window.error.is_some_and(|error| error.abs() * 1e3 <= TOGETHER_MS));
        let together = together.map_or(f64::INFINITY, |window| window.instant);
        verdicts.at_most(format_args!("{number}: in time with its group after"), together - back, SOON_S, "s")?;
        let settled = apart_in(&windows, together, ended - 0.5);
        verdicts.at_most(format_args!("{number}: apart from then on"), settled.worst * 1e3, TOGETHER_MS, "ms")?;
        let uses = Uses::of_node(house)?;
        verdicts.note(format_args!("{number}: the node has {uses:?}"))?;
        if number == 2 {
            after_second = Some(uses);
        } else if let (Some(before), true) = (&after_second, number == cycles) {
            verdicts.at_most("the node has grown by", uses.kib - before.kib, GROWTH_KIB, "KiB")?;
            verdicts.at_most("more files than after the second cycle", uses.files - before.files, 0.0, "")?;
            verdicts.at_most("more threads than after the second cycle", uses.threads - before.threads, 0.0, "")?;
        }
    }
    house.unisono(&["stop"])?;
    house.end_node()
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Uses {
    kib: f64,
    files: f64,
    threads: f64,
}

impl Uses {
    fn of_node(house: &mut House) -> anyhow::Result<Self> {
        let script = "p=$(pidof unisono-node); grep -E '^(VmRSS|Threads)' /proc/$p/status; ls /proc/$p/fd | wc -l";
        let said = house.guest.run(&["bash", "-c", script])?;
        let mut numbers = said.lines().map(|line| {
            let digits: String = line.chars().filter(char::is_ascii_digit).collect();
            digits.parse::<f64>().with_context(|| format!("{line:?}"))
        });
        let mut next = || numbers.next().context("the node is gone")?;
        Ok(Self { kib: next()?, threads: next()?, files: next()? })
    }
}
