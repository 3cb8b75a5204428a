//! The wired output is taken away under a playing room and given back.

use std::{fs, time::Duration};

use super::{TOGETHER_MS, record, settings};
use crate::{
    bluetooth::{
        hearing::{apart_in, in_guest},
        house::{BATH, House},
        verdicts::Verdicts,
    },
    lab::{
        analysis::{sync::compare, track::Track},
        interrupt::pause,
        material::{Material, Sound},
        setup::now,
    },
};

/// A speaker that is connected takes over within this.
const TAKEN_OVER_S: f64 = 3.0;

/// The better output is heard again within this of its return: it is not given the room before it has shown that it stays.
const GIVEN_BACK_S: f64 = 15.0;

/// How long each of the two has the room.
const EACH: Duration = Duration::from_secs(10);

/// So many times.
///
/// # Errors
/// When it does not play at all, or a device cannot be taken away.
pub fn fallback(house: &mut House, verdicts: &mut Verdicts, times: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("The wired output is taken away and given back, {times} times"))?;
    house.speaker("delay 150")?;
    house.speaker("report 150")?;
    let (wired, speaker) = (format!("alsa:{BATH}"), format!("bluetooth:{}", house.speaker));
    let control = house.guest.work().join(format!("{BATH}.control"));
    let _ = fs::remove_file(&control);
    house.start_node(&settings(&[&wired, &speaker]))?;
    house.wait("the room", |house| house.is_idle(BATH))?;
    let recording = record(house, "fallback")?;
    house.play(Material { sound: Sound::Pink(13), bits: 16, seconds: 60 + 40 * times })?;
    house.wait("the wired output", |house| Ok(house.room(BATH)?["state"] == "playing"))?;
    pause(EACH)?;
    let mut turns = Vec::new();
    for _ in 0..times {
        fs::write(&control, "")?;
        let taken = now();
        pause(EACH)?;
        fs::remove_file(&control)?;
        let given = now();
        house.wait("the better output to be back", |house| {
            Ok(house.room(BATH)?["output"].as_str().is_some_and(|text| text.contains("alsa:")))
        })?;
        pause(EACH)?;
        turns.push((taken, given, now()));
    }
    house.unisono(&["stop"])?;
    house.end_node()?;
    let clock = house.guest.clock()?;
    let other = Track::read(&house.wired_recording())?;
    let by_radio = compare(&[other.clone(), in_guest(&recording, &clock)?], now());
    let by_wire = compare(&[other.clone(), in_guest(&house.guest_recording(BATH), &clock)?], now());
    for (number, (taken, given, ended)) in (1..).zip(turns) {
        let together = |window: &&crate::lab::analysis::sync::Window| {
            window.error.is_some_and(|error| error.abs() * 1e3 <= TOGETHER_MS)
        };
        let first_in = |windows: &[_], after: f64| {
            let mut later =
                windows.iter().filter(|window: &&crate::lab::analysis::sync::Window| window.instant > after);
            later.find(together).map_or(f64::INFINITY, |window| window.instant)
        };
        let over = first_in(&by_radio, taken);
        verdicts.at_most(
            format_args!("{number}: the speaker plays, in time, after"),
            over - taken,
            TAKEN_OVER_S,
            "s",
        )?;
        let played = apart_in(&by_radio, over, given);
        verdicts.at_most(format_args!("{number}: apart from then on"), played.worst * 1e3, TOGETHER_MS, "ms")?;
        let back = first_in(&by_wire, given);
        verdicts.at_most(format_args!("{number}: the wired output is back after"), back - given, GIVEN_BACK_S, "s")?;
        let played = apart_in(&by_wire, back, ended);
        verdicts.at_most(format_args!("{number}: apart from then on"), played.worst * 1e3, TOGETHER_MS, "ms")?;
        let breaks = other.runs.iter().filter(|run| (taken..ended).contains(&run.start)).count();
        verdicts.at_most(format_args!("{number}: breaks in the other room"), breaks as f64, 0.0, "")?;
        let silent = other.silent_share(taken, ended) * 100.0;
        verdicts.at_most(format_args!("{number}: silence in the other room"), silent, 0.0, "%")?;
    }
    Ok(())
}
